//! What a logout token says. OIDC Back-Channel Logout §2.4.

use grantor_oauth_types::id::SessionId;
use grantor_oauth_types::name::ClientId;
use serde_json::json;

/// The `typ` in the header (§2.4): a logout token is nothing else (SEC-134).
pub const LOGOUT_TOKEN_TYP: &str = "logout+jwt";

/// The event that it tells of.
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long it lives, in seconds (§2.4 advises two minutes at most).
pub const LOGOUT_TOKEN_SECONDS: i64 = 120;

/// What goes into a logout token. It never has a `nonce`.
#[derive(Clone, Copy, Debug)]
pub struct LogoutToken<'a> {
    /// Who says so
    pub issuer: &'a str,
    /// About whom, as this client knows her
    pub sub: &'a str,
    /// To whom
    pub client: &'a ClientId,
    /// Which session
    pub session: SessionId,
    /// When, in seconds since 1970
    pub iat: i64,
    /// Its identifier
    pub jti: &'a str,
}

impl LogoutToken<'_> {
    /// The payload of the JWT.
    pub fn to_jwt_payload(self) -> Vec<u8> {
        let claims = json!({
            "iss": self.issuer,
            "sub": self.sub,
            "aud": self.client,
            "iat": self.iat,
            "exp": self.iat + LOGOUT_TOKEN_SECONDS,
            "jti": self.jti,
            "sid": self.session,
            "events": { LOGOUT_EVENT: {} },
        });
        claims.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::example::{ISSUER, NOW, client_id};

    #[test]
    fn trap_095_sec_134_a_logout_token_has_its_members_and_no_nonce() {
        let (client, session) = (client_id("shop"), SessionId::new(1, [3; 10]));
        let token = LogoutToken {
            issuer: ISSUER,
            sub: "usr_1",
            client: &client,
            session,
            iat: NOW,
            jti: "x",
        };
        let said: Value = serde_json::from_slice(&token.to_jwt_payload()).unwrap();
        let expected = json!({
            "iss": ISSUER, "sub": "usr_1", "aud": "shop", "iat": NOW, "exp": NOW + 120, "jti": "x",
            "sid": session.to_string(),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!(said, expected);
    }
}
