//! Error codes, per endpoint. RFC 6749 §5.2, RFC 6750 §3.1, RFC 8707 §2.

use crate::word::words;

words! {
    /// What a failed token, introspection or revocation request hears.
    TokenErrorCode, UnknownTokenErrorCode {
        /// RFC 6749 §5.2
        InvalidRequest = "invalid_request",
        /// RFC 6749 §5.2
        InvalidClient = "invalid_client",
        /// RFC 6749 §5.2
        InvalidGrant = "invalid_grant",
        /// RFC 6749 §5.2
        UnauthorizedClient = "unauthorized_client",
        /// RFC 6749 §5.2
        UnsupportedGrantType = "unsupported_grant_type",
        /// RFC 6749 §5.2
        InvalidScope = "invalid_scope",
        /// RFC 8707 §2
        InvalidTarget = "invalid_target",
        /// RFC 7009 §2.2.1
        UnsupportedTokenType = "unsupported_token_type",
        /// Borrowed from RFC 6749 §4.1.2.1: our own failure
        ServerError = "server_error",
        /// Borrowed from RFC 6749 §4.1.2.1: try later
        TemporarilyUnavailable = "temporarily_unavailable",
        /// Too many failed attempts (429); our own word, see `docs/divergences.md`
        SlowDown = "slow_down",
    }
}

impl TokenErrorCode {
    /// RFC 6749 §5.2: 401 for `invalid_client`, 400 for every other of its codes.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient => 401,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            Self::SlowDown => 429,
            _ => 400,
        }
    }
}

words! {
    /// What a failed authorization request hears. RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6.
    AuthorizeErrorCode, UnknownAuthorizeErrorCode {
        /// RFC 6749 §4.1.2.1
        InvalidRequest = "invalid_request",
        /// RFC 6749 §4.1.2.1
        UnauthorizedClient = "unauthorized_client",
        /// RFC 6749 §4.1.2.1
        AccessDenied = "access_denied",
        /// RFC 6749 §4.1.2.1
        UnsupportedResponseType = "unsupported_response_type",
        /// RFC 6749 §4.1.2.1
        InvalidScope = "invalid_scope",
        /// RFC 8707 §2
        InvalidTarget = "invalid_target",
        /// RFC 6749 §4.1.2.1
        ServerError = "server_error",
        /// RFC 6749 §4.1.2.1
        TemporarilyUnavailable = "temporarily_unavailable",
        /// OIDC Core §3.1.2.6
        LoginRequired = "login_required",
        /// OIDC Core §3.1.2.6
        ConsentRequired = "consent_required",
        /// OIDC Core §3.1.2.6
        InteractionRequired = "interaction_required",
        /// OIDC Core §3.1.2.6
        AccountSelectionRequired = "account_selection_required",
        /// OIDC Core Unmet Authentication Requirements 1.0 §2
        UnmetAuthenticationRequirements = "unmet_authentication_requirements",
        /// OIDC Core §3.1.2.6, RFC 9101 §6
        RequestNotSupported = "request_not_supported",
        /// OIDC Core §3.1.2.6, RFC 9101 §6
        RequestUriNotSupported = "request_uri_not_supported",
        /// RFC 9101 §6
        InvalidRequestObject = "invalid_request_object",
        /// RFC 9101 §6, RFC 9126 §2.3
        InvalidRequestUri = "invalid_request_uri",
        /// The client is unknown: said on our own page only (`stups.md` 2.10)
        InvalidClient = "invalid_client",
    }
}

words! {
    /// What a refused call of a protected resource hears in `WWW-Authenticate`. RFC 6750 §3.1.
    BearerErrorCode, UnknownBearerErrorCode {
        /// 400
        InvalidRequest = "invalid_request",
        /// 401
        InvalidToken = "invalid_token",
        /// 403
        InsufficientScope = "insufficient_scope",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_goes_with_the_code() {
        let statuses: Vec<u16> = TokenErrorCode::ALL.iter().map(|code| code.status()).collect();
        assert_eq!(statuses, [400, 401, 400, 400, 400, 400, 400, 400, 500, 503, 429]);
    }

    #[test]
    fn every_spelling_reads_back_and_no_other_does() {
        for code in TokenErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<TokenErrorCode>(&json).unwrap(), *code);
            assert!(code.as_str().to_uppercase().parse::<TokenErrorCode>().is_err());
        }
        assert!("invalid_tokens".parse::<BearerErrorCode>().is_err());
    }
}
