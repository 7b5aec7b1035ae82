//! Distinguished names: as certificates carry them and as people write them. RFC 5280 §4.1.2.4,
//! RFC 4514.
//!
//! They compare by value, as `distinguishedNameMatch` of RFC 4517 §4.2.15 has it: attribute by
//! attribute, whatever string type a value has, without regard to the case of ASCII letters and to
//! how many spaces are between words. The text begins with what the certificate has last (RFC 4514
//! §2.1); a name in the other order is another name.

use x509_parser::asn1_rs::{Any, FromDer as _, Oid, Tag};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The longest name that is read from a text, in bytes.
const MAX_NAME: usize = 1024;

/// Short names of attribute types: RFC 4514 §3, RFC 4519, and what tools write besides.
const SHORT_NAMES: [(&str, &str); 25] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
    ("JURISDICTIONL", "1.3.6.1.4.1.311.60.2.1.1"),
    ("JURISDICTIONST", "1.3.6.1.4.1.311.60.2.1.2"),
    ("JURISDICTIONC", "1.3.6.1.4.1.311.60.2.1.3"),
];

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing: it would be the subject of every certificate that has none
    #[error("the name is empty")]
    Empty,
    /// More than anybody's name needs
    #[error("the name is too long")]
    Size,
    /// A type of attribute that has no short name here; its object identifier would do
    #[error("an attribute type is not known")]
    Type,
    /// Not of the form of RFC 4514 §3
    #[error("not a distinguished name (RFC 4514)")]
    Form,
}

/// A distinguished name: relative names in the order of the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Vec<RelativeName>);

/// A set of attributes, sorted so that sets compare.
type RelativeName = Vec<(String, Value)>;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    /// Text, prepared to be compared
    Text(String),
    /// Whatever else: tag and content
    Other(u32, Vec<u8>),
}

impl DistinguishedName {
    /// Reads a name as people write it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME {
            return Err(NameError::Size);
        }
        if text.trim().is_empty() {
            return Err(NameError::Empty);
        }
        let mut reader = Reader { text, at: 0 };
        let mut names: Vec<RelativeName> = vec![Vec::new()];
        loop {
            let attribute = reader.attribute()?;
            names.last_mut().expect("there is one").push(attribute);
            match reader.next() {
                None => break,
                Some('+') => {}
                // RFC 4514 §2.1: the last of the certificate comes first.
                Some(',') => names.push(Vec::new()),
                Some(_) => return Err(NameError::Form),
            }
        }
        names.reverse();
        Ok(Self::sorted(names))
    }

    /// The name in a certificate.
    pub(super) fn of(name: &X509Name<'_>) -> Self {
        let attribute = |attribute: &AttributeTypeAndValue<'_>| {
            (attribute.attr_type().to_id_string(), Value::of(attribute.attr_value()))
        };
        let names = name.iter_rdn().map(|rdn| rdn.iter().map(attribute).collect()).collect();
        Self::sorted(names)
    }

    fn sorted(mut names: Vec<RelativeName>) -> Self {
        names.iter_mut().for_each(|name| name.sort());
        Self(names)
    }

    /// Whether it says nothing: the certificate is known by its alternative names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// The value in a certificate. One that is no clean text is compared byte by byte.
    fn of(value: &Any<'_>) -> Self {
        let text = match value.tag() {
            Tag::Utf8String => std::str::from_utf8(value.data).ok().map(str::to_owned),
            Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::TeletexString => {
                let ascii = value.data.is_ascii().then_some(value.data);
                ascii.and_then(|ascii| std::str::from_utf8(ascii).ok()).map(str::to_owned)
            }
            Tag::BmpString => bmp(value.data),
            _ => None,
        };
        let other = || Self::Other(value.tag().0, value.data.to_vec());
        text.as_deref().and_then(prepared).map_or_else(other, Self::Text)
    }
}

/// X.680 §41: two bytes a character.
fn bmp(data: &[u8]) -> Option<String> {
    let (pairs, []) = data.as_chunks::<2>() else { return None };
    String::from_utf16(&pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect::<Vec<_>>()).ok()
}

/// What of a text counts when it is compared; `None` if there are characters in it that are not
/// seen, a zero byte among them (RFC 8705 §7.5).
fn prepared(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    Some(words.join(" ").to_ascii_lowercase())
}

/// Reads a text from left to right.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Spaces around separators are nobody's (RFC 2253 §4 let them stand there).
    fn skip_spaces(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    /// RFC 4514 §3: `type=value`.
    fn attribute(&mut self) -> Result<(String, Value), NameError> {
        self.skip_spaces();
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
            self.at += 1;
        }
        let kind = attribute_type(&self.text[start..self.at])?;
        self.skip_spaces();
        if self.next() != Some('=') {
            return Err(NameError::Form);
        }
        self.skip_spaces();
        let value = if self.peek() == Some('#') { self.hexadecimal()? } else { self.string()? };
        Ok((kind, value))
    }

    /// `#` and the DER of the value.
    fn hexadecimal(&mut self) -> Result<Value, NameError> {
        self.next();
        let mut der = Vec::new();
        while self.peek().is_some_and(|c| c.is_ascii_hexdigit()) {
            der.push(self.pair()?);
        }
        self.skip_spaces();
        let (rest, value) = Any::from_der(&der).map_err(|_| NameError::Form)?;
        if rest.is_empty() { Ok(Value::of(&value)) } else { Err(NameError::Form) }
    }

    /// Two hexadecimal digits.
    fn pair(&mut self) -> Result<u8, NameError> {
        let mut digit = || self.next().and_then(|c| c.to_digit(16)).ok_or(NameError::Form);
        let byte = digit()? * 16 + digit()?;
        u8::try_from(byte).map_err(|_| NameError::Form)
    }

    /// A text up to the next separator, with what is escaped in it.
    fn string(&mut self) -> Result<Value, NameError> {
        let mut bytes = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                ',' | '+' => break,
                '\\' => {
                    self.next();
                    match self.peek() {
                        Some(c) if c.is_ascii_hexdigit() => bytes.push(self.pair()?),
                        Some(c) if " \"#+,;<=>\\".contains(c) => {
                            self.next();
                            bytes.push(u8::try_from(c).map_err(|_| NameError::Form)?);
                        }
                        _ => return Err(NameError::Form),
                    }
                }
                '"' | ';' | '<' | '>' => return Err(NameError::Form),
                c => {
                    self.next();
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| NameError::Form)?;
        let text = prepared(&text).filter(|text| !text.is_empty());
        text.map(Value::Text).ok_or(NameError::Form)
    }
}

/// The object identifier of a short name, or the one that was written.
fn attribute_type(text: &str) -> Result<String, NameError> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let oid: Oid<'_> = text.parse().map_err(|_| NameError::Form)?;
        return Ok(oid.to_id_string());
    }
    let known = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(text));
    known.map(|(_, oid)| (*oid).to_owned()).ok_or(NameError::Type)
}
