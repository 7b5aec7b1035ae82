//! Client assertions signed with a key in memory. Feature `signing`.

use async_trait::async_trait;
use grantor_crypto::jws;
use grantor_crypto::key::SigningKey;

use crate::client_auth::{AssertionClaims, AssertionSigner, ClientAuth, Signer, SigningError};

#[async_trait]
impl AssertionSigner for jws::Signer {
    async fn sign(&self, claims: &AssertionClaims) -> Result<String, SigningError> {
        Ok(self.sign(&serde_json::to_vec(claims)?)?)
    }
}

impl ClientAuth {
    /// `private_key_jwt` with `key`, whose public half the server knows, for the server `issuer`.
    pub fn private_key_jwt(
        client_id: impl Into<String>,
        issuer: impl Into<String>,
        key: &SigningKey,
    ) -> Self {
        Self::PrivateKeyJwt {
            client_id: client_id.into(),
            audience: issuer.into(),
            signer: Signer::new(jws::Signer::new(key, Some("client-authentication+jwt"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use grantor_crypto::alg::Algorithm;

    use super::*;

    #[tokio::test]
    async fn an_assertion_verifies_with_the_public_key() {
        let key = SigningKey::generate(Algorithm::Es256, Some("k1".to_owned())).unwrap();
        let auth = ClientAuth::private_key_jwt("shop", "https://auth.example.org", &key);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let presented = auth.present(now).await.unwrap();
        let (_, assertion) = presented.parameters.last().unwrap();
        let parsed = jws::parse_compact(assertion.reveal()).unwrap();
        let claims = parsed.verify(&key.verifying_key()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["iss"], "shop");
        assert_eq!(claims["aud"], "https://auth.example.org");
        assert_eq!(claims["exp"], 1_060);
    }
}
