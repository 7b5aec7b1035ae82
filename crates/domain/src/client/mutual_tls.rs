//! What a client registers for mutual TLS. RFC 8705 §2.1.2, §3.4.

use std::net::IpAddr;

use grantor_crypto::certificate::{Certificate, DistinguishedName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose certificate the client comes with, and whether its tokens are bound to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MutualTls {
    /// The subject, as RFC 4514 writes it: what the certificate has last comes first
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// A host among the subject alternative names
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// A URI among them
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    /// An address among them
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<String>,
    /// A mailbox among them
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    /// Whether it gets access tokens only that count together with its certificate
    pub tls_client_certificate_bound_access_tokens: bool,
}

/// The one thing in a certificate that a client is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedSubject {
    /// Its subject
    Subject(DistinguishedName),
    /// A host
    Host(String),
    /// A URI
    Uri(String),
    /// An address
    Address(IpAddr),
    /// A mailbox
    Mailbox(String),
}

/// Why a registration expects nothing that could be found in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpectable {
    /// The member
    pub member: &'static str,
    /// What would do
    pub expects: &'static str,
}

impl MutualTls {
    /// The members that name a subject, with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("tls_client_auth_subject_dn", &self.tls_client_auth_subject_dn),
            ("tls_client_auth_san_dns", &self.tls_client_auth_san_dns),
            ("tls_client_auth_san_uri", &self.tls_client_auth_san_uri),
            ("tls_client_auth_san_ip", &self.tls_client_auth_san_ip),
            ("tls_client_auth_san_email", &self.tls_client_auth_san_email),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }

    /// What has to be in the certificate: exactly one thing (RFC 8705 §2.1.2).
    pub fn expected(&self) -> Result<ExpectedSubject, Unexpectable> {
        let mut named = self.named();
        let one = Unexpectable {
            member: "tls_client_auth_subject_dn",
            expects: "exactly one of the tls_client_auth_… members",
        };
        let (member, text) = named.next().ok_or(one)?;
        if let Some((member, _)) = named.next() {
            return Err(Unexpectable { member, ..one });
        }
        let wrong = |expects| Unexpectable { member, expects };
        match member {
            "tls_client_auth_subject_dn" => DistinguishedName::parse(text)
                .map(ExpectedSubject::Subject)
                .map_err(|_| wrong("a distinguished name (RFC 4514), as CN=shop,O=Example,C=DE")),
            "tls_client_auth_san_ip" => text
                .parse()
                .map(ExpectedSubject::Address)
                .map_err(|_| wrong("an IPv4 or IPv6 address")),
            "tls_client_auth_san_dns" if is_host(text) => {
                Ok(ExpectedSubject::Host(text.to_owned()))
            }
            "tls_client_auth_san_dns" => Err(wrong("a host name without wildcard")),
            "tls_client_auth_san_uri" if is_plain(text) && text.contains(':') => {
                Ok(ExpectedSubject::Uri(text.to_owned()))
            }
            "tls_client_auth_san_uri" => Err(wrong("a URI")),
            _ if is_plain(text) && text.split('@').filter(|part| !part.is_empty()).count() == 2 => {
                Ok(ExpectedSubject::Mailbox(text.to_owned()))
            }
            _ => Err(wrong("an e-mail address")),
        }
    }
}

impl ExpectedSubject {
    /// Whether it is in the certificate.
    pub fn is_in(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Subject(name) => certificate.subject() == name,
            Self::Host(host) => certificate.names_host(host),
            Self::Uri(uri) => certificate.names_uri(uri),
            Self::Address(address) => certificate.names_address(*address),
            Self::Mailbox(mailbox) => certificate.names_mailbox(mailbox),
        }
    }
}

/// Characters that are seen, and no space.
fn is_plain(text: &str) -> bool {
    (1..=500).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.split('.').all(label)
}
