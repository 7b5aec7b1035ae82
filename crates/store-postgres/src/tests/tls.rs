//! TLS to the database.

use std::sync::Arc;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::support::{Address, Schema};
use crate::{ConnectError, PostgresStore};
use grantor_store::Store;

/// A database that speaks TLS: a proxy that ends TLS in front of the one for tests. Returns its
/// URL and the certificate.
async fn encrypted(name: &str) -> (String, String) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone()));
        }
    });
    (Address::of_tests().url_through(port), cert.pem())
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor) {
    let mut request = [0; 8];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "the request for TLS");
    stream.write_all(b"S").await.unwrap();
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let address = Address::of_tests();
    let mut database = TcpStream::connect((address.host, address.port)).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut database).await;
}

async fn connect(url: &str) -> Result<(), ConnectError> {
    let schema = Schema::new();
    let store = PostgresStore::connect(schema.config_through(url)).await?;
    store.ping().await.map_err(|e| ConnectError::Unavailable(e.to_string()))
}

fn file(pem: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let path = file.path().display().to_string();
    (file, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_full_wants_the_right_root_and_the_right_name() {
    let (url, pem) = encrypted("127.0.0.1").await;
    let (_file, root) = file(&pem);
    connect(&format!("{url}?sslmode=verify-full&sslrootcert={root}")).await.unwrap();
    connect(&format!("{url}?sslmode=require&sslrootcert={root}")).await.unwrap();

    let (_other_url, other_pem) = encrypted("127.0.0.1").await;
    let (_other_file, other_root) = file(&other_pem);
    let refusal = connect(&format!("{url}?sslmode=verify-full&sslrootcert={other_root}")).await;
    assert!(matches!(refusal, Err(ConnectError::Unavailable(_))), "another root: {refusal:?}");

    let (misnamed, pem) = encrypted("db.example.org").await;
    let (_misnamed_file, root) = file(&pem);
    let refusal = connect(&format!("{misnamed}?sslmode=verify-full&sslrootcert={root}")).await;
    assert!(matches!(refusal, Err(ConnectError::Unavailable(_))), "another name: {refusal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn require_and_prefer_encrypt_with_whoever_answers() {
    let (url, _) = encrypted("db.example.org").await;
    connect(&format!("{url}?sslmode=require")).await.unwrap();
    connect(&format!("{url}?sslmode=prefer")).await.unwrap();
    connect(&url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_tls_is_refused_where_tls_is_required() {
    let url = super::support::url();
    for mode in ["require", "verify-full"] {
        let refusal = connect(&format!("{url}?sslmode={mode}")).await;
        let Err(ConnectError::Unavailable(why)) = refusal else { panic!("{mode}: {refusal:?}") };
        assert!(why.contains("TLS"), "{why}");
    }
    connect(&format!("{url}?sslmode=disable")).await.unwrap();
    connect(&format!("{url}?sslmode=prefer")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_file_that_does_not_read_is_named() {
    let (_file, empty) = file("");
    for path in [empty.as_str(), "/does/not/exist.pem"] {
        let url = format!("{}?sslmode=verify-full&sslrootcert={path}", super::support::url());
        let refusal = connect(&url).await.unwrap_err();
        assert!(matches!(refusal, ConnectError::Config(_)), "{refusal}");
        assert!(refusal.to_string().contains(path), "{refusal}");
    }
}
