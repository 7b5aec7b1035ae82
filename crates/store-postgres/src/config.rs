//! Where the database is and how long we wait for it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::ConnectError;

/// How to reach the database.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port,host:port/database?…`. Besides what `tokio-postgres`
    /// reads, `sslmode` may be `disable`, `prefer` (the default), `require` (encrypted, but
    /// whoever answers is believed unless `sslrootcert` is given) or `verify-full`; `sslrootcert`
    /// is a PEM file, without it the system's roots count.
    pub url: String,
    /// The schema to live in, made if it is not there: several installations in one database, and
    /// a fresh one per test. Lower-case letters, digits, `_`; `None` is `public`
    pub schema: Option<String>,
    /// The most connections
    pub pool_size: usize,
    /// The longest to wait for a connection
    pub wait: Duration,
    /// The longest a statement waits for a lock
    pub lock_timeout: Duration,
    /// The longest a statement runs
    pub statement_timeout: Duration,
    /// The longest a transaction may lie idle (a node that was stopped holds no lock for ever)
    pub idle_in_transaction_timeout: Duration,
    /// The longest an operation may take as we see it, when nothing comes back from the network
    pub answer_timeout: Duration,
}

impl PostgresConfig {
    /// With defaults: 16 connections, at most 1.5 s for a connection, 1.5 s for a lock (more than
    /// the second after which PostgreSQL looks for deadlocks), 2.5 s for a statement, 4 s for an
    /// answer. So whoever meets a locked table hears of it within 3 s (REL-015).
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: None,
            pool_size: 16,
            wait: Duration::from_millis(1_500),
            lock_timeout: Duration::from_millis(1_500),
            statement_timeout: Duration::from_millis(2_500),
            idle_in_transaction_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(4),
        }
    }

    /// In a schema of its own.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// With at most so many connections.
    #[must_use]
    pub fn pool_size(mut self, size: usize) -> Self {
        self.pool_size = size;
        self
    }
}

impl fmt::Debug for PostgresConfig {
    /// Without the URL: it can hold a password (SEC-189).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}

/// How much of TLS the URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Whoever answers
    Anyone,
    /// Who has a certificate for the host's name from one of the roots in this file, or of the
    /// system
    Roots(Option<PathBuf>),
}

/// The URL once it makes sense.
pub(crate) struct Target {
    pub(crate) postgres: tokio_postgres::Config,
    pub(crate) trust: Trust,
}

impl Target {
    pub(crate) fn parse(config: &PostgresConfig) -> Result<Self, ConnectError> {
        if config.pool_size == 0 {
            return Err(ConnectError::Config("the pool needs at least one connection".to_owned()));
        }
        let (url, mode, root) = take_tls_parameters(&config.url)?;
        let mut postgres = tokio_postgres::Config::from_str(&url).map_err(|e| {
            let why = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
            ConnectError::Config(format!("the database URL does not read: {why}"))
        })?;
        let (ssl, trust) = tls_of(mode.as_deref(), root)?;
        postgres.ssl_mode(ssl);
        // Of several hosts only the primary will do, for reads too (REL-013).
        postgres.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if postgres.get_application_name().is_none() {
            postgres.application_name("grantor");
        }
        if postgres.get_connect_timeout().is_none() {
            // Per host: a dead first host must leave time for the second within `wait`.
            postgres.connect_timeout(Duration::from_millis(700));
        }
        // A peer that vanished without a word is noticed within seconds (REL-017).
        postgres.keepalives_idle(Duration::from_secs(10));
        postgres.keepalives_interval(Duration::from_secs(2));
        postgres.keepalives_retries(3);
        postgres.tcp_user_timeout(Duration::from_secs(5));
        Ok(Self { postgres, trust })
    }
}

/// `tokio-postgres` knows fewer words for `sslmode` and no `sslrootcert`.
fn take_tls_parameters(
    url: &str,
) -> Result<(String, Option<String>, Option<PathBuf>), ConnectError> {
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), None, None)) };
    let (mut mode, mut root, mut rest) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) if mode.is_none() => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) if root.is_none() => {
                root = Some(PathBuf::from(percent_decode(value)?));
            }
            Some((name @ ("sslmode" | "sslrootcert"), _)) => {
                return Err(ConnectError::Config(format!("the database URL has `{name}` twice")));
            }
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((url, mode, root))
}

fn percent_decode(text: &str) -> Result<String, ConnectError> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ConnectError::Config("`sslrootcert` is not UTF-8".to_owned()))
}

fn tls_of(mode: Option<&str>, root: Option<PathBuf>) -> Result<(SslMode, Trust), ConnectError> {
    match (mode, root) {
        (Some("disable"), None) => Ok((SslMode::Disable, Trust::Anyone)),
        (None | Some("prefer"), None) => Ok((SslMode::Prefer, Trust::Anyone)),
        (Some("require"), None) => Ok((SslMode::Require, Trust::Anyone)),
        // Who names roots wants them to count, as in libpq.
        (Some("require" | "verify-full"), Some(root)) => {
            Ok((SslMode::Require, Trust::Roots(Some(root))))
        }
        (Some("verify-full"), None) => Ok((SslMode::Require, Trust::Roots(None))),
        (None | Some("disable" | "prefer"), Some(_)) => Err(ConnectError::Config(
            "`sslrootcert` only means something with `sslmode=verify-full` or `require`".to_owned(),
        )),
        (Some(other), _) => Err(ConnectError::Config(format!(
            "`sslmode={other}` is not one of disable, prefer, require, verify-full"
        ))),
    }
}

/// A schema name that needs no quoting, and cannot be anything but a name.
pub(crate) fn check_schema(name: &str) -> Result<(), ConnectError> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let goes_on = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    // `pg_…` belongs to PostgreSQL.
    if starts && goes_on && name.len() <= 63 && !name.starts_with("pg_") {
        return Ok(());
    }
    Err(ConnectError::Config(format!(
        "`{name}` is no schema name: lower-case letters, digits and `_`, 63 at most"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, ConnectError> {
        Target::parse(&PostgresConfig::new(url))
    }

    #[test]
    fn the_ssl_mode_says_who_is_believed() {
        let table = [
            ("postgres://h/d", SslMode::Prefer, Trust::Anyone),
            ("postgres://h/d?sslmode=disable", SslMode::Disable, Trust::Anyone),
            ("postgres://h/d?sslmode=prefer", SslMode::Prefer, Trust::Anyone),
            ("postgres://h/d?sslmode=require", SslMode::Require, Trust::Anyone),
            ("postgres://h/d?sslmode=verify-full", SslMode::Require, Trust::Roots(None)),
            (
                "postgres://h/d?sslrootcert=%2Fa%20b.pem&sslmode=verify-full&application_name=x",
                SslMode::Require,
                Trust::Roots(Some("/a b.pem".into())),
            ),
            (
                "postgres://h/d?sslmode=require&sslrootcert=ca.pem",
                SslMode::Require,
                Trust::Roots(Some("ca.pem".into())),
            ),
        ];
        for (url, mode, trust) in table {
            let target = target(url).unwrap_or_else(|e| panic!("{url}: {e}"));
            assert_eq!(target.postgres.get_ssl_mode(), mode, "{url}");
            assert_eq!(target.trust, trust, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_meant_is_refused_and_not_repeated() {
        let table = [
            ("postgres://u:geheim@h/d?sslmode=verify-ca", "is not one of"),
            ("postgres://u:geheim@h/d?sslmode=disable&sslmode=require", "twice"),
            ("postgres://u:geheim@h/d?sslrootcert=ca.pem", "only means something"),
            ("postgres://u:geheim@h/d?frobnicate=1", "unknown option"),
            ("mysql://u:geheim@h/d", "does not read"),
            ("postgres://u:geheim@h:99999/d", "does not read"),
        ];
        for (url, expected) in table {
            let error = target(url).err().unwrap_or_else(|| panic!("{url} was taken")).to_string();
            assert!(error.contains(expected), "{url}: {error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn rel_010_of_several_hosts_only_the_primary_will_do() {
        let target = target("postgres://a:1,b:2/d").unwrap();
        assert_eq!(target.postgres.get_hosts().len(), 2);
        assert_eq!(target.postgres.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn sec_189_the_configuration_does_not_print_its_url() {
        let printed = format!("{:?}", PostgresConfig::new("postgres://u:geheim@h/d").schema("s"));
        assert!(!printed.contains("geheim"), "{printed}");
    }

    #[test]
    fn a_schema_name_is_only_a_name() {
        for good in ["a", "_x", "grantor_2", &"a".repeat(63)] {
            check_schema(good).unwrap_or_else(|e| panic!("{e}"));
        }
        for bad in ["", "A", "a-b", "a b", "1a", "a\"b", "ä", "pg_x", &"a".repeat(64)] {
            assert!(check_schema(bad).is_err(), "{bad}");
        }
    }
}
