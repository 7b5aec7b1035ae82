//! How a client proves who it is. RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2, OIDC Core §9.

use crate::word::words;

words! {
    /// A registered way of client authentication (RFC 7591 §2 `token_endpoint_auth_method`).
    ClientAuthMethod, UnknownClientAuthMethod {
        /// RFC 6749 §2.3.1, HTTP Basic
        ClientSecretBasic = "client_secret_basic",
        /// RFC 6749 §2.3.1, request body
        ClientSecretPost = "client_secret_post",
        /// RFC 7523 §2.2 with a key of the client
        PrivateKeyJwt = "private_key_jwt",
        /// RFC 8705 §2.1 with a certificate of an authority
        TlsClientAuth = "tls_client_auth",
        /// RFC 8705 §2.2 with a certificate of the client's own
        SelfSignedTlsClientAuth = "self_signed_tls_client_auth",
        /// A public client: it only names itself
        None = "none",
    }
}

impl ClientAuthMethod {
    /// Whether the client proves itself in the TLS handshake (RFC 8705 §2).
    pub const fn is_mutual_tls(self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTlsClientAuth)
    }
}

/// The one assertion type of RFC 7523 §2.2.
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
