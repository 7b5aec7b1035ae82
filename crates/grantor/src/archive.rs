//! The form of a backup: a line that says what it is, then sealed pieces. REL-040.
//!
//! The first line is JSON and names the master key that is needed. The rest is made of pieces of
//! about [`PIECE`] bytes: length (4), whether it is the last (1), and the piece sealed under a key
//! that is derived from the master key for this file alone, bound to the first line and to its
//! place. Inside are dumped rows, one JSON object a line; the last piece says how many there are.
//! What is sealed in the database stays sealed in here.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::chunks::{OVERHEAD, PieceOpener, PieceSealer};
use grantor_crypto::seal::Keyring;
use grantor_store::DumpRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Hint as _;

/// The form that this program writes and reads.
const VERSION: u32 = 1;

/// How much is sealed in one piece, in bytes.
const PIECE: usize = 1 << 20;

/// A piece is never longer, in bytes: one row may be larger than [`PIECE`].
const LONGEST: usize = 64 << 20;

/// The first line is never longer, in bytes.
const LONGEST_HEAD: u64 = 4_096;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// [`VERSION`]
    grantor_backup: u32,
    /// Which master key it is sealed under
    pub(crate) key: String,
    /// What makes the key of this file its own, base64url
    file: String,
    /// When it was made
    pub(crate) made: Timestamp,
}

/// The last piece.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    rows: u64,
}

impl Head {
    fn key(&self, keyring: &Keyring) -> anyhow::Result<Zeroizing<[u8; 32]>> {
        let ids: Vec<String> = keyring.ids().iter().map(ToString::to_string).collect();
        let keys = keyring.derive_all(&format!("backup/{}", self.file));
        let found = ids.iter().zip(keys).find(|(id, _)| **id == self.key);
        found.map(|(_, key)| key).ok_or_else(|| {
            anyhow!(
                "the backup is sealed under master key {}; at hand: {}",
                self.key,
                ids.join(", ")
            )
        })
    }
}

/// Writes a backup.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    out: W,
    sealer: PieceSealer,
    waiting: Vec<u8>,
    rows: u64,
}

impl<W: Write> Writer<W> {
    /// Begins.
    pub(crate) fn new(mut out: W, keyring: &Keyring, made: Timestamp) -> anyhow::Result<Self> {
        let head = Head {
            grantor_backup: VERSION,
            key: keyring.current_id().to_string(),
            file: BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::random::bytes::<16>()),
            made,
        };
        let mut line = serde_json::to_vec(&head)?;
        line.push(b'\n');
        out.write_all(&line)?;
        let sealer = PieceSealer::new(&*head.key(keyring)?, &line);
        Ok(Self { out, sealer, waiting: Vec::with_capacity(PIECE), rows: 0 })
    }

    /// Adds rows. Returns how many there are by now.
    pub(crate) fn add(&mut self, rows: &[DumpRow]) -> anyhow::Result<u64> {
        for row in rows {
            serde_json::to_writer(&mut self.waiting, row)?;
            self.waiting.push(b'\n');
            self.rows += 1;
            if self.waiting.len() >= PIECE {
                self.piece(false)?;
            }
        }
        Ok(self.rows)
    }

    /// Says that this is all. Without it, nobody takes the file for whole.
    pub(crate) fn finish(mut self) -> anyhow::Result<(u64, W)> {
        if !self.waiting.is_empty() {
            self.piece(false)?;
        }
        serde_json::to_writer(&mut self.waiting, &End { rows: self.rows })?;
        self.piece(true)?;
        self.out.flush()?;
        Ok((self.rows, self.out))
    }

    fn piece(&mut self, last: bool) -> anyhow::Result<()> {
        let sealed = self.sealer.seal(&self.waiting, last);
        if sealed.len() > LONGEST {
            bail!("a row is too large for a backup");
        }
        let length = u32::try_from(sealed.len()).context("a piece is too long")?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&[u8::from(last)])?;
        self.out.write_all(&sealed)?;
        self.waiting.clear();
        Ok(())
    }
}

/// Reads a backup.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: BufReader<R>,
    opener: PieceOpener,
    pub(crate) head: Head,
    rows: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the first line and finds the key.
    pub(crate) fn new(input: R, keyring: &Keyring) -> anyhow::Result<Self> {
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        (&mut input).take(LONGEST_HEAD).read_until(b'\n', &mut line)?;
        let head: Head = serde_json::from_slice(&line).context("this is no backup of Grantor")?;
        if head.grantor_backup != VERSION {
            bail!("the backup has form {}, this program reads {VERSION}", head.grantor_backup);
        }
        let key = head.key(keyring);
        let key = key.hint("name the file with that key in keys.older_master_key_files")?;
        let opener = PieceOpener::new(&key, &line);
        Ok(Self { input, opener, head, rows: 0 })
    }

    /// The next rows; `None` once the file has proved to be whole.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Vec<DumpRow>>> {
        let mut length = [0; 5];
        self.fill(&mut length)?;
        let [a, b, c, d, last] = length;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d]))?;
        if last > 1 || !(OVERHEAD..=LONGEST).contains(&length) {
            bail!("the backup was altered");
        }
        let mut sealed = vec![0; length];
        self.fill(&mut sealed)?;
        let piece = self.opener.open(&sealed, last == 1).context("the backup was altered")?;
        if last == 1 {
            return self.end(&piece).map(|()| None);
        }
        let lines = piece.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows: Vec<DumpRow> = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
        self.rows += rows.len() as u64;
        Ok(Some(rows))
    }

    /// How many rows were read by now.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn end(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        let end: End = serde_json::from_slice(piece).context("the backup has no proper end")?;
        if end.rows != self.rows {
            bail!("the backup has {} rows of {}", self.rows, end.rows);
        }
        match self.input.read(&mut [0])? {
            0 => Ok(()),
            _ => bail!("something follows the end of the backup"),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> anyhow::Result<()> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => anyhow!("the backup was cut off"),
            _ => error.into(),
        })
    }
}

#[cfg(test)]
mod tests;
