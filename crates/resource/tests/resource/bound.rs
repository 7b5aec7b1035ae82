//! Tokens that are bound to a certificate, presented over real TLS. RFC 8705 §3, §6.2.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use grantor_crypto::digest::sha256;
use grantor_resource::{Introspection, PeerCertificate, Refusal, Require, TokenFault};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{CertificateParams, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::{World, b64, send};

/// A certificate and its key.
struct Own {
    der: rustls::pki_types::CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Own {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let made = params.self_signed(&key).unwrap();
        Self { der: made.der().clone(), pem: made.pem(), key }
    }

    fn cnf(&self) -> Value {
        json!({ "x5t#S256": b64(sha256(&self.der)) })
    }
}

/// An API that terminates TLS itself; where it is.
async fn api(app: Router, server: &Own, clients: &[&Own]) -> String {
    let mut roots = RootCertStore::empty();
    clients.iter().for_each(|own| roots.add(own.der.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.der.clone()], server.key.serialize_der().try_into().unwrap())
        .unwrap();
    let (acceptor, socket) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let (_, session) = stream.get_ref();
                let shown = session.peer_certificates().and_then(|chain| chain.first());
                let app = match shown {
                    Some(der) => app.layer(Extension(PeerCertificate::from_der(der))),
                    None => app,
                };
                let service = TowerToHyperService::new(app);
                let builder = Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    format!("https://localhost:{port}/")
}

async fn status(url: &str, server: &Own, own: Option<&Own>, token: &str) -> (StatusCode, String) {
    let trusted = reqwest::Certificate::from_der(&server.der).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([trusted]);
    if let Some(own) = own {
        let pem = format!("{}{}", own.pem, own.key.serialize_pem());
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
    }
    let answer = builder.build().unwrap().get(url).bearer_auth(token).send().await.unwrap();
    let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
    (answer.status(), challenge.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn sec_102_trap_083_a_bound_token_is_taken_with_its_certificate_only() {
    let world = World::new().await;
    let (server, own, other) = (Own::new(), Own::new(), Own::new());
    let url = api(world.api(Require::authenticated()), &server, &[&own, &other]).await;
    let token = world.token(&json!({ "cnf": own.cnf() }));
    assert_eq!(status(&url, &server, Some(&own), &token).await.0, StatusCode::OK);
    for wrong in [Some(&other), None] {
        let (status, challenge) = status(&url, &server, wrong, &token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    // What was verified once is not remembered as proven for everybody.
    assert_eq!(status(&url, &server, Some(&own), &token).await.0, StatusCode::OK);
    let free = world.good_token();
    for any in [Some(&own), Some(&other), None] {
        assert_eq!(status(&url, &server, any, &free).await.0, StatusCode::OK, "not bound");
    }
}

#[tokio::test]
async fn sec_058_sec_102_a_header_is_no_certificate() {
    let world = World::new().await;
    let own = Own::new();
    let token = world.token(&json!({ "cnf": own.cnf() }));
    for header in ["client-cert", "x-forwarded-client-cert", "x-ssl-client-cert"] {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        let request = request.header(header, b64(&own.der)).body(Body::empty()).unwrap();
        let heard = send(world.api(Require::authenticated()), request).await;
        assert_eq!(heard.status, StatusCode::UNAUTHORIZED, "{header}");
    }
    let bound = Some(Refusal::InvalidToken(TokenFault::Bound));
    assert_eq!(world.refusal(&token).await, bound, "and a token alone is not enough");
}

#[tokio::test]
async fn sec_099_a_binding_that_is_not_known_is_never_met() {
    let world = World::new().await;
    let own = Own::new();
    let mut both = own.cnf();
    both["jkt"] = json!("x");
    let bound = Refusal::InvalidToken(TokenFault::Bound);
    for cnf in [json!({ "jkt": "x" }), both, json!({}), json!("x"), json!({ "x5t#S256": "AA" })] {
        let token = world.token(&json!({ "cnf": cnf }));
        let shown = PeerCertificate::from_der(&own.der);
        let denied = world.verifier.verify_from(&token, Some(&shown)).await.unwrap_err();
        assert_eq!(*denied.refusal(), bound, "{cnf}");
    }
}

#[tokio::test]
async fn sec_102_what_introspection_says_of_a_binding_is_held_to() {
    let introspection = Introspection::of_opaque_tokens("rs1", "s:cret");
    let world = World::with(|builder| builder.introspect(introspection)).await;
    let (own, other) = (Own::new(), Own::new());
    let mut claims = world.claims();
    claims["active"] = json!(true);
    claims["cnf"] = own.cnf();
    *world.server.introspection.lock().unwrap() = claims;
    for (shown, taken) in [(Some(&own), true), (Some(&other), false), (None, false)] {
        let shown = shown.map(|own| PeerCertificate::from_der(&own.der));
        let outcome = world.verifier.verify_from("opaque", shown.as_ref()).await;
        assert_eq!(outcome.is_ok(), taken);
    }
}
