//! The server: endpoints, dialects, management API and jobs.
//!
//! It loads, lets the rules of `grantor-domain` decide, and writes. It does not know which database
//! it stands on, and holds no rule of its own.
//!
//! | module        | what                                                            |
//! |---------------|-----------------------------------------------------------------|
//! | [`listener`]  | the accept loop and its limits                                  |
//! | [`tls`]       | versions, suites, and certificates of clients                   |
//! | [`tenancy`]   | which tenant a request is for, and from whom it comes           |
//! | [`routes`]    | every path, and who may call it                                 |
//! | [`asked`]     | a request that was read to its end                              |
//! | [`endpoints`] | the protocol endpoints, a file each                             |
//! | [`dialects`]  | the wire forms of other worlds, translated at the edge          |
//! | [`flow`]      | an authorization request on its way through sign-in and consent |
//! | [`browser`]   | cookies, and the sessions behind them                           |
//! | [`transaction`] | what a person is in the middle of, sealed                     |
//! | [`grants`]    | load, decide, write: one file per grant type                    |
//! | [`passwords`] | is this the password of that user: the one place that asks             |
//! | [`directory`] | what a node remembers of the registry, and how it keeps up      |
//! | [`tokens`]    | making access tokens, and finding out what one is worth         |
//! | [`id_tokens`] | making what tells a client who signed in                        |
//! | [`logout`]    | ending sessions, and telling clients                            |
//! | [`outbound`]  | the one way out                                                 |
//! | [`client_keys`] | public keys of clients, registered or published               |
//! | [`request_files`] | request objects that clients publish                       |
//! | [`audit`]     | issue events on their way into the log                          |
//! | [`access`]    | who may manage what                                             |
//! | [`api`]       | the management API                                              |
//! | [`seed`]      | what a tenant begins with                                       |
//! | [`bootstrap`] | the first administrator                                         |
//! | [`jobs`]      | what has to be done from time to time                           |

pub mod access;
pub mod account;
mod alarm;
pub mod api;
pub mod app;
pub mod asked;
pub mod audit;
pub mod audit_events;
pub mod bootstrap;
pub mod browser;
pub mod client_keys;
pub mod clock;
pub mod cookie;
pub mod cross_origin;
pub mod decisions;
pub mod dialects;
pub mod directory;
pub mod endpoints;
pub mod extract;
pub mod flow;
pub mod grants;
pub mod id_tokens;
pub mod jobs;
pub mod known_device;
pub mod listener;
pub mod logout;
pub mod metadata;
pub mod metrics;
pub mod outbound;
pub mod passwords;
pub mod reply;
pub mod request_files;
pub mod revoke;
pub mod routes;
pub mod secrets;
pub mod seed;
pub mod session_state;
pub mod settings;
pub mod shedding;
pub mod start;
pub mod tenancy;
pub mod throttle;
pub mod tls;
pub mod tokens;
pub mod transaction;
pub mod turnstile;
pub mod upstream_tokeninfo;
