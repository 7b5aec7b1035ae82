//! The library `grantor-resource` against this server: what both say about the feed, the keys and
//! the claims must be the same thing.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use grantor_crypto::pool::{PasswordPool, PoolConfig};
use grantor_crypto::seal::{Keyring, MasterKey};
use grantor_domain::client::{Client, StoredSecret};
use grantor_domain::resource_type::ResourceType;
use grantor_domain::scope::Scope;
use grantor_oauth_types::name::TenantName;
use grantor_resource::{Introspection, Refusal, TokenFault, Verifier};
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_server::jobs::KeyDesk;
use grantor_server::listener::{Face, Listener};
use grantor_server::secrets::Secrets;
use grantor_server::seed::FirstStart;
use grantor_server::settings::Settings;
use grantor_server::start::{Node, Running, start};
use grantor_server::{jobs, seed};
use grantor_store::{Effects, Expect, Store, operations};
use grantor_store_sqlite::{SqliteStore, StoreConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const API: &str = "https://api.example";
const SCOPE: &str = "sales_order.read_all";

struct World {
    address: SocketAddr,
    issuer: String,
    running: Running,
    http: reqwest::Client,
    folder: tempfile::TempDir,
}

/// A node on the database in this folder.
async fn boot(folder: &Path, socket: TcpListener, issuer: &str) -> Running {
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(StoreConfig::new(folder.join("db"))).unwrap());
    let (tenant, now) = (tenant(), SystemClock.now());
    let first = seed::first_start(&*store, &tenant, issuer, &[], now).await.unwrap();
    let keyring = Keyring::new(MasterKey::from_bytes([7; 32]), []);
    let secrets = Secrets::open(keyring, &*store, &tenant, now).await.unwrap();
    if matches!(first, FirstStart::Created) {
        fill(&*store, &secrets).await;
    }
    let node = Node {
        store,
        secrets: Arc::new(secrets),
        passwords: PasswordPool::start(&PoolConfig::default()).unwrap(),
        clock: Arc::new(SystemClock),
        settings: Settings::new(tenant),
    };
    start(node, vec![Listener { socket, tls: None, authorities: None, face: Face::Public }])
        .await
        .unwrap()
}

fn tenant() -> TenantName {
    TenantName::parse("acme").unwrap()
}

/// An API, and one client for each kind of token.
async fn fill(store: &dyn Store, secrets: &Secrets) {
    let resource_type: ResourceType = serde_json::from_value(json!({
        "tenant": "acme", "id": "sales_order", "name": "Sales order", "audience": API,
    }))
    .unwrap();
    let scope: Scope = serde_json::from_value(json!({
        "tenant": "acme", "token": SCOPE, "resource_type": "sales_order",
        "rule": {"granted": "always"}, "summary": {},
    }))
    .unwrap();
    let effects = Effects::NONE.put(&resource_type, Expect::New);
    let mut effects = effects.put(&scope, Expect::New);
    for (id, format, profile) in
        [("batch", "jwt", "rfc9068"), ("opaque", "reference", "rfc9068"), ("old", "jwt", "stups")]
    {
        let mut client: Client = serde_json::from_value(json!({
            "tenant": "acme", "id": id, "auth_method": "client_secret_basic",
            "grant_types": ["client_credentials"], "scopes": [SCOPE, "azp"], "audiences": [API],
            "token_format": format, "token_profile": profile,
        }))
        .unwrap();
        let (digest, created) = (secrets.client_digest.digest("secret"), SystemClock.now());
        client.secrets.push(StoredSecret { digest, created, expires: None });
        effects = effects.put(&client, Expect::New);
    }
    operations::write(store, effects).await.unwrap();
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let issuer = format!("http://{address}");
        let running = boot(folder.path(), socket, &issuer).await;
        Self { address, issuer, running, http: reqwest::Client::new(), folder }
    }

    async fn post(&self, path: &str, client: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}{path}", self.issuer);
        let request = self.http.post(url).basic_auth(client, Some("secret")).form(form);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn token(&self, client: &str) -> String {
        let scope = format!("{SCOPE} azp");
        let form = [("grant_type", "client_credentials"), ("scope", &scope)];
        let answer = self.post("/oauth2/token", client, &form).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Revokes a token, and waits until the API refuses it.
    async fn is_refused_within_a_second(&self, api: &Verifier, client: &str, token: &str) -> bool {
        self.post("/oauth2/revoke", client, &[("token", token)]).await;
        let refused = async {
            while refusal(api, token).await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), refused).await.is_ok()
    }

    async fn api(&self) -> Verifier {
        let verifier = Verifier::builder(&self.issuer, API)
            .accept_stups_tokens()
            .introspect(Introspection::of_opaque_tokens("opaque", "secret"))
            .start()
            .unwrap();
        tokio::time::timeout(Duration::from_secs(10), verifier.ready()).await.unwrap();
        verifier
    }
}

async fn refusal(api: &Verifier, token: &str) -> Option<Refusal> {
    api.verify(token).await.err().map(|denied| denied.refusal().clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_107_every_kind_of_token_is_refused_within_a_second_after_its_revocation() {
    let world = World::new().await;
    let api = world.api().await;
    for client in ["batch", "old", "opaque"] {
        let token = world.token(client).await;
        let caller = api.verify(&token).await.unwrap();
        assert_eq!(caller.client_id(), Some(client));
        assert_eq!(caller.as_owner(), None, "no user is involved");
        assert!(caller.has_scope(SCOPE), "{client}");
        assert!(world.is_refused_within_a_second(&api, client, &token).await, "{client}");
        let expected = Some(Refusal::InvalidToken(TokenFault::Revoked));
        assert_eq!(refusal(&api, &token).await, expected, "{client}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_signs_at_once_fails_no_request() {
    let world = World::new().await;
    let api = world.api().await;
    let before = world.token("batch").await;
    assert_eq!(refusal(&api, &before).await, None);
    let (app, tenant) = (&world.running.app, tenant());
    let now = app.clock.now();
    let alg = app.directory.tenants().get(&tenant).unwrap().tenant.settings.signing_alg;
    let desk = KeyDesk { store: &*app.store, secrets: &app.secrets, actor: "test", now };
    let newest = desk.newest(&tenant, alg).await.unwrap();
    jobs::rotate(app, &tenant, alg, 0, newest, "test").await.unwrap();
    app.directory.load_tenants(now).await.unwrap();
    let after = world.token("batch").await;
    assert_ne!(before.split('.').next(), after.split('.').next(), "another key signed it");
    for token in [&before, &after] {
        assert_eq!(refusal(&api, token).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_039_a_restart_of_the_server_is_not_felt() {
    let world = World::new().await;
    let api = world.api().await;
    let (kept, revoked) = (world.token("batch").await, world.token("batch").await);
    assert!(world.is_refused_within_a_second(&api, "batch", &revoked).await);
    world.running.stop().await;
    for _ in 0..20 {
        assert_eq!(refusal(&api, &kept).await, None, "while the server is away");
        assert!(refusal(&api, &revoked).await.is_some(), "while the server is away");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let socket = TcpListener::bind(world.address).await.unwrap();
    let running = boot(world.folder.path(), socket, &world.issuer).await;
    let world = World { running, ..world };
    let fresh = world.token("batch").await;
    assert_eq!(refusal(&api, &fresh).await, None);
    // The library is back within a second; then it is as before.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(world.is_refused_within_a_second(&api, "batch", &fresh).await);
    assert_eq!(refusal(&api, &kept).await, None);
}
