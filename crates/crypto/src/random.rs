//! Chance, and comparison that tells nothing by its time.
//!
//! Bytes come from AWS-LC's generator, which the operating system seeds and reseeds (SEC-096).

/// Fills `bytes` with random bytes.
///
/// # Panics
/// When the operating system has no entropy to give. There is nothing sensible to do then.
pub fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system's random generator does not fail once it runs");
}

/// `N` random bytes.
///
/// # Panics
/// As [`fill`].
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Compares in time that depends on the lengths only (SEC-194).
#[must_use]
pub fn ct_eq(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_do_not_repeat() {
        assert_ne!(bytes::<16>(), bytes::<16>());
    }

    #[test]
    fn sec_194_equal_means_same_length_and_same_bytes() {
        assert!(ct_eq(b"abc", b"abc"));
        assert!(ct_eq(b"", b""));
        for other in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(!ct_eq(b"abc", other));
        }
    }
}
