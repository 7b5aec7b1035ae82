//! The floors: a bare server, the crypto alone, the store alone.

mod storage;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::routing::get;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::{Signer, parse_compact};
use grantor_crypto::key::SigningKey;
use grantor_crypto::password::{Hasher, Password};
use grantor_crypto::token::{TokenKey, TokenSealer};
use grantor_store::{Effect, Effects, operations};
use grantor_store_sqlite::{SqliteStore, StoreConfig, Synchronous};

pub(crate) use storage::{Stored, alone as store};

use crate::process::{Busy, Pinned, own_cpu};

/// A payload of the size of an access token's.
const PAYLOAD: [u8; 350] = [b'x'; 350];

/// A bare axum on a port that it prints.
#[expect(clippy::print_stdout, reason = "how the measuring side learns the port")]
pub(crate) async fn serve() -> anyhow::Result<()> {
    let body = format!("{{\"answer\":\"{}\"}}", "x".repeat(250 - 13));
    let json = [("content-type", "application/json")];
    let router = Router::new().route("/", get(move || async move { (json, body) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// CPU time of the crypto operations alone, each.
#[derive(Debug)]
pub(crate) struct Crypto {
    pub(crate) es256_sign: Duration,
    pub(crate) es256_verify: Duration,
    pub(crate) rs256_sign: Duration,
    pub(crate) seal: Duration,
    pub(crate) open: Duration,
    pub(crate) digest: Duration,
    pub(crate) argon2id: Duration,
}

impl Crypto {
    /// Measures as a server is measured: on its core, while another is busy.
    pub(crate) async fn measure_as_a_server() -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let busy = Busy::start();
        let (_process, mut lines) = Pinned::start(&own, &["floor-crypto"])?;
        let line = lines.next_line().await?.context("no figures")?;
        drop(busy);
        let figures: Vec<Duration> = line
            .split(' ')
            .map(|nanos| Ok(Duration::from_nanos(nanos.parse()?)))
            .collect::<anyhow::Result<_>>()?;
        let [es256_sign, es256_verify, rs256_sign, seal, open, digest, argon2id] = figures[..]
        else {
            bail!("other figures than expected: {line}");
        };
        Ok(Self { es256_sign, es256_verify, rs256_sign, seal, open, digest, argon2id })
    }

    /// Measures on this thread.
    fn measure() -> anyhow::Result<Self> {
        let es256 = SigningKey::generate(Algorithm::Es256, None)?;
        let rs256 = SigningKey::generate(Algorithm::Rs256, None)?;
        let (es_signer, rs_signer) = (Signer::new(&es256, None), Signer::new(&rs256, None));
        let token = es_signer.sign(&PAYLOAD)?;
        let verifying = es256.verifying_key();
        let sealer = TokenSealer::new(TokenKey::new(0, &[7; 32]), []);
        let sealed = sealer.seal("gat", b"main", &PAYLOAD);
        let mut hasher = Hasher::new(&grantor_crypto::password::HashCost::default())?;
        let password = Password::new("correct horse battery staple")?;
        let stored = hasher.hash(&password);
        Ok(Self {
            es256_sign: each(5_000, || drop(es_signer.sign(&PAYLOAD))),
            es256_verify: each(5_000, || {
                let parsed = parse_compact(&token).expect("our own token");
                drop(parsed.verify(&verifying));
            }),
            rs256_sign: each(500, || drop(rs_signer.sign(&PAYLOAD))),
            seal: each(50_000, || drop(sealer.seal("gat", b"main", &PAYLOAD))),
            open: each(50_000, || drop(sealer.open("gat", b"main", &sealed))),
            digest: each(50_000, || {
                std::hint::black_box(grantor_crypto::digest::sha256(token.as_bytes()));
            }),
            argon2id: each(20, || {
                std::hint::black_box(hasher.verify(&password, &stored));
            }),
        })
    }
}

/// The crypto operations alone; prints their CPU time in nanoseconds.
#[expect(clippy::print_stdout, reason = "how the measuring side learns the figures")]
pub(crate) fn crypto() -> anyhow::Result<()> {
    let Crypto { es256_sign, es256_verify, rs256_sign, seal, open, digest, argon2id } =
        Crypto::measure()?;
    let figures = [es256_sign, es256_verify, rs256_sign, seal, open, digest, argon2id];
    let figures = figures.map(|figure| figure.as_nanos().to_string());
    println!("{}", figures.join(" "));
    Ok(())
}

fn each(times: u32, mut operation: impl FnMut()) -> Duration {
    operation();
    let before = own_cpu();
    (0..times).for_each(|_| operation());
    own_cpu().saturating_sub(before) / times
}

/// Writes so many grants into a database before a server starts on it.
pub(crate) async fn fill(path: &Path, grants: usize) -> anyhow::Result<()> {
    let mut config = StoreConfig::new(path);
    config.synchronous = Synchronous::Normal;
    let store = SqliteStore::open(config)?;
    for first in (0..grants).step_by(1_000) {
        let opened = (first..grants.min(first + 1_000))
            .map(|number| Effect::OpenGrant(Box::new(storage::grant(number as u64))));
        operations::write(&store, Effects(opened.collect())).await?;
    }
    store.close().await;
    Ok(())
}
