//! A registered redirect URI, a line break, and the one of a request. What matches is the registered one, byte
//! by byte, or with another port of a loopback address; and a browser reads both alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;

use grantor_domain::client::Client;
use grantor_domain::redirect_uri::{Leave, check, check_https, find};
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::ApplicationType;
use grantor_oauth_types::name::{ClientId, TenantName};

fuzz_target!(|text: &str| {
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    let tenant = TenantName::parse("main").expect("a label");
    let id = ClientId::parse("web1").expect("an id");
    let mut client = Client::new(tenant, id, ClientAuthMethod::None);
    client.redirect_uris = vec![registered.to_owned()];
    if check_https(registered).is_ok() {
        assert_eq!(Url::parse(registered).expect("a browser reads it too").scheme(), "https");
    }
    for native in [false, true] {
        client.authorization.application_type = native.then_some(ApplicationType::Native);
        client.compat.localhost_redirect = native;
        if check(registered, Leave::of(&client)).is_err() {
            continue;
        }
        let Some(found) = find(&client, requested) else {
            assert_ne!(registered, requested);
            continue;
        };
        assert_eq!(found, requested);
        if registered == requested {
            continue;
        }
        assert!(native, "{registered} {requested}");
        let (one, other) =
            (Url::parse(registered).expect("registered"), Url::parse(requested).expect("matched"));
        assert!(matches!(one.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")), "{one}");
        assert_eq!((one.scheme(), one.host()), (other.scheme(), other.host()));
        assert_eq!((one.path(), one.query()), (other.path(), other.query()));
    }
});
