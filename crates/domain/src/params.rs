//! Reading the parameters of a request, once, down to the last one.

/// The most parameters one request may have (SEC-008).
pub const MAX_PARAMS: usize = 200;

/// May come more than once: RFC 8707 §2.
const REPEATABLE: [&str; 1] = ["resource"];

/// The parameters of one request, each of which can be taken once.
///
/// Reading applies the two rules that RFC 6749 states for both endpoints (§3.1, §3.2): a
/// parameter sent without a value counts as omitted, and none may be sent twice.
#[derive(Default)]
pub struct Params {
    /// In the order in which they came. They are few, so they are looked through
    values: Vec<Param>,
    /// May come more than once here, besides [`REPEATABLE`]
    repeating: &'static [&'static str],
}

struct Param {
    name: String,
    value: String,
}

/// The request cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// RFC 6749 §3.2: MUST NOT be included more than once
    #[error("the parameter {0} is sent more than once")]
    Repeated(String),
    /// Required and not there
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// There, and not of its form
    #[error("the parameter {0} is malformed")]
    Malformed(&'static str),
    /// More than [`MAX_PARAMS`]
    #[error("more than {MAX_PARAMS} parameters")]
    TooMany,
    /// Not `application/x-www-form-urlencoded` as RFC 6749 Appendix B describes it
    #[error("the body is not a valid form")]
    NotAForm,
    /// A JSON body that is no object of strings
    #[error("the body is not a JSON object of strings")]
    NotAnObject,
}

impl std::fmt::Debug for Params {
    /// Names only: values may be secrets (SEC-189).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Params {
    /// Reads an `application/x-www-form-urlencoded` body or query (RFC 6749 Appendix B).
    pub fn parse(encoded: &[u8]) -> Result<Self, ParamError> {
        let mut params = Self::default();
        params.merge(encoded)?;
        Ok(params)
    }

    /// Reads a form of a page of ours, where these come once for each box that is ticked.
    pub fn parse_repeating(
        encoded: &[u8],
        repeating: &'static [&'static str],
    ) -> Result<Self, ParamError> {
        let mut params = Self { repeating, ..Self::default() };
        params.merge(encoded)?;
        Ok(params)
    }

    /// Reads more parameters into the same set: a name in both places is sent twice (SEC-008).
    pub fn merge(&mut self, encoded: &[u8]) -> Result<(), ParamError> {
        let encoded = std::str::from_utf8(encoded).map_err(|_| ParamError::NotAForm)?;
        let mut count = self.values.len();
        for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
            count += 1;
            if count > MAX_PARAMS {
                return Err(ParamError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.add(decode(name)?, decode(value)?)?;
        }
        Ok(())
    }

    /// Reads a JSON object with the same keys, as STUPS clients send it: strings, or for `scope` an
    /// array of strings.
    pub fn parse_json(body: &[u8]) -> Result<Self, ParamError> {
        let object =
            grantor_crypto::json::parse_strict_object(body).map_err(|_| ParamError::NotAnObject)?;
        if object.len() > MAX_PARAMS {
            return Err(ParamError::TooMany);
        }
        let mut params = Self::default();
        for (name, value) in object {
            let value = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text,
                serde_json::Value::Array(items) if name == "scope" => join(&items)?,
                _ => return Err(ParamError::NotAnObject),
            };
            // As in a form (SEC-016).
            if name.contains('\0') || value.contains('\0') {
                return Err(ParamError::NotAnObject);
            }
            params.add(name, value)?;
        }
        Ok(params)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), ParamError> {
        let repeatable =
            REPEATABLE.contains(&name.as_str()) || self.repeating.contains(&name.as_str());
        if !repeatable && self.has(&name) {
            return Err(ParamError::Repeated(printable(&name)));
        }
        self.values.push(Param { name, value });
        Ok(())
    }

    /// Adds a parameter that was read elsewhere, by the same rules.
    pub fn put(&mut self, name: &str, value: String) -> Result<(), ParamError> {
        if self.values.len() >= MAX_PARAMS {
            return Err(ParamError::TooMany);
        }
        if name.contains('\0') || value.contains('\0') {
            return Err(ParamError::NotAForm);
        }
        self.add(name.to_owned(), value)
    }

    /// What was sent and not taken yet, in the order of its names.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.values.iter().map(|param| (param.name.as_str(), param.value.as_str()));
        let mut pairs: Vec<_> = all.collect();
        pairs.sort_by_key(|(name, _)| *name);
        pairs.into_iter()
    }

    /// Looks at a parameter without taking it.
    pub fn peek(&self, name: &str) -> Option<&str> {
        let last = self.values.iter().rfind(|param| param.name == name);
        last.map(|param| param.value.as_str())
    }

    /// Takes an OPTIONAL parameter; an empty one counts as omitted.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let mut last = None;
        while let Some(place) = self.values.iter().position(|param| param.name == name) {
            last = Some(self.values.remove(place).value);
        }
        last.filter(|value| !value.is_empty())
    }

    /// Takes a REQUIRED parameter.
    pub fn require(&mut self, name: &'static str) -> Result<String, ParamError> {
        self.take(name).ok_or(ParamError::Missing(name))
    }

    /// Takes an OPTIONAL parameter and reads it.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ParamError> {
        self.take(name).map(|text| reader(&text).ok_or(ParamError::Malformed(name))).transpose()
    }

    /// Takes every value of a parameter that may be repeated.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let taken = self.values.extract_if(.., |param| param.name == name);
        taken.map(|param| param.value).filter(|value| !value.is_empty()).collect()
    }

    /// The names of what was sent and not taken yet, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<_> = self.values.iter().map(|param| param.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// Whether a parameter was sent, if only an empty one.
    pub fn has(&self, name: &str) -> bool {
        self.values.iter().any(|param| param.name == name)
    }
}

/// A name from outside, made fit for an ASCII error description (RFC 6749 §5.2).
fn printable(name: &str) -> String {
    name.chars()
        .take(40)
        .map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '?' })
        .collect()
}

fn join(items: &[serde_json::Value]) -> Result<String, ParamError> {
    let texts: Option<Vec<&str>> = items.iter().map(serde_json::Value::as_str).collect();
    texts.map(|texts| texts.join(" ")).ok_or(ParamError::NotAnObject)
}

/// Strict: `%` must be followed by two hexadecimal digits, the result must be UTF-8 without NUL
/// (SEC-016).
pub(crate) fn decode(text: &str) -> Result<String, ParamError> {
    // Mostly there is nothing to decode. To look at every byte is faster than to stop at one.
    if !text.bytes().fold(false, |any, byte| any | matches!(byte, b'+' | b'%' | 0)) {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(hex).ok_or(ParamError::NotAForm)?;
                let low = rest.next().and_then(hex).ok_or(ParamError::NotAForm)?;
                high << 4 | low
            }
            0 => return Err(ParamError::NotAForm),
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| ParamError::NotAForm)?;
    if text.contains('\0') { Err(ParamError::NotAForm) } else { Ok(text) }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sec_008_a_parameter_sent_twice_is_an_error() {
        let twice = Params::parse(b"code=a&code=b").unwrap_err();
        assert_eq!(twice, ParamError::Repeated("code".into()));
        let mut params = Params::parse(b"realm=services").unwrap();
        assert!(params.merge(b"realm=services").is_err());
    }

    #[test]
    fn sec_008_more_than_two_hundred_parameters_are_an_error() {
        let many: Vec<String> = (0..100_000).map(|i| format!("p{i}=1")).collect();
        assert_eq!(Params::parse(many.join("&").as_bytes()).unwrap_err(), ParamError::TooMany);
    }

    #[test]
    fn sec_016_nul_and_broken_utf_8_are_refused() {
        for bad in ["a=%00", "a=al%C0%AFice", "a=%ff", "a=%zz", "a=%2", "a=\0"] {
            assert_eq!(Params::parse(bad.as_bytes()).unwrap_err(), ParamError::NotAForm, "{bad}");
        }
    }

    #[test]
    fn sec_016_nul_and_lone_surrogates_are_refused_in_json_too() {
        for bad in [
            r#"{"username":"a\u0000"}"#,
            r#"{"a\u0000":"b"}"#,
            r#"{"scope":["a","\u0000"]}"#,
            r#"{"username":"\ud800"}"#,
            r#"{"password":["a","b"]}"#,
            r#"{"scope":[1]}"#,
            r#"{"scope":{"a":"b"}}"#,
            r#"["a"]"#,
            r#"{"a":"b"} x"#,
            "",
        ] {
            assert_eq!(
                Params::parse_json(bad.as_bytes()).unwrap_err(),
                ParamError::NotAnObject,
                "{bad}"
            );
        }
    }

    #[test]
    fn sec_189_values_are_mute() {
        let params = Params::parse(b"username=jane&password=CANARY").unwrap();
        assert_eq!(format!("{params:?}"), r#"{"password", "username"}"#);
    }

    #[test]
    fn a_repeated_name_is_made_printable_before_it_is_echoed() {
        let error = Params::parse("é%22%0d%0a=1&é%22%0d%0a=2".as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the parameter ???? is sent more than once");
        let long = format!("{0}=1&{0}=2", "x".repeat(5_000));
        assert!(Params::parse(long.as_bytes()).unwrap_err().to_string().len() < 100);
    }

    #[test]
    fn only_what_may_be_repeated_is_taken_more_than_once() {
        let mut params = Params::parse(b"resource=a&resource=&resource=b").unwrap();
        assert_eq!(params.take_all("resource"), ["a", "b"]);
        assert!(!params.has("resource"), "a parameter is taken once");
        let missing = params.require("grant_type").unwrap_err();
        assert_eq!(missing, ParamError::Missing("grant_type"));
    }

    #[test]
    fn an_empty_value_counts_as_omitted() {
        let mut params = Params::parse(b"scope=&username=u").unwrap();
        assert_eq!(params.take("scope"), None);
        assert_eq!(params.require("username").as_deref(), Ok("u"));
    }

    #[test]
    fn json_strings_and_scope_arrays_are_read() {
        let mut params =
            Params::parse_json(br#"{"scope":["a","b"],"grant_type":"password"}"#).unwrap();
        assert_eq!(params.take("scope").as_deref(), Some("a b"));
        assert!(Params::parse_json(br#"{"a":1}"#).is_err());
        assert!(Params::parse_json(br#"{"a":"1","a":"2"}"#).is_err());
        let mut null = Params::parse_json(br#"{"scope":null,"username":""}"#).unwrap();
        assert_eq!((null.take("scope"), null.take("username")), (None, None));
    }

    proptest! {
        #[test]
        fn sec_193_no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Params::parse(&bytes);
            let _ = Params::parse_json(&bytes);
        }

        #[test]
        fn what_is_encoded_is_read_back(name in "[a-z_]{1,10}", value in "\\PC{1,40}") {
            let body: String =
                form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let mut params = Params::parse(body.as_bytes()).unwrap();
            prop_assert_eq!(params.take(&name), Some(value));
        }
    }
}
