//! Request objects (RFC 9101): parameters beside it, a line break, and the object as it comes or the claims
//! of one, which is then unsigned and signed by the client. What is said to be signed, the client signed.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

use grantor_crypto::Algorithm;
use grantor_crypto::jwk::JwkSet;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_domain::authorize::read;
use grantor_domain::authorize::request_object::{self, Against};
use grantor_domain::client::Client;
use grantor_domain::params::Params;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::name::{ClientId, TenantName};

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256, None).expect("a new key"));

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (outside, object) = input.split_at(end);
    let object = object.strip_prefix(b"\n").unwrap_or(object);
    let Ok(outside) = Params::parse(outside) else { return };
    let tenant = TenantName::parse("main").expect("a label");
    let mut client =
        Client::new(tenant, ClientId::parse("web1").expect("an id"), ClientAuthMethod::None);
    client.redirect_uris = vec!["https://web1.test/cb".to_owned()];
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#);
    let unsigned = format!("{header}.{}.", URL_SAFE_NO_PAD.encode(object));
    let signed = Signer::new(&KEY, Some("oauth-authz-req+jwt")).sign(object).expect("short");
    for older_rules in [false, true] {
        client.compat.unsigned_request = older_rules;
        client.compat.core_request_object = older_rules;
        let raw = std::str::from_utf8(object).unwrap_or_default();
        for (compact, by_client) in [(raw, false), (&unsigned, false), (&signed, true)] {
            let keys = JwkSet::new(vec![KEY.public_jwk()]).expect("one key");
            let against =
                Against { client: &client, issuer: "https://as.test", now: Timestamp::UNIX_EPOCH };
            let Ok(found) = request_object::read(compact, &outside, &keys, against) else {
                continue;
            };
            assert_eq!(found.signed, by_client, "{compact}");
            assert!(!found.params.has("request") && !found.params.has("request_uri"));
            let _ = read(found.params, &client);
        }
    }
});
