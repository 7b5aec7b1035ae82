//! A client that proves itself in the TLS handshake. RFC 8705 §2.

use grantor_crypto::certificate::Certificate;
use grantor_crypto::jwk::JwkSet;
use grantor_oauth_types::confirmation::CertificateThumbprint;
use jiff::Timestamp;

use super::ClientRefusal;
use crate::client::Client;

/// A certificate whose key the other end of the connection has: the TLS layer says so, and nothing
/// else can (SEC-058).
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// What it says
    pub certificate: Certificate,
    /// Whether an authority that the operator trusts for clients stands behind it
    pub vouched_for: bool,
}

impl ClientCertificate {
    /// Its name in tokens (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> CertificateThumbprint {
        CertificateThumbprint::from_bytes(*self.certificate.thumbprint())
    }

    /// RFC 8705 §2.1: of an authority, and with the one subject that is registered.
    pub(super) fn proves_subject(
        &self,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), ClientRefusal> {
        self.is_current(now)?;
        if !self.vouched_for {
            return Err(ClientRefusal::UntrustedCertificate);
        }
        let expected = client.mutual_tls.expected();
        let fits = expected.is_ok_and(|expected| expected.is_in(&self.certificate));
        fits.then_some(()).ok_or(ClientRefusal::OtherSubject)
    }

    /// RFC 8705 §2.2: of a key that the client registered with a certificate for it.
    pub(super) fn proves_key(&self, keys: &JwkSet, now: Timestamp) -> Result<(), ClientRefusal> {
        self.is_current(now)?;
        let known = keys.keys().iter().any(|key| key.certifies(&self.certificate));
        known.then_some(()).ok_or(ClientRefusal::WrongKey)
    }

    /// A connection may outlast its certificate.
    fn is_current(&self, now: Timestamp) -> Result<(), ClientRefusal> {
        let current = self.certificate.is_valid_at(now.as_second());
        current.then_some(()).ok_or(ClientRefusal::ExpiredCertificate)
    }
}
