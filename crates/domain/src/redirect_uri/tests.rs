use grantor_oauth_types::client_auth::ClientAuthMethod;
use proptest::prelude::*;

use super::*;
use crate::example::{client_id, tenant_name};

const NATIVE: Leave = Leave { native: true, localhost: false };
const WEB: Leave = Leave { native: false, localhost: false };

fn client(uris: &[&str], leave: Leave) -> Client {
    let mut client = Client::new(tenant_name(), client_id("c"), ClientAuthMethod::None);
    client.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
    client.authorization.application_type = leave.native.then_some(ApplicationType::Native);
    client.compat.localhost_redirect = leave.localhost;
    client
}

/// The rows of Table R marked †, and every other text that not everybody reads alike.
#[test]
fn sec_154_table_r_what_may_not_be_registered() {
    for row in table_r::rows() {
        let leave = if row.is_native() { NATIVE } else { WEB };
        assert_eq!(check(&row.uri, leave).is_ok(), row.registrable, "{row:?}");
        let https = row.registrable && row.uri.starts_with("https:");
        assert_eq!(check_https(&row.uri).is_ok(), https, "{row:?}");
    }
    for uri in ["", "example:/cb", "com.example.app:oauth", "com..app:/oauth"] {
        assert!(check(uri, NATIVE).is_err() && check(uri, WEB).is_err(), "{uri:?}");
        assert!(check_https(uri).is_err(), "{uri:?}");
    }
}

#[test]
fn sec_022_dangerous_schemes_are_refused_in_any_letter_case() {
    for uri in [
        "javascript:alert(1)//https://app.example/cb",
        "JaVaScRiPt:alert(1)",
        "java%0Ascript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/1",
        "about:blank",
    ] {
        assert!(check(uri, NATIVE).is_err() && check_https(uri).is_err(), "{uri:?}");
    }
}

#[test]
fn trap_086_what_may_be_registered_depends_on_what_the_client_is() {
    for uri in [
        "https://app.example/cb",
        "https://app.example",
        "https://app.example:8443/cb",
        "https://app.example/cb2?x=1",
        "https://[::1]:8443/cb",
        "https://xn--bcher-kva.example/cb",
    ] {
        assert_eq!(check(uri, WEB), Ok(()), "{uri}");
    }
    for uri in ["http://127.0.0.1/cb", "http://[::1]:1234/cb", "com.example.app:/oauth"] {
        assert_eq!(check(uri, NATIVE), Ok(()), "{uri}");
        assert!(check(uri, WEB).is_err(), "{uri}");
    }
    let localhost = Leave { native: true, localhost: true };
    assert_eq!(check("http://localhost/cb", localhost), Ok(()));
}

#[test]
fn sec_019_table_r_a_text_finds_the_registered_uri_or_nothing() {
    for row in table_r::rows() {
        let leave = if row.is_native() { NATIVE } else { WEB };
        let client = client(table_r::registered(row.client), leave);
        let expected = row.is_accepted().then_some(&*row.uri);
        assert_eq!(find(&client, &row.uri).as_deref(), expected, "{row:?}");
    }
    let web = client(&["http://127.0.0.1/cb"], WEB);
    assert_eq!(find(&web, "http://127.0.0.1:1/cb"), None, "only native clients");
}

proptest! {
    /// What is found is what was asked for, and what was registered but for digits of a port.
    #[test]
    fn sec_019_what_is_found_differs_from_what_is_registered_by_a_port_alone(
        text in "(http://127\\.0\\.0\\.1|http://|https://app\\.example)[:/@a-z0-9.?#\\\\]{0,12}(/cb)?"
    ) {
        let native = client(&["http://127.0.0.1/cb", "https://app.example/cb"], NATIVE);
        if let Some(found) = find(&native, &text) {
            prop_assert_eq!(&*found, &*text);
            let digits = |c: char| c.is_ascii_digit() || c == ':';
            let bare = found.replace("127.0.0.1", "").replace(digits, "");
            prop_assert!(["http///cb", "https//app.example/cb"].contains(&bare.as_str()));
        }
    }
}
