//! Protect an API in ten lines.
//!
//! A [`Verifier`] knows one issuer and this resource server's own identifier. It finds the issuer's
//! keys, keeps them fresh, follows the issuer's revocations, and turns the token of a request into a
//! [`Caller`], or says why not. [`Protect`] puts it in front of a service, [`Require`] says what a
//! route needs, and [`Caller::may`] asks whose things may be touched.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use grantor_resource::{Caller, Protect, Require, Verifier};
//!
//! async fn hello(caller: Caller) -> String {
//!     format!("hello {}", caller.subject())
//! }
//!
//! # fn main() -> Result<(), grantor_resource::ConfigError> {
//! let verifier = Verifier::builder("https://as.example", "https://api.example").start()?;
//! let app: Router = Router::new()
//!     .route("/hello", get(hello))
//!     .layer(Protect::new(&verifier).require(Require::scopes(["greeting.read"])))
//!     .merge(verifier.metadata_routes());
//! # Ok(())
//! # }
//! ```
//!
//! Everything fails closed: until keys and revocations are known, and when they get too old, the
//! answer is 503. Tokens come from the `Authorization` header only and are never logged.
//!
//! | Part | Holds | Specification |
//! |---|---|---|
//! | [`VerifierBuilder`] | issuer, audience and choices | RFC 9068 §4 |
//! | [`Verifier`] | verification, offline or by introspection | RFC 7519, RFC 7662, RFC 9068 |
//! | [`Protect`], [`Require`] | layers: tokens and scopes | RFC 6750 |
//! | [`Caller`], [`Owner`], [`OwnerOr`] | who calls, and the owner rule | |
//! | [`Denied`], [`Refusal`] | the answers | RFC 6750 §3, RFC 9728 §5.1 |
//! | [`PeerCertificate`] | what a token may be bound to | RFC 8705 §3 |
//! | [`Clock`] | the time | |

mod caller;
mod challenge;
mod clock;
mod config;
mod credentials;
mod discovery;
mod feed;
mod fetch;
mod introspect;
mod keys;
mod peer_certificate;
mod protect;
mod protected_resource;
mod refusal;
mod require;
mod revocations;
mod token;
mod verifier;

pub use caller::{Caller, Owner, OwnerOr, Reach};
pub use clock::{Clock, SystemClock};
pub use config::{ConfigError, DEFAULT_MAX_STALENESS, OnStale, VerifierBuilder};
pub use grantor_crypto::Algorithm;
pub use introspect::Introspection;
pub use peer_certificate::PeerCertificate;
pub use protect::{Protect, Protected, Required};
pub use refusal::{Denied, NotReady, Refusal, TokenFault};
pub use require::{Require, ScopeRule, all_of, any_of};
pub use verifier::{Status, Verifier};
