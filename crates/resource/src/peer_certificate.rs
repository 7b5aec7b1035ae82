//! The certificate that came with a connection. RFC 8705 §3.

use grantor_crypto::digest::sha256;
use grantor_oauth_types::confirmation::CertificateThumbprint;

/// The certificate that a client has shown in the TLS handshake of this connection.
///
/// Whoever terminates TLS in this process puts it into the extensions of each request, and nothing
/// else may: a header that somebody sent proves nothing. Without it a token that is bound to a
/// certificate is refused with 401 `invalid_token`. An authority need not stand behind it (RFC 8705
/// §6.2): the handshake has shown that its key is there, and that is what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCertificate(CertificateThumbprint);

impl PeerCertificate {
    /// The first certificate of the client's chain, in DER.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(CertificateThumbprint::from_bytes(sha256(der)))
    }

    /// Its name in tokens, `x5t#S256`.
    #[must_use]
    pub const fn thumbprint(&self) -> CertificateThumbprint {
        self.0
    }
}
