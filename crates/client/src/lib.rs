//! Managed OAuth 2.0 tokens for applications that need them, and signing people in.
//!
//! Name a token once, ask for it whenever you call somebody. It is fetched, held, renewed ahead of
//! its end, kept while the server is down, and never printed:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use grantor_client::Tokens;
//!
//! let tokens = Tokens::from_env()?; // OAUTH2_ACCESS_TOKEN_URL, CREDENTIALS_DIR
//! tokens.manage("orders", ["uid", "sales_order.read_all"]);
//!
//! let http = tokens.authorize(reqwest::Client::new(), "orders");
//! let answer = http.get("https://orders.example.org/sales-orders").send().await?;
//! # Ok(()) }
//! ```
//!
//! | part                                   | what it is                             | specification        |
//! |----------------------------------------|----------------------------------------|----------------------|
//! | [`Tokens`], [`TokensBuilder`]          | tokens by name, and their settings     | the STUPS tokens libraries |
//! | [`BearerAuth`]                         | middleware for `reqwest`               | RFC 6750 §2.1        |
//! | [`TokenEndpoint`]                      | one token request                      | RFC 6749 §3.2, §5    |
//! | [`Grant`]                              | client credentials, password, refresh, code | RFC 6749 §4.1, §4.3, §4.4, §6 |
//! | [`RelyingParty`], [`Provider`]         | signing people in; feature `login` (default) | OIDC Core §3.1, RFC 7636, RFC 9207, RFC 8252 |
//! | [`LoginTokens`]                        | the access token of somebody who signed in, kept good | RFC 6749 §6 |
//! | [`ClientAuth`], [`AssertionSigner`]    | who the client is                      | RFC 6749 §2.3, RFC 7523 |
//! | feature `signing`                      | assertions signed by `grantor-crypto`  | RFC 7523 §2.2        |
//! | [`TokenError`], [`Refusal`]            | why there is no token                  | RFC 6749 §5.2        |
//!
//! What it does not do: follow redirects of the token endpoint, skip the verification of a
//! certificate, send a secret over plain http to another machine (unless [`PlainHttp`] says so),
//! show a secret in `Debug`, in an error or in a log line.

mod bearer;
mod client_auth;
mod clock;
mod credentials;
mod endpoint;
mod error;
mod fixed;
mod grant;
#[cfg(feature = "login")]
mod login;
mod renewal;
mod schedule;
mod secret;
mod settings;
#[cfg(feature = "signing")]
mod signing;
mod tokens;
mod transport;

pub use bearer::{BearerAuth, NamedToken, TokenSource};
pub use client_auth::{AssertionClaims, AssertionSigner, ClientAuth, Signer, SigningError};
pub use clock::{Clock, SystemClock};
pub use endpoint::{Issued, TokenEndpoint};
pub use error::{CredentialFault, Refusal, TokenError};
pub use grant::Grant;
#[cfg(feature = "login")]
pub use login::{
    browser::open_browser,
    error::{AuthorizationRefusal, IdTokenError, LoginError},
    id_token::IdToken,
    pending::PendingLogin,
    provider::{Provider, ProviderSettings},
    relying_party::{Login, RelyingParty},
    request::AuthorizationRequest,
    tokens::LoginTokens,
};
pub use secret::{AccessToken, Provenance, Secret};
pub use settings::TokensBuilder;
pub use tokens::Tokens;
pub use transport::{PlainHttp, Timeouts, check_confidential};
