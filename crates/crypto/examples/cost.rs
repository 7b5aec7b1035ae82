//! What the operations cost, in microseconds of one core. Run with `--release`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]

use std::hint::black_box;
use std::time::Instant;

use grantor_crypto::Algorithm;
use grantor_crypto::jws::{Signer, parse_compact};
use grantor_crypto::jwt::Claims;
use grantor_crypto::key::SigningKey;
use grantor_crypto::password::{HashCost, Hasher, Password};
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_crypto::token::{TokenKey, TokenSealer};

fn measure<R>(name: &str, rounds: u32, mut operation: impl FnMut() -> R) {
    for _ in 0..rounds / 10 {
        black_box(operation());
    }
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(operation());
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    println!("{name:<40} {each:>10.2} µs");
}

fn main() {
    let payload = format!("{{\"sub\":\"{}\"}}", "x".repeat(340));
    let payload = payload.as_bytes();

    for alg in Algorithm::ALL {
        let key = SigningKey::generate(alg, None).expect("a key");
        let signer = Signer::new(&key, Some("at+jwt"));
        measure(&format!("{alg} sign"), 300, || signer.sign(payload).expect("a token"));
        let (token, key) = (signer.sign(payload).expect("a token"), key.verifying_key());
        measure(&format!("{alg} parse and verify"), 300, || {
            parse_compact(&token).expect("a token").verify(&key).expect("our signature")
        });
    }
    let key = SigningKey::generate(Algorithm::Es256, None).expect("a key");
    let token = Signer::new(&key, None).sign(payload).expect("a token");
    measure("parse a token", 20_000, || parse_compact(&token).is_ok());
    measure("read claims", 20_000, || Claims::parse(payload).is_ok());

    for size in [60, 350] {
        let sealer = TokenSealer::new(TokenKey::new(1, &[1; 32]), []);
        let payload = &payload[..size];
        measure(&format!("seal {size} bytes"), 100_000, || sealer.seal("gat", b"tenant", payload));
        let token = sealer.seal("gat", b"tenant", payload);
        measure(&format!("open {size} bytes"), 100_000, || sealer.open("gat", b"tenant", &token));
    }
    measure("mint a secret", 100_000, || LookupSecret::mint(SecretKind::RefreshToken, [0; 16]));
    let secret = LookupSecret::mint(SecretKind::RefreshToken, [0; 16]).reveal();
    measure("read and digest a secret", 100_000, || {
        LookupSecret::parse(SecretKind::RefreshToken, &secret).map(|secret| secret.digest())
    });

    let mut hasher = Hasher::new(&HashCost::default()).expect("the default cost");
    let password = Password::new("correct horse battery staple").expect("a password");
    measure("argon2id, default cost", 20, || hasher.hash(&password));
}
