//! How the developer's commands come to a token: `grantor login`, `token`, `list`, `delete`, `http`.
//!
//! | module           | what it holds                                                        |
//! |------------------|----------------------------------------------------------------------|
//! | [`obtain`]       | the order in which sources are tried                                 |
//! | [`cache`]        | tokens with names, kept between calls                                |
//! | [`login`]        | signing in with the browser, and what is kept of it                  |
//! | [`zign`]         | the settings and the refresh token of Zign, honoured and kept intact |
//! | [`uninterrupted`] | what Ctrl-C must not stop half-way                                  |
//! | [`private_file`] | files for one pair of eyes, replaced whole or not at all             |

pub(crate) mod cache;
pub(crate) mod login;
pub(crate) mod obtain;
pub(crate) mod private_file;
pub(crate) mod uninterrupted;
pub(crate) mod zign;
