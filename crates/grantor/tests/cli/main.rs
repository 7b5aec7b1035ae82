//! The developer's commands, through the built program, against a token endpoint with a script.

#[cfg(test)]
mod completions;
#[cfg(test)]
mod http;
#[cfg(test)]
mod list;
#[cfg(test)]
mod login;
#[cfg(test)]
mod person;
#[cfg(test)]
#[expect(dead_code, reason = "the library's own tests use all of it")]
#[path = "../../../client/tests/it/provider.rs"]
mod provider;
#[cfg(test)]
mod refresh;
#[cfg(test)]
#[path = "../../../client/tests/it/server.rs"]
mod server;
#[cfg(test)]
mod token;
