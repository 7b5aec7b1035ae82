//! The administrator's side of the command line: an ordinary client of `/api/v1`.
//!
//! | module      | what it holds                                                     |
//! |-------------|-------------------------------------------------------------------|
//! | [`session`] | which server, as whom; requests and their problems                |
//! | [`kinds`]   | the kinds of things, and how each is named                        |
//! | [`desired`] | configuration as code: what the files want                        |
//! | [`plan`]    | what has to change, and doing it                                  |

pub(crate) mod desired;
pub(crate) mod kinds;
pub(crate) mod plan;
pub(crate) mod session;
