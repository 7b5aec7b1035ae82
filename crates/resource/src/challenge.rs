//! `WWW-Authenticate: Bearer …`. RFC 6750 §3, RFC 9728 §5.1.

use std::fmt::Write as _;

use grantor_oauth_types::error_code::BearerErrorCode;
use http::HeaderValue;

/// What every challenge of this resource server has in common.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    /// `Bearer realm="…"`
    head: String,
    /// `, resource_metadata="…"`, or nothing
    tail: String,
}

/// Whether a text can stand in a quoted string of a header, RFC 9110 §5.6.4.
pub(crate) fn is_quotable(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

impl Challenge {
    /// Both texts are [quotable](is_quotable).
    pub(crate) fn new(realm: &str, resource_metadata: Option<&str>) -> Self {
        let head = format!("Bearer realm={}", quoted(realm));
        let tail = resource_metadata
            .map_or_else(String::new, |url| format!(", resource_metadata={}", quoted(url)));
        Self { head, tail }
    }

    /// The header. Scopes contain neither quotes nor backslashes (RFC 6749 §3.3).
    pub(crate) fn header(
        &self,
        error: Option<BearerErrorCode>,
        scope: Option<&str>,
    ) -> HeaderValue {
        let mut text = self.head.clone();
        if let Some(error) = error {
            let _ = write!(text, ", error=\"{error}\"");
        }
        if let Some(scope) = scope {
            let _ = write!(text, ", scope=\"{scope}\"");
        }
        text.push_str(&self.tail);
        HeaderValue::from_str(&text).expect("its parts are printable ASCII")
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_quotes_what_it_is_given() {
        let challenge = Challenge::new("a \"b\" \\c", Some("https://api.example/x"));
        assert_eq!(
            challenge.header(Some(BearerErrorCode::InsufficientScope), Some("a.read b.read")),
            r#"Bearer realm="a \"b\" \\c", error="insufficient_scope", scope="a.read b.read", resource_metadata="https://api.example/x""#
        );
    }
}
