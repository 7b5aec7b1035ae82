//! Of the two ECDSA signatures that fit, one.
//!
//! If (r, s) signs a message, so does (r, n − s), and anybody can turn the one into the other. So a
//! token has two compact forms, and a list of revoked tokens knows only one of them. We sign with
//! the smaller s, and a token of our own counts in no other form.

use crate::Algorithm;

/// The longest ECDSA signature: r and s of P-521.
const LONGEST: usize = 132;

/// The order n of the group of each curve, big endian (FIPS 186-5; SEC 2 §2.4.2, §2.5.1, §2.6.1).
const P256: [u8; 32] = order(
    *b"\
    FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
);
const P384: [u8; 48] = order(
    *b"\
    FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF\
    581A0DB248B0A77AECEC196ACCC52973",
);
const P521: [u8; 66] = order(
    *b"\
    01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\
    FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
);

const fn order<const N: usize, const H: usize>(hex: [u8; H]) -> [u8; N] {
    assert!(H == 2 * N);
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = digit(hex[2 * at]) << 4 | digit(hex[2 * at + 1]);
        at += 1;
    }
    bytes
}

const fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => hex - b'A' + 10,
    }
}

/// An ECDSA signature with the smaller s.
pub(crate) struct LowSignature {
    bytes: [u8; LONGEST],
    len: usize,
}

impl LowSignature {
    /// Of a signature in fixed width.
    pub(crate) fn of(signature: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        let len = signature.len();
        bytes[..len].copy_from_slice(signature);
        let (_, s) = bytes[..len].split_at_mut(len / 2);
        let mut twin = [0; LONGEST / 2];
        let twin = &mut twin[..s.len()];
        if other(s, twin) && *twin < *s {
            s.copy_from_slice(twin);
        }
        Self { bytes, len }
    }
}

impl AsRef<[u8]> for LowSignature {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Whether a signature that verifies has no twin that is the one to be taken. Only ECDSA
/// signatures have twins.
pub(crate) fn is_the_one(alg: Algorithm, signature: &[u8]) -> bool {
    if !matches!(alg, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512) {
        return true;
    }
    let (_, s) = signature.split_at(signature.len() / 2);
    let mut twin = [0; LONGEST / 2];
    let twin = twin.get_mut(..s.len());
    twin.is_some_and(|twin| other(s, twin) && *s < *twin)
}

/// n − s; the width tells the curve. `false` for a width that no curve has.
fn other(s: &[u8], twin: &mut [u8]) -> bool {
    let order: &[u8] = match s.len() {
        32 => &P256,
        48 => &P384,
        66 => &P521,
        _ => return false,
    };
    let mut borrow = false;
    for at in (0..s.len()).rev() {
        let (less, below) = order[at].overflowing_sub(s[at]);
        let (digit, below_again) = less.overflowing_sub(u8::from(borrow));
        twin[at] = digit;
        borrow = below || below_again;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jws::{JwsError, Signer, parse_compact};
    use crate::key::SigningKey;
    use crate::{Algorithm, base64url};

    const CURVES: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512];

    /// The same token with n − s in place of s.
    fn twin(compact: &str) -> String {
        let (message, signature) = compact.rsplit_once('.').unwrap();
        let mut signature = base64url::decode(signature).unwrap();
        let half = signature.len() / 2;
        let mut s = vec![0; half];
        assert!(other(&signature[half..], &mut s));
        signature[half..].copy_from_slice(&s);
        format!("{message}.{}", base64url::encode(signature))
    }

    #[test]
    fn every_signature_of_ours_has_the_smaller_s() {
        for alg in CURVES {
            let key = SigningKey::generate(alg, None).unwrap();
            for message in 0..64_u8 {
                let signature = key.sign(&[message]).unwrap();
                assert!(is_the_one(alg, &signature), "{alg}");
                assert!(key.verifying_key().verify(&[message], &signature).is_ok(), "{alg}");
            }
        }
    }

    #[test]
    fn the_twin_of_a_token_verifies_and_is_told_apart() {
        for alg in CURVES {
            let key = SigningKey::generate(alg, None).unwrap();
            let compact = Signer::new(&key, None).sign(b"{}").unwrap();
            let other = twin(&compact);
            assert_ne!(other, compact);
            let verify = |text: &str| -> Result<bool, JwsError> {
                let token = parse_compact(text)?;
                let only = token.is_only_form();
                token.verify(&key.verifying_key()).map(|_| only)
            };
            assert_eq!(verify(&compact), Ok(true), "{alg}");
            assert_eq!(verify(&other), Ok(false), "{alg}: this is why it matters");
            assert_eq!(twin(&other), compact);
        }
    }

    #[test]
    fn other_signatures_have_no_twin() {
        for alg in [Algorithm::EdDsa, Algorithm::Rs256] {
            assert!(is_the_one(alg, &[0xff; 64]), "{alg}");
        }
        for length in [0, 1, 70, 200] {
            assert!(!is_the_one(Algorithm::Es256, &vec![0; length]), "{length}");
        }
    }
}
