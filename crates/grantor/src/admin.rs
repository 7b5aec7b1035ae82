//! The administrator's side of the command line: an ordinary client of `/api/v1`.
//!
//! | module         | what it holds                                                     |
//! |----------------|-------------------------------------------------------------------|
//! | [`session`]    | which server, as whom; requests and their problems                |
//! | [`kinds`]      | the kinds of things, and how each is named                        |
//! | [`references`] | which members name other things                                   |
//! | [`desired`]    | configuration as code: what the files want                        |
//! | [`schema`]     | what such a file may contain, for editors                         |
//! | [`lookup`]     | what the server has, as far as the files speak of it              |
//! | [`names`]      | what the names in files mean                                      |
//! | [`difference`] | how a thing differs from what is wanted                           |
//! | [`plan`]       | what has to change                                                |
//! | [`order`]      | in which order, so that nothing is named before it is there       |
//! | [`change`]     | one change: in words, and done                                    |

pub(crate) mod change;
pub(crate) mod desired;
mod difference;
pub(crate) mod kinds;
mod lookup;
mod names;
mod order;
pub(crate) mod plan;
mod references;
pub(crate) mod schema;
pub(crate) mod session;
