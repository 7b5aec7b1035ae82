//! What a log may say about a secret: enough to join two lines, not enough to guess it (SEC-189).

use std::fmt;

use aws_lc_rs::hmac;

use crate::base64url;

/// Makes fingerprints. Keyed, so that nobody with the logs alone can test a guess.
#[derive(Clone)]
pub struct Fingerprinter(hmac::Key);

impl Fingerprinter {
    /// Takes a key of its own; see [`Keyring::derive`](crate::seal::Keyring::derive).
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The fingerprint of `secret`, the same for the same secret and key.
    #[must_use]
    pub fn fingerprint(&self, secret: &str) -> Fingerprint {
        let tag = hmac::sign(&self.0, secret.as_bytes());
        let mut short = [0; 6];
        short.copy_from_slice(&tag.as_ref()[..6]);
        Fingerprint(short)
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter(…)")
    }
}

/// Eight characters that stand for a secret in a log line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 6]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_189_a_fingerprint_depends_on_key_and_secret_and_shows_neither() {
        let ours = Fingerprinter::new(&[1; 32]);
        let theirs = Fingerprinter::new(&[2; 32]);
        let print = ours.fingerprint("hunter2-hunter2");
        assert_eq!(print, ours.fingerprint("hunter2-hunter2"));
        assert_ne!(print, ours.fingerprint("hunter2-hunter3"));
        assert_ne!(print, theirs.fingerprint("hunter2-hunter2"));
        assert_eq!(print.to_string().len(), 8);
        assert!(!format!("{print} {print:?} {ours:?}").contains("hunter2"));
    }
}
