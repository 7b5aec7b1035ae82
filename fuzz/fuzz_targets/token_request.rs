//! Token requests: an `Authorization` header, a line break, and a body, as form and as JSON. What is read
//! as a form means what the URL standard's reader says it means.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_domain::client_auth::PresentedClient;
use grantor_domain::params::Params;
use grantor_domain::token::TokenRequest;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, body) = input.split_at(end);
    let header = std::str::from_utf8(header).ok().filter(|text| !text.is_empty());
    if let Ok(mut params) = Params::parse(body) {
        for (name, value) in form_urlencoded::parse(body) {
            if name != "resource" && !value.is_empty() {
                assert_eq!(params.take(&name).as_deref(), Some(&*value), "{name}");
            }
        }
    }
    for params in [Params::parse(body), Params::parse_json(body)] {
        let Ok(mut params) = params else { continue };
        let _ = PresentedClient::find(header, &mut params);
        let _ = TokenRequest::parse(&mut params);
    }
});
