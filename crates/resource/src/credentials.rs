//! The token of a request. RFC 6750 §2.1 and nothing else: not the body, never the query (SEC-017).

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::refusal::Refusal;

/// The bearer token of a request.
pub(crate) fn bearer(parts: &Parts) -> Result<&str, Refusal> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else { return Err(Refusal::NoCredentials) };
    if headers.next().is_some() {
        return Err(Refusal::MalformedRequest);
    }
    let (scheme, token) = split_scheme(header.as_bytes());
    // RFC 9110 §11.1: schemes compare without case. RFC 6750 §3.1: whoever tries another scheme is
    // told which one is wanted, without an error code.
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Refusal::NoCredentials);
    }
    // RFC 6750 §3.1: more than one method of presenting a token is an error.
    if !is_b64token(token) || names_token(parts.uri.query().unwrap_or_default()) {
        return Err(Refusal::MalformedRequest);
    }
    std::str::from_utf8(token).map_err(|_| Refusal::MalformedRequest)
}

/// RFC 9110 §11.4: a scheme, at least one space, credentials.
fn split_scheme(header: &[u8]) -> (&[u8], &[u8]) {
    let end = header.iter().position(|byte| *byte == b' ').unwrap_or(header.len());
    let (scheme, rest) = header.split_at(end);
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    (scheme, &rest[spaces..])
}

/// RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &[u8]) -> bool {
    let body = token.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(b));
    let body = body.count();
    body > 0 && token[body..].iter().all(|byte| *byte == b'=')
}

fn names_token(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    use super::*;

    fn parts(uri: &str, headers: &[&[u8]]) -> Parts {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        for header in headers {
            if let Ok(value) = HeaderValue::from_bytes(header) {
                parts.headers.append(AUTHORIZATION, value);
            }
        }
        parts
    }

    #[test]
    fn a_token_comes_after_the_scheme_in_any_case() {
        for header in [&b"Bearer abc.d_e-f"[..], b"bearer abc.d_e-f", b"BEARER   abc.d_e-f"] {
            assert_eq!(bearer(&parts("/", &[header])), Ok("abc.d_e-f"));
        }
        assert_eq!(bearer(&parts("/", &[b"Bearer abc=="])), Ok("abc=="));
    }

    #[test]
    fn sec_188_other_headers_are_no_credentials_or_malformed() {
        use Refusal::{MalformedRequest as Malformed, NoCredentials as None_};
        #[rustfmt::skip]
        let table: &[(&str, &str, &[&[u8]], Refusal)] = &[
            ("6750-3.1-none",            "/", &[],                                   None_),
            ("6750-3.1-basic",           "/", &[b"Basic YTpi"],                      None_),
            ("6750-3.1-dpop",            "/", &[b"DPoP abc"],                        None_),
            ("9110-11.1-not-the-scheme", "/", &[b"Bearerabc"],                       None_),
            ("6750-2.1-empty",           "/", &[b"Bearer"],                          Malformed),
            ("6750-2.1-spaces-only",     "/", &[b"Bearer   "],                       Malformed),
            ("6750-2.1-two-words",       "/", &[b"Bearer abc def"],                  Malformed),
            ("6750-2.1-list",            "/", &[b"Bearer abc, Bearer def"],          Malformed),
            ("6750-2.1-quoted",          "/", &[b"Bearer \"abc\""],                  Malformed),
            ("6750-2.1-padding-inside",  "/", &[b"Bearer a=b"],                      Malformed),
            ("6750-2.1-padding-only",    "/", &[b"Bearer ="],                        Malformed),
            ("6750-2.1-tab",             "/", &[b"Bearer abc\tdef"],                 Malformed),
            ("6750-2.1-not-ascii",       "/", &[b"Bearer ab\xc3\xa4"],               Malformed),
            ("6750-2-two-headers",       "/", &[b"Bearer abc", b"Bearer abc"],       Malformed),
            ("6750-2-two-schemes",       "/", &[b"Basic YTpi", b"Bearer abc"],       Malformed),
            ("6750-2-also-in-query",     "/?x=1&access_token=abc", &[b"Bearer abc"], Malformed),
        ];
        for (rule, uri, headers, expected) in table {
            assert_eq!(bearer(&parts(uri, headers)), Err(expected.clone()), "{rule}");
        }
    }

    #[test]
    fn sec_017_a_token_in_the_query_is_no_credential() {
        assert_eq!(bearer(&parts("/?access_token=abc", &[])), Err(Refusal::NoCredentials));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(headers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..3)) {
            let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
            let _ = bearer(&parts("/", &headers));
        }

        #[test]
        fn what_follows_bearer_is_taken_whole_or_not_at_all(text in "[ -~]{0,40}") {
            let header = format!("Bearer {text}");
            if let Ok(token) = bearer(&parts("/", &[header.as_bytes()])) {
                prop_assert_eq!(token, text.trim_start_matches(' '));
            }
        }
    }
}
