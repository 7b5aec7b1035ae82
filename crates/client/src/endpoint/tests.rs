//! How the token endpoint is asked, and how its answers are read.

use proptest::prelude::*;

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn read(body: &str) -> Result<Issued, TokenError> {
    issued(body.as_bytes(), &["asked".to_owned()], NOW)
}

#[test]
fn an_answer_is_read_as_the_specification_says() {
    let issued = read(
        r#"{"access_token":"t","token_type":"bearer","expires_in":60,"scope":"b a","refresh_token":"r","x":1}"#,
    )
    .unwrap();
    assert_eq!(issued.access_token.reveal(), "t");
    assert_eq!(issued.access_token.expires_at(), NOW + Duration::from_mins(1));
    assert_eq!(issued.access_token.scopes(), ["b", "a"]);
    assert_eq!(issued.refresh_token.unwrap().reveal(), "r");
}

#[test]
fn what_the_server_leaves_out_is_filled_in() {
    let issued = read(r#"{"access_token":"t"}"#).unwrap();
    assert_eq!(issued.access_token.lifetime(), UNSTATED_LIFE);
    assert_eq!(issued.access_token.scopes(), ["asked"]);
}

#[test]
fn old_spellings_are_understood() {
    for (body, seconds) in [
        (r#"{"access_token":"t","expires_in":"3600"}"#, 3_600),
        (r#"{"access_token":"t","expires_in":28799.0}"#, 28_799),
        (r#"{"access_token":"t","expires_in":1e300}"#, LONGEST_LIFE.as_secs()),
    ] {
        assert_eq!(read(body).unwrap().access_token.lifetime().as_secs(), seconds, "{body}");
    }
    let issued = read(r#"{"access_token":"t","scope":["a","b"]}"#).unwrap();
    assert_eq!(issued.access_token.scopes(), ["a", "b"]);
}

#[test]
fn an_unusable_answer_is_refused_without_being_quoted() {
    for body in [
        "",
        "<html>canary</html>",
        "[]",
        "null",
        r#""canary""#,
        r#"{"access_token":null}"#,
        r#"{"access_token":7}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":"canary canary"}"#,
        r#"{"access_token":"canary\r\nX: 1"}"#,
        r#"{"access_token":"canary","token_type":"DPoP"}"#,
        r#"{"access_token":"canary","token_type":"mac"}"#,
        r#"{"access_token":"canary","expires_in":0}"#,
        r#"{"access_token":"canary","expires_in":-1}"#,
        r#"{"access_token":"canary","expires_in":"soon"}"#,
        r#"{"access_token":"canary","expires_in":"NaN"}"#,
        r#"{"access_token":"canary","expires_in":[]}"#,
        r#"{"access_token":"canary","scope":7}"#,
        r#"{"access_token":"canary"#,
    ] {
        let error = read(body).unwrap_err();
        assert!(matches!(error, TokenError::InvalidResponse(_)), "{body}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{body}");
    }
}

fn refused(headers: &[(&str, &str)], body: &str) -> Refusal {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect::<Vec<(http::HeaderName, http::HeaderValue)>>();
    refusal(StatusCode::BAD_REQUEST, &headers.into_iter().collect(), body.as_bytes(), NOW)
}

#[test]
fn a_refusal_carries_code_description_and_decision() {
    let body = r#"{"error":"invalid_scope","error_description":"x.write","decision_id":"d-1"}"#;
    let refusal = refused(&[], body);
    assert_eq!(refusal.error.as_deref(), Some("invalid_scope"));
    assert_eq!(refusal.to_string(), "invalid_scope: x.write (decision d-1)");
    let refusal = refused(&[("grantor-decision-id", "d-2")], r#"{"error":"invalid_grant"}"#);
    assert_eq!(refusal.decision_id.as_deref(), Some("d-2"));
    assert_eq!(refused(&[], "<html>").to_string(), "HTTP status 400 Bad Request");
    assert_eq!(refused(&[], r#"{"error":{"code":1}}"#).error, None);
}

#[test]
fn sec_189_a_refusal_cannot_forge_log_lines_or_terminal_codes() {
    let body = r#"{"error":"a\nb","error_description":"\u001b[31mred\u0000\u009b"}"#;
    assert_eq!(refused(&[], body).to_string(), "ab: [31mred");
    let body = format!(r#"{{"error":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(refused(&[], &body).error.unwrap().len(), 500);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    for (text, seconds) in [
        ("7", Some(7)),
        (" 0 ", Some(0)),
        ("Thu, 01 Jan 1970 00:01:00 GMT", Some(60)),
        ("-1", None),
        ("soon", None),
    ] {
        let refusal = refused(&[("retry-after", text)], "");
        assert_eq!(refusal.retry_after, seconds.map(Duration::from_secs), "{text:?}");
    }
    let past = http::HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(retry_after(&past, NOW + Duration::from_secs(9)), Some(Duration::ZERO));
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic(body in ".{0,200}", status in 200_u16..600) {
        let _ = read(&body);
        let status = StatusCode::from_u16(status).unwrap();
        let shown = refusal(status, &HeaderMap::new(), body.as_bytes(), NOW).to_string();
        prop_assert!(!shown.chars().any(char::is_control));
    }
}
