//! The database goes away and comes back. REL-016.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::world::World;

/// A way to the database that can be cut.
struct Way {
    port: u16,
    open: watch::Sender<bool>,
    alive: Arc<AtomicBool>,
}

impl Way {
    async fn to(database: String) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let open = watch::Sender::new(true);
        let alive = Arc::new(AtomicBool::new(true));
        let (seen, running) = (open.subscribe(), Arc::clone(&alive));
        tokio::spawn(async move {
            while running.load(Ordering::Relaxed) {
                let (mut near, _) = socket.accept().await.unwrap();
                let mut cut = seen.clone();
                if !*cut.borrow() {
                    continue;
                }
                let mut far = TcpStream::connect(&database).await.unwrap();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.wait_for(|open| !*open) => {}
                    }
                });
            }
        });
        Self { port, open, alive }
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rel_016_without_the_database_reads_go_on_and_writes_say_503() {
    // A test that did not run has shown nothing.
    let url = std::env::var("GRANTOR_TEST_POSTGRES_URL")
        .expect("`cargo xtask db` starts a PostgreSQL for tests and prints what to set");
    let parsed = url::Url::parse(&url).unwrap();
    let host = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap_or(5432));
    let (client, connection) = connect(&url).await;
    let name = format!("outage_{}", std::process::id());
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let way = Way::to(host).await;
    let database = format!("postgres://{}@127.0.0.1:{}/{name}", parsed.username(), way.port);
    let key = "Yk3v0Pq1mWf7nJ2uR9sXcL5hT8aEzD4gB6oK_iQyVtM";
    let mut world = World::on(Some(&database), &[("GRANTOR_MASTER_KEY", key)]).await;
    let (token, refresh) = (world.token().await, world.refresh_token().await);
    let admin = world.admin_token().await;
    let get = |path: &str| world.http.get(format!("{}{path}", world.url)).send();

    way.open.send_replace(false);
    for _ in 0..3 {
        for path in ["/.well-known/openid-configuration", "/oauth2/jwks"] {
            assert_eq!(get(path).await.unwrap().status(), StatusCode::OK, "{path}");
        }
        assert!(world.is_live(&token).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // What needs the database says so: never "inactive", never "invalid_grant".
    let form = [
        ("grant_type", "password"),
        ("username", "robot"),
        ("password", crate::world::PASSWORD),
        ("realm", "services"),
    ];
    let request = world.http.post(format!("{}/oauth2/token", world.url));
    let request = request.basic_auth(&world.shop.0, Some(&world.shop.1)).form(&form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"), "{:?}", answer.headers());
    // Nor is anything told as done, or a person sent on (SEC-106).
    let revoked = world.http.post(format!("{}/oauth2/revoke", world.url));
    let revoked = revoked.basic_auth(&world.shop.0, Some(&world.shop.1)).form(&[("token", &token)]);
    let asked = "/oauth2/authorize?response_type=code&client_id=nobody-knows&redirect_uri=x";
    for request in [revoked, world.http.get(format!("{}{asked}", world.url))] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{:?}", answer.url());
        assert!(answer.headers().contains_key("retry-after"), "{:?}", answer.url());
    }
    unserved(&world, &refresh, &admin).await;
    let operations = |path: &str| world.http.get(format!("{}{path}", world.operations)).send();
    assert_eq!(operations("/readyz").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(operations("/healthz").await.unwrap().status(), StatusCode::OK);

    way.open.send_replace(true);
    let back = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let (status, _) = world.ask_token(&world.shop.0, &world.shop.1, &form).await;
            if status == StatusCode::OK
                && operations("/readyz").await.unwrap().status() == StatusCode::OK
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    back.await.expect("full service within 5 s");
    assert!(world.is_live(&token).await);
    // Nobody was logged out.
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let (status, answer) = world.ask_token(&world.shop.0, &world.shop.1, &form).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    world.linked().await;
    world.grantor(&["audit", "verify"]).good();
    // A dump of one backend loads into the other.
    world.grantor(&["backup", "-o", "a.backup"]).good();
    let embedded = format!("sqlite:{}", world.path("moved.db").display());
    world.grantor(&["restore", "a.backup", "--database", &embedded]).good();
    world.grantor(&["doctor", "--database", &embedded]).good();
    world.stop();
    drop(world);
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    connection.abort();
}

/// Everything that needs state, asked while there is none: 503, and no verdict that would be a guess.
async fn unserved(world: &World, refresh: &str, admin: &str) {
    let posts: [(&str, &[(&str, &str)]); 2] = [
        ("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]),
        ("/oauth2/revoke", &[("token", refresh)]),
    ];
    let form = |(path, form): (&str, &[(&str, &str)])| {
        let request = world.http.post(format!("{}{path}", world.url)).form(form);
        request.basic_auth(&world.shop.0, Some(&world.shop.1))
    };
    let list = |path: &str| world.http.get(format!("{}/api/v1/{path}", world.url));
    let lists =
        ["users?realm=services", "audit", "grants"].map(|path| list(path).bearer_auth(admin));
    for request in posts.map(form).into_iter().chain(lists) {
        let answer = request.send().await.unwrap();
        let path = answer.url().path().to_owned();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        let text = answer.text().await.unwrap();
        let guess = text.contains("invalid_grant") || text.contains("\"active\"");
        assert!(!guess, "{path}: {text}");
    }
}

async fn connect(url: &str) -> (tokio_postgres::Client, tokio::task::JoinHandle<()>) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    (client, tokio::spawn(async move { _ = connection.await }))
}
