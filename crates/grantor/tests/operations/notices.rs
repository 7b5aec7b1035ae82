//! What has to be told to others survives whatever happens to the process that would tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_testkit::TestBrowser;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{PASSWORD, World};

/// How often the server is killed.
const ROUNDS: usize = 5;

/// A client's end of the back channel: it fails until it is told to do better.
struct Client {
    port: u16,
    certificate: String,
    good: Arc<AtomicBool>,
    /// What it took in, by `sid`: every `jti`
    taken: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
}

impl Client {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (good, taken) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let client = Self { port, certificate: made.cert.pem(), good: Arc::clone(&good), taken };
        let taken = Arc::clone(&client.taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while let Ok(1..) = stream.read_buf(&mut request).await {
                    if let Some(token) = logout_token(&request)
                        && good.load(Ordering::SeqCst)
                    {
                        let (sid, jti) = claims(&token);
                        taken.lock().unwrap().entry(sid).or_default().insert(jti);
                        let _ =
                            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                        break;
                    }
                    if logout_token(&request).is_some() {
                        let no = b"HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n";
                        let _ = stream.write_all(no).await;
                        break;
                    }
                }
                let _ = stream.shutdown().await;
            }
        });
        client
    }
}

/// The token of a whole request.
fn logout_token(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.to_lowercase();
    let length = length.split("content-length: ").nth(1)?.lines().next()?.trim().parse::<usize>();
    let whole = body.len() >= length.ok()?;
    whole.then(|| body.strip_prefix("logout_token=").map(ToOwned::to_owned)).flatten()
}

fn claims(token: &str) -> (String, String) {
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let text = |name: &str| claims[name].as_str().unwrap().to_owned();
    (text("sid"), text("jti"))
}

/// Killed as soon as it has said that everybody is signed out, again and again, while the client is
/// away: once that is back it hears of every session, and by which `jti` it can tell repetitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rel_038_no_notice_of_a_logout_is_lost_to_a_kill() {
    let client = Client::start().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, &client.certificate).unwrap();
    let authorities = format!("[\"{}\"]", authority.display());
    let mut world = World::on(
        None,
        &[
            ("GRANTOR_OUTBOUND_ALLOWED_HOSTS", "[\"localhost\"]"),
            ("GRANTOR_OUTBOUND_CERTIFICATE_AUTHORITIES", &authorities),
        ],
    )
    .await;
    let back = format!("https://localhost:{}/back", client.port);
    let app = json!({
        "id": "app", "auth_method": "client_secret_basic", "grant_types": ["authorization_code"],
        "redirect_uris": ["https://app.example/cb"], "scopes": ["uid"], "consent_bypass": true,
        "logout": { "backchannel_logout_uri": back },
    });
    world.post("clients", &app).await;
    let user = world.post("users", &json!({ "realm": "customers", "name": "anna" })).await;
    let user = user["id"].as_str().unwrap().to_owned();
    world.post(&format!("users/{user}/password"), &json!({ "password": PASSWORD })).await;

    for _ in 0..ROUNDS {
        let browser = TestBrowser::at(&world.url);
        let request = format!(
            "{}/oauth2/authorize?client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb\
             &response_type=code&scope=uid&realm=customers&code_challenge_method=S256\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            world.url
        );
        let page = browser.open(&request).await;
        let fields = [("username", "anna"), ("password", PASSWORD)];
        let seen = browser.submit(&page.form("login-form"), &fields).await;
        assert!(seen.answer().contains_key("code"), "{}", seen.text);
        world.post("revocations", &json!({ "user": user })).await;
        world.signal("-KILL");
        world.ended();
        world.serve().await;
    }
    assert!(client.taken.lock().unwrap().is_empty());
    client.good.store(true, Ordering::SeqCst);
    for _ in 0..600 {
        if client.taken.lock().unwrap().len() == ROUNDS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let taken = client.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), ROUNDS, "{}", world.log());
    assert!(taken.values().all(|jti| jti.len() == 1), "one notice has one jti: {taken:?}");
    world.stop();
}
