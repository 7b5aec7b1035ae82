//! The configuration as an operator writes it.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use schemars::JsonSchema;
use serde::Deserialize;

/// The sections, as they appear in the file and in names of environment variables.
pub(crate) const SECTIONS: [&str; 8] =
    ["server", "mtls", "tenant", "database", "keys", "passwords", "failures", "outbound"];

/// The file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfig {
    /// Where and how the server listens
    pub(crate) server: RawServer,
    /// A second listener, which asks clients for certificates (RFC 8705)
    pub(crate) mtls: RawMtls,
    /// The default tenant, as it is made at first start
    pub(crate) tenant: RawTenant,
    /// Where things are remembered
    pub(crate) database: RawDatabase,
    /// What seals secrets at rest
    pub(crate) keys: RawKeys,
    /// How passwords are hashed
    pub(crate) passwords: RawPasswords,
    /// How often somebody may fail to authenticate
    pub(crate) failures: RawFailures,
    /// Where the server may go
    pub(crate) outbound: RawOutbound,
}

/// `[server]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawServer {
    /// Address and port of the public listener; default 127.0.0.1:8080
    pub(crate) listen: Option<String>,
    /// Address and port of health and metrics; none unless set
    pub(crate) operations_listen: Option<String>,
    /// Certificate chain, PEM; without it plain HTTP is spoken, with this machine and with the networks of
    /// `trusted_proxies` alone
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    pub(crate) tls_key: Option<PathBuf>,
    /// Whether plain HTTP is spoken with everybody, because something that is not in `trusted_proxies`
    /// does TLS in front; default false
    pub(crate) plain_http: bool,
    /// Networks of the proxies in front: their X-Forwarded-For counts, and they may come without TLS;
    /// default none
    pub(crate) trusted_proxies: Vec<String>,
    /// Open connections at most; default 10000
    pub(crate) max_connections: Option<usize>,
    /// Requests that are answered at once, at most; default 1024. Lists for administrators are turned away
    /// (503) at a quarter of it, sign-ins at half, token info at three quarters, tokens at nine tenths
    pub(crate) max_requests: Option<usize>,
    /// Seconds a drain may take; default 30
    pub(crate) drain_seconds: Option<u64>,
    /// Seconds for which requests are still taken after readiness went off, until every balancer
    /// has seen that; default 0
    pub(crate) drain_delay_seconds: Option<u64>,
}

/// `[mtls]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawMtls {
    /// Address and port; none unless set. TLS ends here: no proxy's word about a certificate counts
    pub(crate) listen: Option<String>,
    /// The port that clients see, if something in front passes connections on; default that of `listen`
    pub(crate) public_port: Option<u16>,
    /// What the host names of this listener have before those of the issuers, as `mtls.`; default
    /// nothing: the same host, another port
    pub(crate) host_prefix: Option<String>,
    /// Certificate chain, PEM; default that of `[server]`
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    pub(crate) tls_key: Option<PathBuf>,
    /// Files with the authorities that certify clients, PEM: few, and not those of the web; without
    /// them there is no `tls_client_auth`
    pub(crate) client_authorities: Vec<PathBuf>,
}

/// `[tenant]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawTenant {
    /// Name of the default tenant; default main
    pub(crate) name: Option<String>,
    /// Its issuer URL; default <https://LISTEN> with
    /// `server.tls_certificate`, else <http://LISTEN>, which is only allowed on loopback
    pub(crate) issuer: Option<String>,
    /// Further host names it answers at, as token.services.example.org or *.example.org
    pub(crate) hosts: Vec<String>,
}

/// `[database]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawDatabase {
    /// sqlite:PATH or <postgres://USER@HOST/NAME>; default sqlite:grantor.db
    pub(crate) url: Option<String>,
    /// SQLite: "full" (default; survives a power cut) or "normal"
    pub(crate) synchronous: Option<String>,
    /// PostgreSQL: connections of this node; default 8
    pub(crate) connections: Option<usize>,
}

/// `[keys]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawKeys {
    /// File with the master key, mode 0600; default: the variable `GRANTOR_MASTER_KEY`, else a file that the
    /// first start makes beside the embedded database
    pub(crate) master_key_file: Option<PathBuf>,
    /// Files with master keys of the past, until `grantor keys rewrap` is done
    pub(crate) older_master_key_files: Vec<PathBuf>,
}

/// `[passwords]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawPasswords {
    /// Hashes at one time; default the number of cores
    pub(crate) threads: Option<usize>,
    /// Hashes that may wait; beyond that 503; default 32 a thread
    pub(crate) queue: Option<usize>,
    /// Memory of a hash, in KiB; default and least 19456
    pub(crate) memory_kib: Option<u32>,
    /// Passes of a hash; default and least 2
    pub(crate) passes: Option<u32>,
}

/// `[failures]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawFailures {
    /// Failed authentications of one client from one address that are free, then one in 15 seconds;
    /// default 20
    pub(crate) per_client: Option<u32>,
    /// Wrong passwords from one address or IPv6 network (/64) that are free, whoever is meant, then one
    /// in 5 seconds; default 100. Besides, of failures on one account 10 are free from one address and
    /// 20 from all
    pub(crate) per_address: Option<u32>,
}

/// `[outbound]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawOutbound {
    /// Host names that may have any address and port, as a host of tests on loopback; default none:
    /// the public internet only
    pub(crate) allowed_hosts: Vec<String>,
    /// Files with further certificate authorities, PEM; default those of the system only
    pub(crate) certificate_authorities: Vec<PathBuf>,
}

/// Reads the text and lays the environment over it.
pub(super) fn parse(
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> anyhow::Result<RawConfig> {
    // Once by itself, so that errors name line and column.
    let _: RawConfig = toml::from_str(text).context("the configuration file is not valid")?;
    let mut table: toml::Table = text.parse().context("the configuration file is not TOML")?;
    for (name, value) in environment {
        let Some((section, key)) = section_key(&name) else { continue };
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        let Some(section) = section.as_table_mut() else { bail!("{name}: not a section") };
        section.insert(key, meant(&value));
    }
    table
        .try_into()
        .map_err(|error| anyhow!("an environment variable GRANTOR_… is not valid: {error}"))
}

/// Whether the address of the database in this text holds a password.
pub(super) fn has_password(text: &str) -> bool {
    let raw: RawConfig = toml::from_str(text).unwrap_or_default();
    let url = raw.database.url.and_then(|url| url::Url::parse(&url).ok());
    url.is_some_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
    })
}

/// `GRANTOR_SERVER_LISTEN` → `server`, `listen`.
fn section_key(name: &str) -> Option<(&'static str, String)> {
    let rest = name.strip_prefix("GRANTOR_")?.to_ascii_lowercase();
    SECTIONS.iter().find_map(|section| {
        let key = rest.strip_prefix(section)?.strip_prefix('_')?;
        Some((*section, key.to_owned()))
    })
}

/// Numbers, booleans and lists as TOML writes them; everything else is text.
fn meant(value: &str) -> toml::Value {
    let line: Result<toml::Table, _> = format!("v = {value}").parse();
    let parsed = line.ok().and_then(|mut table| table.remove("v"));
    parsed
        .filter(|v| v.is_integer() || v.is_bool() || v.is_array())
        .unwrap_or_else(|| toml::Value::String(value.to_owned()))
}
