//! How the client says who it is. RFC 6749 §2.3, RFC 7523 §2.2, OIDC Core §9.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde::Serialize;
use uuid::{ContextV7, Timestamp, Uuid};
use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::secret::Secret;

/// The method and what it needs.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// `client_secret_basic`: id and secret form-encoded first, as RFC 6749 §2.3.1 demands.
    Basic {
        /// The client's id.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// The same without the encoding, as the STUPS libraries send it and Plan B expects it. Both
    /// agree for ids and secrets of letters, digits, `-`, `.` and `_`.
    BasicUnencoded {
        /// The client's id.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// `client_secret_post`.
    Post {
        /// The client's id.
        client_id: String,
        /// Its secret. Empty is the same as none (RFC 6749 §2.3.1).
        secret: Secret,
    },
    /// `none`: a public client, which only says its id.
    None {
        /// The client's id.
        client_id: String,
    },
    /// `private_key_jwt`.
    PrivateKeyJwt {
        /// The client's id.
        client_id: String,
        /// Whom the assertion is for: the issuer of the server. Its token URL, which RFC 7523 §3
        /// allowed too, is refused by Grantor and by whoever follows RFC 7523bis.
        audience: String,
        /// Who signs it.
        signer: Signer,
    },
}

/// Signs client assertions. Grantor's client knows no cryptography of its own: sign with the
/// library, agent or key service you have. A closure will do.
#[async_trait]
pub trait AssertionSigner: Send + Sync {
    /// A JWT in compact form over `claims`, signed with the client's key.
    async fn sign(&self, claims: &AssertionClaims) -> Result<String, SigningError>;
}

/// Why a signer could not sign.
pub type SigningError = Box<dyn std::error::Error + Send + Sync>;

#[async_trait]
impl<F> AssertionSigner for F
where
    F: Fn(&AssertionClaims) -> Result<String, SigningError> + Send + Sync,
{
    async fn sign(&self, claims: &AssertionClaims) -> Result<String, SigningError> {
        self(claims)
    }
}

/// A shared [`AssertionSigner`] with a mute `Debug`.
#[derive(Clone)]
pub struct Signer(Arc<dyn AssertionSigner>);

impl Signer {
    /// Wraps a signer or a closure.
    pub fn new(signer: impl AssertionSigner + 'static) -> Self {
        Self(Arc::new(signer))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// The claims of a client assertion. RFC 7523 §3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssertionClaims {
    /// The client's id.
    pub iss: String,
    /// The client's id.
    pub sub: String,
    /// The authorization server.
    pub aud: String,
    /// Unique, so that the server can refuse a second use.
    pub jti: String,
    /// Made at, in seconds since 1970.
    pub iat: u64,
    /// Ends at, in seconds since 1970: one minute later.
    pub exp: u64,
}

/// How long an assertion lives. It is used at once.
const ASSERTION_LIFE: Duration = Duration::from_mins(1);

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a method adds to the request.
#[derive(Debug, Default)]
pub(crate) struct Presented {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) parameters: Vec<(&'static str, Secret)>,
}

impl ClientAuth {
    /// The client's id.
    pub fn client_id(&self) -> &str {
        match self {
            Self::Basic { client_id, .. }
            | Self::BasicUnencoded { client_id, .. }
            | Self::Post { client_id, .. }
            | Self::None { client_id }
            | Self::PrivateKeyJwt { client_id, .. } => client_id,
        }
    }

    /// What to send at `now`.
    pub(crate) async fn present(&self, now: SystemTime) -> Result<Presented, TokenError> {
        Ok(match self {
            Self::Basic { client_id, secret } => Presented {
                authorization: Some(basic(
                    &form_encoded(client_id),
                    &form_encoded(secret.reveal()),
                )),
                parameters: Vec::new(),
            },
            Self::BasicUnencoded { client_id, secret } => Presented {
                authorization: Some(basic(client_id, secret.reveal())),
                parameters: Vec::new(),
            },
            Self::Post { client_id, secret } => Presented {
                authorization: None,
                parameters: vec![
                    ("client_id", client_id.as_str().into()),
                    ("client_secret", secret.clone()),
                ],
            },
            Self::None { client_id } => Presented {
                authorization: None,
                parameters: vec![("client_id", client_id.as_str().into())],
            },
            Self::PrivateKeyJwt { client_id, audience, signer } => {
                let claims = assertion_claims(client_id, audience, now);
                let assertion = signer.0.sign(&claims).await;
                let assertion = assertion.map_err(|error| TokenError::Signing(error.into()))?;
                Presented {
                    authorization: None,
                    parameters: vec![
                        ("client_id", client_id.as_str().into()),
                        ("client_assertion_type", ASSERTION_TYPE.into()),
                        ("client_assertion", assertion.into()),
                    ],
                }
            }
        })
    }
}

/// RFC 7617.
fn basic(client_id: &str, secret: &str) -> HeaderValue {
    let pair = Zeroizing::new(format!("{client_id}:{secret}"));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::try_from(value.as_str()).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

/// RFC 6749 §2.3.1 and appendix B.
fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(url::form_urlencoded::byte_serialize(text.as_bytes()).collect())
}

fn assertion_claims(client_id: &str, audience: &str, now: SystemTime) -> AssertionClaims {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time =
        Timestamp::from_unix(ContextV7::new(), since_1970.as_secs(), since_1970.subsec_nanos());
    AssertionClaims {
        iss: client_id.to_owned(),
        sub: client_id.to_owned(),
        aud: audience.to_owned(),
        jti: Uuid::new_v7(time).to_string(),
        iat: since_1970.as_secs(),
        exp: (since_1970 + ASSERTION_LIFE).as_secs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn presented(auth: ClientAuth) -> Presented {
        auth.present(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)).await.unwrap()
    }

    fn decoded(presented: &Presented) -> String {
        let value = presented.authorization.as_ref().unwrap().to_str().unwrap();
        String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ").unwrap()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn basic_encodes_id_and_secret_unless_told_not_to() {
        let (client_id, secret) = ("a:b".to_owned(), Secret::from("p%/+ ü"));
        let encoded = ClientAuth::Basic { client_id, secret: secret.clone() };
        assert_eq!(decoded(&presented(encoded).await), "a%3Ab:p%25%2F%2B+%C3%BC");
        let raw = ClientAuth::BasicUnencoded { client_id: "a".to_owned(), secret };
        assert_eq!(decoded(&presented(raw).await), "a:p%/+ ü");
    }

    #[tokio::test]
    async fn post_and_none_go_into_the_form() {
        let post = ClientAuth::Post { client_id: "shop".to_owned(), secret: "s".into() };
        let post = presented(post).await;
        assert!(post.authorization.is_none());
        let names: Vec<_> = post.parameters.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["client_id", "client_secret"]);
        let none = presented(ClientAuth::None { client_id: "shop".to_owned() }).await;
        assert_eq!(none.parameters.len(), 1);
    }

    #[tokio::test]
    async fn an_assertion_is_for_the_server_short_and_never_the_same_twice() {
        let signer = Signer::new(|claims: &AssertionClaims| {
            Ok::<_, SigningError>(serde_json::to_string(claims).unwrap())
        });
        let auth = || ClientAuth::PrivateKeyJwt {
            client_id: "shop".to_owned(),
            audience: "https://auth.example.org".to_owned(),
            signer: signer.clone(),
        };
        let claims = |presented: Presented| -> serde_json::Value {
            let (name, assertion) = presented.parameters.last().unwrap();
            assert_eq!(*name, "client_assertion");
            serde_json::from_str(assertion.reveal()).unwrap()
        };
        let first = claims(presented(auth()).await);
        let second = claims(presented(auth()).await);
        assert_eq!(first["aud"], "https://auth.example.org");
        assert_eq!((&first["iss"], &first["sub"]), (&"shop".into(), &"shop".into()));
        assert_eq!((&first["iat"], &first["exp"]), (&1_000.into(), &1_060.into()));
        assert_ne!(first["jti"], second["jti"]);
    }

    #[tokio::test]
    async fn a_failing_signer_is_reported_as_such() {
        let signer = Signer::new(|_: &AssertionClaims| -> Result<String, SigningError> {
            Err("no key".into())
        });
        let (client_id, audience) = ("a".to_owned(), "b".to_owned());
        let auth = ClientAuth::PrivateKeyJwt { client_id, audience, signer };
        let error = auth.present(SystemTime::UNIX_EPOCH).await.unwrap_err();
        assert_eq!(error.to_string(), "the client assertion could not be signed: no key");
    }
}
