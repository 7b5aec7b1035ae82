//! How the developer's commands come to a token: `grantor token`, `list`, `delete`, `http`.
//!
//! | module           | what it holds                                                        |
//! |------------------|----------------------------------------------------------------------|
//! | [`obtain`]       | the order in which sources are tried                                 |
//! | [`cache`]        | tokens with names, kept between calls                                |
//! | [`zign`]         | the settings and the refresh token of Zign, honoured and kept intact |
//! | [`private_file`] | files for one pair of eyes, replaced whole or not at all             |

pub(crate) mod cache;
pub(crate) mod obtain;
pub(crate) mod private_file;
pub(crate) mod zign;
