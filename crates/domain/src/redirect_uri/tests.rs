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

/// The rows of Table R marked † are refused at registration.
#[test]
fn sec_154_table_r_what_may_not_be_registered() {
    let refused = [
        "http://app.example/cb",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://app.example@evil.example/cb",
        "https://app.example%2f@evil.example/cb",
        "https://user:pass@app.example/cb",
        "https://a@b@evil.example/cb",
        "https://evil.example#@app.example/cb",
        "https://evil.example\\@app.example/cb",
        "https://app.example\\.evil.example/cb",
        "https:\\\\app.example\\cb",
        "https:/app.example/cb",
        "https:app.example/cb",
        "//app.example/cb",
        "///evil.example/cb",
        "/cb",
        "",
        "https://*.app.example/cb",
        "https://app.example/*",
        "*",
        "https://app.example./cb",
        "https://xn--app-.example/cb",
        "https://\u{430}pp.example/cb",
        "https://app\u{3002}example/cb",
        "https://\u{24d0}pp.example/cb",
        "https://app.example/cb\r\nLocation: https://evil.example",
        " https://app.example/cb",
        "https://app.example/cb\u{200b}",
        "ht\ttps://app.example/cb",
        "http://localhost:49152/cb",
        "http://127.0.0.1:49152@evil.example/cb",
        "http://[::1%25lo]:49152/cb",
        "http://127.1:49152/cb",
        "http://2130706433/cb",
        "http://0x7f.0.0.1/cb",
        "http://127.0.0.2:1/cb",
        "http://[::ffff:127.0.0.1]:1/cb",
        "https://[app.example]/cb",
        "https://[::1]app.example/cb",
        "https://app.example:443/cb",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example/x/../cb",
        "https://app.example/cb%2f..%2fevil",
        "https://app.example/cb%00.evil.example",
        "https://app.example/cb%0d%0aSet-Cookie:a=b",
        "example:/cb",
        "com.example.app:oauth",
        "com..app:/oauth",
    ];
    for uri in refused {
        assert!(check(uri, NATIVE).is_err(), "{uri:?}");
        assert!(check(uri, WEB).is_err(), "{uri:?}");
        assert!(check_https(uri).is_err(), "{uri:?}");
    }
    assert!(check(&format!("https://app.example/{}", "a".repeat(9_000)), WEB).is_err());
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

/// The accepted rows of Table R, and the text that is sent.
#[test]
fn sec_019_table_r_the_accepted_rows_find_their_registered_uri() {
    let native = ["http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/oauth"];
    let native = client(&native, NATIVE);
    let web = client(&["https://app.example/cb", "https://app.example/cb2?x=1"], WEB);
    for uri in ["https://app.example/cb", "https://app.example/cb2?x=1"] {
        assert_eq!(find(&web, uri).as_deref(), Some(uri));
    }
    for uri in [
        "http://127.0.0.1:49152/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://[::1]:61023/cb",
        "com.example.app:/oauth",
    ] {
        assert_eq!(find(&native, uri).as_deref(), Some(uri));
    }
}

#[test]
fn sec_019_table_r_every_other_text_finds_nothing() {
    let native = ["http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/oauth"];
    let native = client(&native, NATIVE);
    for uri in [
        "http://localhost:49152/cb",
        "http://127.0.0.1:49152/cb2",
        "http://127.0.0.1:49152/cb?bar=foo",
        "http://127.0.0.1.evil.example/cb",
        "http://127.1:49152/cb",
        "http://127.0.0.2:49152/cb",
        "http://0.0.0.0:49152/cb",
        "http://[::ffff:127.0.0.1]:49152/cb",
        "http://[0:0:0:0:0:0:0:1]:49152/cb",
        "http://127.0.0.1:49152@evil.example/cb",
        "https://127.0.0.1:49152/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:/cb",
        "com.example.app://oauth",
        "com.example.app:/oauth/",
        "COM.example.app:/oauth",
        "com.example.app.evil:/oauth",
        "",
    ] {
        assert_eq!(find(&native, uri), None, "{uri:?}");
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
