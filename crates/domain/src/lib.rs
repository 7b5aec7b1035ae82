//! The rules of the authorization server, as plain functions, and the things they are about.
//!
//! A rule takes a parsed request, the facts the store had about it and the time, and returns
//! either what to grant or why not. It never awaits, never asks for the time, never makes a random
//! choice it was not handed bytes for. So every sentence of the specifications that says MUST can
//! be a unit test that runs in microseconds.
//!
//! | what                    | module            | specification                        |
//! |-------------------------|-------------------|--------------------------------------|
//! | the one decision        | [`decision`]      | `design.md` 3                        |
//! | reading parameters      | [`params`]        | RFC 6749 §3.1, §3.2                  |
//! | who is the client       | [`client_auth`]   | RFC 6749 §2.3, RFC 7523, RFC 8705    |
//! | authorization requests  | [`authorize`]     | RFC 6749 §4.1, OIDC Core §3          |
//! | who is signed in enough | [`sign_in`]       | OIDC Core §3.1.2.1, RFC 9470         |
//! | what has to be asked    | [`consent_request`] | `campus.md` 4, SEC-042             |
//! | token requests          | [`token`]         | RFC 6749 §4.3, §4.4, §6              |
//! | what a token says       | [`issue`]         | RFC 9068, STUPS, `design.md` 4       |
//! | where answers may go    | [`redirect_uri`]  | RFC 6749 §3.1.2, RFC 8252 §7         |
//! | tokens bound to a key   | [`binding`]       | RFC 8705 §3, §4                      |
//! | codes                   | [`code`]          | RFC 6749 §4.1.3, RFC 7636            |
//! | claims about people     | [`claims`]        | OIDC Core §5                         |
//! | browsers that signed in | [`session`]       | OIDC Core §2, Session Management     |
//! | refresh and reuse       | [`refresh`]       | RFC 6749 §6, RFC 9700 §4.14          |
//! | what is dead            | [`revocation`]    | RFC 7009, Plan B revocation          |
//! | what may be said        | [`introspect`]    | RFC 7662 §2.1, §4                    |
//! | failed attempts         | [`throttle`]      | NIST SP 800-63B-4 §3.2.2             |
//! | what may be written     | [`registry`]      | RFC 7591 §2, `stups.md` 4.3          |
//!
//! Where we differ from a specification on purpose, `docs/divergences.md` says so by section.

pub mod application;
pub mod assignment;
pub mod audit;
pub mod authorize;
pub mod binding;
pub mod claims;
pub mod client;
pub mod client_auth;
pub mod code;
pub mod consent;
pub mod consent_request;
pub mod data_key;
pub mod decision;
pub mod document;
mod document_default;
#[cfg(test)]
mod example;
pub mod grant;
pub mod group;
pub mod introspect;
pub mod issue;
pub mod look;
pub mod outbox;
pub mod params;
pub mod password_rule;
pub mod pushed;
pub mod realm;
pub mod redirect_uri;
pub mod refresh;
pub mod registry;
pub mod resource_type;
pub mod revocation;
pub mod scope;
pub mod session;
pub mod sign_in;
pub mod signing_key;
pub mod single_use;
pub mod tenant;
pub mod throttle;
pub mod token;
pub mod user;
