//! People who come from another system with the hash of their password.

use grantor_domain::document::DocumentKey;
use grantor_domain::user::User;
use grantor_oauth_types::name::TenantName;
use grantor_store::Documents as _;
use grantor_testkit::{Answer, TestServer};
use serde_json::{Value, json};

use crate::people::client_of;

/// Made of `password` by `argon2-cffi`, `bcrypt`, passlib, Django and Python's `hashlib`.
const HASHES: [(&str, &str); 13] = [
    (
        "argon2id",
        "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0MTIzNA$eI3Ualp6+YCaP6nooROniuhen6J38T/0+iuCAEJ9uRQ",
    ),
    (
        "argon2i",
        "$argon2i$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0MTIzNA$1AJvlfYlrm0ZNHQOes77gZuAIc+zFWoq8tHJ2gP3+08",
    ),
    (
        "argon2d",
        "$argon2d$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0MTIzNA$zL+f9VohSyvqefiwA1FahuUWmdY+xqwFQt3kwx0yNEA",
    ),
    ("bcrypt-2a", "$2a$04$fu3JvKH7/JgO3Uabs/5u2ejLEZjonmTcb./V34zZHHJhTBuWB4SX."),
    ("bcrypt-2b", "$2b$04$Fi507f0edFyO0Fg/yQ2WQuE5oMuLLqReAXzq/1gGPPIAvZEvP3fnC"),
    // As PHP writes it: the same hash under another letter.
    ("bcrypt-2y", "$2y$04$Fi507f0edFyO0Fg/yQ2WQuE5oMuLLqReAXzq/1gGPPIAvZEvP3fnC"),
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$1000$yNk7Z.y9t7b2fg/hXEtpjQ$luEi0vfs87yNrHsEpKGTGSEPKfu4N8IBL3Xfwu8YGa8",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$1000$nrP2fs/Z2/s/p1SK0TpHiA$ZnBaQ5WUnGg72YxIKf25Fdh1s0tfyBn66RBJmynuVEI3vQDnfhRWpkE6hHBijDSQNqphYCn.784NRg8eGpNVRA",
    ),
    ("pbkdf2-sha1", "$pbkdf2$1000$qZUyhjBGyLl3DmFsTWmNMQ$ZfUCnm99en7dAB0fFqYoTbdPfU0"),
    (
        "django-pbkdf2",
        "pbkdf2_sha256$1000$somesalt22charsABCDEFG$Yamq3WOASCsS5fI8sRRXmb6r+TSjTB37n81at7WnMJ8=",
    ),
    (
        "scrypt",
        "$scrypt$ln=10,r=8,p=1$ZmyN0RrjnFOqNSaEUGptLQ$mbeJ+uPgIUFBRBCPIxvXD2b5kmyYy/GHtnMkzQ0INcI",
    ),
    (
        "django-scrypt",
        "scrypt$1024$somesalt$8$5$fRQmmR4c6NGGc2Q+sgSm3EhF1dSWxc0CZkbwKzQ/Q5a96jgvxO+TcOgvKszVYpnIg2so0Yb9AvSPM8qYrKrKBw==",
    ),
    (
        "pbkdf2-phc",
        "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0MTIzNA$Gv1ppJ66rBGZ4SMZjQl10XY734zFaJuHAY10Xd6pb+U",
    ),
];

/// A server with a client that signs people in, and its administrator's token.
struct World {
    server: TestServer,
    admin: String,
    secret: String,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let admin = server.admin_token().await;
        let realm = json!({ "password_grant": true, "default_scopes": ["uid"] });
        server.put("/api/v1/realms/customers", &admin, &realm).await;
        let client = server.made("/api/v1/clients", &admin, &client_of("shop", "rfc9068")).await;
        let secret = client["client_secret"].as_str().unwrap().to_owned();
        Self { server, admin, secret }
    }

    async fn sign_in(&self, name: &str, password: &str) -> Answer {
        let form = [
            ("grant_type", "password"),
            ("realm", "customers"),
            ("username", name),
            ("password", password),
        ];
        let request = self.server.request(reqwest::Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth("shop", Some(&self.secret)).form(&form)).await
    }

    async fn stored(&self, id: &str) -> Vec<String> {
        let tenant = TenantName::parse("main").unwrap();
        let key = DocumentKey::id::<User>(&tenant, id);
        let found = self.server.app.store.find::<User>(&key).await.unwrap().unwrap();
        found.value.passwords.into_iter().map(|password| password.hash).collect()
    }

    async fn user(&self, id: &str) -> Answer {
        self.server.get(&format!("/api/v1/users/{id}"), &self.admin).await
    }

    /// Nothing of the hash is in what the management API tells, the audit log among it.
    async fn tells_nothing_of(&self, hash: &str, answers: &[Answer]) {
        let mut page = String::new();
        let digest = &hash[hash.len() - 20..];
        loop {
            let path = format!("/api/v1/audit?limit=200{page}");
            let log = self.server.get(&path, &self.admin).await;
            assert_eq!(log.status, 200, "{}", log.text);
            assert!(!log.text.contains(digest), "{}", log.text);
            match log.body["next_page_token"].as_str() {
                Some(next) => page = format!("&page_token={next}"),
                None => break,
            }
        }
        for answer in answers {
            assert!(!answer.text.contains(digest), "{}", answer.text);
            assert!(!answer.text.contains("password_hash"), "{}", answer.text);
        }
    }
}

fn body(name: &str, hash: &str) -> Value {
    json!({ "realm": "customers", "name": name, "password_hash": hash })
}

#[tokio::test]
async fn sec_117_people_of_other_systems_sign_in_with_their_hash_which_is_renewed_at_once() {
    let world = World::new().await;
    for (name, hash) in HASHES {
        let made = world.server.post("/api/v1/users", &world.admin, &body(name, hash)).await;
        assert_eq!(made.status, 201, "{name}: {}", made.text);
        let id = made.body["id"].as_str().unwrap().to_owned();
        assert_eq!(world.stored(&id).await, [hash], "{name}");

        let wrong = world.sign_in(name, "Password").await;
        assert_eq!(wrong.status, 400, "{name}: {}", wrong.text);
        assert_eq!(wrong.body["error"], "invalid_grant", "{name}");
        assert_eq!(world.stored(&id).await, [hash], "{name}: nothing was shown");

        let right = world.sign_in(name, "password").await;
        assert_eq!(right.status, 200, "{name}: {}", right.text);
        let renewed = world.stored(&id).await;
        let [renewed] = renewed.as_slice() else { panic!("{name}: {renewed:?}") };
        // What the hasher of a test server makes today.
        assert!(renewed.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{name}: {renewed}");

        assert_eq!(world.sign_in(name, "password").await.status, 200, "{name}: once more");
        assert_eq!(world.sign_in(name, "Password").await.status, 400, "{name}: still wrong");
        assert_eq!(world.stored(&id).await, [renewed.as_str()], "{name}: nothing left to renew");
        let shown = world.user(&id).await;
        world.tells_nothing_of(hash, &[made, wrong, right, shown]).await;
    }
}

#[tokio::test]
async fn sec_131_a_hash_that_takes_the_place_of_a_password_ends_what_was_given_for_it() {
    let world = World::new().await;
    let (_, first) = HASHES[3];
    let user = world.server.made("/api/v1/users", &world.admin, &body("ada", first)).await;
    let id = user["id"].as_str().unwrap();
    let token = world.sign_in("ada", "password").await.body["access_token"].clone();
    let token = token.as_str().unwrap();
    world.server.clock.advance(jiff::SignedDuration::from_secs(2));
    let path = format!("/api/v1/users/{id}");

    let plain = json!({ "realm": "customers", "name": "ada", "display_name": "Ada" });
    let changed = world.server.put(&path, &world.admin, &plain).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(world.sign_in("ada", "password").await.status, 200, "the password stayed");
    assert!(world.server.is_active(token).await, "and what was given for it");

    let (_, second) = HASHES[11];
    let set = world.server.put(&path, &world.admin, &body("ada", second)).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(world.stored(id).await, [second]);
    assert!(!world.server.is_active(token).await, "it was given for another password");
    let passwords = set.body["passwords"].clone();
    let again = world.server.put(&path, &world.admin, &body("ada", second)).await;
    assert_eq!(again.body["passwords"], passwords, "the same hash sets nothing anew");
    world.tells_nothing_of(second, &[changed, set, again]).await;
}

#[tokio::test]
async fn sec_118_a_hash_that_costs_too_much_or_is_none_is_refused_without_being_repeated() {
    let world = World::new().await;
    let digest = "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    for hash in [
        format!("$argon2id$v=19$m=4194304,t=3,p=4$c29tZXNhbHQ${digest}"),
        format!("$argon2id$v=19$m=262144,t=32,p=1$c29tZXNhbHQ${digest}"),
        format!("$scrypt$ln=1,r=8388607,p=16$c29tZXNhbHQ${digest}"),
        format!("$scrypt$ln=24,r=8,p=1$c29tZXNhbHQ${digest}"),
        format!("pbkdf2_sha256$4000000000$somesalt${digest}="),
        "$2b$31$Fi507f0edFyO0Fg/yQ2WQuE5oMuLLqReAXzq/1gGPPIAvZEvP3fnC".to_owned(),
        format!("{{SSHA}}{digest}"),
        String::new(),
    ] {
        let no = world.server.post("/api/v1/users", &world.admin, &body("eve", &hash)).await;
        assert_eq!(no.status, 400, "{hash}: {}", no.text);
        assert_eq!(no.body["errors"][0]["pointer"], "/password_hash", "{}", no.text);
        assert!(!no.text.contains("aGFzaGhh") && !no.text.contains("Fi507f0"), "{}", no.text);
    }
}

#[tokio::test]
async fn a_service_user_who_brings_a_hash_along_is_given_no_other_password() {
    let world = World::new().await;
    let (_, hash) = HASHES[9];
    let application = json!({
        "id": "reports", "team": "data", "name": "Reports",
        "new_service_user": { "realm": "services", "name": "stups_reports", "password_hash": hash },
    });
    let made = world.server.made("/api/v1/applications", &world.admin, &application).await;
    assert!(made.get("service_user_password").is_none(), "{made}");
    assert_eq!(world.stored(made["service_user"].as_str().unwrap()).await, [hash]);
}
