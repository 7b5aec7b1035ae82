use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn acceptance(stups: bool) -> Acceptance {
    Acceptance {
        issuer: "https://as.example".to_owned(),
        audiences: vec!["https://api.example".to_owned()],
        stups,
        leeway: 30,
    }
}

/// Claims as an issuer of ours may write them, right or wrong.
fn some_claims() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        Just("iss"),
        Just("sub"),
        Just("aud"),
        Just("exp"),
        Just("iat"),
        Just("nbf"),
        Just("jti"),
        Just("client_id"),
        Just("azp"),
        Just("scope"),
        Just("realm"),
        Just("cnf"),
        Just("active"),
        Just("token_type"),
    ];
    let value = prop_oneof![
        Just(json!("https://as.example")),
        Just(json!("https://api.example")),
        Just(json!("B")),
        Just(json!(["https://api.example"])),
        Just(json!(["uid", "a.read"])),
        Just(json!("uid")),
        Just(json!("/services")),
        Just(json!(NOW)),
        Just(json!(NOW + 60)),
        Just(json!("Bearer")),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,8}".prop_map(|text| json!(text)),
        Just(Value::Null),
        Just(json!({})),
        Just(json!({"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})),
        Just(json!({"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "jkt": "x"})),
        Just(json!([1])),
    ];
    let wild = prop::collection::vec((name, value), 0..14);
    wild.prop_map(|pairs| {
        let good = json!({
            "iss": "https://as.example", "sub": "ada", "aud": "https://api.example", "jti": "j",
            "exp": NOW + 60, "iat": NOW, "client_id": "shop", "scope": "uid", "realm": "customers",
        });
        let mut claims = good.as_object().expect("an object").clone();
        for (name, value) in pairs.into_iter().take(4) {
            claims.insert(name.to_owned(), value);
        }
        claims
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        for typ in [None, Some("at+jwt")] {
            let _ = acceptance(true).judge(typ, &payload, NOW);
        }
    }

    /// What is accepted is from our issuer, for us, alive, and of somebody; and what is bound says so.
    #[test]
    fn what_is_accepted_is_ours(claims in some_claims(), stups in any::<bool>(), typed in any::<bool>()) {
        let payload = serde_json::to_vec(&claims).expect("JSON");
        let typ = typed.then_some("at+jwt");
        if let Ok(token) = acceptance(stups).judge(typ, &payload, NOW) {
            let issuer = if typed { "https://as.example" } else { "B" };
            prop_assert_eq!(&claims["iss"], issuer);
            prop_assert!(typed || stups);
            if typed || claims.contains_key("aud") {
                let ours = json!("https://api.example");
                let aud = &claims["aud"];
                prop_assert!(*aud == ours || aud.as_array().is_some_and(|all| all.contains(&ours)));
            }
            prop_assert!(token.expires_at.is_some_and(|exp| exp + 30 > NOW));
            prop_assert!(token.issued_at.is_some_and(|iat| iat <= NOW + 30));
            prop_assert!(!token.subject.is_empty());
            prop_assert_eq!(token.bound.is_some(), claims.contains_key("cnf"));
        }
    }

    #[test]
    fn what_introspection_may_say_is_held_to_the_same(claims in some_claims(), stups in any::<bool>()) {
        let Ok(read) = Claims::from_members(claims.clone()) else { return Ok(()) };
        if let Ok(token) = acceptance(stups).judge_introspection(read, NOW) {
            let iss = claims["iss"].as_str();
            prop_assert!(iss == Some("https://as.example") || (stups && iss == Some("B")));
            prop_assert!(claims["aud"].to_string().contains("\"https://api.example\""));
            prop_assert!(!token.subject.is_empty());
            prop_assert_eq!(token.bound.is_some(), claims.contains_key("cnf"));
        }
    }
}
