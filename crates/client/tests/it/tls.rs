//! TLS verification cannot be switched off; a certificate authority can be added.

use std::sync::Arc;

use grantor_client::{ClientAuth, Grant, TokenError, Tokens, TokensBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A TLS server with a certificate of its own making, valid for `name`; answers any request with
/// a token. Its address, its certificate, and whether it ever saw a byte of a request.
async fn tls_server(name: &str) -> (u16, String, tokio::sync::watch::Receiver<bool>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (saw, seen) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.unwrap_or(0) == 0 {
                continue;
            }
            saw.send_replace(true);
            let body = r#"{"access_token":"over-tls","expires_in":60}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, pem, seen)
}

fn asking(port: u16) -> TokensBuilder {
    let client = ClientAuth::Basic { client_id: "shop".to_owned(), secret: "s".into() };
    Tokens::builder()
        .token_url(format!("https://localhost:{port}/token"))
        .credentials(client, Grant::ClientCredentials)
}

#[tokio::test]
async fn sec_187_a_certificate_nobody_vouches_for_is_refused_before_a_byte_is_sent() {
    let (port, pem, seen) = tls_server("localhost").await;
    let tokens = asking(port).build().unwrap();
    tokens.manage("orders", ["uid"]);
    let error = tokens.get("orders").await.unwrap_err();
    assert!(matches!(error, TokenError::Unreachable(_)), "{error}");
    assert!(!*seen.borrow());

    // The same server is fine for whoever trusts its authority: it was the certificate.
    let tokens = asking(port).root_certificates(pem.as_bytes()).unwrap().build().unwrap();
    tokens.manage("orders", ["uid"]);
    assert_eq!(tokens.get("orders").await.unwrap().reveal(), "over-tls");
}

#[tokio::test]
async fn sec_187_a_certificate_for_another_name_is_refused() {
    let (port, pem, seen) = tls_server("elsewhere.example.org").await;
    let tokens = asking(port).root_certificates(pem.as_bytes()).unwrap().build().unwrap();
    tokens.manage("orders", ["uid"]);
    let error = tokens.get("orders").await.unwrap_err();
    assert!(matches!(error, TokenError::Unreachable(_)), "{error}");
    assert!(!*seen.borrow());
}
