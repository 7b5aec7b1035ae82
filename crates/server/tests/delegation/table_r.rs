//! Table R of `security.md`, the whole of it, at every place that takes an address to go to: nothing
//! but the registered text is ever gone to, nothing of what was sent is repeated, and nothing happens.

use std::collections::BTreeMap;

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_server::clock::Clock as _;
use grantor_testkit::table_r::{self, Row};
use grantor_testkit::{Answer, Seen};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::account::signed_in;
use crate::world::{PASSWORD, World, challenge, shop, with};

mod places;

type Pairs = Vec<(String, String)>;

/// The clients of the table, each with a key to sign with.
struct Table {
    world: World,
    key: SigningKey,
    secrets: BTreeMap<&'static str, String>,
}

impl Table {
    async fn new() -> Self {
        let world = World::new().await;
        let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
        let jwks = json!({ "keys": [serde_json::to_value(key.public_jwk()).unwrap()] });
        let mut secrets = BTreeMap::new();
        for (id, uris) in table_r::CLIENTS {
            let native = id == "native1";
            let more = json!({
                "id": id, "jwks": jwks, "redirect_uris": uris,
                "auth_method": if native { "none" } else { "client_secret_basic" },
                "authorization": { "application_type": if native { "native" } else { "web" } },
                "logout": { "post_logout_redirect_uris": uris },
            });
            let made = world.client(&with(shop(), &more)).await;
            secrets.extend(made["client_secret"].as_str().map(|secret| (id, secret.to_owned())));
        }
        Self { world, key, secrets }
    }

    /// A request of this client, with these addresses.
    fn request(client: &str, to: &[(&str, &str)]) -> Pairs {
        let challenge = challenge();
        let good = [
            ("client_id", client),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "s-1"),
            ("prompt", "none"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let all = good.iter().chain(to);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn url(path: &str, pairs: &[(String, String)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("{path}?{}", query.extend_pairs(pairs).finish())
    }

    /// Asks as a client, by its secret or its name.
    async fn ask(&self, client: &str, path: &str, pairs: &[(String, String)]) -> Answer {
        let request = self.world.server.request(Method::POST, path).form(pairs);
        match self.secrets.get(client) {
            Some(secret) => Answer::of(request.basic_auth(client, Some(secret))).await,
            None => Answer::of(request).await,
        }
    }

    /// Nothing of it was a fault of ours.
    async fn done(self) {
        let metrics = format!("{}/metrics", self.world.server.operations);
        let metrics = Answer::of(self.world.server.http.get(metrics)).await.text;
        let panics = metrics.lines().find(|line| line.starts_with("grantor_panics"));
        assert!(panics.is_some_and(|line| line.ends_with(" 0")), "{panics:?}");
        self.world.server.stop().await;
    }
}

/// R0 of `security.md`: a page of ours with status 400 that sends nobody anywhere and repeats nothing.
#[track_caller]
fn is_r0(seen: &Seen, uri: &str, what: &str) {
    assert_eq!((seen.status.as_u16(), seen.location()), (400, None), "{what}: {}", seen.text);
    assert_eq!(seen.error().as_deref(), Some("invalid_request"), "{what}");
    assert!(seen.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{what}");
    is_not_repeated(&seen.text, uri, what);
}

#[track_caller]
fn is_not_repeated(text: &str, uri: &str, what: &str) {
    let encoded: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
    let repeated = uri.len() > 1 && (text.contains(uri) || text.contains(&encoded));
    assert!(!repeated && !text.contains("evil.example"), "{what}: {text}");
}

/// The answer went to this address, which is the registered text but for a port.
#[track_caller]
fn went_to(seen: &Seen, uri: &str, what: &str) {
    let joint = if uri.contains('?') { '&' } else { '?' };
    let location = seen.location().unwrap_or_else(|| panic!("{what}: {}", seen.text));
    assert!(seen.status == 303 && location.starts_with(&format!("{uri}{joint}")), "{what}");
    assert!(seen.answer().contains_key("error") && !location.contains("code="), "{what}");
}

/// Rows that a `GET` can carry: the listener turns a longer address away before anybody reads it.
fn fits(row: &Row) -> bool {
    row.number != "63"
}

#[tokio::test]
async fn sec_019_sec_020_table_r_at_the_authorization_endpoint() {
    let table = Table::new().await;
    let anna = signed_in(&table.world, "anna", PASSWORD).await;
    for row in table_r::rows() {
        let pairs = Table::request(row.client, &[("redirect_uri", &row.uri)]);
        let url = Table::url("/oauth2/authorize", &pairs);
        let mut seen = vec![("POST", anna.post("/oauth2/authorize", &pairs, &[]).await)];
        // Without cookies the same comes again as GET, to us and nobody else.
        let stranger = table.world.browser();
        let first = stranger.post("/oauth2/authorize", &pairs, &[]).await;
        seen.push(("POST from elsewhere", stranger.follow(first).await));
        if fits(&row) {
            seen.push(("GET", anna.look(&url).await));
            seen.push(("GET of a stranger", table.world.browser().look(&url).await));
        } else {
            let long = anna.look(&url).await;
            assert_eq!((long.status.as_u16(), long.location()), (414, None), "{}", row.number);
        }
        for (how, seen) in seen {
            let what = format!("{how} {}: {}", row.number, row.uri);
            match row.is_accepted() {
                true => went_to(&seen, &row.uri, &what),
                false => is_r0(&seen, &row.uri, &what),
            }
        }
    }
    for trick in table_r::TRICKS {
        let pairs = Table::request("web1", trick);
        let what = format!("62: {trick:?}");
        let url = Table::url("/oauth2/authorize", &pairs);
        is_r0(&anna.look(&url).await, "app.example", &what);
        is_r0(&anna.post("/oauth2/authorize", &pairs, &[]).await, "app.example", &what);
    }
    table.world.logged("authorize.rejected").await;
    table.done().await;
}

/// SEC-020: whatever else is asked for, and however its error would have travelled.
#[tokio::test]
async fn sec_020_table_r_no_other_parameter_opens_the_way_to_an_unregistered_address() {
    let table = Table::new().await;
    let anna = signed_in(&table.world, "anna", PASSWORD).await;
    for other in [
        ("response_mode", "form_post"),
        ("response_mode", "form_post.jwt"),
        ("response_mode", "web_message"),
        ("response_type", "bogus"),
        ("response_type", "code id_token"),
        ("scope", "openid bogus"),
        ("request", "notajwt"),
        ("request_uri", "https://evil.example/r"),
        ("max_age", "soon"),
        ("state", "\u{1}"),
    ] {
        for uri in ["https://evil.example/cb", "javascript:alert(1)", "https://app.example/cb#"] {
            let mut pairs = Table::request("web1", &[("redirect_uri", uri)]);
            pairs.retain(|(name, _)| name != other.0);
            pairs.push((other.0.to_owned(), other.1.to_owned()));
            let seen = anna.look(&Table::url("/oauth2/authorize", &pairs)).await;
            let what = format!("{other:?} {uri}");
            assert_eq!((seen.status.as_u16(), seen.location()), (400, None), "{what}");
            assert!(seen.error().is_some() && !seen.text.contains("<form"), "{what}");
            is_not_repeated(&seen.text, uri, &what);
        }
    }
    table.done().await;
}

#[tokio::test]
async fn sec_019_table_r_in_pushed_and_in_signed_requests() {
    let table = Table::new().await;
    let refused = |answer: &Answer, uri: &str, what: &str| {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {}", answer.text);
        assert_eq!(answer.body["error"], "invalid_request", "{what}");
        assert!(answer.body.get("request_uri").is_none(), "{what}");
        is_not_repeated(&answer.text, uri, what);
    };
    for row in table_r::rows() {
        let what = format!("{}: {}", row.number, row.uri);
        let pairs = Table::request(row.client, &[("redirect_uri", &row.uri)]);
        let answer = table.ask(row.client, "/oauth2/par", &pairs).await;
        match row.is_accepted() {
            true => assert_eq!(answer.status, StatusCode::CREATED, "{what}: {}", answer.text),
            false => refused(&answer, &row.uri, &what),
        }
        let object = table.signed(&pairs);
        let outside =
            [("client_id".to_owned(), row.client.to_owned()), ("request".to_owned(), object)];
        // An object of 12,000 characters has to be posted.
        let stranger = table.world.browser();
        let seen = match fits(&row) {
            true => stranger.look(&Table::url("/oauth2/authorize", &outside)).await,
            false => stranger.post("/oauth2/authorize", &outside, &[]).await,
        };
        match row.is_accepted() {
            true => went_to(&seen, &row.uri, &what),
            false => is_r0(&seen, &row.uri, &format!("signed {what}")),
        }
    }
    for trick in table_r::TRICKS {
        let answer = table.ask("web1", "/oauth2/par", &Table::request("web1", trick)).await;
        refused(&answer, "app.example", &format!("62: {trick:?}"));
    }
    table.done().await;
}

impl Table {
    /// The parameters as an object that the client signed (RFC 9101).
    fn signed(&self, pairs: &[(String, String)]) -> String {
        let now = self.world.server.clock.now().as_second();
        let inside = pairs.iter().map(|(name, value)| (name.clone(), json!(value)));
        let mut claims: Value = inside.collect::<serde_json::Map<_, _>>().into();
        claims = with(
            claims.clone(),
            &json!({ "iss": claims["client_id"], "aud": self.world.server.issuer, "exp": now + 300 }),
        );
        Signer::new(&self.key, None).sign(claims.to_string().as_bytes()).unwrap()
    }
}
