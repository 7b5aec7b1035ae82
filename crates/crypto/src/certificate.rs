//! X.509 certificates: whose they are, and for which key. RFC 5280 §4.
//!
//! Reading one proves nothing: possession of the key is shown in a TLS handshake, and whether an
//! authority stands behind it is for whoever validates the chain.

mod name;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::Algorithm;
use crate::digest::sha256;
use crate::jwk::PublicMaterial;

pub use name::{DistinguishedName, NameError};

/// The longest certificate that is read, in bytes.
pub const MAX_CERTIFICATE: usize = 16 * 1024;

/// Why a certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than [`MAX_CERTIFICATE`]
    #[error("the certificate is too long")]
    Size,
    /// Not one certificate in DER, or an extension that does not read
    #[error("not an X.509 certificate")]
    Malformed,
}

/// What is known of a certificate once it was read.
#[derive(Clone, Debug)]
pub struct Certificate {
    thumbprint: [u8; 32],
    subject: DistinguishedName,
    names: Vec<AlternativeName>,
    key: Option<PublicMaterial>,
    not_before: i64,
    not_after: i64,
}

/// A subject alternative name of a kind that clients are known by. RFC 5280 §4.2.1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AlternativeName {
    Dns(String),
    Uri(String),
    Ip(IpAddr),
    Email(String),
}

impl Certificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::Size);
        }
        let malformed = CertificateError::Malformed;
        let (rest, read) = X509Certificate::from_der(der).map_err(|_| malformed)?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        // An extension that is there twice, or does not read, hides something.
        read.extensions_map().map_err(|_| malformed)?;
        let names = read.subject_alternative_name().map_err(|_| malformed)?;
        let names = names.map(|extension| extension.value.general_names.as_slice());
        Ok(Self {
            thumbprint: sha256(der),
            subject: DistinguishedName::of(read.subject()),
            names: names.unwrap_or_default().iter().filter_map(AlternativeName::of).collect(),
            key: material(read.public_key()),
            not_before: read.validity().not_before.timestamp(),
            not_after: read.validity().not_after.timestamp(),
        })
    }

    /// SHA-256 of the DER (RFC 8705 §3.1).
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Whose it is.
    #[must_use]
    pub const fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Whether it is neither too early nor too late, in seconds since 1970 (RFC 5280 §4.1.2.5).
    #[must_use]
    pub const fn is_valid_at(&self, second: i64) -> bool {
        self.not_before <= second && second <= self.not_after
    }

    /// Whether it names this host; without regard to case (RFC 4343), and no wildcard covers it.
    #[must_use]
    pub fn names_host(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name {
            AlternativeName::Dns(own) => own.eq_ignore_ascii_case(host),
            _ => false,
        })
    }

    /// Whether it names exactly this URI.
    #[must_use]
    pub fn names_uri(&self, uri: &str) -> bool {
        self.names.iter().any(|name| matches!(name, AlternativeName::Uri(own) if own == uri))
    }

    /// Whether it names this address.
    #[must_use]
    pub fn names_address(&self, address: IpAddr) -> bool {
        self.names.iter().any(|name| matches!(name, AlternativeName::Ip(own) if *own == address))
    }

    /// Whether it names this mailbox: the host without regard to case (RFC 5280 §7.5).
    #[must_use]
    pub fn names_mailbox(&self, mailbox: &str) -> bool {
        let wanted = mailbox.rsplit_once('@');
        self.names.iter().any(|name| match (name, wanted) {
            (AlternativeName::Email(own), Some((local, host))) => own
                .rsplit_once('@')
                .is_some_and(|(own, at)| own == local && at.eq_ignore_ascii_case(host)),
            _ => false,
        })
    }

    pub(crate) const fn material(&self) -> Option<&PublicMaterial> {
        self.key.as_ref()
    }
}

impl AlternativeName {
    fn of(name: &GeneralName<'_>) -> Option<Self> {
        let text = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            plain.then(|| text.to_owned())
        };
        match name {
            GeneralName::DNSName(host) => text(host).map(Self::Dns),
            GeneralName::URI(uri) => text(uri).map(Self::Uri),
            GeneralName::RFC822Name(mailbox) => text(mailbox).map(Self::Email),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| Self::Ip(bytes.into())),
                16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Self::Ip(bytes.into())),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The public key, if it is of a kind and strength that we take. RFC 3279 §2.3, RFC 5480 §2.1,
/// RFC 8410 §4.
fn material(info: &SubjectPublicKeyInfo<'_>) -> Option<PublicMaterial> {
    let kind = &info.algorithm.algorithm;
    let bits = info.subject_public_key.data.as_ref();
    if *kind == OID_SIG_ED25519 {
        return PublicMaterial::from_ed25519(bits).ok();
    }
    if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
        let known = [
            (OID_EC_P256, Algorithm::Es256),
            (OID_NIST_EC_P384, Algorithm::Es384),
            (OID_NIST_EC_P521, Algorithm::Es512),
        ];
        let (_, alg) = known.into_iter().find(|(oid, _)| *oid == curve)?;
        return PublicMaterial::from_point(alg, bits).ok();
    }
    if *kind != OID_PKCS1_RSAENCRYPTION {
        return None;
    }
    match info.parsed().ok()? {
        PublicKey::RSA(RSAPublicKey { modulus, exponent }) => {
            PublicMaterial::from_rsa(unsigned(modulus), unsigned(exponent)).ok()
        }
        _ => None,
    }
}

/// DER puts a zero before a number whose first bit is set (X.690 §8.3).
fn unsigned(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}
