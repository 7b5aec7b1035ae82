//! What is dangerous is refused: at the start, where it is a setting, and on the wire. SEC-001, SEC-169.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::StatusCode;

use crate::world::World;

/// What the server says when it refuses to start; that it does is what is expected.
fn refused(world: &World, more: &[(&str, &str)], args: &[&str]) -> String {
    let mut program = world.program();
    program.arg("serve").args(args).envs(more.iter().copied());
    let mut child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ended = false;
    for _ in 0..1_000 {
        ended = child.try_wait().unwrap().is_some();
        if ended {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    if !ended {
        child.kill().unwrap();
        panic!("it started with {more:?} {args:?}");
    }
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "{more:?} {args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn file(path: &Path, content: &[u8], mode: u32) -> String {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// One bad setting at a time, everything else good.
#[tokio::test]
async fn sec_169_sec_001_sec_005_no_server_starts_with_a_dangerous_setting() {
    let mut world = World::start().await;
    world.stop();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = made.signing_key.serialize_pem();
    let certificate = file(&world.path("c.pem"), made.cert.pem().as_bytes(), 0o644);
    let open = file(&world.path("open.pem"), pem.as_bytes(), 0o644);
    let key = |name: &str, content: &[u8], mode| file(&world.path(name), content, mode);
    let random = BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<32>());
    let zeros = key("zeros", &[0; 32], 0o600);
    let text = key("text", b"correct horse battery staple 123", 0o600);
    let short = key("short", b"c2hvcnQ", 0o600);
    let shared = key("shared", random.as_bytes(), 0o640);
    let (master, listen) = ("GRANTOR_KEYS_MASTER_KEY_FILE", "GRANTOR_SERVER_LISTEN");
    let (tls, tls_key) = ("GRANTOR_SERVER_TLS_CERTIFICATE", "GRANTOR_SERVER_TLS_KEY");
    let https = ("GRANTOR_TENANT_ISSUER", "https://as.example");
    let zeros_as_text = BASE64_URL_SAFE_NO_PAD.encode([0; 32]);
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[(tls, &certificate), (tls_key, &open)], "tls_key"),
        (&[(master, &zeros)], "grantor keys generate"),
        (&[(master, &text)], "not drawn at random"),
        (&[(master, &short)], "32 bytes"),
        (&[(master, &shared)], "chmod 600"),
        (&[("GRANTOR_MASTER_KEY", &zeros_as_text)], "not drawn at random"),
        (&[("GRANTOR_MASTER_KEY", "secret")], "32 bytes"),
        (&[(listen, "0.0.0.0:8080"), https], "SEC-001"),
        (&[(listen, "[::]:8080"), https], "server.tls_certificate"),
        (&[(listen, "0.0.0.0:8080")], "https"),
        (&[("GRANTOR_TENANT_ISSUER", "http://as.example")], "https"),
        (&[("GRANTOR_SERVER_TRUSTED_PROXIES", "[\"0.0.0.0/0\"]")], "SEC-005"),
        (&[("GRANTOR_SERVER_TRUSTED_PROXIES", "[\"::/0\"]")], "SEC-005"),
        (&[("GRANTOR_SERVER_DEBUG", "true")], "debug"),
    ];
    for (settings, reason) in table {
        let said = refused(&world, settings, &[]);
        assert!(said.contains(reason), "{settings:?}: {said}");
        let first = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        assert!(!first.is_empty() && said.lines().count() < 8, "{settings:?}: {said}");
        assert!(!said.contains(&zeros_as_text) && !said.contains("panick"), "{said}");
    }
    // The configuration itself, where it holds a password.
    let toml = b"[database]\nurl = \"postgres://u:canary-4711@127.0.0.1:1/x\"\n";
    let config = key("grantor.toml", toml, 0o644);
    world.settings.retain(|(name, _)| name != "GRANTOR_DATABASE_URL");
    let said = refused(&world, &[], &["--config", &config]);
    assert!(said.contains("can be read by others") && !said.contains("canary"), "{said}");
}

#[tokio::test]
async fn sec_169_keys_of_certificates_may_be_shared_with_a_group_and_with_nobody_else() {
    let mut world = World::start().await;
    world.stop();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = file(&world.path("c.pem"), made.cert.pem().as_bytes(), 0o644);
    let path = world.path("k.pem");
    for (mode, fine) in [(0o600, true), (0o640, true), (0o644, false), (0o604, false)] {
        let key = file(&path, made.signing_key.serialize_pem().as_bytes(), mode);
        world.set("GRANTOR_SERVER_TLS_CERTIFICATE", &certificate);
        world.set("GRANTOR_SERVER_TLS_KEY", &key);
        world.set("GRANTOR_TENANT_ISSUER", "https://localhost");
        if fine {
            world.serve().await;
            world.stop();
        } else {
            let said = refused(&world, &[], &[]);
            assert!(said.contains("tls_key") && said.contains("chmod 600"), "{mode:o}: {said}");
        }
    }
}

/// An address of this machine that is not loopback, as the kernel knows it.
fn own_address() -> IpAddr {
    let routes = fs::read_to_string("/proc/net/fib_trie").unwrap();
    let lines: Vec<&str> = routes.lines().collect();
    let host = |pair: &&[&str]| pair[1].trim() == "/32 host LOCAL";
    let own = lines.windows(2).filter(host).filter_map(|pair| {
        let address: IpAddr = pair[0].trim().trim_start_matches("|--").trim().parse().ok()?;
        (!address.is_loopback()).then_some(address)
    });
    own.into_iter().next().expect("a machine with an address of its own")
}

#[tokio::test]
async fn sec_001_over_plain_http_nobody_from_afar_is_answered_or_sent_on() {
    let mut world = World::start().await;
    world.stop();
    let port = world.url.rsplit(':').next().unwrap().to_owned();
    world.set("GRANTOR_SERVER_LISTEN", &format!("0.0.0.0:{port}"));
    world.set("GRANTOR_TENANT_ISSUER", &world.url.clone());
    let own = own_address();
    let nearby = format!("[\"{own}/32\"]");
    for (proxies, plain, answered) in
        [("[\"198.51.100.0/24\"]", "false", false), (&*nearby, "false", true), ("[]", "true", true)]
    {
        world.set("GRANTOR_SERVER_TRUSTED_PROXIES", proxies);
        world.set("GRANTOR_SERVER_PLAIN_HTTP", plain);
        world.serve().await;
        // From this machine itself as ever.
        world.token().await;
        let (id, secret) = world.shop.clone();
        for path in ["/oauth2/token", "/oauth2/introspect", "/api/v1/clients", "/sign-in"] {
            let request = world.http.post(format!("http://{own}:{port}{path}"));
            let request = request.header("host", format!("127.0.0.1:{port}"));
            let form = [("grant_type", "client_credentials")];
            let request = request.basic_auth(&id, Some(&secret)).form(&form);
            let answer = request.send().await.unwrap();
            let what = format!("{path} {proxies} {plain}");
            assert!(answer.headers().get("location").is_none(), "{what}");
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            let told = text.contains("asked over TLS");
            assert_eq!(told, !answered, "{what}: {text}");
            assert_eq!(
                text.contains("access_token"),
                answered && path == "/oauth2/token",
                "{what}"
            );
            assert!(answered || status == StatusCode::BAD_REQUEST, "{what}: {status}");
        }
        world.stop();
    }
}
