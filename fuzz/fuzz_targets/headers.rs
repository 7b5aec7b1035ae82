//! Headers as anybody sends them, one to a line, before a client is known: `Cookie`, `X-Forwarded-For`, and
//! `Authorization` at an API. An address that was found is one that was written, or the proxy's own.
#![no_main]

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Request, header};
use libfuzzer_sys::fuzz_target;

// The files themselves, without the servers around them.
#[expect(dead_code, reason = "only the reading half is wanted")]
#[path = "../../crates/server/src/cookie.rs"]
mod cookie;
#[path = "."]
mod tenancy {
    #[path = "../../crates/server/src/tenancy/client_address.rs"]
    mod client_address;

    pub(super) fn found(
        socket: std::net::IpAddr,
        headers: &axum::http::HeaderMap,
    ) -> Option<std::net::IpAddr> {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        client_address::client_address(&trusted, socket, headers)
    }
}
#[path = "../../crates/resource/src/credentials.rs"]
mod credentials;
mod refusal {
    #[derive(Debug)]
    pub(crate) enum Refusal {
        NoCredentials,
        MalformedRequest,
    }
}

fuzz_target!(|input: &[u8]| {
    let mut headers = HeaderMap::new();
    for (line, text) in input.split(|byte| *byte == b'\n').enumerate() {
        let Ok(value) = HeaderValue::from_bytes(text) else { continue };
        let name = [header::COOKIE, header::AUTHORIZATION, header::FORWARDED];
        headers.append(name[line % 3].clone(), value.clone());
        headers.append("x-forwarded-for", value);
    }
    if let Some(value) = cookie::find(&headers, "__Host-session") {
        assert!(!value.contains(';'));
    }
    let socket: IpAddr = [10, 0, 0, 1].into();
    if let Some(address) = tenancy::found(socket, &headers) {
        let written = |value: &HeaderValue| {
            let hops = value.to_str().unwrap_or_default().split(',');
            hops.into_iter().any(|hop| hop.trim().parse() == Ok(address))
        };
        let mut lines = headers.get_all("x-forwarded-for").iter();
        assert!(address == socket || lines.any(written), "{address}");
    }
    let (mut parts, ()) = Request::get("/").body(()).expect("a request").into_parts();
    parts.headers = headers;
    match credentials::bearer(&parts) {
        Ok(token) => assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())),
        Err(refusal::Refusal::NoCredentials | refusal::Refusal::MalformedRequest) => {}
    }
});
