//! TLS of the listeners: versions, suites, and certificates of clients. SEC-001, RFC 9325, RFC 8705 §6.1.
//!
//! Where certificates are asked for, any well-formed one gets in, and none does too: the handshake
//! proves that its key is there, and that alone. Whether an authority stands behind it is found out
//! beside that, for whoever needs it (RFC 8705 §2.1); whose it is, is for the rules of client
//! authentication.

use std::sync::Arc;
use std::time::Duration;

use grantor_crypto::certificate::Certificate;
use grantor_domain::client_auth::ClientCertificate;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs::{self, cipher_suite as suite};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

/// What is spoken. On TLS 1.2 only ECDHE with AES-GCM, as FAPI 2.0 §5.2.2 has it.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// Whether a listener asks for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// It does not
    Never,
    /// It does, and takes connections without one
    Asked,
}

/// The configuration of a listener: TLS 1.3, and 1.2 for whoever has no more. Fails when the key is
/// not that of the certificate.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: ClientCertificates,
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder =
        builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let builder = match clients {
        ClientCertificates::Never => builder.with_no_client_auth(),
        ClientCertificates::Asked => {
            builder.with_client_cert_verifier(Arc::new(AnyCertificate { provider }))
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Takes any certificate whose key signs the handshake.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None, or a client would keep a certificate to itself that is of no authority named here.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let read = Certificate::parse(end_entity);
        let read = read.map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding));
        read.map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The authorities whose certificates clients may be known by (RFC 8705 §7.4: few).
#[derive(Clone, Debug)]
pub struct ClientAuthorities(Arc<dyn ClientCertVerifier>);

impl ClientAuthorities {
    /// Fails when there is none, or one does not read.
    pub fn new(authorities: Vec<CertificateDer<'static>>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority)?;
        }
        let provider = Arc::new(provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self(verifier))
    }

    /// Whether a chain ends at one of them, and is meant for clients (RFC 5280 §6, §4.2.1.12).
    fn stand_behind(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
        let Some((own, others)) = chain.split_first() else { return false };
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let verified = self.0.verify_client_cert(own, others, now);
        if let Err(error) = &verified {
            tracing::debug!(%error, "no authority stands behind a certificate");
        }
        verified.is_ok()
    }
}

/// What is known of the other end of a connection, by the handshake.
pub(crate) fn client_certificate(
    connection: &rustls::ServerConnection,
    authorities: Option<&ClientAuthorities>,
    now: Timestamp,
) -> Option<Arc<ClientCertificate>> {
    let chain = connection.peer_certificates()?;
    let certificate = Certificate::parse(chain.first()?).ok()?;
    let vouched_for = authorities.is_some_and(|them| them.stand_behind(chain, now));
    Some(Arc::new(ClientCertificate { certificate, vouched_for }))
}

#[cfg(test)]
mod tests;
