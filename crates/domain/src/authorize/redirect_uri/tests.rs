//! Table R of `security.md`, and pairs that nobody thought of.

use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::ApplicationType;

use super::*;
use crate::example::{client_id, tenant_name};
use crate::redirect_uri::table_r;

fn client(uris: &[&str], native: bool, localhost: bool) -> Client {
    let mut client = Client::new(tenant_name(), client_id("web1"), ClientAuthMethod::None);
    client.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
    client.authorization.application_type = native.then_some(ApplicationType::Native);
    client.compat.localhost_redirect = localhost;
    client
}

#[test]
fn sec_019_trap_021_table_r_every_row_goes_to_the_registered_text_or_nowhere() {
    for row in table_r::rows() {
        let client = client(table_r::registered(row.client), row.is_native(), false);
        let expected = row.is_accepted().then_some(&*row.uri);
        assert_eq!(allowed(&client, &row.uri).as_deref(), expected, "{row:?}");
    }
    assert_eq!(allowed(&client(table_r::registered("web1"), false, false), ""), None);
}

#[test]
fn sec_019_compat_localhost_redirect_relaxes_row_50_for_its_client_and_nothing_else() {
    let zign = client(&["http://localhost:8081"], true, true);
    for uri in ["http://localhost:8081", "http://localhost:8182"] {
        assert_eq!(allowed(&zign, uri).as_deref(), Some(uri));
    }
    for uri in
        ["http://localhost.evil.example:8081", "http://localhost:8081/", "http://ip6-localhost:1"]
    {
        assert_eq!(allowed(&zign, uri), None, "{uri:?}");
    }
}

#[test]
fn a_loopback_port_varies_only_for_native_clients() {
    let web = client(&["http://127.0.0.1/cb"], false, false);
    assert_eq!(allowed(&web, "http://127.0.0.1:9/cb"), None);
}

#[test]
fn sec_022_what_slipped_into_the_database_is_still_not_used() {
    for bad in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/cb#x",
        "https://app.example\\cb",
        "noscheme",
        "x:",
    ] {
        let known = client(&[bad], true, true);
        assert_eq!(allowed(&known, bad), None, "{bad:?}");
        assert_eq!(only(&known), None, "{bad:?}");
    }
}

#[test]
fn sec_021_none_may_be_left_out_unless_it_is_the_only_one() {
    let with = |uris: &[&str]| only(&client(uris, false, false));
    assert_eq!(with(&["https://app.example/cb"]).as_deref(), Some("https://app.example/cb"));
    assert_eq!(with(&["https://app.example/cb", "https://app.example/other"]), None);
    assert_eq!(with(&[]), None);
}

/// How many pairs: 100,000 everywhere, more where `GRANTOR_REDIRECT_PAIRS` says so.
fn pairs() -> u64 {
    std::env::var("GRANTOR_REDIRECT_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

/// `SplitMix64`: cheap enough for ten million pairs, and a failure names the number to repeat it with.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.roll() % from.len() as u64).unwrap()]
    }

    /// Pieces of redirect URIs, well-formed and not, so that near misses are common; now and then a
    /// byte of it is another.
    fn uri(&mut self) -> String {
        let scheme = self.pick(&["http://", "http://", "https://", "HTTP://", "app.x:/", "//"]);
        let hosts = [
            "127.0.0.1",
            "[::1]",
            "localhost",
            "app.example",
            "127.0.0.1.evil.example",
            "a@127.0.0.1",
        ];
        let host = self.pick(&hosts);
        let port = match self.roll() % 8 {
            0 => String::new(),
            1 => self.pick(&[":", ":0", ":080", ":65536", ":-1", ":1@evil", "\\:1"]).to_owned(),
            _ => format!(":{}", self.roll() % 66_000),
        };
        let rest = self.pick(&["/cb", "/cb", "/cb?x=1", "", "/cb/", "?", "#", "/%63b"]);
        let mut uri = format!("{scheme}{host}{port}{rest}");
        if self.roll().is_multiple_of(16) {
            let at = usize::try_from(self.roll()).unwrap_or(usize::MAX) % (uri.len() + 1);
            let other = char::from(u8::try_from(self.roll() % 128).unwrap());
            uri.insert(at, other);
        }
        uri
    }
}

/// Whatever is allowed is the registered text, or differs from it in the digits of the port of a
/// loopback host and in nothing else: two readers of URIs agree on where it goes.
#[test]
fn sec_019_a_hundred_thousand_pairs_that_are_allowed_differ_in_a_loopback_port_at_most() {
    let mut one = client(&[""], false, false);
    let mut varied = 0;
    for number in 0..pairs() {
        let mut dice = Dice(number);
        one.redirect_uris[0] = dice.uri();
        let native = dice.roll().is_multiple_of(2);
        one.authorization.application_type = native.then_some(ApplicationType::Native);
        one.compat.localhost_redirect = native && dice.roll().is_multiple_of(2);
        // Half of the time the same but for the port, so that the exception is met.
        let sent = match dice.roll() % 4 {
            0 => dice.uri(),
            1 => one.redirect_uris[0].clone(),
            _ => with_another_port(&one.redirect_uris[0], dice.roll() % 66_000),
        };
        varied += u64::from(holds(number, &one, &sent));
    }
    assert!(varied > pairs() / 100, "the exception was met {varied} times only");
}

fn with_another_port(uri: &str, port: u64) -> String {
    let Some((scheme, rest)) = uri.split_once("//") else { return uri.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host =
        authority.rsplit_once(':').filter(|(_, p)| !p.contains(']')).map_or(authority, |x| x.0);
    format!("{scheme}//{host}:{port}{path}")
}

/// Whether the port varied; panics if anything else did.
fn holds(number: u64, client: &Client, sent: &str) -> bool {
    let known = &client.redirect_uris[0];
    let Some(to) = allowed(client, sent) else {
        // Exact and usable is always allowed.
        assert!(known != sent || !is_usable(known), "{number}: {known:?}");
        return false;
    };
    assert_eq!(to, sent, "{number}");
    if to == *known {
        return false;
    }
    // What cannot be registered has no meaning to keep.
    if redirect_uri::check(known, redirect_uri::Leave::of(client)).is_err() {
        return false;
    }
    let was = url::Url::parse(known).unwrap();
    let is = url::Url::parse(&to).unwrap();
    let same = |part: fn(&url::Url) -> Option<&str>| part(&is) == part(&was);
    assert!(same(url::Url::host_str) && same(url::Url::query), "{number}: {known} {to}");
    assert_eq!((is.path(), is.username(), is.fragment()), (was.path(), "", None), "{number}");
    assert_eq!(is.scheme(), "http", "{number}");
    let native = client.authorization.application_type.is_some();
    let literal = native && matches!(is.host_str(), Some("127.0.0.1" | "[::1]"));
    let name = client.compat.localhost_redirect && is.host_str() == Some("localhost");
    assert!(literal || name, "{number}: {known} {to}");
    true
}
