//! What is not built is not there: no route, no grant, no word of it in the metadata. The requirements of
//! such a feature (`docs/requirements.tsv`) count as met as long as its test here holds; whoever builds the
//! feature removes the test and meets them.
#![expect(clippy::unwrap_used, reason = "what the tests share fails as they do")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use grantor_domain::params::Params;
use grantor_domain::token::{TokenError, TokenRequest};
use grantor_server::routes;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_grantor");

#[tokio::test]
async fn absent_authorization_details() {
    Server::shared().await.is_silent_about(&["authorization_details"]).await;
}

#[tokio::test]
async fn absent_device_grant() {
    let server = Server::shared().await;
    server.has_none_of(&["/oauth2/device_authorization", "/oauth2/device", "/device"]).await;
    server.is_silent_about(&["device_authorization"]).await;
    server.knows_no_grant("urn:ietf:params:oauth:grant-type:device_code", "device_code=x").await;
}

#[tokio::test]
async fn absent_token_exchange() {
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    Server::shared().await.knows_no_grant(grant, "subject_token=x").await;
}

#[tokio::test]
async fn absent_jwt_bearer() {
    let server = Server::shared().await;
    server.knows_no_grant("urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion=x").await;
    server.knows_no_grant("urn:ietf:params:oauth:grant-type:saml2-bearer", "assertion=x").await;
}

#[tokio::test]
async fn absent_dpop() {
    Server::shared().await.is_silent_about(&["dpop"]).await;
}

#[tokio::test]
async fn absent_ciba() {
    let server = Server::shared().await;
    server.has_none_of(&["/oauth2/backchannel_authentication", "/oauth2/bc-authorize"]).await;
    server.is_silent_about(&["backchannel_authentication", "backchannel_token_delivery"]).await;
    server.knows_no_grant("urn:openid:params:grant-type:ciba", "auth_req_id=x").await;
}

#[tokio::test]
async fn absent_action_links() {
    Server::shared().await.has_none_of(&["/account/reset", "/reset", "/signup"]).await;
    no_route_contains(&["reset", "invit", "verify"]);
}

#[tokio::test]
async fn absent_second_factors() {
    Server::shared().await.is_silent_about(&["amr_values"]).await;
    no_route_contains(&["totp", "otp", "factor", "recovery", "mfa"]);
}

#[tokio::test]
async fn absent_passkeys() {
    let paths = ["/.well-known/webauthn", "/.well-known/passkey-endpoints", "/webauthn"];
    Server::shared().await.has_none_of(&paths).await;
    no_route_contains(&["webauthn", "passkey"]);
}

#[test]
fn absent_upstream() {
    no_route_contains(&["upstream", "broker", "federat", "cas/"]);
    nothing_to_configure_for(&["upstream", "identity provider", "oidc"]);
}

#[test]
fn absent_saml() {
    no_route_contains(&["saml", "sso", "acs"]);
    nothing_to_configure_for(&["saml", "xml"]);
}

#[test]
fn absent_ldap() {
    no_route_contains(&["ldap"]);
    nothing_to_configure_for(&["ldap"]);
}

#[tokio::test]
async fn absent_scim() {
    let paths = ["/scim/v2/Users", "/scim/v2/Groups", "/scim/v2/ServiceProviderConfig", "/Users"];
    Server::shared().await.has_none_of(&paths).await;
    no_route_contains(&["scim"]);
}

#[tokio::test]
async fn absent_console() {
    Server::shared().await.has_none_of(&["/console", "/admin", "/ui"]).await;
    no_route_contains(&["console"]);
}

#[test]
fn absent_gateway() {
    let run = Command::new(PROGRAM).args(["gateway", "--help"]).output().unwrap();
    assert!(!run.status.success(), "there is a gateway");
}

/// The table of all routes, both listeners': what is not in it does not exist.
fn no_route_contains(words: &[&str]) {
    for routes in [routes::public(), routes::operations()] {
        for route in routes.table() {
            let path = route.path.to_ascii_lowercase();
            let found = words.iter().find(|word| path.contains(**word));
            assert_eq!(found, None, "{} {}", route.method, route.path);
        }
    }
}

fn nothing_to_configure_for(words: &[&str]) {
    let reference = Command::new(PROGRAM).args(["config", "reference"]).output().unwrap();
    let reference = String::from_utf8(reference.stdout).unwrap().to_ascii_lowercase();
    assert!(reference.contains("issuer"), "the reference is not there");
    for word in words {
        assert!(!reference.contains(word), "the configuration knows {word}");
    }
}

/// A running `grantor serve`, shared by the tests that need one at the same time.
struct Server {
    process: Child,
    url: String,
    _folder: TempDir,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    async fn shared() -> Arc<Self> {
        let server = {
            let mut shared = SHARED.lock().unwrap();
            shared.upgrade().unwrap_or_else(|| {
                let server = Arc::new(Self::start());
                *shared = Arc::downgrade(&server);
                server
            })
        };
        for _ in 0..600 {
            if server.get("/oauth2/jwks").send().await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not answer at {}", server.url)
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let database = format!("sqlite:{}", folder.path().join("grantor.db").display());
        let mut serve = Command::new(PROGRAM);
        serve.args(["serve", "--listen", &address.to_string(), "--database", &database]);
        let process = serve.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        Self { process, url: format!("http://{address}"), _folder: folder }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new().get(format!("{}{path}", self.url))
    }

    async fn has_none_of(&self, paths: &[&str]) {
        for path in paths {
            for method in [Method::GET, Method::POST] {
                let url = format!("{}{path}", self.url);
                let answer =
                    reqwest::Client::new().request(method.clone(), url).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method} {path}");
                assert_eq!(answer.headers().get("location"), None, "{method} {path}");
            }
        }
    }

    async fn metadata(&self) -> Value {
        let path = "/.well-known/openid-configuration";
        let text = self.get(path).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// No member and no value of the metadata contains one of these words.
    async fn is_silent_about(&self, words: &[&str]) {
        let metadata = self.metadata().await;
        assert_eq!(metadata["issuer"], self.url.as_str());
        let text = metadata.to_string();
        for word in words {
            assert!(!text.contains(word), "the metadata speaks of {word}: {text}");
        }
    }

    /// The metadata lists no such grant, and the reader of token requests knows none.
    async fn knows_no_grant(&self, grant: &str, rest: &str) {
        let metadata = self.metadata().await;
        let listed = metadata["grant_types_supported"].as_array().unwrap();
        assert!(!listed.is_empty() && !listed.contains(&Value::from(grant)), "{grant} is listed");
        let mut params = Params::parse(format!("grant_type={grant}&{rest}").as_bytes()).unwrap();
        let read = TokenRequest::parse(&mut params);
        assert!(matches!(read, Err(TokenError::UnsupportedGrantType)), "{grant} is read");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
