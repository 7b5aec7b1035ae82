//! Public keys that parse and yet protect nothing.

/// The y coordinates of the points of order 8 (SEC-078). The second is p minus the first.
const ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Whether a key is of small order, or y is not below p = 2^255 - 19 (little endian, sign bit on
/// top). A signature under such a key fits many messages (SEC-078).
pub(super) fn is_weak_ed25519(x: &[u8; 32]) -> bool {
    let mut y = *x;
    y[31] &= 0x7f;
    let filled = y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff);
    let not_below_minus_one = filled && y[0] >= 0xec;
    let zero_or_one = y[0] <= 1 && y[1..].iter().all(|byte| *byte == 0);
    not_below_minus_one || zero_or_one || ORDER_EIGHT.contains(&y)
}

/// The odd primes up to 167.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether an RSA modulus bears the mark of the broken generator of CVE-2017-15361 (ROCA): modulo
/// every small prime it is a power of 65537. Of other moduli one in some 2^28 does.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    SMALL_PRIMES.into_iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * 65537 % prime;
            power == rest
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_078_points_of_small_order_and_numbers_beyond_the_field_are_weak() {
        let mut p = [0xff; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        // y and -y: the two entries add up to p.
        let mut carry = 0;
        let sum: Vec<u8> = ORDER_EIGHT[0]
            .iter()
            .zip(ORDER_EIGHT[1])
            .map(|(left, right)| {
                let sum = u16::from(*left) + u16::from(right) + carry;
                carry = sum >> 8;
                sum.to_le_bytes()[0]
            })
            .collect();
        assert_eq!(sum, p);

        let small = |low: u8| {
            let mut y = [0; 32];
            y[0] = low;
            y
        };
        let near_p = |low: u8| {
            let mut y = p;
            y[0] = low;
            y
        };
        let weak = [
            small(0),
            small(1),
            ORDER_EIGHT[0],
            ORDER_EIGHT[1],
            near_p(0xec),
            p,
            near_p(0xee),
            near_p(0xff),
        ];
        for mut y in weak {
            assert!(is_weak_ed25519(&y), "{y:?}");
            y[31] |= 0x80;
            assert!(is_weak_ed25519(&y), "{y:?} with the sign");
        }
        for y in [small(2), small(4), near_p(0xeb)] {
            assert!(!is_weak_ed25519(&y), "{y:?}");
        }
    }
}
