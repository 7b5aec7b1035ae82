//! Walking the audit chain of a database, and checking a chain wherever it comes from. SEC-191.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::jwk::KeySet;
use grantor_crypto::jws::parse_compact;
use grantor_domain::audit::{CHECKPOINT_TYP, CheckpointClaims};
use grantor_store::audit::{ChainVerifier, events_of};
use grantor_store::{AuditQuery, AuditRow, Checkpoint, Store};
use jiff::Timestamp;

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// A piece of the chain, in its order: a checkpoint follows the row it speaks of.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    Row(&'a AuditRow),
    Checkpoint(&'a Checkpoint),
}

/// What is done with each piece.
pub(crate) type Visit<'a> = dyn FnMut(Piece<'_>) -> anyhow::Result<()> + Send + 'a;

/// Shows every linked row behind a link, and every checkpoint.
pub(crate) async fn walk(
    store: &dyn Store,
    mut after: i64,
    visit: &mut Visit<'_>,
) -> anyhow::Result<()> {
    loop {
        let mut rows = store.audit(&linked_behind(after)).await?;
        if rows.is_empty() {
            let Some(beyond) = store.checkpoints(after, 1).await?.pop() else { return Ok(()) };
            // A running server may have linked more since we looked.
            rows = store.audit(&linked_behind(after)).await?;
            if rows.is_empty() {
                return visit(Piece::Checkpoint(&beyond));
            }
        }
        let last = rows.last().and_then(|row| row.link).context("a linked row has no link")?;
        // No link has more than one checkpoint.
        let mut signed = store.checkpoints(after, rows.len()).await?.into_iter().peekable();
        for row in &rows {
            visit(Piece::Row(row))?;
            while let Some(checkpoint) = signed.next_if(|c| Some(c.link) <= row.link) {
                visit(Piece::Checkpoint(&checkpoint))?;
            }
        }
        after = last;
    }
}

fn linked_behind(after: i64) -> AuditQuery {
    AuditQuery { tenant: None, after, chain: true, kind: None, since: None, limit: PAGE }
}

/// Rows that are in no chain although later ones are: put in by somebody else than the server.
pub(crate) async fn strangers(store: &dyn Store, last: i64) -> anyhow::Result<Option<AuditRow>> {
    let page = |after, limit| AuditQuery {
        tenant: None,
        after,
        chain: false,
        kind: None,
        since: None,
        limit,
    };
    let mut after = 0;
    loop {
        let rows = store.audit(&page(after, PAGE)).await?;
        for row in rows.iter().filter(|row| row.link.is_none() && row.seq < last) {
            // A running server may have linked it since we looked.
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            let again = store.audit(&page(row.seq - 1, 1)).await?;
            if let Some(row) = again.into_iter().find(|row| row.link.is_none()) {
                return Ok(Some(row));
            }
        }
        match rows.last() {
            Some(row) if row.seq < last => after = row.seq,
            _ => return Ok(None),
        }
    }
}

/// Checks a chain, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct ChainCheck {
    verifier: ChainVerifier,
    /// Who may have signed; without keys signatures are not looked at
    keys: Option<KeySet>,
    /// Hashes that were kept elsewhere
    known: BTreeMap<i64, [u8; 32]>,
    started: bool,
    /// The first row behind the last genuine checkpoint
    uncovered: Option<(i64, i64)>,
    pub(crate) report: Report,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The first link that was checked
    pub(crate) first: i64,
    pub(crate) links: usize,
    pub(crate) last_seq: i64,
    pub(crate) checkpoints: usize,
    pub(crate) verified: usize,
    pub(crate) last_verified: Option<(i64, Timestamp)>,
    pub(crate) unknown_keys: BTreeSet<String>,
    /// Hashes kept elsewhere that were met again
    pub(crate) known: usize,
}

impl ChainCheck {
    /// Checks signatures with these keys, and compares with hashes that were kept elsewhere.
    pub(crate) fn new(keys: Option<KeySet>, known: BTreeMap<i64, [u8; 32]>) -> Self {
        Self { keys, known, ..Self::default() }
    }

    /// Takes in the next piece.
    pub(crate) fn take(&mut self, piece: &Piece<'_>) -> anyhow::Result<()> {
        match *piece {
            Piece::Row(row) => self.row(row),
            Piece::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
        }
    }

    /// A chain that begins behind another link than the first: an export of the newer part.
    pub(crate) fn begin_at(&mut self, row: &AuditRow) {
        if let (false, Some(link), Some(previous)) = (self.started, row.link, row.previous) {
            self.verifier = ChainVerifier::behind(link - 1, previous);
        }
    }

    fn row(&mut self, row: &AuditRow) -> anyhow::Result<()> {
        self.verifier.take(row).map_err(|bad| match describe(&row.body) {
            Some(what) => anyhow!("{bad} (it says {what})"),
            None => bad.into(),
        })?;
        if !self.started {
            (self.started, self.report.first) = (true, self.verifier.link());
        }
        self.report.links += 1;
        self.uncovered = self.uncovered.or(Some((row.seq, self.verifier.link())));
        self.report.last_seq = self.report.last_seq.max(row.seq);
        if let Some(hash) = self.known.get(&self.verifier.link()) {
            if hash != self.verifier.hash() {
                bail!(
                    "the audit chain was made anew: link {} has another hash than the checkpoint \
                     that was kept",
                    self.verifier.link()
                );
            }
            self.report.known += 1;
        }
        Ok(())
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        let link = checkpoint.link;
        if link > self.verifier.link() {
            bail!(
                "the audit chain was cut off: it ends with link {}, a checkpoint speaks of {link}",
                self.verifier.link()
            );
        }
        if !self.started {
            return Ok(());
        }
        if link < self.verifier.link() || checkpoint.hash != *self.verifier.hash() {
            bail!("the checkpoint of link {link} does not agree with the audit chain");
        }
        self.report.checkpoints += 1;
        self.signature(checkpoint)
            .with_context(|| format!("the checkpoint of link {link} is not genuine"))
    }

    fn signature(&mut self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let jws = parse_compact(&checkpoint.signed)?;
        if jws.header.typ.as_deref() != Some(CHECKPOINT_TYP) {
            bail!("it is another sort of statement");
        }
        let Some(key) = keys.find(jws.header.kid.as_deref(), jws.header.alg) else {
            self.report.unknown_keys.insert(jws.header.kid.unwrap_or_default());
            return Ok(());
        };
        let claims: CheckpointClaims = serde_json::from_slice(&jws.verify(key)?)?;
        let hash = BASE64_URL_SAFE_NO_PAD.encode(checkpoint.hash);
        if (claims.link, &claims.hash) != (checkpoint.link, &hash) {
            bail!("its signature is over another link");
        }
        self.report.verified += 1;
        self.uncovered = None;
        let at = Timestamp::from_second(claims.iat).context("its time cannot be")?;
        self.report.last_verified = Some((checkpoint.link, at));
        Ok(())
    }

    /// At the end: what was kept elsewhere must have been met.
    pub(crate) fn finish(self) -> anyhow::Result<Report> {
        let end = self.verifier.link();
        if let Some((link, _)) = self.known.range(end + 1..).next() {
            bail!(
                "the audit chain was cut off: it ends with link {end}, a checkpoint that was kept \
                 speaks of {link}"
            );
        }
        // The server signs whenever it links, so whatever follows its last word is not from it.
        if let (Some(_), Some((seq, link))) = (&self.keys, self.uncovered) {
            let kids: Vec<_> = self.report.unknown_keys.iter().map(String::as_str).collect();
            let unknown = if kids.is_empty() {
                String::new()
            } else {
                format!(" (some are signed by keys that are not at hand: {})", kids.join(", "))
            };
            bail!(
                "row {seq}, link {link}, and what follows it are under no checkpoint with a \
                 genuine signature{unknown}"
            );
        }
        Ok(self.report)
    }

    /// The last link that was found good.
    pub(crate) fn head(&self) -> (i64, String) {
        (self.verifier.link(), BASE64_URL_SAFE_NO_PAD.encode(self.verifier.hash()))
    }
}

/// The first event of a row, in short.
fn describe(body: &str) -> Option<String> {
    let event = events_of(body).ok()?.into_iter().next()?;
    Some(format!("{} by {} at {}, id {}", event.kind, event.actor, event.at, event.id))
}

#[cfg(test)]
mod tests;
