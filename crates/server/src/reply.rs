//! How answers go out. Failure becomes a response, and one log line, here and nowhere else.

pub mod authorize;
pub mod bearer_challenge;
pub mod json;
pub mod page;
pub mod token;
