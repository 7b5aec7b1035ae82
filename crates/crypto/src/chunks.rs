//! Authenticated encryption of a long file, piece by piece (STREAM, Hoang et al. 2015): AES-256-GCM
//! under a key that is used for this one file only, with the number of the piece and whether it is
//! the last in the nonce. So pieces can be neither altered, swapped, repeated nor dropped, and a file
//! that was cut off does not pass for a whole one.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// How much longer a sealed piece is.
pub const OVERHEAD: usize = 16;

/// A piece was altered, is another one than is due, or the key is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the piece was altered, or is not the one that is due here")]
pub struct BadPiece;

/// Seals the pieces of one file, in their order.
pub struct PieceSealer(Pieces);

/// Opens the pieces of one file, in their order.
pub struct PieceOpener(Pieces);

struct Pieces {
    key: LessSafeKey,
    /// The head of the file, which each piece is bound to
    head: Vec<u8>,
    next: u64,
}

impl Pieces {
    fn new(key: &[u8; 32], head: &[u8]) -> Self {
        let key = UnboundKey::new(&aead::AES_256_GCM, key).expect("the key has 32 bytes");
        Self { key: LessSafeKey::new(key), head: head.to_vec(), next: 0 }
    }

    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[0] = u8::from(last);
        nonce[4..].copy_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

impl PieceSealer {
    /// For one file: `key` must never be used for another.
    #[must_use]
    pub fn new(key: &[u8; 32], head: &[u8]) -> Self {
        Self(Pieces::new(key, head))
    }

    /// The next piece, sealed.
    pub fn seal(&mut self, piece: &[u8], last: bool) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(piece.len() + OVERHEAD);
        sealed.extend_from_slice(piece);
        let nonce = self.0.nonce(last);
        self.0
            .key
            .seal_in_place_append_tag(nonce, Aad::from(&self.0.head), &mut sealed)
            .expect("AES-GCM encrypts anything below 64 GiB");
        sealed
    }
}

impl PieceOpener {
    /// For one file.
    #[must_use]
    pub fn new(key: &[u8; 32], head: &[u8]) -> Self {
        Self(Pieces::new(key, head))
    }

    /// The next piece, if it is the one that is due.
    pub fn open(&mut self, sealed: &[u8], last: bool) -> Result<Zeroizing<Vec<u8>>, BadPiece> {
        let mut piece = Zeroizing::new(sealed.to_vec());
        let nonce = self.0.nonce(last);
        let aad = Aad::from(&self.0.head);
        let length = self.0.key.open_in_place(nonce, aad, &mut piece).map_err(|_| BadPiece)?.len();
        piece.truncate(length);
        Ok(piece)
    }
}

impl std::fmt::Debug for PieceSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PieceSealer").field("next", &self.0.next).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PieceOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PieceOpener").field("next", &self.0.next).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealed() -> [Vec<u8>; 3] {
        let mut sealer = PieceSealer::new(&KEY, b"head");
        [sealer.seal(b"one", false), sealer.seal(b"two", false), sealer.seal(b"", true)]
    }

    #[test]
    fn pieces_open_in_their_order() {
        let [one, two, end] = sealed();
        let mut opener = PieceOpener::new(&KEY, b"head");
        assert_eq!(*opener.open(&one, false).unwrap(), b"one");
        assert_eq!(*opener.open(&two, false).unwrap(), b"two");
        assert_eq!(*opener.open(&end, true).unwrap(), b"");
    }

    #[test]
    fn a_piece_that_is_swapped_repeated_altered_or_called_the_last_does_not_open() {
        let [one, two, end] = sealed();
        let opener = || PieceOpener::new(&KEY, b"head");
        assert_eq!(opener().open(&two, false), Err(BadPiece));
        assert_eq!(opener().open(&one, true), Err(BadPiece));
        assert_eq!(opener().open(&end, true), Err(BadPiece));
        let mut repeating = opener();
        repeating.open(&one, false).unwrap();
        assert_eq!(repeating.open(&one, false), Err(BadPiece));
        for at in 0..one.len() {
            let mut altered = one.clone();
            altered[at] ^= 1;
            assert_eq!(opener().open(&altered, false), Err(BadPiece));
        }
        assert_eq!(PieceOpener::new(&KEY, b"tail").open(&one, false), Err(BadPiece));
        assert_eq!(PieceOpener::new(&[8; 32], b"head").open(&one, false), Err(BadPiece));
    }
}
