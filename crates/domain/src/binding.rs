//! Tokens that count together with a certificate only. RFC 8705 §3, §4, §7.1.

use grantor_oauth_types::confirmation::{CertificateThumbprint, Confirmation};

use crate::client::Client;
use crate::issue::AccessToken;
use crate::token::TokenError;

/// What the tokens of this request are bound to. A client whose tokens have to be bound gets none
/// without a certificate: never one that anybody could use (trap 75).
pub fn binding(
    client: &Client,
    certificate: Option<CertificateThumbprint>,
) -> Result<Option<Confirmation>, TokenError> {
    match (client.mutual_tls.tls_client_certificate_bound_access_tokens, certificate) {
        (false, _) => Ok(None),
        (true, Some(certificate)) => Ok(Some(Confirmation { certificate })),
        (true, None) => Err(TokenError::CertificateMissing),
    }
}

/// What the refresh tokens of this request are bound to. Those of a confidential client are bound to
/// the client, which authenticates again; a public client has nothing else (RFC 8705 §4, §7.1).
pub fn refresh_binding(
    client: &Client,
    bound: Option<Confirmation>,
) -> Option<CertificateThumbprint> {
    bound.filter(|_| !client.is_confidential()).map(|bound| bound.certificate)
}

/// Whether whoever presents a token is its holder: one that is bound counts together with its
/// certificate only (RFC 8705 §3).
pub fn is_holder(token: &AccessToken, certificate: Option<CertificateThumbprint>) -> bool {
    token.cnf.is_none_or(|bound| certificate == Some(bound.certificate))
}

#[cfg(test)]
mod tests {
    use grantor_oauth_types::client_auth::ClientAuthMethod;

    use super::*;
    use crate::example::*;

    const OWN: CertificateThumbprint = CertificateThumbprint::from_bytes([1; 32]);
    const OTHER: CertificateThumbprint = CertificateThumbprint::from_bytes([2; 32]);

    fn bound_client() -> Client {
        let mut client = client("shop");
        client.mutual_tls.tls_client_certificate_bound_access_tokens = true;
        client
    }

    #[test]
    fn trap_075_a_client_whose_tokens_are_bound_gets_none_without_certificate() {
        let confirmed = Some(Confirmation { certificate: OWN });
        assert_eq!(binding(&bound_client(), Some(OWN)), Ok(confirmed));
        assert_eq!(binding(&bound_client(), None), Err(TokenError::CertificateMissing));
        assert_eq!(binding(&client("shop"), Some(OWN)), Ok(None), "it did not ask for that");
        assert_eq!(binding(&client("shop"), None), Ok(None));
    }

    #[test]
    fn refresh_tokens_of_public_clients_are_bound_too() {
        let confirmed = Some(Confirmation { certificate: OWN });
        assert_eq!(refresh_binding(&bound_client(), confirmed), None);
        let public = Client { auth_method: ClientAuthMethod::None, ..bound_client() };
        assert_eq!(refresh_binding(&public, confirmed), Some(OWN));
        assert_eq!(refresh_binding(&public, None), None);
    }

    #[test]
    fn sec_102_a_bound_token_counts_with_its_certificate_only() {
        let free = crate::issue::an_access_token();
        let bound = AccessToken { cnf: Some(Confirmation { certificate: OWN }), ..free.clone() };
        for (certificate, holds) in [(Some(OWN), true), (Some(OTHER), false), (None, false)] {
            assert_eq!(is_holder(&bound, certificate), holds, "{certificate:?}");
            assert!(is_holder(&free, certificate));
        }
    }
}
