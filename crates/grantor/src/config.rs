//! The configuration of the server: one file, then the environment, then flags.
//!
//! Read once, checked whole, into a type that cannot be wrong; unknown keys are errors with their
//! line (SEC-169, REL-032). Every key `section.key` of the file can be set as
//! `GRANTOR_SECTION_KEY` in the environment.

mod raw;
mod reference;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use grantor_crypto::password::HashCost;
use grantor_crypto::pool::PoolConfig;
use grantor_domain::registry::{Entry as _, Known};
use grantor_domain::tenant::{Tenant, TenantSettings};
use grantor_oauth_types::name::TenantName;
use grantor_server::outbound::OutboundPolicy;
use grantor_server::settings::{Failures, MutualTlsListener, Settings};
use grantor_store_sqlite::Synchronous;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::private;
use raw::RawConfig;
pub(crate) use reference::{reference, schema};

/// The configuration, once it makes sense. Nothing downstream checks it again.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) operations_listen: Option<SocketAddr>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) mutual_tls: Option<MutualTls>,
    pub(crate) database: Database,
    pub(crate) master_key: MasterKeySource,
    pub(crate) older_master_keys: Vec<PathBuf>,
    pub(crate) issuer: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) passwords: PoolConfig,
    pub(crate) settings: Settings,
}

/// The listener that asks clients for certificates (RFC 8705).
#[derive(Clone, Debug)]
pub(crate) struct MutualTls {
    pub(crate) listen: SocketAddr,
    pub(crate) tls: TlsFiles,
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// Certificate chain and key, PEM.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where things are remembered.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// One file, one process
    Sqlite { path: PathBuf, synchronous: Synchronous },
    /// Any number of nodes
    Postgres { url: String, connections: usize },
}

/// Where the key that seals secrets at rest comes from.
#[derive(Clone, Debug)]
pub(crate) enum MasterKeySource {
    /// A file, only readable by the server
    File(PathBuf),
    /// The environment variable `GRANTOR_MASTER_KEY`
    Environment,
    /// Made at first start beside the embedded database, mode 0600
    BesideDatabase(PathBuf),
}

/// What the command line says; it beats environment and file.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) issuer: Option<String>,
    pub(crate) database: Option<String>,
}

impl Config {
    /// Reads file, environment and flags.
    pub(crate) fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: Flags,
    ) -> anyhow::Result<Self> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the configuration {}", path.display()))?,
            None => String::new(),
        };
        let mut raw: RawConfig = raw::parse(&text, environment)?;
        if let Some(path) = file.filter(|_| raw::has_password(&text)) {
            private::check(
                "database.url has a password, and the configuration",
                path,
                private::GROUP,
            )?;
        }
        raw.server.listen = flags.listen.map(|a| a.to_string()).or(raw.server.listen);
        raw.tenant.issuer = flags.issuer.or(raw.tenant.issuer);
        raw.database.url = flags.database.or(raw.database.url);
        Self::check(raw)
    }

    fn check(raw: RawConfig) -> anyhow::Result<Self> {
        let listen = address("server.listen", raw.server.listen.as_deref().unwrap_or(LISTEN))?;
        let operations_listen = raw.server.operations_listen.as_deref();
        let operations_listen = operations_listen.filter(|text| !text.is_empty());
        let database = database(&raw.database)?;
        let tls = tls("server", raw.server.tls_certificate, raw.server.tls_key)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let issuer = raw.tenant.issuer.unwrap_or_else(|| format!("{scheme}://{listen}"));
        check_issuer(&issuer)?;
        let name = raw.tenant.name.as_deref().unwrap_or("main");
        let mut settings =
            Settings::new(TenantName::parse(name).map_err(|e| anyhow!("tenant.name: {e}"))?);
        for net in &raw.server.trusted_proxies {
            let net: ipnet::IpNet = net
                .parse()
                .map_err(|_| anyhow!("server.trusted_proxies: {net:?} is no network"))?;
            if net.prefix_len() == 0 {
                bail!("server.trusted_proxies: {net} would trust the whole Internet (SEC-005)");
            }
            settings.trusted_proxies.push(net);
        }
        settings.plain_http = raw.server.plain_http;
        check_plain_http(listen, tls.is_some(), &settings)?;
        limits(raw.server.max_connections, raw.server.max_requests, &mut settings)?;
        settings.drain_seconds = raw.server.drain_seconds.unwrap_or(settings.drain_seconds);
        settings.drain_delay_seconds = raw.server.drain_delay_seconds.unwrap_or_default();
        settings.outbound = outbound(raw.outbound)?;
        settings.failures = failures(&raw.failures)?;
        let (mutual_tls, reached) = mutual_tls(raw.mtls, tls.as_ref())?.unzip();
        settings.mutual_tls = reached;
        let operations_listen =
            operations_listen.map(|text| address("server.operations_listen", text)).transpose()?;
        let mutual = mutual_tls.as_ref().map(|mutual| mutual.listen);
        check_apart(listen, mutual, operations_listen)?;
        check_tenant(&settings.default_tenant, &issuer, &raw.tenant.hosts)?;
        Ok(Self {
            operations_listen,
            master_key: master_key(raw.keys.master_key_file, &database)?,
            older_master_keys: raw.keys.older_master_key_files,
            hosts: raw.tenant.hosts,
            passwords: passwords(&raw.passwords)?,
            listen,
            tls,
            mutual_tls,
            database,
            issuer,
            settings,
        })
    }
}

const LISTEN: &str = "127.0.0.1:8080";

fn address(key: &str, text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().map_err(|_| anyhow!("{key} = {text:?}: expected ADDRESS:PORT, as 127.0.0.1:8080"))
}

fn limits(
    connections: Option<usize>,
    requests: Option<usize>,
    settings: &mut Settings,
) -> anyhow::Result<()> {
    settings.max_connections = connections.unwrap_or(settings.max_connections);
    settings.max_requests = requests.unwrap_or(settings.max_requests);
    at_least_one("server.max_connections", settings.max_connections)?;
    at_least_one("server.max_requests", settings.max_requests)
}

fn at_least_one(key: &str, number: usize) -> anyhow::Result<()> {
    if number == 0 {
        bail!("{key} = 0: at least 1, else nobody is answered");
    }
    Ok(())
}

/// Every listener has an address of its own. Port 0 is another one each time.
fn check_apart(
    public: SocketAddr,
    mutual: Option<SocketAddr>,
    operations: Option<SocketAddr>,
) -> anyhow::Result<()> {
    let same =
        |a: Option<SocketAddr>, b: Option<SocketAddr>| a == b && a.is_some_and(|a| a.port() != 0);
    for (key, address, other, its) in [
        ("server.operations_listen", operations, "server.listen", Some(public)),
        ("mtls.listen", mutual, "server.listen", Some(public)),
        ("mtls.listen", mutual, "server.operations_listen", operations),
    ] {
        if let (Some(address), true) = (address, same(address, its)) {
            bail!("{key} = {address}: {other} is the same; give it an address of its own");
        }
    }
    Ok(())
}

/// The tenant as the first start would make it, by the rules that it meets there.
fn check_tenant(name: &TenantName, issuer: &str, hosts: &[String]) -> anyhow::Result<()> {
    let tenant = Tenant {
        name: name.clone(),
        issuer: issuer.to_owned(),
        hosts: hosts.to_vec(),
        enabled: true,
        settings: TenantSettings::default(),
    };
    let flaws = tenant.check(&Known::at(jiff::Timestamp::UNIX_EPOCH)).err().unwrap_or_default();
    let Some(flaw) = flaws.first() else { return Ok(()) };
    let mut steps = flaw.pointer.trim_start_matches('/').split('/');
    let key = steps.next().unwrap_or_default();
    let entry = steps.next().and_then(|at| hosts.get(at.parse::<usize>().ok()?));
    match (key, entry) {
        ("hosts", Some(host)) => bail!("tenant.hosts: {host:?}: {}", flaw.message()),
        ("issuer", _) => bail!("tenant.issuer = {issuer:?}: {}", flaw.message()),
        _ => bail!("tenant.{key}: {}", flaw.message()),
    }
}

/// SEC-001: what is sent without TLS everybody on the way can read, so that has to be meant.
fn check_plain_http(listen: SocketAddr, tls: bool, settings: &Settings) -> anyhow::Result<()> {
    if tls && settings.plain_http {
        bail!("server.plain_http: with server.tls_certificate there is no plain HTTP");
    }
    let meant = settings.plain_http || !settings.trusted_proxies.is_empty();
    if tls || meant || listen.ip().is_loopback() {
        return Ok(());
    }
    bail!(
        "server.listen = {listen}: plain HTTP is for loopback only (SEC-001); set server.tls_certificate \
         and server.tls_key, or name the proxies that do TLS in server.trusted_proxies, or set \
         server.plain_http = true where they have no network of their own"
    )
}

/// SEC-169: https, except on loopback.
fn check_issuer(issuer: &str) -> anyhow::Result<()> {
    let url = url::Url::parse(issuer).map_err(|e| anyhow!("tenant.issuer = {issuer:?}: {e}"))?;
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        bail!("tenant.issuer = {issuer:?}: must be https (http only on loopback)");
    }
    if url.query().is_some() || url.fragment().is_some() || issuer.ends_with('/') {
        bail!("tenant.issuer = {issuer:?}: must have no query, fragment or trailing slash");
    }
    Ok(())
}

fn database(raw: &raw::RawDatabase) -> anyhow::Result<Database> {
    let url = raw.url.as_deref().unwrap_or("sqlite:grantor.db");
    let connections = raw.connections.unwrap_or(8);
    if !(1..=1_000).contains(&connections) {
        bail!("database.connections = {connections}: not in 1..=1000");
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Database::Postgres { url: url.to_owned(), connections });
    }
    let path = url.strip_prefix("sqlite:").ok_or_else(|| {
        anyhow!("database.url = {url:?}: expected sqlite:PATH or postgres://USER@HOST/NAME")
    })?;
    let synchronous = match raw.synchronous.as_deref().unwrap_or("full") {
        "full" => Synchronous::Full,
        "normal" => Synchronous::Normal,
        other => bail!("database.synchronous = {other:?}: expected \"full\" or \"normal\""),
    };
    Ok(Database::Sqlite { path: path.trim_start_matches("//").into(), synchronous })
}

fn master_key(file: Option<PathBuf>, database: &Database) -> anyhow::Result<MasterKeySource> {
    if let Some(file) = file {
        return Ok(MasterKeySource::File(file));
    }
    if std::env::var_os("GRANTOR_MASTER_KEY").is_some() {
        return Ok(MasterKeySource::Environment);
    }
    match database {
        Database::Sqlite { path, .. } => {
            Ok(MasterKeySource::BesideDatabase(path.with_extension("key")))
        }
        Database::Postgres { .. } => bail!(
            "with PostgreSQL every node needs the same master key: set keys.master_key_file, or \
             GRANTOR_MASTER_KEY (make one with `grantor keys generate`)"
        ),
    }
}

fn tls(
    section: &str,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> anyhow::Result<Option<TlsFiles>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        _ => bail!("{section}.tls_certificate and {section}.tls_key go together"),
    }
}

/// The listener, and how clients reach it.
fn mutual_tls(
    raw: raw::RawMtls,
    public: Option<&TlsFiles>,
) -> anyhow::Result<Option<(MutualTls, MutualTlsListener)>> {
    let own = tls("mtls", raw.tls_certificate, raw.tls_key)?;
    let Some(listen) = raw.listen.filter(|text| !text.is_empty()) else {
        let others = own.is_some() || raw.public_port.is_some() || raw.host_prefix.is_some();
        if others || !raw.client_authorities.is_empty() {
            bail!("mtls: without mtls.listen nothing else of it means anything");
        }
        return Ok(None);
    };
    let listen = address("mtls.listen", &listen)?;
    // Another program in front could not hand the certificate on in a way that is believed (SEC-058).
    let tls = own.or_else(|| public.cloned()).ok_or_else(|| {
        anyhow!("mtls.listen needs mtls.tls_certificate and mtls.tls_key, or those of [server]")
    })?;
    let host_prefix = raw.host_prefix.unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if !host_prefix.bytes().all(plain) {
        bail!(
            "mtls.host_prefix = {host_prefix:?}: expected the beginning of a host name, as mtls."
        );
    }
    let authorities = authorities("mtls.client_authorities", &raw.client_authorities)?;
    let reached = MutualTlsListener {
        host_prefix,
        port: raw.public_port.unwrap_or(listen.port()),
        has_authorities: !authorities.is_empty(),
    };
    Ok(Some((MutualTls { listen, tls, authorities }, reached)))
}

fn outbound(raw: raw::RawOutbound) -> anyhow::Result<OutboundPolicy> {
    let key = "outbound.certificate_authorities";
    let roots = authorities(key, &raw.certificate_authorities)?;
    let roots = roots.iter().map(|root| root.to_vec()).collect();
    Ok(OutboundPolicy { allowed_hosts: raw.allowed_hosts, roots })
}

/// The certificates in files, at least one in each.
fn authorities(key: &str, files: &[PathBuf]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read(file).with_context(|| format!("{key}: {}", file.display()))?;
        let before = found.len();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            found.push(certificate.map_err(|e| anyhow!("{}: {e}", file.display()))?);
        }
        if found.len() == before {
            bail!("{key}: no certificate in {}", file.display());
        }
    }
    Ok(found)
}

fn failures(raw: &raw::RawFailures) -> anyhow::Result<Failures> {
    let default = Failures::default();
    let per_client = raw.per_client.unwrap_or(default.per_client);
    let per_address = raw.per_address.unwrap_or(default.per_address);
    if per_client == 0 || per_address == 0 {
        bail!("failures.per_client and failures.per_address are at least 1");
    }
    Ok(Failures { per_client, per_address })
}

fn passwords(raw: &raw::RawPasswords) -> anyhow::Result<PoolConfig> {
    let default = PoolConfig::default();
    let cost = HashCost {
        memory: raw.memory_kib.unwrap_or(default.cost.memory),
        time: raw.passes.unwrap_or(default.cost.time),
        lanes: default.cost.lanes,
    };
    let threads = raw.threads.unwrap_or(default.threads);
    let queue = raw.queue.unwrap_or(default.queue);
    if !(1..=256).contains(&threads) || !(1..=100_000).contains(&queue) {
        bail!("passwords.threads is 1 to 256 and passwords.queue 1 to 100000");
    }
    grantor_crypto::password::Hasher::new(&cost).map_err(|e| anyhow!("passwords: {e}"))?;
    Ok(PoolConfig { threads, queue, cost })
}

#[cfg(test)]
mod tests;
