//! Sizes are bounded before anything is parsed, and so is time.

use std::time::Duration;

use grantor_testkit::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::{send, status};

/// Sends one byte after the other of headers that never end; how many answers came before the server
/// closed.
async fn drip(server: &TestServer, whole_requests: usize) -> usize {
    let host = server.issuer.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /oauth2/jwks HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut answers = String::new();
    let mut buffer = [0; 4096];
    for _ in 0..whole_requests {
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        answers.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    stream.write_all(b"GET /oauth2/jwks HTTP/1.1\r\nX-A: ").await.unwrap();
    loop {
        match tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return answers.matches("HTTP/1.1 200").count(),
            Ok(Ok(_)) => {}
            // Whoever is slow is not silent.
            Err(_) => drop(stream.write_all(b"a").await),
        }
    }
}

#[tokio::test]
async fn sec_009_headers_that_never_end_are_not_waited_for() {
    let server = TestServer::start().await;
    let both = async { tokio::join!(drip(&server, 0), drip(&server, 2)) };
    let limit = Duration::from_secs(60);
    let answers = tokio::time::timeout(limit, both).await.expect("the server closes both");
    assert_eq!(answers, (0, 2));
    server.stop().await;
}

#[tokio::test]
async fn sec_007_what_is_too_long_is_refused_by_its_size() {
    let server = TestServer::start().await;
    let form = "Host: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let long = |length: usize| "x".repeat(length);
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: a\r\n")).collect::<String>();
    let chunk = format!("10000\r\n{}\r\n", long(0x10000));
    let table = [
        ("target", format!("GET /oauth2/jwks?{} HTTP/1.1\r\nHost: HOST\r\n\r\n", long(9_000)), 414),
        (
            "headers",
            format!("GET /oauth2/jwks HTTP/1.1\r\nHost: HOST\r\nX-A: {}\r\n\r\n", long(60_000)),
            431,
        ),
        ("fields", format!("GET /oauth2/jwks HTTP/1.1\r\nHost: HOST\r\n{}\r\n", fields(101)), 431),
        (
            "body by its length",
            format!(
                "POST /oauth2/token HTTP/1.1\r\n{form}Content-Length: 104857600\r\n\r\n{chunk}{chunk}"
            ),
            413,
        ),
        (
            "body in chunks",
            format!(
                "POST /oauth2/token HTTP/1.1\r\n{form}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}"
            ),
            413,
        ),
    ];
    for (what, request, expected) in table {
        let answer = send(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{what}: {answer}");
    }
    server.stop().await;
}

/// The same limits, whichever version of HTTP somebody speaks.
#[tokio::test]
async fn sec_007_what_is_too_long_is_refused_over_http_2_as_well() {
    let server = TestServer::start().await;
    let http = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let jwks = format!("{}/oauth2/jwks", server.issuer);
    let long = |length: usize| "x".repeat(length);
    let with = |count: usize, value: &str| {
        let fields = (0..count).map(|n| (format!("x-{n}"), value.to_owned()));
        fields.fold(http.get(&jwks), |request, (name, value)| request.header(name, value))
    };
    let post = |body: String| {
        let kind = "application/x-www-form-urlencoded";
        let request = http.post(format!("{}/oauth2/token", server.issuer));
        request.header("content-type", kind).body(body)
    };
    let table = [
        ("fine", with(80, "a"), 200),
        ("target", http.get(format!("{jwks}?{}", long(9_000))), 414),
        ("fields", with(110, "a"), 431),
        ("many fields", with(1_000, "a"), 431),
        ("headers", with(1, &long(40_000)), 431),
        ("body", post(format!("a={}", long(200_000))), 413),
    ];
    for (what, request, expected) in table {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.version(), reqwest::Version::HTTP_2, "{what}");
        assert_eq!(answer.status(), expected, "{what}");
    }
    // Far beyond it there is no answer: the connection ends.
    assert!(with(1, &long(400_000)).send().await.is_err());
    assert_eq!(with(1, "a").send().await.unwrap().status(), 200, "a new one is taken");
    server.stop().await;
}

#[tokio::test]
async fn sec_007_json_does_not_nest_without_end() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for depth in [40, 1_000, 100_000] {
        let request = server.request(reqwest::Method::POST, "/api/v1/clients").bearer_auth(&token);
        let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let answer = request.header("content-type", "application/json").body(body).send().await;
        let status = answer.unwrap().status().as_u16();
        assert!((400..500).contains(&status), "{depth} deep: {status}");
    }
    let form =
        server.request(reqwest::Method::POST, "/oauth2/access_token").body("[".repeat(60_000));
    let status = form.header("content-type", "application/json").send().await.unwrap().status();
    assert!(status.is_client_error(), "{status}");
    server.stop().await;
}
