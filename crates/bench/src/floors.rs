//! The floors: a bare server, the crypto alone, the store alone.

mod storage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
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

use crate::load;
use crate::process::{Busy, Pinned, cpu, own_cpu};

/// A payload of the size of an access token's.
const PAYLOAD: [u8; 350] = [b'x'; 350];

/// How often a floor and what stands on it are measured, by turns, where that takes seconds.
pub(crate) const ROUNDS: usize = 5;

/// How often, where it takes a moment.
const SLICES: usize = 20;

/// What the bare server does before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Nothing,
    Es256Sign,
    Es256Verify,
    Rs256Sign,
    Seal,
    Open,
    Sha256,
    /// An access token and an ID token
    Es256SignTwice,
    /// An access token, and an ID token by RS256
    Es256AndRs256Sign,
}

impl Work {
    const ALL: [Self; 9] = [
        Self::Nothing,
        Self::Es256Sign,
        Self::Es256Verify,
        Self::Rs256Sign,
        Self::Seal,
        Self::Open,
        Self::Sha256,
        Self::Es256SignTwice,
        Self::Es256AndRs256Sign,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::Nothing => "/",
            Self::Es256Sign => "/es256-sign",
            Self::Es256Verify => "/es256-verify",
            Self::Rs256Sign => "/rs256-sign",
            Self::Seal => "/seal",
            Self::Open => "/open",
            Self::Sha256 => "/sha256",
            Self::Es256SignTwice => "/es256-sign-twice",
            Self::Es256AndRs256Sign => "/es256-rs256-sign",
        }
    }

    /// As the table says it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "bare",
            Self::Es256Sign | Self::Rs256Sign => "bare + sign",
            Self::Es256Verify => "bare + verify",
            Self::Seal => "bare + seal",
            Self::Open => "bare + open",
            Self::Sha256 => "bare + SHA-256",
            Self::Es256SignTwice | Self::Es256AndRs256Sign => "bare + 2 × sign",
        }
    }
}

/// The keys of the crypto operations.
struct Tools {
    es256: SigningKey,
    rs256: SigningKey,
    token: String,
    sealer: TokenSealer,
    sealed: String,
}

impl Tools {
    fn new() -> anyhow::Result<Self> {
        let es256 = SigningKey::generate(Algorithm::Es256, None)?;
        let rs256 = SigningKey::generate(Algorithm::Rs256, None)?;
        let token = Signer::new(&es256, None).sign(&PAYLOAD)?;
        let sealer = TokenSealer::new(TokenKey::new(0, &[7; 32]), []);
        let sealed = sealer.seal("gat", b"main", &PAYLOAD);
        Ok(Self { es256, rs256, token, sealer, sealed })
    }
}

/// A bare axum on a port that it prints, and the same with one crypto operation before the answer.
#[expect(clippy::print_stdout, reason = "how the measuring side learns the port")]
pub(crate) async fn serve() -> anyhow::Result<()> {
    let tools: &'static Tools = Box::leak(Box::new(Tools::new()?));
    let es256: &'static Signer = Box::leak(Box::new(Signer::new(&tools.es256, None)));
    let rs256: &'static Signer = Box::leak(Box::new(Signer::new(&tools.rs256, None)));
    let verifying = tools.es256.verifying_key();
    let work = move |work: Work| match work {
        Work::Nothing => (),
        Work::Es256Sign => drop(es256.sign(&PAYLOAD)),
        Work::Es256Verify => {
            let parsed = parse_compact(&tools.token).expect("our own token");
            drop(parsed.verify(&verifying));
        }
        Work::Rs256Sign => drop(rs256.sign(&PAYLOAD)),
        Work::Seal => drop(tools.sealer.seal("gat", b"main", &PAYLOAD)),
        Work::Open => drop(tools.sealer.open("gat", b"main", &tools.sealed)),
        Work::Sha256 => {
            std::hint::black_box(grantor_crypto::digest::sha256(tools.token.as_bytes()));
        }
        Work::Es256SignTwice => drop((es256.sign(&PAYLOAD), es256.sign(&PAYLOAD))),
        Work::Es256AndRs256Sign => drop((es256.sign(&PAYLOAD), rs256.sign(&PAYLOAD))),
    };
    let body = format!("{{\"answer\":\"{}\"}}", "x".repeat(250 - 13));
    let router = Work::ALL.into_iter().fold(Router::new(), |router, before| {
        let (work, body) = (work.clone(), body.clone());
        let answer = move || async move {
            work(before);
            ([("content-type", "application/json")], body)
        };
        router.route(before.path(), get(answer))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// The bare server, on the core of the server that is measured, idle while that works.
#[derive(Debug)]
pub(crate) struct Bare {
    process: Pinned,
    address: String,
}

impl Bare {
    /// Starts it.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let (process, mut lines) = Pinned::start(&own, &["floor-server"])?;
        let address = lines.next_line().await?.context("no address")?;
        Ok(Self { process, address })
    }

    /// What a request costs here and what one costs there, by turns, so that both are measured on the
    /// same machine however its speed changes. Of each the cheapest slice counts: what others do on the
    /// machine only ever adds.
    pub(crate) async fn beside(
        &self,
        work: Work,
        address: &str,
        pid: u32,
        requests: &[Vec<u8>],
        count: usize,
    ) -> anyhow::Result<Measured> {
        let get = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", work.path(), self.address);
        let get = [get.into_bytes()];
        let each = (count / SLICES).max(1);
        let mut measured = Measured { floor: Duration::MAX, cost: Duration::MAX };
        for slice in 0..SLICES {
            let own = match requests.len() {
                1 => requests,
                // Each of them once.
                _ => requests.chunks_exact(each).nth(slice).context("--requests is too small")?,
            };
            let floor = cost(&self.address, self.process.pid, &get, each).await?;
            let cost = cost(address, pid, own, each).await?;
            measured.floor = measured.floor.min(floor);
            measured.cost = measured.cost.min(cost);
        }
        Ok(measured)
    }
}

/// CPU time of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) floor: Duration,
    pub(crate) cost: Duration,
}

/// CPU time of a server per request, with what it puts off.
async fn cost(
    address: &str,
    pid: u32,
    requests: &[Vec<u8>],
    count: usize,
) -> anyhow::Result<Duration> {
    let before = cpu(pid)?;
    load::run(address, Arc::new(requests.to_vec()), count, |_, _| {}).await?;
    // Issue events are written a tenth of a second later.
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ok(cpu(pid)?.saturating_sub(before) / u32::try_from(count)?)
}

/// CPU time of checking a password alone, measured as a server is measured: on its core, while
/// another is busy.
pub(crate) async fn hash() -> anyhow::Result<Duration> {
    let own = std::env::current_exe()?;
    let busy = Busy::start();
    let (_process, mut lines) = Pinned::start(&own, &["floor-hash"])?;
    let nanos = lines.next_line().await?.context("no figure")?.parse()?;
    drop(busy);
    Ok(Duration::from_nanos(nanos))
}

/// Checks passwords on this thread; prints the CPU time of one in nanoseconds.
#[expect(clippy::print_stdout, reason = "how the measuring side learns the figure")]
pub(crate) fn hash_here() -> anyhow::Result<()> {
    let mut hasher = Hasher::new(&grantor_crypto::password::HashCost::default())?;
    let password = Password::new("correct horse battery staple")?;
    let stored = hasher.hash(&password);
    let times = 20;
    let before = own_cpu();
    for _ in 0..times {
        std::hint::black_box(hasher.verify(&password, &stored));
    }
    println!("{}", (own_cpu().saturating_sub(before) / times).as_nanos());
    Ok(())
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
