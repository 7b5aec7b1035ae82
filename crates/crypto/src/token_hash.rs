//! `at_hash`, `c_hash` and `s_hash`: what ties an ID token to what travels beside it.
//!
//! OIDC Core §3.1.3.6, §3.3.2.11: the left half of the hash that the ID token's own algorithm uses,
//! in base64url.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};

use crate::Algorithm;
use crate::base64url;

/// The hash of `text` (an access token, a code, a `state`) for an ID token signed with `alg`.
#[must_use]
pub fn token_hash(alg: Algorithm, text: &str) -> String {
    let hash = match alg {
        Algorithm::Es256 | Algorithm::Rs256 | Algorithm::Ps256 => &SHA256,
        Algorithm::Es384 | Algorithm::Rs384 | Algorithm::Ps384 => &SHA384,
        // Ed25519 hashes with SHA-512 inside (RFC 8032 §5.1).
        Algorithm::Es512 | Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => &SHA512,
    };
    let hash = digest(hash, text.as_bytes());
    let hash = hash.as_ref();
    base64url::encode(&hash[..hash.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of OIDC Core A.3 and A.4.
    #[test]
    fn trap_065_the_hash_is_the_left_half_under_the_algorithm_of_the_id_token() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(token_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        assert_eq!(token_hash(Algorithm::Rs256, code), "LDktKdoQak3Pk0cnXxCltA");
        for (alg, characters) in [
            (Algorithm::Es256, 22),
            (Algorithm::Ps256, 22),
            (Algorithm::Es384, 32),
            (Algorithm::Es512, 43),
            (Algorithm::EdDsa, 43),
        ] {
            assert_eq!(token_hash(alg, token).len(), characters, "{alg}");
        }
    }
}
