//! Who is the client? RFC 6749 §2.3, RFC 7523 §2.2 and §3, RFC 8705 §2.

mod assertion;
mod certificate;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use grantor_crypto::digest::DigestKey;
use grantor_crypto::jwk::JwkSet;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::name::ClientId;
use jiff::Timestamp;

pub use assertion::Assertion;
pub use certificate::ClientCertificate;

use crate::client::{Client, StoredSecret};
use crate::params::{ParamError, Params, decode};

/// The credentials of one request, before anybody has looked at them.
#[derive(Debug)]
pub struct PresentedClient {
    /// Who it says it is
    pub id: ClientId,
    credential: Credential,
}

/// What was presented. Secrets are mute.
enum Credential {
    /// The client only named itself; whether a certificate came with the connection is no matter of
    /// the request
    None,
    /// RFC 6749 §2.3.1
    Secret(PresentedSecret),
    /// RFC 7523 §2.2
    Assertion(Box<Assertion>),
}

/// A secret, as it was meant and, from a Basic header, as it was written.
struct PresentedSecret {
    method: ClientAuthMethod,
    /// `None` where a Basic header is not form-encoded
    decoded: Option<String>,
    raw: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Secret(_) => "Secret(…)",
            Self::Assertion(_) => "Assertion(…)",
        })
    }
}

/// Why the client is not authenticated. What it hears is `invalid_client`, or `invalid_request`
/// where it sent too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefusal {
    /// RFC 6749 §2.3: MUST NOT use more than one method in a request
    #[error("more than one way of client authentication in one request")]
    TwoMethods,
    /// Nothing that names a client
    #[error("no client credentials")]
    Absent,
    /// There, and not of its form
    #[error("malformed client credentials")]
    Malformed,
    /// There is no such client
    #[error("unknown client")]
    Unknown,
    /// The client is registered for another method (SEC-052)
    #[error("the client is registered for another way of authentication")]
    OtherMethod,
    /// The secret is wrong or has expired
    #[error("wrong client secret")]
    WrongSecret,
    /// No key of the client signed the assertion, or is that of the certificate
    #[error("no registered key verifies the client assertion, or is that of the certificate")]
    WrongKey,
    /// The client is registered for mutual TLS, and came without a certificate
    #[error("no client certificate came with the connection")]
    NoCertificate,
    /// The certificate is over, or not there yet
    #[error("the client certificate is not valid at this time")]
    ExpiredCertificate,
    /// No authority stands behind the certificate (RFC 8705 §2.1)
    #[error("no trusted authority stands behind the client certificate")]
    UntrustedCertificate,
    /// The certificate is somebody else's (SEC-058)
    #[error("the client certificate has another subject than the registered one")]
    OtherSubject,
    /// The client signed the assertion, and it is not good
    #[error("the client assertion is not valid: {0}")]
    BadAssertion(&'static str),
    /// The assertion was used before
    #[error("the client assertion was used before")]
    Replayed,
}

impl PresentedClient {
    /// Takes the credentials out of header and body, and refuses two methods at once (SEC-054).
    pub fn find(authorization: Option<&str>, params: &mut Params) -> Result<Self, PresentError> {
        let id = params.read("client_id", |text| ClientId::parse(text).ok())?;
        let secret = params.take("client_secret");
        let assertion = Assertion::take(params)?;
        let ways = [authorization.is_some(), secret.is_some(), assertion.is_some()];
        if ways.iter().filter(|present| **present).count() > 1 {
            return Err(ClientRefusal::TwoMethods.into());
        }
        if let Some(header) = authorization {
            let (named, secret) = basic(header).ok_or(ClientRefusal::Malformed)?;
            // A body may repeat the id, but not contradict it.
            if id.is_some_and(|id| id != named) {
                return Err(ClientRefusal::TwoMethods.into());
            }
            return Ok(Self { id: named, credential: Credential::Secret(secret) });
        }
        if let Some(assertion) = assertion {
            let named = assertion.client().clone();
            if id.is_some_and(|id| id != named) {
                return Err(ClientRefusal::TwoMethods.into());
            }
            return Ok(Self { id: named, credential: Credential::Assertion(Box::new(assertion)) });
        }
        let id = id.ok_or(ClientRefusal::Absent)?;
        let credential = match secret {
            Some(secret) => {
                let method = ClientAuthMethod::ClientSecretPost;
                Credential::Secret(PresentedSecret { method, decoded: Some(secret), raw: None })
            }
            None => Credential::None,
        };
        Ok(Self { id, credential })
    }
}

/// The credentials could not be taken out of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresentError {
    /// A parameter is malformed
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The credentials are
    #[error(transparent)]
    Client(#[from] ClientRefusal),
}

/// `Basic`: canonical base64, one colon split, both parts form-decoded, no control characters
/// (RFC 6749 §2.3.1, RFC 7617 §2, SEC-055).
fn basic(header: &str) -> Option<(ClientId, PresentedSecret)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(value).ok()?).ok()?;
    let clean = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
    let (id, raw) = pair.split_once(':').filter(|_| clean(&pair))?;
    let id = ClientId::parse(&decode(id).ok()?).ok()?;
    // A secret that is not form-encoded may fail to decode; it can only match as written then.
    let decoded = decode(raw).ok().filter(|secret| clean(secret));
    let method = ClientAuthMethod::ClientSecretBasic;
    // Mostly it is one and the same.
    let raw = (decoded.as_deref() != Some(raw)).then(|| raw.to_owned());
    Some((id, PresentedSecret { method, decoded, raw }))
}

/// A registered client and what was made of its registration once: its parsed keys.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// The registration
    pub client: Arc<Client>,
    /// Its `jwks`, parsed
    pub keys: Arc<JwkSet>,
}

/// A client whose credentials were checked in this request.
///
/// The field is private and [`authenticate`] is the only way to get one, so a function that takes
/// `&AuthenticatedClient` cannot be reached with a client that merely gave its name.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

impl AuthenticatedClient {
    /// The registration, shared.
    pub fn shared(&self) -> Arc<Client> {
        Arc::clone(&self.0)
    }
}

/// Authenticated, or nearly: an assertion also has to be used for the first time.
#[derive(Debug)]
pub enum Authentication {
    /// Done
    Proven(AuthenticatedClient),
    /// Valid, if nobody used this `jti` before (SEC-057)
    IfFirst(FirstUse),
}

/// A valid assertion, before it is known whether it is a replay.
#[derive(Debug)]
pub struct FirstUse {
    client: Arc<Client>,
    /// What to remember as used: client and `jti`
    pub mark: Vec<u8>,
    /// For how long
    pub until: Timestamp,
}

impl FirstUse {
    /// The proof, if it was the first use.
    pub fn proven(self, first: bool) -> Result<AuthenticatedClient, ClientRefusal> {
        if first { Ok(AuthenticatedClient(self.client)) } else { Err(ClientRefusal::Replayed) }
    }
}

/// What authentication is judged against.
#[derive(Clone, Copy, Debug)]
pub struct AuthContext<'a> {
    /// The one audience of assertions (SEC-057)
    pub issuer: &'a str,
    /// The key of secret digests
    pub digest_key: &'a DigestKey,
    /// The time
    pub now: Timestamp,
    /// What the TLS layer says of the other end (RFC 8705 §2)
    pub certificate: Option<&'a ClientCertificate>,
}

/// RFC 6749 §3.2.1: confidential clients MUST authenticate.
pub fn authenticate(
    presented: &PresentedClient,
    registered: Option<&RegisteredClient>,
    context: AuthContext<'_>,
) -> Result<Authentication, ClientRefusal> {
    let Some(registered) = registered else {
        // The same work as for a known client, so that time tells nothing (SEC-056).
        if let Credential::Secret(PresentedSecret { decoded: Some(secret), .. }) =
            &presented.credential
        {
            let _ = context.digest_key.digest(secret);
        }
        return Err(ClientRefusal::Unknown);
    };
    let client = &registered.client;
    match &presented.credential {
        Credential::None => match client.auth_method {
            ClientAuthMethod::None => Ok(proven(client)),
            ClientAuthMethod::TlsClientAuth => {
                let certificate = context.certificate.ok_or(ClientRefusal::NoCertificate)?;
                certificate.proves_subject(client, context.now)?;
                Ok(proven(client))
            }
            ClientAuthMethod::SelfSignedTlsClientAuth => {
                let certificate = context.certificate.ok_or(ClientRefusal::NoCertificate)?;
                certificate.proves_key(&registered.keys, context.now)?;
                Ok(proven(client))
            }
            _ => Err(ClientRefusal::OtherMethod),
        },
        Credential::Secret(secret) => {
            let fits = secret_fits(client, secret, context);
            let takes_secrets = matches!(
                client.auth_method,
                ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost
            );
            let any = client.compat.any_secret_method && takes_secrets;
            if client.auth_method != secret.method && !any {
                return Err(ClientRefusal::OtherMethod);
            }
            if fits { Ok(proven(client)) } else { Err(ClientRefusal::WrongSecret) }
        }
        Credential::Assertion(assertion) => {
            if client.auth_method != ClientAuthMethod::PrivateKeyJwt {
                return Err(ClientRefusal::OtherMethod);
            }
            let (mark, until) = assertion.verify(client, &registered.keys, context)?;
            Ok(Authentication::IfFirst(FirstUse { client: Arc::clone(client), mark, until }))
        }
    }
}

fn proven(client: &Arc<Client>) -> Authentication {
    Authentication::Proven(AuthenticatedClient(Arc::clone(client)))
}

/// Compares with every live secret, in constant time each. The spelling of a Basic secret counts
/// too where `compat.basic_raw` is on.
fn secret_fits(client: &Client, secret: &PresentedSecret, context: AuthContext<'_>) -> bool {
    let live = |stored: &&StoredSecret| stored.expires.is_none_or(|end| context.now < end);
    let raw = secret.raw.as_ref().filter(|_| client.compat.basic_raw);
    let presented = [secret.decoded.as_ref(), raw];
    let presented = presented.map(|text| text.map(|text| context.digest_key.digest(text)));
    let hits = client.secrets.iter().filter(live).map(|stored| {
        presented.iter().flatten().map(|one| usize::from(stored.digest == *one)).sum::<usize>()
    });
    // Counted to the end, so that time does not tell which one it was (SEC-056).
    hits.sum::<usize>() > 0
}

impl AuthenticatedClient {
    /// STUPS clients without a secret may send any (`stups.md` 2.4): for a public client nothing
    /// that was presented counts.
    pub fn public(registered: &RegisteredClient) -> Option<Self> {
        let public = registered.client.auth_method == ClientAuthMethod::None;
        public.then(|| Self(Arc::clone(&registered.client)))
    }
}
