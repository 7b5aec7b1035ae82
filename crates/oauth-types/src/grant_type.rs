//! Ways to ask for a token. RFC 6749 §1.3.

use crate::word::words;

words! {
    /// How a client asks for a token.
    GrantType, UnknownGrantType {
        /// RFC 6749 §4.1
        AuthorizationCode = "authorization_code",
        /// RFC 6749 §4.4
        ClientCredentials = "client_credentials",
        /// RFC 6749 §6
        RefreshToken = "refresh_token",
        /// RFC 6749 §4.3: only where realm and client allow it.
        Password = "password",
        /// RFC 6749 §4.2: tokens from the authorization endpoint, where a client is switched to it.
        Implicit = "implicit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_back() {
        for grant in GrantType::ALL {
            assert_eq!(grant.as_str().parse(), Ok(*grant));
        }
    }

    #[test]
    fn words_are_case_sensitive() {
        assert_eq!("Password".parse::<GrantType>(), Err(UnknownGrantType));
    }
}
