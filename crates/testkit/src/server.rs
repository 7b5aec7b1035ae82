//! A node that answers on a port of its own.

use std::path::PathBuf;
use std::sync::Arc;

use grantor_crypto::pool::PasswordPool;
use grantor_crypto::seal::{Keyring, MasterKey};
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_server::app::App;
use grantor_server::bootstrap::{self, Administrator};
use grantor_server::clock::Clock as _;
use grantor_server::listener::{Face, Listener};
use grantor_server::outbound::OutboundPolicy;
use grantor_server::secrets::Secrets;
use grantor_server::seed;
use grantor_server::settings::{MutualTlsListener, Settings};
use grantor_server::start::{Node, Running, start};
use grantor_server::tls::{ClientAuthorities, ClientCertificates, server_config};
use grantor_store::Store;
use reqwest::{Method, RequestBuilder, StatusCode};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{TestClock, store};

/// A running node. It stops when [`TestServer::stop`] is called, and with the runtime of the test
/// otherwise.
#[derive(Debug)]
pub struct TestServer {
    /// What a request could reach
    pub app: App,
    /// The issuer, and where requests go
    pub issuer: String,
    /// Where the operations listener is
    pub operations: String,
    /// The clock of the node
    pub clock: TestClock,
    /// Whoever may do everything; `None` when the test wants to make it itself
    pub administrator: Option<Administrator>,
    /// The client that requests go out with
    pub http: reqwest::Client,
    running: Running,
    folder: Arc<tempfile::TempDir>,
}

/// How a node is started.
#[derive(Debug)]
pub struct TestServerBuilder {
    administrator: bool,
    store: Option<Arc<dyn Store>>,
    outbound: OutboundPolicy,
    mutual_tls: Option<MutualTls>,
    max_requests: Option<usize>,
}

/// A second listener, which asks clients for certificates.
#[derive(Debug)]
pub struct MutualTls {
    /// Its certificate, for `localhost` or 127.0.0.1
    pub certificate: CertificateDer<'static>,
    /// The key of that
    pub key: PrivateKeyDer<'static>,
    /// Who stands behind certificates of clients
    pub authorities: Vec<CertificateDer<'static>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status
    pub status: StatusCode,
    /// The headers
    pub headers: reqwest::header::HeaderMap,
    /// The body as JSON; null when it is none
    pub body: Value,
    /// The body as text
    pub text: String,
}

impl TestServer {
    /// A node with everything that most tests want.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A node with other things.
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder {
            administrator: true,
            store: None,
            outbound: OutboundPolicy::default(),
            mutual_tls: None,
            max_requests: None,
        }
    }

    /// A token of the administrator with every permission it has.
    pub async fn admin_token(&self) -> String {
        let administrator = self.administrator.as_ref().expect("the test kept its administrator");
        self.client_token(administrator.client_id.as_str(), &administrator.client_secret, None)
            .await
    }

    /// A token of a client for itself, with these scopes or its default ones.
    pub async fn client_token(&self, id: &str, secret: &str, scope: Option<&str>) -> String {
        let answer = self.client_credentials(id, secret, scope).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body["access_token"].as_str().expect("an access token").to_owned()
    }

    /// What a client that asks for itself is answered.
    pub async fn client_credentials(&self, id: &str, secret: &str, scope: Option<&str>) -> Answer {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.map(|scope| ("scope", scope)));
        let request = self.http.post(format!("{}/oauth2/token", self.issuer));
        send(request.basic_auth(id, Some(secret)).form(&form)).await
    }

    /// A client that holds these scopes, and a token of it: somebody with some permissions.
    pub async fn delegate(&self, id: &str, scopes: &[&str]) -> String {
        let admin = self.admin_token().await;
        let client = json!({
            "id": id,
            "auth_method": "client_secret_basic",
            "grant_types": ["client_credentials"],
            "scopes": scopes,
            "default_scopes": scopes,
        });
        let made = self.made("/api/v1/clients", &admin, &client).await;
        for scope in scopes.iter().filter(|scope| scope.contains('.')) {
            let assignment =
                json!({ "principal": { "client": id }, "scope": scope, "reason": "a test" });
            self.made("/api/v1/assignments", &admin, &assignment).await;
        }
        let secret = made["client_secret"].as_str().expect("a secret");
        self.client_token(id, secret, None).await
    }

    /// What a `POST` has made.
    pub async fn made(&self, path: &str, token: &str, body: &Value) -> Value {
        let answer = self.post(path, token, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{path}: {}", answer.text);
        answer.body
    }

    /// A request to a path of the public listener.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.issuer))
    }

    /// A `GET` with a token.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// A `POST` of JSON with a token.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// A `PUT` of JSON with a token, at whatever version there is.
    pub async fn put(&self, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.request(Method::PUT, path).bearer_auth(token).json(body);
        send(request.header("if-match", "*")).await
    }

    /// A `DELETE` with a token, at whatever version there is.
    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        let request = self.request(Method::DELETE, path).bearer_auth(token);
        send(request.header("if-match", "*")).await
    }

    /// Whether a token of the default tenant is worth something, as token info says.
    pub async fn is_active(&self, token: &str) -> bool {
        self.get("/oauth2/tokeninfo", token).await.status == StatusCode::OK
    }

    /// The folder of the database.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Stops the node as a drain does.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl TestServerBuilder {
    /// Leaves out the administrator.
    #[must_use]
    pub fn without_administrator(mut self) -> Self {
        self.administrator = false;
        self
    }

    /// May go where this policy allows.
    #[must_use]
    pub fn outbound(mut self, policy: OutboundPolicy) -> Self {
        self.outbound = policy;
        self
    }

    /// With a listener that asks for certificates.
    #[must_use]
    pub fn mutual_tls(mut self, listener: MutualTls) -> Self {
        self.mutual_tls = Some(listener);
        self
    }

    /// On this store; it must be empty and migrated.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Answers so many requests at once.
    #[must_use]
    pub fn max_requests(mut self, most: usize) -> Self {
        self.max_requests = Some(most);
        self
    }

    /// Starts the node.
    pub async fn start(self) -> TestServer {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let clock = TestClock::default();
        let store = match self.store {
            Some(store) => store,
            None => store::open(folder.path()).await,
        };
        let (public, issuer) = bind().await;
        let (operations, operations_url) = bind().await;
        let tenant = TenantName::parse("main").expect("a label");
        let now = clock.now();
        seed::first_start(&*store, &tenant, &issuer, &[], now).await.expect("a new tenant");
        let keyring = Keyring::new(MasterKey::generate(), []);
        let secrets = Secrets::open(keyring, &*store, &tenant, now).await.expect("a root key");
        let secrets = Arc::new(secrets);
        let administrator = if self.administrator {
            let id = ClientId::parse(bootstrap::CLIENT).expect("a client id");
            let made = bootstrap::on_host(&*store, &secrets, &tenant, id, "test", now).await;
            Some(made.expect("a new tenant has no administrator"))
        } else {
            None
        };
        let mut settings = Settings { outbound: self.outbound, ..Settings::new(tenant) };
        settings.max_requests = self.max_requests.unwrap_or(settings.max_requests);
        let listener = |socket, face| Listener { socket, tls: None, authorities: None, face };
        let mut listeners =
            vec![listener(public, Face::Public), listener(operations, Face::Operations)];
        if let Some(mutual) = self.mutual_tls {
            let (socket, _) = bind().await;
            settings.mutual_tls = Some(MutualTlsListener {
                host_prefix: String::new(),
                port: socket.local_addr().expect("bound").port(),
                has_authorities: !mutual.authorities.is_empty(),
            });
            listeners.push(mutual.listener(socket));
        }
        let node = Node {
            store,
            secrets,
            passwords: PasswordPool::cheap_for_tests().expect("a thread"),
            clock: Arc::new(clock.clone()),
            settings,
        };
        let running = start(node, listeners).await.expect("the node starts");
        TestServer {
            app: running.app.clone(),
            issuer,
            operations: operations_url,
            clock,
            administrator,
            http: reqwest::Client::new(),
            running,
            folder,
        }
    }
}

impl MutualTls {
    fn listener(self, socket: TcpListener) -> Listener {
        let Self { certificate, key, authorities } = self;
        let config = server_config(vec![certificate], key, ClientCertificates::Asked);
        let authorities = (!authorities.is_empty())
            .then(|| ClientAuthorities::new(authorities).expect("authorities of the test"));
        let tls = Some(Arc::new(config.expect("the key of the certificate")));
        Listener { socket, tls, authorities, face: Face::MutualTls }
    }
}

async fn bind() -> (TcpListener, String) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    (socket, format!("http://{address}"))
}

/// Sends a request and reads the whole answer.
async fn send(request: RequestBuilder) -> Answer {
    Answer::of(request).await
}

impl Answer {
    /// Sends a request and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer is text");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, body, text }
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
