//! Chance, and comparison that tells nothing by its time.
//!
//! Bytes come from AWS-LC's generator, which the operating system seeds and reseeds (SEC-096).

use std::cell::RefCell;

use zeroize::Zeroize as _;

/// Fills `bytes` with random bytes.
///
/// # Panics
/// When the operating system has no entropy to give. There is nothing sensible to do then.
pub fn fill(bytes: &mut [u8]) {
    if bytes.len() > STOCK / 4 {
        return generate(bytes);
    }
    STOCKS.with_borrow_mut(|stock| stock.take(bytes));
}

/// How many bytes are generated at once: a call of the generator costs as much as these bytes do.
const STOCK: usize = 512;

thread_local! {
    static STOCKS: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK], used: STOCK }) };
}

/// Random bytes that nobody has seen. What was handed out is wiped.
struct Stock {
    bytes: [u8; STOCK],
    used: usize,
}

impl Stock {
    fn take(&mut self, wanted: &mut [u8]) {
        if STOCK - self.used < wanted.len() {
            generate(&mut self.bytes);
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..self.used + wanted.len()];
        wanted.copy_from_slice(taken);
        taken.zeroize();
        self.used += wanted.len();
    }
}

fn generate(bytes: &mut [u8]) {
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
    fn sec_096_random_bytes_do_not_repeat_in_and_across_threads() {
        let many = || (0..1_000).map(|_| bytes::<16>()).collect::<Vec<_>>();
        let others: Vec<_> = (0..4).map(|_| std::thread::spawn(many)).collect();
        let mut all: Vec<_> = many();
        all.extend(others.into_iter().flat_map(|thread| thread.join().unwrap()));
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 5_000);
        assert!(all.iter().all(|bytes| bytes.iter().any(|byte| *byte != 0)));
    }

    #[test]
    fn sec_096_what_was_handed_out_is_wiped() {
        let (mut stock, mut taken) = (Stock { bytes: [0; STOCK], used: STOCK }, [0; 100]);
        stock.take(&mut taken);
        assert!(stock.bytes[..100].iter().all(|byte| *byte == 0));
        assert_ne!(taken, [0; 100]);
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
