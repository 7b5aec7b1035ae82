//! Authorization requests: a registered redirect URI, a line break, and a query. Nothing panics, and
//! whatever comes of it goes to the registered URI, or to it with another loopback port.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_domain::authorize::{Refused, read};
use grantor_domain::client::Client;
use grantor_domain::params::Params;
use grantor_domain::redirect_uri::{Leave, check};
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::ApplicationType;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_oauth_types::response_type::ResponseType;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (registered, query) = input.split_at(end);
    let Ok(registered) = std::str::from_utf8(registered) else { return };
    let tenant = TenantName::parse("main").expect("a label");
    let id = ClientId::parse("web1").expect("an id");
    let mut client = Client::new(tenant, id, ClientAuthMethod::None);
    client.grant_types = [GrantType::AuthorizationCode, GrantType::Implicit].into();
    client.response_types = ResponseType::ALL.iter().copied().collect();
    client.redirect_uris = vec![registered.to_owned()];
    client.authorization.application_type = Some(ApplicationType::Native);
    (client.compat.implicit, client.compat.localhost_redirect) = (true, true);
    if check(registered, Leave::of(&client)).is_err() {
        return;
    }
    let Ok(params) = Params::parse(query.strip_prefix(b"\n").unwrap_or(query)) else { return };
    let to = match read(params, &client) {
        Ok(request) => request.to,
        Err(Refused::Redirect(to, _)) => *to,
        Err(Refused::Page(_)) => return,
    };
    let digits =
        |text: &str| text.chars().filter(|c| !c.is_ascii_digit() && *c != ':').collect::<String>();
    assert!(
        to.uri() == registered || digits(to.uri()) == digits(registered),
        "{registered} {}",
        to.uri()
    );
});
