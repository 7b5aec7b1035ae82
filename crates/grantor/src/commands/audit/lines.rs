//! The form of an exported chain: JSON lines.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_store::{AuditRow, Checkpoint};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chain::{Piece, Visit};

/// The form this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Line {
    /// The first
    Export {
        /// [`VERSION`]
        version: u32,
        /// When it was written
        at: Timestamp,
    },
    /// A row of the chain
    Row {
        /// Its place in the table
        seq: i64,
        /// Its place in the chain
        link: i64,
        /// The hash before, base64url
        previous: String,
        /// SHA-256 over the hash before and the body's bytes, base64url
        hash: String,
        /// The exact bytes
        body: String,
    },
    /// A signed checkpoint
    Checkpoint {
        /// Of which link
        link: i64,
        /// The hash there, base64url
        hash: String,
        /// A compact JWS
        signed: String,
    },
    /// The last
    End {
        /// How many rows there are
        rows: usize,
    },
}

impl Line {
    /// Of a piece of the chain.
    pub(super) fn of(piece: &Piece<'_>) -> anyhow::Result<Self> {
        let text = |hash: Option<[u8; 32]>| -> anyhow::Result<String> {
            Ok(BASE64_URL_SAFE_NO_PAD.encode(hash.context("a linked row has no hash")?))
        };
        Ok(match piece {
            Piece::Row(row) => Self::Row {
                seq: row.seq,
                link: row.link.context("a linked row has no link")?,
                previous: text(row.previous)?,
                hash: text(row.hash)?,
                body: row.body.clone(),
            },
            Piece::Checkpoint(checkpoint) => Self::Checkpoint {
                link: checkpoint.link,
                hash: text(Some(checkpoint.hash))?,
                signed: checkpoint.signed.clone(),
            },
        })
    }
}

/// Shows every piece of a file, in its order.
pub(super) fn read(path: &Path, visit: &mut Visit<'_>) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rows = 0;
    let mut ended = false;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let at = || format!("{} line {}", path.display(), number + 1);
        if ended {
            bail!("{}: something follows the end", at());
        }
        let line: Line = serde_json::from_str(&line.with_context(at)?).with_context(at)?;
        match line {
            Line::Export { version, .. } if number == 0 && version == VERSION => {}
            Line::Export { .. } => bail!("{}: not an export this program can read", at()),
            _ if number == 0 => bail!("{}: not an audit export", at()),
            Line::Row { seq, link, previous, hash, body } => {
                let (previous, hash) = (Some(decode(&previous)?), Some(decode(&hash)?));
                visit(Piece::Row(&AuditRow { seq, link: Some(link), previous, hash, body }))?;
                rows += 1;
            }
            Line::Checkpoint { link, hash, signed } => {
                let hash = decode(&hash)?;
                visit(Piece::Checkpoint(&Checkpoint { link, hash, signed }))?;
            }
            Line::End { rows: expected } if expected == rows => ended = true,
            Line::End { rows: expected } => {
                bail!("{}: {rows} rows are left of {expected}", at())
            }
        }
    }
    if !ended {
        bail!("{} was cut off", path.display());
    }
    Ok(())
}

/// A hash as it is written.
pub(super) fn decode(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).context("a hash does not read")?;
    bytes.try_into().map_err(|_| anyhow::anyhow!("a hash has 32 bytes"))
}
