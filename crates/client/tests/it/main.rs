//! The library against real HTTP: a token endpoint that follows a script, an API that checks.

#[cfg(test)]
mod example;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod login;
#[cfg(test)]
mod middleware;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod server;
#[cfg(test)]
mod stups;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
