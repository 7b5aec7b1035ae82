//! The query of the callback, held against the pending login. RFC 6749 §4.1.2, RFC 9207 §2.4.

use grantor_crypto::ct_eq;

use crate::endpoint::harmless;
use crate::login::error::{AuthorizationRefusal, LoginError};
use crate::secret::Secret;

/// The longest query that is read, in bytes.
const MAX_QUERY: usize = 16 * 1024;

/// The parameters that mean something here.
#[derive(Debug, Default)]
struct Callback {
    code: Option<Secret>,
    state: Option<Secret>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// What the answer must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) state: &'a str,
    pub(crate) issuer: &'a str,
    /// Whether the provider says that every answer names it
    /// (`authorization_response_iss_parameter_supported`)
    pub(crate) iss_required: bool,
}

/// The code, or why there is none.
pub(crate) fn read(query: &str, expected: Expected<'_>) -> Result<Secret, LoginError> {
    let callback = Callback::parse(query)?;
    // First: without the right state nothing in it is meant for this browser.
    let state = callback.state.ok_or(LoginError::State)?;
    if !ct_eq(state.reveal().as_bytes(), expected.state.as_bytes()) {
        return Err(LoginError::State);
    }
    // RFC 9207 §2.4: compared before anything else of the answer is used, errors included.
    match &callback.iss {
        Some(iss) if iss != expected.issuer => return Err(LoginError::Issuer),
        None if expected.iss_required => return Err(LoginError::Issuer),
        _ => {}
    }
    if let Some(error) = callback.error {
        return Err(LoginError::Refused(AuthorizationRefusal {
            error: harmless(&error).unwrap_or_else(|| "unknown".to_owned()),
            description: callback.error_description.as_deref().and_then(harmless),
        }));
    }
    callback.code.ok_or(LoginError::Callback("neither a code nor an error"))
}

impl Callback {
    fn parse(query: &str) -> Result<Self, LoginError> {
        if query.len() > MAX_QUERY {
            return Err(LoginError::Callback("too long"));
        }
        let mut callback = Self::default();
        let query = query.strip_prefix('?').unwrap_or(query);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            let repeated = match &*name {
                "code" => callback.code.replace(value.into()).is_some(),
                "state" => callback.state.replace(value.into()).is_some(),
                "iss" => callback.iss.replace(value).is_some(),
                "error" => callback.error.replace(value).is_some(),
                "error_description" => callback.error_description.replace(value).is_some(),
                // RFC 6749 §4.1.2: what is not known is ignored.
                _ => false,
            };
            if repeated {
                return Err(LoginError::Callback("a parameter is repeated"));
            }
        }
        // RFC 6749 §4.1.2 and §4.1.2.1: one or the other.
        if callback.code.is_some() && callback.error.is_some() {
            return Err(LoginError::Callback("a code and an error"));
        }
        Ok(callback)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPECTED: Expected<'_> =
        Expected { state: "s", issuer: "https://id.example", iss_required: true };
    const ISS: &str = "iss=https%3A%2F%2Fid.example";

    #[test]
    fn the_code_of_the_right_answer_is_taken() {
        for query in [
            format!("code=c&state=s&{ISS}"),
            format!("?{ISS}&state=s&code=c&session_state=x&unknown=1&unknown=2"),
        ] {
            assert_eq!(read(&query, EXPECTED).unwrap().reveal(), "c", "{query}");
        }
    }

    #[test]
    fn sec_028_an_answer_of_another_issuer_is_refused_before_anything_of_it_is_used() {
        for query in [
            "code=c&state=s",
            "code=c&state=s&iss=",
            "code=c&state=s&iss=https%3A%2F%2Fid.example%2F",
            "code=c&state=s&iss=https%3A%2F%2FID.example",
            "code=c&state=s&iss=https%3A%2F%2Fevil.example",
            "error=access_denied&state=s&iss=https%3A%2F%2Fevil.example",
            "error=access_denied&state=s",
        ] {
            let refused = read(query, EXPECTED);
            assert!(matches!(refused, Err(LoginError::Issuer)), "{query}: {refused:?}");
        }
        // A provider that does not say that it names itself may be silent, but not lie.
        let silent = Expected { iss_required: false, ..EXPECTED };
        assert!(read("code=c&state=s", silent).is_ok());
        let lies = read("code=c&state=s&iss=https%3A%2F%2Fevil.example", silent);
        assert!(matches!(lies, Err(LoginError::Issuer)));
    }

    #[test]
    fn an_answer_with_another_state_does_not_even_get_to_say_its_error() {
        for query in [
            format!("code=c&{ISS}"),
            format!("code=c&state=&{ISS}"),
            format!("code=c&state=S&{ISS}"),
            format!("code=c&state=s%20&{ISS}"),
            format!("error=access_denied&state=x&{ISS}"),
            String::new(),
        ] {
            let refused = read(&query, EXPECTED);
            assert!(matches!(refused, Err(LoginError::State)), "{query}: {refused:?}");
        }
    }

    #[test]
    fn a_malformed_answer_is_refused() {
        for query in [
            format!("state=s&{ISS}"),
            format!("code=c&code=d&state=s&{ISS}"),
            format!("code=c&state=s&state=s&{ISS}"),
            format!("code=c&state=s&{ISS}&{ISS}"),
            format!("code=c&error=access_denied&state=s&{ISS}"),
            format!("code={}&state=s&{ISS}", "c".repeat(MAX_QUERY)),
        ] {
            let refused = read(&query, EXPECTED);
            assert!(matches!(refused, Err(LoginError::Callback(_))), "{query:.80}: {refused:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_one_bounded_line() {
        let long = "x".repeat(2_000);
        let query = format!("error=access_denied&error_description=a%0Ab{long}&state=s&{ISS}");
        let Err(LoginError::Refused(refusal)) = read(&query, EXPECTED) else { panic!() };
        assert_eq!(refusal.error, "access_denied");
        let description = refusal.description.unwrap();
        assert!(description.starts_with("abx") && description.len() == 500);
    }

    proptest! {
        #[test]
        fn nothing_makes_the_reader_panic_and_a_code_needs_the_state(query in "\\PC{0,120}") {
            if read(&query, EXPECTED).is_ok() {
                prop_assert!(query.contains("state=s"));
            }
        }
    }
}
