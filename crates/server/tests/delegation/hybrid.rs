//! Which claims are where when several tokens come of one request.

use grantor_testkit::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::front_channel::{answer, claims, dynamic};
use crate::world::{CALLBACK, World};

/// What no scope and no wish has to ask for.
const OF_THE_PROTOCOL: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "c_hash",
    "s_hash",
];

fn about_the_person(claims: &Value) -> Vec<&str> {
    let names = claims.as_object().unwrap().keys().map(String::as_str);
    names.filter(|name| !OF_THE_PROTOCOL.contains(name)).collect()
}

struct Asked {
    world: World,
    secret: String,
    browser: grantor_testkit::TestBrowser,
}

impl Asked {
    async fn start() -> Self {
        let world = World::new().await;
        let secret = world.client(&dynamic()).await["client_secret"].as_str().unwrap().to_owned();
        let browser = world.browser();
        Self { world, secret, browser }
    }

    /// The answer of the authorization endpoint, and what a code of it buys.
    async fn asked(&self, kind: &str, claims: &str) -> (Value, Value) {
        let more = [("response_type", kind), ("scope", "openid profile email"), ("claims", claims)];
        let (_, said) = answer(&self.world, &self.browser, &more).await;
        let bought = match said.get("code") {
            Some(code) => {
                let form = [
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", CALLBACK),
                ];
                let request = self.world.server.request(Method::POST, "/oauth2/token");
                let request = request.basic_auth("dynamic", Some(&self.secret)).form(&form);
                Answer::of(request).await.body
            }
            None => Value::Null,
        };
        (json!(said), bought)
    }
}

#[tokio::test]
async fn trap_066_both_id_tokens_of_a_hybrid_flow_say_the_same_of_the_same_person() {
    let asked = Asked::start().await;
    for kind in ["code id_token", "code id_token token"] {
        for wish in ["", r#"{"id_token":{"name":null,"preferred_username":null}}"#] {
            let (said, bought) = asked.asked(kind, wish).await;
            let first = claims(said["id_token"].as_str().unwrap());
            let second = claims(bought["id_token"].as_str().unwrap());
            for same in ["iss", "sub", "aud", "nonce", "auth_time", "acr", "sid"] {
                assert_eq!(first.get(same), second.get(same), "{kind}: {same}");
            }
            assert_eq!(about_the_person(&first).is_empty(), wish.is_empty(), "{kind}: {first}");
            for name in about_the_person(&first) {
                assert_eq!(first[name], second[name], "{kind}: {name}");
            }
        }
    }
    asked.world.server.stop().await;
}

#[tokio::test]
async fn trap_035_claims_of_scopes_are_in_the_id_token_only_where_nothing_leads_to_userinfo() {
    let asked = Asked::start().await;
    for (kind, here) in [
        ("id_token", true),
        ("id_token token", false),
        ("code", false),
        ("code id_token", false),
        ("code id_token token", false),
    ] {
        let (said, bought) = asked.asked(kind, "").await;
        let tokens = [&said, &bought].into_iter().filter_map(|a| a.get("id_token")?.as_str());
        let mut count = 0;
        for id_token in tokens {
            let claims = claims(id_token);
            assert_eq!(!about_the_person(&claims).is_empty(), here, "{kind}: {claims}");
            assert_eq!(claims.get("preferred_username").is_some(), here, "{kind}");
            count += 1;
        }
        assert!(count > 0, "{kind}");
        let access = [&bought, &said].into_iter().find_map(|a| a.get("access_token")?.as_str());
        if let Some(access) = access {
            let told = asked.world.server.get("/oauth2/userinfo", access).await;
            assert_eq!(told.body["preferred_username"], "anna", "{kind}: {}", told.text);
        }
    }
    // What was asked for by name, and nothing more.
    let wish = r#"{"id_token":{"name":{"essential":true},"nonsense":null}}"#;
    let (_, bought) = asked.asked("code", wish).await;
    let said = claims(bought["id_token"].as_str().unwrap());
    assert_eq!(about_the_person(&said), ["name"], "{said}");
    asked.world.server.stop().await;
}
