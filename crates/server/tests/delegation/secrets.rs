//! How hard what is handed out is to guess.

use std::collections::BTreeMap;

use grantor_testkit::Answer;
use reqwest::Method;
use serde_json::json;

use crate::world::{World, shop, with};

/// What an estimator that sees one sample makes of it: Shannon's entropy of its characters.
fn bits(text: &str) -> f64 {
    let mut counts = BTreeMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_insert(0_u32) += 1;
    }
    let length = f64::from(u32::try_from(text.len()).unwrap());
    counts.values().map(|n| f64::from(*n)).map(|n| n * (length / n).log2()).sum()
}

/// How many characters of two samples are the same at the same place.
fn alike(one: &str, two: &str) -> usize {
    one.chars().zip(two.chars()).filter(|(a, b)| a == b).count()
}

#[tokio::test]
async fn trap_007_codes_and_tokens_cannot_be_guessed_and_keep_to_their_grammars() {
    let world = World::new().await;
    let sealed = with(shop(), &json!({ "id": "sealed", "token_format": "reference" }));
    let secret = world.client(&sealed).await["client_secret"].as_str().unwrap().to_owned();
    let mut samples: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let browser = world.browser();
    for _ in 0..2 {
        for (client, secret) in [("shop", &world.secret), ("sealed", &secret)] {
            let mut seen = browser.open(&world.request(&[("client_id", client)])).await;
            if seen.has("login-form") {
                seen = world.sign_in(&browser, &seen, "anna").await;
            }
            if seen.has("consent-form") {
                seen = world.agree(&browser, &seen).await;
            }
            let code = seen.answer()["code"].clone();
            let bought = world.redeem_as(client, secret, &code).await.body;
            let text = |name: &str| bought[name].as_str().unwrap().to_owned();
            samples.entry("code").or_default().push(code);
            samples.entry("refresh token").or_default().push(text("refresh_token"));
            let kind = if client == "shop" { "JWT" } else { "sealed token" };
            samples.entry(kind).or_default().push(text("access_token"));
        }
        let url = world.request(&[]);
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(url.split_once('?').unwrap().1.as_bytes())
                .into_owned()
                .collect();
        let push = world.server.request(Method::POST, "/oauth2/par").form(&form);
        let pushed = Answer::of(push.basic_auth("shop", Some(&world.secret))).await;
        let reference = pushed.body["request_uri"].as_str().unwrap();
        let reference = reference.rsplit(':').next().unwrap().to_owned();
        samples.entry("reference").or_default().push(reference);
    }
    for (kind, texts) in &samples {
        for text in texts {
            assert!(bits(text) >= 128.0, "{kind}: {} bits in {text}", bits(text));
            // RFC 6750 §2.1 b64token, which is within VSCHAR of RFC 6749 App. A.
            let token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
            assert!(text.bytes().all(token), "{kind}: {text}");
        }
        for (at, one) in texts.iter().enumerate() {
            for two in &texts[at + 1..] {
                // No prefix and a counter: what differs is 128 bits and more of it.
                assert!(one.len() - alike(one, two) >= 128 / 6, "{kind}: {one} {two}");
            }
        }
    }
    assert_eq!(samples.len(), 5);
    world.server.stop().await;
}
