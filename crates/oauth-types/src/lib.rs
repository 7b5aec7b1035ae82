//! The words of OAuth 2.0 and OpenID Connect, as types.
//!
//! A word of a specification is spelled in exactly one place of this repository: here. The crate
//! does no I/O and knows nothing of the server, so that the libraries strangers depend on can
//! share it.
//!
//! | module              | what                                       | specification              |
//! |---------------------|--------------------------------------------|----------------------------|
//! | [`grant_type`]      | ways to ask for a token                    | RFC 6749 §1.3              |
//! | [`scope`]           | scope tokens and sets of them              | RFC 6749 §3.3              |
//! | [`client_auth`]     | how a client authenticates                 | RFC 6749 §2.3, RFC 7523    |
//! | [`confirmation`]    | to which key a token is bound              | RFC 7800 §3.1, RFC 8705 §3 |
//! | [`response_type`]   | what the authorization endpoint hands out  | Multiple Response Types    |
//! | [`client_metadata`] | words of client registration               | RFC 7591 §2, OIDC Reg. §2  |
//! | [`error_code`]      | error codes, per endpoint                  | RFC 6749 §5.2, RFC 6750    |
//! | [`id`]              | identifiers the server makes               |                            |
//! | [`name`]            | identifiers people choose                  |                            |
//! | [`token_response`]  | a successful token response                | RFC 6749 §5.1              |
//! | [`introspection`]   | what introspection answers                 | RFC 7662 §2.2              |
//! | [`metadata`]        | what discovery answers                     | RFC 8414 §2, OIDC Discovery|
//! | [`revocation_feed`] | what verifiers pull to learn of revocation | our own                    |

pub mod client_auth;
pub mod client_metadata;
pub mod confirmation;
pub mod error_code;
pub mod grant_type;
pub mod id;
pub mod introspection;
pub mod metadata;
pub mod name;
pub mod response_type;
pub mod revocation_feed;
pub mod scope;
pub mod token_response;
mod word;
