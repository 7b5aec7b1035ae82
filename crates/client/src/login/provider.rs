//! An OpenID Provider or OAuth server, found by its issuer. OIDC Discovery §4, RFC 8414 §3.

use std::sync::Arc;

use grantor_crypto::jws::Header;
use grantor_crypto::key::VerifyingKey;
use grantor_crypto::{Algorithm, parse_strict};
use serde_json::{Map, Value};
use url::Url;

use crate::clock::{Clock, SystemClock};
use crate::endpoint::TokenEndpoint;
use crate::error::TokenError;
use crate::login::error::LoginError;
use crate::login::fetch;
use crate::login::id_token::ALGORITHMS;
use crate::login::keys::ProviderKeys;
use crate::transport::{self, PlainHttp, Timeouts};

/// How to talk to a provider, and what to believe of it.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    pub(crate) timeouts: Timeouts,
    pub(crate) plain_http: PlainHttp,
    pub(crate) roots: Vec<reqwest::Certificate>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            plain_http: PlainHttp::default(),
            roots: Vec::new(),
            algorithms: ALGORITHMS.to_vec(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl ProviderSettings {
    /// How long to wait for the provider.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Lets secrets and tokens go over plain http to other machines. Think twice.
    #[must_use]
    pub fn plain_http(mut self, plain_http: PlainHttp) -> Self {
        self.plain_http = plain_http;
        self
    }

    /// Trusts a certificate authority (PEM, one or many) beside those of the system.
    ///
    /// # Errors
    /// [`LoginError::Settings`] when there is no certificate in it.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, LoginError> {
        let roots = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
        if roots.is_empty() {
            return Err(LoginError::Settings("no certificate in the PEM text"));
        }
        self.roots.extend(roots);
        Ok(self)
    }

    /// The algorithms that ID tokens may be signed with: `ES256`, `RS256`, … Without this RS256,
    /// ES256, PS256, EdDSA and ES384. Name the one that the client is registered with.
    ///
    /// # Errors
    /// [`LoginError::Settings`] for a name that is none, `none` and `HS256` included.
    pub fn id_token_algorithms<'a>(
        mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, LoginError> {
        let algorithms: Result<Vec<Algorithm>, _> = names.into_iter().map(str::parse).collect();
        match algorithms {
            Ok(algorithms) if !algorithms.is_empty() => self.algorithms = algorithms,
            _ => return Err(LoginError::Settings("not an algorithm for ID tokens")),
        }
        Ok(self)
    }

    /// The clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

/// A provider whose metadata was read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metadata: ProviderMetadata,
    settings: ProviderSettings,
    http: reqwest::Client,
    token_endpoint: TokenEndpoint,
    keys: Option<ProviderKeys>,
}

/// What of the metadata is used here. OIDC Discovery §3, RFC 8414 §2.
#[derive(Clone, Debug)]
pub(crate) struct ProviderMetadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Option<Url>,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    pub(crate) iss_in_every_answer: bool,
}

impl Provider {
    /// Reads `<issuer>/.well-known/openid-configuration`, and when there is none, what RFC 8414
    /// calls for.
    ///
    /// # Errors
    /// [`LoginError::MetadataIssuer`] when it is not the issuer's, byte by byte;
    /// [`LoginError::Metadata`] when something is missing; [`LoginError::Token`] when nobody
    /// answers or `issuer` is no URL for secrets.
    pub async fn discover(issuer: &str, settings: ProviderSettings) -> Result<Self, LoginError> {
        let base = transport::parse_token_url(issuer)?;
        if base.query().is_some() {
            return Err(LoginError::Settings("an issuer has no query"));
        }
        transport::check_confidential(&base, settings.plain_http)?;
        let http = transport::http_client(&base, settings.timeouts, &settings.roots)
            .map_err(transport::unreachable)?;
        let body = find_metadata(&http, &base).await?;
        let metadata = ProviderMetadata::parse(&body, issuer, settings.plain_http)?;
        let token_endpoint = TokenEndpoint::new(
            metadata.token_endpoint.as_str(),
            settings.timeouts,
            settings.plain_http,
            &settings.roots,
        )?;
        let keys = metadata.jwks_uri.clone();
        let keys = keys.map(|address| ProviderKeys::new(address, settings.algorithms.clone()));
        Ok(Self(Arc::new(Inner { metadata, settings, http, token_endpoint, keys })))
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.0.metadata.issuer
    }

    /// Where tokens come from.
    pub fn token_url(&self) -> &str {
        self.0.metadata.token_endpoint.as_str()
    }

    pub(crate) fn metadata(&self) -> &ProviderMetadata {
        &self.0.metadata
    }

    pub(crate) fn settings(&self) -> &ProviderSettings {
        &self.0.settings
    }

    pub(crate) fn token_endpoint(&self) -> &TokenEndpoint {
        &self.0.token_endpoint
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// The key of the provider that a header names.
    pub(crate) async fn key(&self, header: &Header) -> Result<VerifyingKey, LoginError> {
        let keys = self.0.keys.as_ref().ok_or(LoginError::Metadata("there is no jwks_uri"))?;
        keys.find(&self.0.http, header, self.0.settings.clock.now()).await
    }
}

/// The first address that has something decides.
async fn find_metadata(http: &reqwest::Client, base: &Url) -> Result<Vec<u8>, LoginError> {
    let path = base.path().trim_end_matches('/');
    let mut last = LoginError::Metadata("nothing at the well-known addresses");
    for path in [
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{path}"),
    ] {
        let mut address = base.clone();
        address.set_path(&path);
        let answer = fetch::get(http, &address, None).await?;
        if answer.status.is_success() {
            return Ok(answer.success()?.to_vec());
        }
        if !answer.status.is_client_error() {
            last = TokenError::InvalidResponse("the metadata was not answered").into();
        }
    }
    Err(last)
}

impl ProviderMetadata {
    fn parse(body: &[u8], issuer: &str, plain_http: PlainHttp) -> Result<Self, LoginError> {
        let malformed = LoginError::Metadata("not one JSON object");
        let Ok(Value::Object(members)) = parse_strict(body) else { return Err(malformed) };
        // OIDC Discovery §4.3, RFC 8414 §3.3: MUST be identical, or MUST NOT be used.
        if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(LoginError::MetadataIssuer);
        }
        let optional = |name| address(&members, name, plain_http);
        let required = |name, missing| optional(name)?.ok_or(LoginError::Metadata(missing));
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: required(
                "authorization_endpoint",
                "there is no authorization_endpoint",
            )?,
            token_endpoint: required("token_endpoint", "there is no token_endpoint")?,
            jwks_uri: optional("jwks_uri")?,
            userinfo_endpoint: optional("userinfo_endpoint")?,
            end_session_endpoint: optional("end_session_endpoint")?,
            iss_in_every_answer: members
                .get("authorization_response_iss_parameter_supported")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        })
    }
}

/// An endpoint to which a browser or a secret may be sent.
fn address(
    members: &Map<String, Value>,
    name: &str,
    plain_http: PlainHttp,
) -> Result<Option<Url>, LoginError> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let text = value.as_str().ok_or(LoginError::Metadata("an endpoint is not a text"))?;
    let url = transport::parse_token_url(text)?;
    transport::check_confidential(&url, plain_http)?;
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Value {
        json!({ "issuer": "https://id.example", "authorization_endpoint": "https://id.example/a",
            "token_endpoint": "https://id.example/t", "jwks_uri": "https://id.example/k",
            "authorization_response_iss_parameter_supported": true })
    }

    fn parse(metadata: &Value) -> Result<ProviderMetadata, LoginError> {
        let body = metadata.to_string();
        ProviderMetadata::parse(body.as_bytes(), "https://id.example", PlainHttp::LoopbackOnly)
    }

    #[test]
    fn sec_084_metadata_of_another_issuer_is_not_used() {
        assert!(parse(&metadata()).unwrap().iss_in_every_answer);
        for issuer in [
            json!("https://id.example/"),
            json!("https://ID.example"),
            json!("https://id.example:443"),
            json!("https://evil.example"),
            json!(""),
            json!(null),
            json!(["https://id.example"]),
        ] {
            let mut metadata = metadata();
            metadata["issuer"] = issuer;
            let refused = parse(&metadata);
            assert!(matches!(refused, Err(LoginError::MetadataIssuer)), "{metadata}");
        }
    }

    #[test]
    fn endpoints_are_there_and_fit_for_secrets() {
        for name in ["authorization_endpoint", "token_endpoint"] {
            let mut metadata = metadata();
            metadata.as_object_mut().unwrap().remove(name);
            assert!(matches!(parse(&metadata), Err(LoginError::Metadata(_))), "{name}");
        }
        for bad in ["http://id.example/", "javascript:alert(1)", "/a", "https://u:p@id.example/"] {
            for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
                let mut metadata = metadata();
                metadata[name] = json!(bad);
                assert!(parse(&metadata).is_err(), "{name} {bad}");
            }
        }
        for broken in [&b"[]"[..], b"", b"{", br#"{"issuer":"a","issuer":"b"}"#] {
            let issuer = "https://id.example";
            assert!(ProviderMetadata::parse(broken, issuer, PlainHttp::default()).is_err());
        }
    }

    #[test]
    fn sec_072_none_and_shared_secrets_cannot_be_put_on_the_list() {
        for name in ["none", "HS256", "", "RS1"] {
            let refused = ProviderSettings::default().id_token_algorithms([name]);
            assert!(matches!(refused, Err(LoginError::Settings(_))), "{name}");
        }
        assert!(ProviderSettings::default().id_token_algorithms([]).is_err());
        let pinned = ProviderSettings::default().id_token_algorithms(["ES256"]).unwrap();
        assert_eq!(pinned.algorithms, [Algorithm::Es256]);
    }
}
