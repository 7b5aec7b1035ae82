//! The one place that talks to the authorization server.
//!
//! No redirects, five seconds, one mebibyte, TLS except on loopback. Whoever can answer in the
//! server's place decides which tokens are good, so none of these can be switched off (SEC-186).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use url::{Host, Url};

/// How long any exchange may take, beyond what a long poll was asked to wait.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// Why nothing usable came back. Says nothing that was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the address {0} is neither https nor http on loopback")]
    Insecure(Url),
    #[error("no answer ({0})")]
    Transport(&'static str),
    #[error("the answer is longer than {MAX_BODY} bytes")]
    TooLong,
    #[error("the answer has status {0}")]
    Status(StatusCode),
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body of a 200.
    pub(crate) fn ok(self) -> Result<Bytes, FetchError> {
        if self.status == StatusCode::OK {
            Ok(self.body)
        } else {
            Err(FetchError::Status(self.status))
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    client: reqwest::Client,
    /// Plain HTTP is for an issuer on loopback; a remote one cannot point us at ourselves.
    plain: bool,
}

/// Whether an address may be talked to: https, or http to this very machine (SEC-001).
pub(crate) fn is_plain_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
}

impl Fetch {
    /// For an issuer at this address.
    pub(crate) fn new(issuer: &Url) -> Result<Self, reqwest::Error> {
        let plain = is_plain_loopback(issuer);
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(TIMEOUT)
            .https_only(!plain);
        if plain {
            // A machine without certificates can still run everything on loopback, and through a proxy
            // loopback would be somebody else's.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        Ok(Self { client: builder.build()?, plain })
    }

    /// `GET`; `wait` is how long the server was asked to hold the answer.
    pub(crate) async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        etag: Option<&HeaderValue>,
        wait: Duration,
    ) -> Result<Answer, FetchError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(etag) = etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        self.send(self.client.get(self.permitted(url)?).headers(headers).timeout(TIMEOUT + wait))
            .await
    }

    /// `POST` of a form, with HTTP Basic credentials or without.
    pub(crate) async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<&HeaderValue>,
    ) -> Result<Answer, FetchError> {
        let mut request = self.client.post(self.permitted(url)?).form(form).timeout(TIMEOUT);
        request = request.header(ACCEPT, "application/json");
        if let Some(basic) = basic {
            request = request.header(http::header::AUTHORIZATION, basic);
        }
        self.send(request).await
    }

    fn permitted(&self, url: &Url) -> Result<Url, FetchError> {
        if url.scheme() == "https" || (self.plain && is_plain_loopback(url)) {
            Ok(url.clone())
        } else {
            Err(FetchError::Insecure(url.clone()))
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, FetchError> {
        let mut response = request.send().await.map_err(|error| transport(&error))?;
        let (status, etag) = (response.status(), response.headers().get(ETAG).cloned());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, etag, body: body.freeze() })
    }
}

/// The kind of failure only: the text of the library may contain addresses with queries.
fn transport(error: &reqwest::Error) -> FetchError {
    FetchError::Transport(if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the exchange broke off"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_186_only_tls_or_loopback_is_talked_to() {
        let url = |text: &str| Url::parse(text).unwrap();
        let local = Fetch::new(&url("http://127.0.0.1:8080")).unwrap();
        for good in
            ["http://127.0.0.1/jwks", "http://[::1]:1/", "http://localhost/", "https://a.example/"]
        {
            assert!(local.permitted(&url(good)).is_ok(), "{good}");
        }
        for bad in
            ["http://as.example/", "http://10.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd"]
        {
            assert!(local.permitted(&url(bad)).is_err(), "{bad}");
        }
        let remote = Fetch { plain: false, ..local };
        assert!(remote.permitted(&url("http://127.0.0.1/jwks")).is_err());
    }
}
