//! Where a request ends must be one answer for everybody who reads it: RFC 9112 §6.

use grantor_testkit::TestServer;

use crate::wire::{send, status};

const FORM: &str = "Host: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// A length beside chunks is not in the table: RFC 9112 §6.3 lets the chunks decide, which is what hyper
/// does, and it does not tell that there was a length.
#[tokio::test]
async fn sec_006_ambiguous_framing_is_refused_and_the_connection_closed() {
    let server = TestServer::start().await;
    let smuggled = "GET /oauth2/jwks HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let table = [
        ("a plus before the length", "Content-Length: +5\r\n\r\na=bcd"),
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\na=bcd"),
        ("a list of two lengths", "Content-Length: 5, 6\r\n\r\na=bcd"),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("chunked, but not last", "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ("a space before the colon", "Content-Length : 5\r\n\r\na=bcd"),
        ("a folded header", "X-A: b\r\n c\r\nContent-Length: 5\r\n\r\na=bcd"),
        (
            "a chunk size that is no number",
            "Transfer-Encoding: chunked\r\n\r\n0x5\r\na=bcd\r\n0\r\n\r\n",
        ),
        ("two hosts", "Host: other.example\r\nContent-Length: 0\r\n\r\n"),
        ("a coding before chunked", "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
        ("a negative length", "Content-Length: -1\r\n\r\n"),
    ];
    for (what, rest) in table {
        let request = format!("POST /oauth2/token HTTP/1.1\r\n{FORM}{rest}{smuggled}");
        let answer = send(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: a second answer: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_006_a_request_needs_one_host() {
    let server = TestServer::start().await;
    for request in [
        "GET /oauth2/jwks HTTP/1.1\r\n\r\n",
        "GET /oauth2/jwks HTTP/1.0\r\n\r\n",
        "GET /oauth2/jwks HTTP/9.9\r\nHost: HOST\r\n\r\n",
        "GET /oauth2/jwks\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
    ] {
        let answer = send(&server, request.as_bytes()).await;
        assert!(!(200..300).contains(&status(&answer)), "{request:?}: {answer}");
    }
    server.stop().await;
}
