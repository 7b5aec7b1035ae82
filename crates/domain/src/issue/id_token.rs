//! What an `id_token` says. OIDC Core §2, §3.1.3.6, §3.2.2.10, §3.3.2.11, §12.2; FAPI 1.0 §5.2.2.1.
//!
//! Beside what the protocol needs it says nothing about a person that was not asked for (trap 35):
//! the claims of scopes go to `UserInfo`, unless there is no access token to ask there with.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::token_hash;
use grantor_oauth_types::name::ClientId;
use serde_json::{Map, Value, json};

use crate::session::SignIn;

/// The `typ` in the header: tells it from access tokens (SEC-082).
pub const ID_TOKEN_TYP: &str = "JWT";

/// The longest `sub`, in characters (OIDC Core §2).
pub const MAX_SUBJECT: usize = 255;

/// What goes into an `id_token`.
#[derive(Clone, Debug)]
pub struct IdToken<'a> {
    /// Who says so
    pub issuer: &'a str,
    /// About whom, as this client knows her
    pub sub: &'a str,
    /// To whom
    pub client: &'a ClientId,
    /// When, in seconds since 1970
    pub iat: i64,
    /// How long it lives, in seconds
    pub seconds: u32,
    /// How she signed in
    pub sign_in: &'a SignIn,
    /// Whether `auth_time` was asked for
    pub wants_auth_time: bool,
    /// As it was sent; none after a refresh (§12.2)
    pub nonce: Option<&'a str>,
    /// What signs it: says which hash is meant
    pub alg: Algorithm,
    /// What goes out beside it
    pub beside: Beside<'a>,
    /// What was asked for about her
    pub claims: Map<String, Value>,
}

/// What an `id_token` is tied to by a hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// `at_hash`
    pub access_token: Option<&'a str>,
    /// `c_hash`
    pub code: Option<&'a str>,
    /// `s_hash`
    pub state: Option<&'a str>,
}

impl IdToken<'_> {
    /// The payload of the JWT.
    pub fn to_jwt_payload(self) -> Vec<u8> {
        debug_assert!(self.sub.len() <= MAX_SUBJECT && self.sub.is_ascii());
        // What the protocol says cannot be overwritten by what is said about the person.
        let mut all = self.claims;
        let mut say = |name: &str, value: Value| {
            all.insert(name.to_owned(), value);
        };
        say("iss", json!(self.issuer));
        say("sub", json!(self.sub));
        // One audience, so no `azp` is needed (§2).
        say("aud", json!(self.client));
        say("iat", json!(self.iat));
        say("exp", json!(self.iat + i64::from(self.seconds)));
        if self.wants_auth_time {
            say("auth_time", json!(self.sign_in.at.as_second()));
        }
        if let Some(acr) = self.sign_in.acr.as_ref().filter(|acr| !acr.is_empty()) {
            say("acr", json!(acr));
        }
        if !self.sign_in.amr.is_empty() {
            say("amr", json!(self.sign_in.amr));
        }
        if let Some(session) = self.sign_in.session {
            say("sid", json!(session));
        }
        if let Some(nonce) = self.nonce {
            say("nonce", json!(nonce));
        }
        let hashes = [
            ("at_hash", self.beside.access_token),
            ("c_hash", self.beside.code),
            ("s_hash", self.beside.state),
        ];
        for (name, text) in hashes {
            if let Some(text) = text {
                say(name, json!(token_hash(self.alg, text)));
            }
        }
        serde_json::to_vec(&all).expect("claims have string keys only")
    }
}

#[cfg(test)]
mod tests {
    use grantor_oauth_types::id::SessionId;

    use super::*;
    use crate::example::{ISSUER, NOW, at, client_id};

    fn sign_in() -> SignIn {
        SignIn {
            session: Some(SessionId::new(1, [3; 10])),
            at: jiff::Timestamp::new(NOW - 5, 999_000_000).unwrap(),
            acr: Some("urn:example:pwd".to_owned()),
            amr: vec!["pwd".to_owned()],
        }
    }

    fn said(change: impl FnOnce(&mut IdToken<'_>)) -> Value {
        let (client, sign_in) = (client_id("shop"), sign_in());
        let mut token = IdToken {
            issuer: ISSUER,
            sub: "usr_1",
            client: &client,
            iat: NOW,
            seconds: 600,
            sign_in: &sign_in,
            wants_auth_time: false,
            nonce: None,
            alg: Algorithm::Rs256,
            beside: Beside::default(),
            claims: Map::new(),
        };
        change(&mut token);
        serde_json::from_slice(&token.to_jwt_payload()).unwrap()
    }

    #[test]
    fn trap_065_the_claims_of_the_protocol_have_their_types() {
        let least = said(|_| {});
        let expected = json!({
            "iss": ISSUER, "sub": "usr_1", "aud": "shop", "iat": NOW, "exp": NOW + 600,
            "acr": "urn:example:pwd", "amr": ["pwd"],
            "sid": SessionId::new(1, [3; 10]).to_string(),
        });
        assert_eq!(least, expected, "no azp with one audience, no nonce unasked");
        let more = said(|token| {
            token.wants_auth_time = true;
            token.nonce = Some("n-0S6_WzA2Mj");
        });
        assert_eq!(more["auth_time"], NOW - 5, "whole seconds, never rounded up (trap 30)");
        assert_eq!(more["nonce"], "n-0S6_WzA2Mj");
    }

    #[test]
    fn trap_065_hashes_are_those_of_the_algorithm_that_signs() {
        let beside = Beside {
            access_token: Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            code: Some("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            state: Some("af0ifjsldkj"),
        };
        let rs256 = said(|token| token.beside = beside);
        assert_eq!(rs256["at_hash"], "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(rs256["c_hash"], "LDktKdoQak3Pk0cnXxCltA");
        assert_eq!(rs256["s_hash"].as_str().unwrap().len(), 22);
        let eddsa = said(|token| {
            token.beside = beside;
            token.alg = Algorithm::EdDsa;
        });
        assert_eq!(eddsa["at_hash"].as_str().unwrap().len(), 43, "half of SHA-512");
    }

    #[test]
    fn what_is_said_about_a_person_never_takes_the_place_of_the_protocol() {
        let claims = json!({ "sub": "usr_2", "aud": "evil", "name": "Jane" });
        let said = said(|token| token.claims = claims.as_object().unwrap().clone());
        assert_eq!(
            (&said["sub"], &said["aud"], &said["name"]),
            (&json!("usr_1"), &json!("shop"), &json!("Jane"))
        );
    }

    #[test]
    fn trap_033_an_empty_acr_is_not_said() {
        let nobody = SignIn { acr: Some(String::new()), amr: Vec::new(), session: None, at: at(1) };
        let said = said(|token| token.sign_in = Box::leak(Box::new(nobody)));
        for absent in ["acr", "amr", "sid", "auth_time"] {
            assert!(said.get(absent).is_none(), "{absent}");
        }
    }
}
