//! `grantor audit verify`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jwk::{JwkSet, KeySet};
use grantor_crypto::jws::parse_compact;
use grantor_domain::audit::CheckpointClaims;
use grantor_store::audit::events_of;

use super::lines::{self, Line, decode};
use crate::chain::{self, ChainCheck, Piece, Report};
use crate::commands::host::HostArgs;
use crate::out::print;
use crate::{keys, node};

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A chain alone shows edits, deletions, insertions and changes of order. That its end was cut off, or
that all of it was made anew, shows only against what is kept elsewhere: the public keys (--jwks, from
`grantor keys list -o jwks` or the JWKS of the default tenant) and checkpoints or exports of the past
(--checkpoints). Without --jwks the keys of the database itself are taken.")]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,

    /// Verify an export in place of the database
    #[arg(long)]
    file: Option<PathBuf>,

    /// Public keys that may have signed the checkpoints (a JWK set)
    #[arg(long)]
    jwks: Option<PathBuf>,

    /// Checkpoints that were kept: an earlier export, or compact JWS, one a line
    #[arg(long)]
    checkpoints: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = args.jwks.as_deref().map(read_jwks).transpose()?;
    let known = args.checkpoints.as_deref().map(|path| read_kept(path, keys.as_ref()));
    let known = known.transpose()?.unwrap_or_default();
    let (head, report) = match &args.file {
        Some(file) => of_file(file, ChainCheck::new(keys, known))?,
        None => of_database(args.host, keys, known).await?,
    };
    print(&told(&head, &report))?;
    Ok(ExitCode::SUCCESS)
}

type Checked = ((i64, String), Report);

fn of_file(file: &Path, mut check: ChainCheck) -> anyhow::Result<Checked> {
    lines::read(file, &mut |piece| {
        if let Piece::Row(row) = &piece {
            check.begin_at(row);
        }
        check.take(&piece)
    })?;
    Ok((check.head(), check.finish()?))
}

async fn of_database(
    host: HostArgs,
    keys: Option<KeySet>,
    known: BTreeMap<i64, [u8; 32]>,
) -> anyhow::Result<Checked> {
    let config = host.read()?;
    let store = node::open_to_read(&config.database).await?;
    let keys = match keys {
        Some(keys) => Some(keys),
        None => match node::existing_keyring(&config) {
            Ok(ring) => Some(keys::verifying(&*store, &config, &ring).await?),
            Err(error) => {
                tracing::warn!("signatures are not checked: {error:#}");
                None
            }
        },
    };
    let mut check = ChainCheck::new(keys, known);
    chain::walk(&*store, 0, &mut |piece| check.take(&piece)).await?;
    let head = check.head();
    let report = check.finish()?;
    if let Some(row) = chain::strangers(&*store, report.last_seq).await? {
        let what = events_of(&row.body).ok().and_then(|events| events.into_iter().next());
        let what =
            what.map_or_else(String::new, |event| format!(" ({}, id {})", event.kind, event.id));
        return Err(anyhow!(
            "row {}{what} is in no link of the audit chain although later rows are: it was put in \
             from outside, or left by a crash (then the server links it when it starts)",
            row.seq
        ));
    }
    Ok((head, report))
}

fn told((link, hash): &(i64, String), report: &Report) -> String {
    if report.links == 0 {
        return "ok: the chain is empty\n".to_owned();
    }
    let mut text = format!(
        "ok: links {} to {link} hold, head {hash}\n{} checkpoints agree",
        report.first, report.checkpoints
    );
    match report.last_verified {
        Some((link, at)) => {
            let _ = write!(
                text,
                ", {} signatures verify, the last over link {link} at {at}",
                report.verified
            );
        }
        None => text.push_str("; no signature was checked (no --jwks)"),
    }
    if !report.unknown_keys.is_empty() {
        let kids: Vec<_> = report.unknown_keys.iter().map(String::as_str).collect();
        let _ = write!(text, "; some are signed by keys not at hand: {}", kids.join(", "));
    }
    if report.known > 0 {
        let _ = write!(text, "\n{} hashes that were kept are met again", report.known);
    }
    text.push('\n');
    text
}

fn read_jwks(path: &Path) -> anyhow::Result<KeySet> {
    let about = || format!("cannot read the keys {}", path.display());
    let set = JwkSet::parse(&fs::read(path).with_context(about)?).with_context(about)?;
    KeySet::from_jwks(&set, &Algorithm::ALL).with_context(about)
}

/// Links and hashes of an earlier export, or of bare checkpoints. These are verified if there are
/// keys: whoever keeps them may have kept them badly.
fn read_kept(path: &Path, keys: Option<&KeySet>) -> anyhow::Result<BTreeMap<i64, [u8; 32]>> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let mut kept = BTreeMap::new();
    for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, l)| !l.is_empty()) {
        let at = || format!("{} line {}", path.display(), number + 1);
        if line.starts_with('{') {
            match serde_json::from_str(line).with_context(at)? {
                Line::Checkpoint { link, hash, .. } | Line::Row { link, hash, .. } => {
                    kept.insert(link, decode(&hash).with_context(at)?);
                }
                Line::Export { .. } | Line::End { .. } => {}
            }
            continue;
        }
        let jws = parse_compact(line).with_context(at)?;
        let key = keys.and_then(|keys| keys.find(jws.header.kid.as_deref(), jws.header.alg));
        let payload = match key {
            Some(key) => jws.verify(key).with_context(at)?,
            None => jws.unverified_payload().to_vec(),
        };
        let claims: CheckpointClaims = serde_json::from_slice(&payload).with_context(at)?;
        kept.insert(claims.link, decode(&claims.hash).with_context(at)?);
    }
    Ok(kept)
}
