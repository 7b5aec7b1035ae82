//! Secrets, digests, passwords, keys and signatures: the only crate that touches primitives.
//!
//! Everything rests on AWS-LC (`aws-lc-rs`); keys are parsed once and then only used. Nothing here
//! reads a clock: what depends on time takes `now` as an argument.
//!
//! | Module | Holds |
//! |---|---|
//! | [`alg`] | the signature algorithms we know (RFC 7518 §3, RFC 8037) |
//! | [`key`], [`jwk`] | signing and verifying keys, their public form (RFC 7517, 7638) |
//! | [`json`] | JSON read without mercy: no duplicate members, no trailing data |
//! | [`jws`], [`jwt`] | compact signatures and the claims inside (RFC 7515, 7519) |
//! | [`jwe`] | compact encryption (RFC 7516) |
//! | [`certificate`] | X.509 certificates, and the names of their subjects (RFC 5280, 4514) |
//! | [`token_hash`](mod@token_hash) | `at_hash`, `c_hash`, `s_hash` (OIDC Core §3.1.3.6) |
//! | [`secret`], [`digest`] | bearer secrets, and the forms of them that may be stored |
//! | [`seal`], [`token`] | authenticated encryption at rest, and of reference tokens |
//! | [`chunks`] | authenticated encryption of long files |
//! | [`password`], [`pool`] | password hashes, and the bounded pool that computes them |
//! | [`random`], [`fingerprint`] | chance, and what a log may say about a secret |

pub mod alg;
mod base64url;
pub mod certificate;
pub mod chunks;
pub mod digest;
pub mod fingerprint;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod key;
pub mod password;
pub mod pool;
pub mod random;
pub mod seal;
pub mod secret;
pub mod token;
pub mod token_hash;

pub use alg::Algorithm;
pub use json::parse_strict;
pub use random::ct_eq;
pub use token_hash::token_hash;
