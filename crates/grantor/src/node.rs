//! From a configuration to a running node: the database, the master key, the listeners.

mod master_key;

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use grantor_crypto::pool::PasswordPool;
use grantor_crypto::seal::Keyring;
use grantor_server::clock::{Clock, SystemClock};
use grantor_server::listener::{Face, Listener};
use grantor_server::secrets::Secrets;
use grantor_server::seed::{self, FirstStart};
use grantor_server::start::{Node, Running, start};
use grantor_server::tls::{ClientAuthorities, ClientCertificates, server_config};
use grantor_store::Store;
use grantor_store_postgres::{PostgresConfig, PostgresStore};
use grantor_store_sqlite::{SqliteStore, StoreConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;

use crate::config::{Config, Database, MasterKeySource, TlsFiles};
use crate::failure::Hint as _;
use crate::{keys, private};

/// The setting that names master keys of the past.
const OLDER: &str = "keys.older_master_key_files";

/// Opens the database and brings its schema up to date.
pub(crate) async fn open_store(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        Database::Sqlite { path, synchronous } => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            }
            let mut config = StoreConfig::new(path);
            config.synchronous = *synchronous;
            let store = SqliteStore::open(config)
                .with_context(|| format!("cannot open the database {}", path.display()))?;
            Ok(Arc::new(store))
        }
        Database::Postgres { url, connections } => {
            let config = PostgresConfig::new(url.as_str()).pool_size(*connections);
            let store = PostgresStore::connect(config)
                .await
                .hint("check database.url, and that the server is up and lets this host in")?;
            Ok(Arc::new(store))
        }
    }
}

/// Opens the database to look at it: SQLite also while a server writes it, and changing nothing.
pub(crate) async fn open_to_read(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        Database::Sqlite { path, .. } => {
            let store = SqliteStore::open_read_only(path)
                .with_context(|| format!("cannot read the database {}", path.display()))
                .hint(
                    "name it with --database sqlite:PATH; `grantor migrate` updates its schema",
                )?;
            Ok(Arc::new(store))
        }
        Database::Postgres { .. } => open_store(database).await,
    }
}

/// The keys that seal secrets at rest, when there must be some already.
pub(crate) fn existing_keyring(config: &Config) -> anyhow::Result<Keyring> {
    if let MasterKeySource::BesideDatabase(path) = &config.master_key
        && !path.exists()
    {
        return Err(anyhow!("there is no master key {}", path.display()))
            .hint("put the key there, or set keys.master_key_file or GRANTOR_MASTER_KEY");
    }
    open_keyring(config)
}

/// The keys that seal secrets at rest.
pub(crate) fn open_keyring(config: &Config) -> anyhow::Result<Keyring> {
    let current = master_key::current(&config.master_key)?;
    let older = config.older_master_keys.iter().map(|path| master_key::read(OLDER, path));
    Ok(Keyring::new(current, older.collect::<anyhow::Result<Vec<_>>>()?))
}

/// Refuses to make a new master key for a database in which something is sealed already: it would open
/// none of it.
async fn refuse_lost_key(config: &Config, store: &dyn Store) -> anyhow::Result<()> {
    let MasterKeySource::BesideDatabase(path) = &config.master_key else { return Ok(()) };
    if path.exists() || keys::tenants(store).await?.is_empty() {
        return Ok(());
    }
    Err(anyhow!("the database is there, but its master key {} is gone", path.display())).hint(
        "put the key back, or its copy, or name it in keys.master_key_file: what is sealed in the database \
         opens with it alone. A new database wants another file",
    )
}

/// Looks at the files that the configuration names, as a start would; makes none.
pub(crate) fn examine(config: &Config) -> anyhow::Result<()> {
    if let Some(files) = &config.tls {
        tls("server", files, ClientCertificates::Never)?;
    }
    if let Some(mutual) = &config.mutual_tls {
        tls("mtls", &mutual.tls, ClientCertificates::Asked)?;
    }
    match &config.master_key {
        MasterKeySource::BesideDatabase(path) if !path.exists() => {}
        source => _ = master_key::current(source)?,
    }
    config.older_master_keys.iter().try_for_each(|path| master_key::read(OLDER, path).map(drop))
}

/// Starts a node on an open store.
pub(crate) async fn run(
    config: &Config,
    store: Arc<dyn Store>,
    listeners: Vec<Listener>,
) -> anyhow::Result<Running> {
    let clock = SystemClock;
    let name = &config.settings.default_tenant;
    refuse_lost_key(config, &*store).await?;
    let keyring = open_keyring(config)?;
    let found =
        seed::first_start(&*store, name, &config.issuer, &config.hosts, clock.now()).await?;
    if let FirstStart::Existing { issuer } = found
        && issuer != config.issuer
    {
        tracing::warn!(configured = %config.issuer, %issuer,
            "the database was made for another issuer, and only that one is answered for: set tenant.issuer to it, \
             or change it in the tenant through the management API");
    }
    let secrets = Secrets::open(keyring, &*store, name, clock.now())
        .await
        .hint("if the master key was changed, name the old one in keys.older_master_key_files")?;
    let node = Node {
        store,
        secrets: Arc::new(secrets),
        passwords: PasswordPool::start(&config.passwords).map_err(|e| anyhow!("{e}"))?,
        clock: Arc::new(clock),
        settings: config.settings.clone(),
    };
    Ok(start(node, listeners).await?)
}

/// The sockets, bound, with what is needed for TLS.
pub(crate) async fn listeners(config: &Config) -> anyhow::Result<Vec<Listener>> {
    let public = config.tls.as_ref().map(|files| tls("server", files, ClientCertificates::Never));
    let mut listeners = vec![Listener {
        socket: bind("server.listen", config.listen).await?,
        tls: public.transpose()?,
        authorities: None,
        face: Face::Public,
    }];
    if let Some(mutual) = &config.mutual_tls {
        let authorities = (!mutual.authorities.is_empty())
            .then(|| ClientAuthorities::new(mutual.authorities.clone()))
            .transpose()
            .context("mtls.client_authorities")?;
        listeners.push(Listener {
            socket: bind("mtls.listen", mutual.listen).await?,
            tls: Some(tls("mtls", &mutual.tls, ClientCertificates::Asked)?),
            authorities,
            face: Face::MutualTls,
        });
    }
    if let Some(address) = config.operations_listen {
        let (socket, face) = (bind("server.operations_listen", address).await?, Face::Operations);
        listeners.push(Listener { socket, tls: None, authorities: None, face });
    }
    Ok(listeners)
}

async fn bind(key: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{key}: cannot listen on {address}"))
        .hint("is another server running there? choose another address (--listen, or the configuration)")
}

fn tls(
    section: &str,
    files: &TlsFiles,
    clients: ClientCertificates,
) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| anyhow!("{section}.tls_certificate {}: {e}", files.certificate.display()))?;
    if certificates.is_empty() {
        bail!(
            "{section}.tls_certificate {}: there is no certificate in it",
            files.certificate.display()
        );
    }
    private::check(&format!("{section}.tls_key"), &files.key, private::GROUP)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|e| anyhow!("{section}.tls_key {}: {e}", files.key.display()))?;
    let config = server_config(certificates, key, clients);
    let about = || format!("{section}.tls_certificate and {section}.tls_key do not fit together");
    Ok(Arc::new(config.with_context(about)?))
}
