//! Signing people in: discovery, authorization code with PKCE, ID tokens, refresh, userinfo, logout.
//!
//! A web application makes one [`RelyingParty`](crate::RelyingParty) when it starts. For each person it asks for a
//! [`PendingLogin`](crate::PendingLogin) and a URL, keeps the first in that person's session, sends the browser to the
//! second, and hands both the pending login and the query of the callback to
//! [`RelyingParty::finish`](crate::RelyingParty::finish). A native application does the same in one call,
//! [`RelyingParty::login_over_loopback`](crate::RelyingParty::login_over_loopback).
//!
//! | module                | what it holds                                                | specification |
//! |-----------------------|--------------------------------------------------------------|---------------|
//! | [`provider`]          | the provider, found by its issuer; its keys                   | OIDC Discovery §4, RFC 8414 §3 |
//! | [`request`]           | what a login asks for                                         | OIDC Core §3.1.2.1 |
//! | [`pending`]           | what the application keeps meanwhile                          | RFC 7636, RFC 6749 §10.12 |
//! | [`callback`]          | what came back, held against what was kept                    | RFC 6749 §4.1.2, RFC 9207 |
//! | [`id_token`]          | the rules for ID tokens                                       | OIDC Core §3.1.3.7 |
//! | [`relying_party`]     | the above, one after the other                                | OIDC Core §3.1 |
//! | [`refreshes`]         | a refresh token is spent once, however many hold it           | RFC 6749 §6, RFC 9700 §4.14.2 |
//! | [`tokens`]            | the access token of a login, kept good                        | RFC 6750 §3.1 |
//! | [`loopback`], [`browser`] | a redirect URI on this machine, and a browser to get there | RFC 8252 §7.3 |

pub(crate) mod browser;
pub(crate) mod callback;
pub(crate) mod error;
pub(crate) mod fetch;
pub(crate) mod id_token;
pub(crate) mod keys;
pub(crate) mod loopback;
pub(crate) mod pending;
pub(crate) mod provider;
pub(crate) mod refreshes;
pub(crate) mod relying_party;
pub(crate) mod request;
pub(crate) mod tokens;
