//! What the server says of itself: at which address, in which words, and whether it is true.

use grantor_testkit::{Answer, TestServer};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::openid::{Openid, shop, with};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

async fn get(server: &TestServer, path: &str) -> Answer {
    Answer::of(server.request(Method::GET, path)).await
}

async fn metadata(server: &TestServer) -> Value {
    get(server, OPENID).await.body
}

fn list(said: &Value, member: &str) -> Vec<String> {
    let list = said[member].as_array().unwrap_or_else(|| panic!("no {member}: {said}"));
    list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn trap_003_trap_008_trap_009_discovery_is_where_the_specifications_put_it() {
    let world = Openid::start(json!({})).await;
    let server = &world.server;
    let globex = format!("{}/globex/eu", server.issuer);
    let tenant = json!({ "name": "globex", "issuer": globex });
    server.made("/api/v1/tenants", &world.admin, &tenant).await;
    for (issuer, openid, oauth) in [
        (server.issuer.clone(), OPENID.to_owned(), OAUTH.to_owned()),
        // Appended to the path of the issuer, and inserted before it (RFC 8414 §3.1).
        (globex.clone(), format!("/globex/eu{OPENID}"), format!("{OAUTH}/globex/eu")),
    ] {
        let said = get(server, &openid).await;
        assert_eq!(
            (said.status, said.header("content-type")),
            (StatusCode::OK, "application/json")
        );
        assert_eq!(get(server, &oauth).await.body, said.body, "{oauth}");
        assert_eq!(said.body["issuer"], issuer, "byte by byte what it was found with");
        let uris = said.body.as_object().unwrap().iter().filter(|(name, _)| {
            name.ends_with("_endpoint") || name.ends_with("_uri") || *name == "check_session_iframe"
        });
        let mut count = 0;
        for (name, uri) in uris {
            let path =
                uri.as_str().unwrap().strip_prefix(&issuer).unwrap_or_else(|| panic!("{name}"));
            let at = &uri.as_str().unwrap()[server.issuer.len()..];
            assert_ne!(get(server, at).await.status, StatusCode::NOT_FOUND, "{name}");
            assert!(path.starts_with('/') && !path.contains(['?', '#']), "{name}: {path}");
            count += 1;
        }
        assert!(count >= 9, "{count}");
    }
    for nowhere in
        [format!("{OAUTH}/nowhere"), format!("{OAUTH}/globex"), "/globex/eu/x".to_owned()]
    {
        assert_eq!(get(server, &nowhere).await.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
    // No issuer has a query, a fragment or a slash at its end, or is another spelling of itself.
    for issuer in [
        "https://as.example/?a=b",
        "https://as.example/#a",
        "https://as.example/",
        "https://as.example/a/",
        "http://as.example",
        "https://AS.example",
        "https://as.example:443",
        "https://u@as.example",
        "as.example",
    ] {
        let tenant = json!({ "name": "other", "issuer": issuer });
        let answer = server.post("/api/v1/tenants", &world.admin, &tenant).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{issuer}: {}", answer.text);
    }
    let (_, claims) =
        world.verified(world.redeemed("openid").await["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["iss"], server.issuer);
    world.server.stop().await;
}

/// C27 of `campus.md`, section 15: angular-auth-oidc-client appends to an authority with a slash.
#[tokio::test]
async fn campus_c27_discovery_answers_with_a_slash_at_its_end_too() {
    let server = TestServer::start().await;
    let slash = get(&server, &format!("{OPENID}/")).await;
    assert_eq!((slash.status, slash.body), (StatusCode::OK, metadata(&server).await));
    server.stop().await;
}

#[tokio::test]
async fn trap_010_trap_011_trap_012_what_has_to_be_said_is_said_and_true() {
    let world = Openid::start(json!({})).await;
    let said = metadata(&world.server).await;
    for (member, words) in [
        ("response_types_supported", &["code", "id_token", "id_token token"][..]),
        ("grant_types_supported", &["authorization_code", "implicit", "refresh_token"]),
        ("subject_types_supported", &["public", "pairwise"]),
        ("id_token_signing_alg_values_supported", &["RS256", "PS256", "ES256", "EdDSA"]),
        ("token_endpoint_auth_methods_supported", &["client_secret_basic", "none"]),
        ("response_modes_supported", &["query", "fragment", "form_post"]),
        ("code_challenge_methods_supported", &["S256"]),
        ("scopes_supported", &["openid", "profile", "email", "offline_access"]),
        ("claims_supported", &["sub", "iss", "auth_time", "acr", "given_name", "email"]),
        ("id_token_encryption_alg_values_supported", &["RSA-OAEP-256"]),
        ("userinfo_signing_alg_values_supported", &["RS256"]),
        ("request_object_signing_alg_values_supported", &["RS256", "ES256"]),
        ("introspection_endpoint_auth_signing_alg_values_supported", &["RS256", "ES256"]),
        ("revocation_endpoint_auth_signing_alg_values_supported", &["RS256", "ES256"]),
        ("authorization_encryption_alg_values_supported", &["RSA-OAEP-256"]),
        ("authorization_encryption_enc_values_supported", &["A128CBC-HS256"]),
    ] {
        let listed = list(&said, member);
        for word in words {
            assert!(listed.iter().any(|known| known == word), "{member} lacks {word}: {listed:?}");
        }
        let mut once = listed.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), listed.len(), "{member} repeats itself: {listed:?}");
    }
    assert!(!list(&said, "code_challenge_methods_supported").contains(&"plain".to_owned()));
    for member in ["jwks_uri", "authorization_endpoint", "token_endpoint"] {
        assert!(said[member].is_string(), "{member}");
    }
    // Whose absence would say something else than their value.
    for (member, value) in [
        ("request_uri_parameter_supported", true),
        ("request_parameter_supported", true),
        ("claims_parameter_supported", true),
        ("require_request_uri_registration", true),
        ("require_pushed_authorization_requests", false),
        ("authorization_response_iss_parameter_supported", true),
        ("frontchannel_logout_supported", true),
        ("frontchannel_logout_session_supported", true),
        ("backchannel_logout_supported", true),
        ("backchannel_logout_session_supported", true),
    ] {
        assert_eq!(said[member], value, "{member}");
    }
    assert!(said.get("registration_endpoint").is_none(), "off by default (SEC-151)");
    // Every response type that is listed can be registered.
    let types = list(&said, "response_types_supported");
    let all = json!({
        "id": "all", "response_types": types, "grant_types": ["authorization_code", "implicit"],
        "compat": { "implicit": true },
    });
    world.server.made("/api/v1/clients", &world.admin, &with(shop(), &all)).await;
    // And every algorithm.
    for alg in list(&said, "id_token_signing_alg_values_supported") {
        let id = format!("signs-{}", alg.to_lowercase());
        let one = json!({ "id": id, "openid": { "id_token_signed_response_alg": alg } });
        world.server.made("/api/v1/clients", &world.admin, &with(shop(), &one)).await;
    }
    world.server.stop().await;
}

/// Members that RFC 8414 §2, OpenID Connect (Discovery §3, the logout specifications, Session
/// Management), RFC 9126, RFC 9207, RFC 8705, JARM and Initiating User Registration define.
const REGISTERED: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "ui_locales_supported",
    "claims_locales_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "mtls_endpoint_aliases",
    "tls_client_certificate_bound_access_tokens",
    "service_documentation",
    "userinfo_endpoint",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "userinfo_signing_alg_values_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "require_signed_request_object",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "authorization_signing_alg_values_supported",
    "authorization_encryption_alg_values_supported",
    "authorization_encryption_enc_values_supported",
    "prompt_values_supported",
    "end_session_endpoint",
    "check_session_iframe",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
];

const BOOLEANS: &[&str] = &[
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "tls_client_certificate_bound_access_tokens",
];

/// BCP 47 in its canonical case: a language in small letters, a script with a capital, a region in
/// capitals.
fn is_canonical(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let small = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    let language = parts.next().is_some_and(|l| (2..=3).contains(&l.len()) && small(l));
    language
        && parts.all(|part| match part.len() {
            2 => part.bytes().all(|b| b.is_ascii_uppercase()),
            4 => part.as_bytes()[0].is_ascii_uppercase() && small(&part[1..]),
            _ => false,
        })
}

#[tokio::test]
async fn trap_013_trap_014_members_have_their_types_and_ours_one_prefix() {
    let server = TestServer::start().await;
    let said = metadata(&server).await;
    let mut ours = 0;
    for (name, value) in said.as_object().unwrap() {
        if name.starts_with("grantor_") {
            ours += 1;
        } else {
            assert!(REGISTERED.contains(&name.as_str()), "{name} is nobody's");
        }
        if BOOLEANS.contains(&name.as_str()) {
            assert!(value.is_boolean(), "{name}: {value}");
        } else if name.ends_with("_supported") {
            let words = list(&said, name);
            assert!(!words.is_empty() && words.iter().all(|word| !word.is_empty()), "{name}");
        } else {
            assert!(value.is_string() || name == "mtls_endpoint_aliases", "{name}: {value}");
        }
    }
    assert!(ours <= 3, "few of them: {ours}");
    for member in ["ui_locales_supported", "claims_locales_supported"] {
        let tags = said.get(member).map(|_| list(&said, member)).unwrap_or_default();
        assert!(tags.iter().all(|tag| is_canonical(tag)), "{member}: {tags:?}");
    }
    assert!(is_canonical("en-GB") && is_canonical("zh-Hant-TW") && !is_canonical("en-gb"));
    server.stop().await;
}

#[tokio::test]
async fn trap_016_each_client_has_its_algorithm_and_the_metadata_their_union() {
    let world = Openid::start(json!({})).await;
    let union = list(&metadata(&world.server).await, "id_token_signing_alg_values_supported");
    for alg in ["RS256", "ES256", "EdDSA", "PS256", "RS256"] {
        let one = json!({ "openid": { "id_token_signed_response_alg": alg } });
        let put = world.server.put("/api/v1/clients/shop", &world.admin, &with(shop(), &one)).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text);
        let bought = world.redeemed("openid").await;
        let (header, _) = world.verified(bought["id_token"].as_str().unwrap()).await;
        assert_eq!(header["alg"], alg, "on one server");
        assert!(union.iter().any(|known| known == alg), "{alg}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn trap_017_trap_018_trap_102_keys_rotate_while_the_server_runs() {
    let world = Openid::start(json!({})).await;
    let keys = async || get(&world.server, "/oauth2/jwks").await.body["keys"].clone();
    let kids = |keys: &Value| -> Vec<String> {
        keys.as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap().to_owned()).collect()
    };
    let kid = |jwt: &str| grantor_crypto::jws::parse_compact(jwt).unwrap().header.kid.clone();
    let old = world.redeemed("openid uid").await;
    let (old_id, old_access) =
        (old["id_token"].as_str().unwrap(), old["access_token"].as_str().unwrap());
    for alg in ["RS256", "ES256"] {
        let now = json!({ "alg": alg, "ahead_seconds": 0 });
        let rotated = world.server.post("/api/v1/keys", &world.admin, &now).await;
        assert!(rotated.status.is_success(), "{}", rotated.text);
    }
    let new = world.redeemed("openid uid").await;
    let published = keys().await;
    for (old, new) in [(old_id, &new["id_token"]), (old_access, &new["access_token"])] {
        let new = new.as_str().unwrap();
        assert_ne!(kid(old), kid(new), "the new one signs at once");
        for jwt in [old, new] {
            assert!(kids(&published).contains(&kid(jwt).unwrap()));
            world.verified(jwt).await;
        }
    }
    assert!(world.server.is_active(old_access).await);
    let all = published.as_array().unwrap();
    let mut names = kids(&published);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all.len(), "named apart");
    assert!(all.len() <= 16);
    for key in all {
        assert!(key["alg"].is_string() && key["use"] == "sig", "{key}");
        assert!(["RSA", "EC", "OKP"].contains(&key["kty"].as_str().unwrap()), "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{private}");
        }
        if key["kty"] == "RSA" {
            assert!(key["n"].as_str().unwrap().len() >= 342, "2048 bits");
        }
    }
    // As long as tokens of the old keys live, and by the clock of the server, not of the machine.
    world.server.clock.advance(SignedDuration::from_secs(590));
    world.verified(old_id).await;
    assert!(world.server.is_active(old_access).await);
    world.server.clock.advance(SignedDuration::from_secs(11));
    assert!(!world.server.is_active(old_access).await, "over");
    world.server.stop().await;
}
