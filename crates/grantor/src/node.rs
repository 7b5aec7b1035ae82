//! From a configuration to a running node: the database, the master key, the listeners.

mod master_key;

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use grantor_crypto::pool::PasswordPool;
use grantor_crypto::seal::Keyring;
use grantor_server::clock::{Clock, SystemClock};
use grantor_server::listener::{Face, Listener};
use grantor_server::secrets::Secrets;
use grantor_server::seed;
use grantor_server::start::{Node, Running, start};
use grantor_server::tls::{ClientAuthorities, ClientCertificates, server_config};
use grantor_store::Store;
use grantor_store_postgres::{PostgresConfig, PostgresStore};
use grantor_store_sqlite::{SqliteStore, StoreConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;

use crate::config::{Config, Database, TlsFiles};
use crate::failure::Hint as _;
use crate::private;

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
    if let crate::config::MasterKeySource::BesideDatabase(path) = &config.master_key
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
    let older = config.older_master_keys.iter().map(|path| master_key::read(path));
    Ok(Keyring::new(current, older.collect::<anyhow::Result<Vec<_>>>()?))
}

/// Starts a node on an open store.
pub(crate) async fn run(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Running> {
    let clock = SystemClock;
    let name = &config.settings.default_tenant;
    seed::first_start(&*store, name, &config.issuer, &config.hosts, clock.now()).await?;
    let secrets = Secrets::open(open_keyring(config)?, &*store, name, clock.now())
        .await
        .hint("if the master key was changed, name the old one in keys.older_master_key_files")?;
    let node = Node {
        store,
        secrets: Arc::new(secrets),
        passwords: PasswordPool::start(&config.passwords).map_err(|e| anyhow!("{e}"))?,
        clock: Arc::new(clock),
        settings: config.settings.clone(),
    };
    Ok(start(node, listeners(config).await?).await?)
}

async fn listeners(config: &Config) -> anyhow::Result<Vec<Listener>> {
    let public = config.tls.as_ref().map(|files| tls(files, ClientCertificates::Never));
    let mut listeners = vec![Listener {
        socket: bind(config.listen).await?,
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
            socket: bind(mutual.listen).await?,
            tls: Some(tls(&mutual.tls, ClientCertificates::Asked)?),
            authorities,
            face: Face::MutualTls,
        });
    }
    if let Some(address) = config.operations_listen {
        let (socket, face) = (bind(address).await?, Face::Operations);
        listeners.push(Listener { socket, tls: None, authorities: None, face });
    }
    Ok(listeners)
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
        .hint("is another server running there? choose another address with --listen")
}

fn tls(files: &TlsFiles, clients: ClientCertificates) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| anyhow!("tls_certificate {}: {e}", files.certificate.display()))?;
    private::check("tls_key", &files.key, private::GROUP)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|e| anyhow!("tls_key {}: {e}", files.key.display()))?;
    let config = server_config(certificates, key, clients);
    Ok(Arc::new(config.context("certificate and key do not fit")?))
}
