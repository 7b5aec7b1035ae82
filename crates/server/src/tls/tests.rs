//! What is spoken, tried from the other end.

use std::io::{Read as _, Write as _};

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ProtocolVersion, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion, version,
};

use super::*;

/// A listener with a key of this kind, and what trusts it.
fn listener(kind: &'static SignatureAlgorithm) -> (Arc<ServerConfig>, RootCertStore) {
    let key = KeyPair::generate_for(kind).unwrap();
    let made = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.der().clone()).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let clients = ClientCertificates::Asked;
    (Arc::new(server_config(vec![made.der().clone()], private, clients).unwrap()), roots)
}

/// What is agreed on with a client that knows these.
fn handshake(
    (server, roots): &(Arc<ServerConfig>, RootCertStore),
    suites: Vec<SupportedCipherSuite>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<(ProtocolVersion, CipherSuite), Error> {
    let provider = CryptoProvider { cipher_suites: suites, ..aws_lc_rs::default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)?
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    let mut client =
        ClientConnection::new(Arc::new(config), "localhost".try_into().expect("a name"))?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    let suite = server.negotiated_cipher_suite().unwrap().suite();
    Ok((server.protocol_version().unwrap(), suite))
}

fn all() -> Vec<SupportedCipherSuite> {
    aws_lc_rs::ALL_CIPHER_SUITES.to_vec()
}

/// A first message as a client of TLS 1.0 or 1.1 sends it: version, suites, and no extension that
/// says it knows more. RFC 4346 §7.4.1.2.
fn old_hello(minor: u8) -> Vec<u8> {
    // ECDHE_RSA_WITH_AES_256_CBC_SHA, RSA_WITH_AES_128_CBC_SHA, RSA_WITH_3DES, RSA_WITH_RC4.
    let suites = [0xc0, 0x14, 0x00, 0x2f, 0x00, 0x0a, 0x00, 0x05];
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, u8::try_from(suites.len()).unwrap()]);
    body.extend(suites);
    body.extend([1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut message = vec![22, 3, minor, 0, length + 4, 1, 0, 0, length];
    message.append(&mut body);
    message
}

#[test]
fn sec_001_trap_001_old_versions_are_refused_and_the_newest_is_preferred() {
    let listener = listener(&rcgen::PKCS_ECDSA_P256_SHA256);
    for minor in [1, 2] {
        let mut server = ServerConnection::new(Arc::clone(&listener.0)).unwrap();
        server.read_tls(&mut old_hello(minor).as_slice()).unwrap();
        assert!(server.process_new_packets().is_err(), "TLS 1.{}", minor - 1);
        let mut alert = Vec::new();
        server.write_tls(&mut alert).unwrap();
        // Fatal; protocol_version (RFC 8446 §6.2) or, for want of anything common, another.
        assert_eq!((alert[0], alert[5]), (21, 2), "{alert:?}");
        assert!(server.writer().write(b"x").is_err() || server.reader().read(&mut [0]).is_err());
    }
    let both = [&version::TLS12, &version::TLS13];
    let (spoken, _) = handshake(&listener, all(), &both).unwrap();
    assert_eq!(spoken, ProtocolVersion::TLSv1_3);
    let (spoken, _) = handshake(&listener, all(), &[&version::TLS12]).unwrap();
    assert_eq!(spoken, ProtocolVersion::TLSv1_2, "for whoever has no more");
}

#[test]
fn trap_002_on_tls_1_2_there_is_only_ecdhe_with_aes_gcm() {
    use aws_lc_rs::cipher_suite as suite;
    let (ecdsa, rsa) =
        (listener(&rcgen::PKCS_ECDSA_P256_SHA256), listener(&rcgen::PKCS_RSA_SHA256));
    #[rustfmt::skip]
    let table = [
        (&ecdsa, suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,       true),
        (&ecdsa, suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,       true),
        (&ecdsa, suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false),
        (&rsa,   suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,         true),
        (&rsa,   suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,         true),
        (&rsa,   suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,   false),
    ];
    for (listener, suite, taken) in table {
        let agreed = handshake(listener, vec![suite], &[&version::TLS12]);
        assert_eq!(agreed.is_ok(), taken, "{:?}", suite.suite());
    }
    let modern = vec![suite::TLS13_CHACHA20_POLY1305_SHA256];
    assert!(handshake(&ecdsa, modern, &[&version::TLS13]).is_ok(), "on 1.3 it is fine");
}
