//! Operating a server, through the built program: starting, stopping, backing up, restoring,
//! verifying, changing keys, and standing through outages.
#![expect(clippy::unwrap_used, reason = "what the tests share fails as they do")]

#[cfg(test)]
mod audit;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod world;
