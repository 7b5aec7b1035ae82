//! Clients: what they have must fit what they are.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::digest::DigestKey;
use grantor_oauth_types::client_metadata::SubjectType;
use grantor_oauth_types::response_type::ResponseType;
use serde_json::{Value, json};

use super::*;
use crate::client::{MutualTls, StoredSecret};

fn secret(expires: Option<i64>) -> StoredSecret {
    let digest = DigestKey::new(&[1; 32]).digest("secret");
    StoredSecret { digest, created: now(), expires: expires.map(at) }
}

const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"a",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn key() -> Value {
    serde_json::from_str(P256).unwrap()
}

#[test]
fn what_is_wrong_with_a_client() {
    #[rustfmt::skip]
    let table: &[Row<'_, Client>] = &[
        ("SEC-043 name",           &|c| c.name = "Sh\u{200b}op".into(),                    &["/name"]),
        ("SEC-043 name",           &|c| c.name = "x".repeat(201),                           &["/name"]),
        ("application exists",     &|c| c.application = Some(application_id("gone")),      &["/application"]),
        ("realms exist",           &|c| c.realms = vec![realm_name("gone")],               &["/realms/0"]),
        ("scopes exist",           &|c| c.scopes = scopes("uid gone"),                     &["/scopes/1"]),
        ("default scopes exist",   &|c| c.default_scopes = scopes("gone"),                 &["/default_scopes/0"]),
        ("absolute audiences",     &|c| c.audiences = vec!["api1".into()],                 &["/audiences/0"]),
        ("no fragment",            &|c| c.audiences = vec!["https://a.b#c".into()],        &["/audiences/0"]),
        ("SEC-160 two secrets",    &|c| c.secrets.push(secret(None)),                      &["/secrets"]),
        ("SEC-059 confidential",   &|c| { c.auth_method = ClientAuthMethod::None; c.secrets.clear(); }, &["/grant_types"]),
        ("SEC-052 no spare secret", &|c| { c.auth_method = ClientAuthMethod::PrivateKeyJwt; c.jwks = Some(json!({"keys": [key()]})); }, &["/secrets"]),
        ("one source of keys",     &|c| { c.jwks = Some(json!({"keys": [key()]})); c.jwks_uri = Some("https://a.b/k".into()); }, &["/jwks_uri"]),
        ("SEC-154 jwks_uri",       &|c| c.jwks_uri = Some("http://a.b/k".into()),          &["/jwks_uri"]),
        ("SEC-019 redirect",       &|c| c.redirect_uris.push("https://a.b/#".into()),      &["/redirect_uris/1"]),
        ("SEC-019 post-logout",    &|c| c.logout.post_logout_redirect_uris = vec!["http://a.b/".into()], &["/logout/post_logout_redirect_uris/0"]),
        ("SEC-023 fits its grants", &|c| { c.grant_types.remove(&GrantType::AuthorizationCode); c.response_types = [ResponseType::Code].into(); }, &["/response_types/0"]),
        ("SEC-022 logo",           &|c| c.presentation.logo_uri = Some("JaVaScRiPt:1".into()), &["/presentation/logo_uri"]),
        ("SEC-043 names in other languages", &|c| { c.presentation.localized.insert("client_name#de".into(), "x".repeat(201)); }, &["/presentation/localized/client_name#de"]),
        ("trap 88 initiate login", &|c| c.authorization.initiate_login_uri = Some("http://a.b/".into()), &["/authorization/initiate_login_uri"]),
        ("trap 87 one sector",     &|c| { c.openid.subject_type = Some(SubjectType::Pairwise); c.redirect_uris.push("https://other.example/cb".into()); }, &["/openid/subject_type"]),
        ("no passwords, pairwise", &|c| c.openid.subject_type = Some(SubjectType::Pairwise),  &["/openid/subject_type"]),
        ("N unsigned_id_token",    &|c| { c.compat.unsigned_id_token = true; c.openid.id_token_signed_response_alg = Some(Algorithm::Es256); }, &["/compat/unsigned_id_token"]),
        ("N assertion_audience",   &|c| c.compat.assertion_audience = true,                &["/compat/assertion_audience"]),
        ("N unsigned_request",     &|c| { c.compat.unsigned_request = true; c.authorization.require_signed_request = true; }, &["/compat/unsigned_request"]),
        ("none needs its switch",  &|c| c.authorization.request_object_unsigned = true,    &["/authorization/request_object_unsigned"]),
        ("never and each time",    &|c| { c.consent_bypass = true; c.authorization.ask_every_time = true; }, &["/authorization/ask_every_time"]),
        ("keys to encrypt with",   &|c| c.openid.id_token_encryption = Some(serde_json::from_str(r#"{"alg":"RSA-OAEP-256"}"#).unwrap()), &["/openid/id_token_encryption"]),
        ("N pkce_optional",        &|c| { c.compat.pkce_optional = true; c.auth_method = ClientAuthMethod::None; c.secrets.clear(); c.grant_types.remove(&GrantType::ClientCredentials); }, &["/compat/pkce_optional"]),
        ("N pkce_plain",           &|c| { c.compat.pkce_plain = true; c.auth_method = ClientAuthMethod::None; c.secrets.clear(); c.grant_types.remove(&GrantType::ClientCredentials); }, &["/compat/pkce_plain"]),
        ("N localhost_redirect",   &|c| c.compat.localhost_redirect = true,                &["/compat/localhost_redirect"]),
        ("N implicit",             &|c| { c.grant_types.remove(&GrantType::Implicit); },   &["/compat/implicit"]),
        ("N password_grant",       &|c| { c.grant_types.remove(&GrantType::Password); },   &["/compat/password_grant"]),
    ];
    let mut right = client("shop");
    right.audiences = vec!["https://orders.example".into(), "urn:example:orders".into()];
    right.secrets = vec![secret(Some(NOW)), secret(Some(NOW + 1)), secret(None)];
    check_table(&right, table);
}

#[test]
fn sec_154_uris_of_a_client_are_absolute_and_mislead_nobody() {
    for bad in [
        "https://u:p@app.example",
        "https://u@app.example",
        "https://app.example#f",
        "//app.example",
        "app.example",
        "/app",
        "",
        "https:app.example ",
        "https://app.example/a b",
        "https://app.example\\@evil.example",
        "https://äpp.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b.example",
        "https://app.example/\r\n",
    ] {
        let client = Client { audiences: vec![bad.to_owned()], ..client("shop") };
        assert!(client.check(&known()).is_err(), "{bad:?}");
    }
    for good in [
        "https://app.example",
        "https://app.example/v1?x=y",
        "urn:example:api",
        "http://127.0.0.1:1",
    ] {
        let client = Client { audiences: vec![good.to_owned()], ..client("shop") };
        assert_eq!(client.check(&known()), Ok(()), "{good:?}");
    }
}

#[test]
fn sec_155_client_keys_are_public_strong_few_and_named_apart() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut key = key();
        change(&mut key);
        key
    };
    let right = Client {
        auth_method: ClientAuthMethod::PrivateKeyJwt,
        jwks: Some(json!({"keys": [key(), with(&|k| k["kid"] = json!("b"))]})),
        ..client("shop")
    };
    let rsa = |bytes: usize| {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
        json!({"kty": "RSA", "e": "AQAB", "n": BASE64_URL_SAFE_NO_PAD.encode(vec![0xff; bytes])})
    };
    let many: Vec<Value> = (0..1_000).map(|i| with(&|k| k["kid"] = json!(i.to_string()))).collect();
    let set = |keys: Value| move |c: &mut Client| c.jwks = Some(json!({ "keys": keys }));
    #[rustfmt::skip]
    let table: &[Row<'_, Client>] = &[
        ("there are keys",  &|c| c.jwks = None,                              &["/jwks"]),
        ("there are keys",  &set(json!([])),                                 &["/jwks"]),
        ("a set",           &|c| c.jwks = Some(key()),                       &["/jwks"]),
        ("one source",      &|c| c.jwks = Some(json!({"keys": [key()], "jwks_uri": "https://a.b"})), &["/jwks"]),
        ("public",          &set(json!([with(&|k| k["d"] = json!("AA"))])),  &["/jwks/keys/0"]),
        ("asymmetric",      &set(json!([{"kty": "oct", "k": "AA"}])),        &["/jwks/keys/0"]),
        ("RSA 2048",        &set(json!([rsa(128)])),                         &["/jwks/keys/0"]),
        ("on the curve",    &set(json!([with(&|k| k["x"] = k["y"].clone())])), &["/jwks/keys/0"]),
        ("known curve",     &set(json!([with(&|k| k["crv"] = json!("secp256k1"))])), &["/jwks/keys/0"]),
("strong also for encryption", &set(json!([{"kty": "RSA", "e": "AQAB", "n": "AQAB", "use": "enc"}])), &["/jwks/keys/0"]),
        ("at most ten",     &set(json!(many)),                               &["/jwks/keys"]),
        ("named apart",     &set(json!([key(), key()])),                     &["/jwks/keys"]),
    ];
    check_table(&right, table);
    let strong = Client { jwks: Some(json!({"keys": [rsa(256)]})), ..right };
    assert_eq!(strong.check(&known()), Ok(()));
}

#[test]
fn a_switch_is_set_only_where_its_rule_is_in_the_way() {
    let public = Client {
        auth_method: ClientAuthMethod::None,
        grant_types: BTreeSet::from([GrantType::Password, GrantType::Implicit]),
        ..client("cli")
    };
    #[rustfmt::skip]
    let table: &[Row<'_, Client>] = &[
        ("N basic_raw",         &|c| c.compat.basic_raw = true,         &["/compat/basic_raw"]),
        ("N any_secret_method", &|c| c.compat.any_secret_method = true, &["/compat/any_secret_method"]),
        ("SEC-052 no secret",   &|c| c.secrets = vec![secret(None)],    &["/secrets"]),
    ];
    check_table(&public, table);
}

#[test]
fn trap_061_a_client_is_known_by_exactly_one_subject_that_can_be_found() {
    let right = Client {
        auth_method: ClientAuthMethod::TlsClientAuth,
        mutual_tls: MutualTls {
            tls_client_auth_subject_dn: Some("CN=shop,O=Example,C=DE".to_owned()),
            ..MutualTls::default()
        },
        ..client("shop")
    };
    let only = |change: fn(&mut MutualTls)| {
        move |c: &mut Client| {
            c.mutual_tls = MutualTls::default();
            change(&mut c.mutual_tls);
        }
    };
    #[rustfmt::skip]
    let table: &[Row<'_, Client>] = &[
        ("one",           &|c| c.mutual_tls = MutualTls::default(),                     &["/mutual_tls/tls_client_auth_subject_dn"]),
        ("not two",       &|c| c.mutual_tls.tls_client_auth_san_dns = Some("a.b".into()), &["/mutual_tls/tls_client_auth_san_dns"]),
        ("RFC 4514",      &|c| c.mutual_tls.tls_client_auth_subject_dn = Some("/CN=shop".into()), &["/mutual_tls/tls_client_auth_subject_dn"]),
        ("not empty",     &|c| c.mutual_tls.tls_client_auth_subject_dn = Some(String::new()), &["/mutual_tls/tls_client_auth_subject_dn"]),
        ("no wildcard",   &only(|m| m.tls_client_auth_san_dns = Some("*.b".into())),     &["/mutual_tls/tls_client_auth_san_dns"]),
        ("an address",    &only(|m| m.tls_client_auth_san_ip = Some("192.0.2.0/24".into())), &["/mutual_tls/tls_client_auth_san_ip"]),
        ("a URI",         &only(|m| m.tls_client_auth_san_uri = Some("shop".into())),    &["/mutual_tls/tls_client_auth_san_uri"]),
        ("a mailbox",     &only(|m| m.tls_client_auth_san_email = Some("@b".into())),    &["/mutual_tls/tls_client_auth_san_email"]),
        ("for its method", &|c| c.auth_method = ClientAuthMethod::ClientSecretBasic,     &["/mutual_tls/tls_client_auth_subject_dn"]),
        ("SEC-052 no secret", &|c| c.secrets = vec![secret(None)],                      &["/secrets"]),
        ("RFC 8705 6.4",  &|c| { c.mutual_tls.tls_client_certificate_bound_access_tokens = true; c.response_types = [ResponseType::Token].into(); }, &["/mutual_tls/tls_client_certificate_bound_access_tokens"]),
    ];
    check_table(&right, table);
    for change in [
        (|m| m.tls_client_auth_san_dns = Some("shop.example".into())) as fn(&mut MutualTls),
        |m| m.tls_client_auth_san_uri = Some("spiffe://example/shop".into()),
        |m| m.tls_client_auth_san_ip = Some("2001:db8::7".into()),
        |m| m.tls_client_auth_san_email = Some("shop@example.org".into()),
    ] {
        let mut client = right.clone();
        only(change)(&mut client);
        assert_eq!(client.check(&known()), Ok(()), "{:?}", client.mutual_tls);
    }
}

#[test]
fn trap_061_certificates_are_registered_with_their_keys() {
    let right = Client {
        auth_method: ClientAuthMethod::SelfSignedTlsClientAuth,
        jwks_uri: Some("https://shop.example/jwks".to_owned()),
        ..client("shop")
    };
    #[rustfmt::skip]
    let table: &[Row<'_, Client>] = &[
        ("there are keys",   &|c| c.jwks_uri = None,                                        &["/jwks"]),
        ("with certificate", &|c| { c.jwks_uri = None; c.jwks = Some(json!({"keys": [key()]})); }, &["/jwks"]),
    ];
    check_table(&right, table);
}
