//! Words of client registration. RFC 7591 §2; OIDC Registration §2; RFC 7636 §4.3.

use crate::word::words;

words! {
    /// What a client runs as.
    ApplicationType, UnknownApplicationType {
        /// On a server, or in a browser
        Web = "web",
        /// On somebody's device
        Native = "native",
    }
}

words! {
    /// How a client is told who somebody is. OIDC Core §8.
    SubjectType, UnknownSubjectType {
        /// Everybody is told the same
        Public = "public",
        /// Each sector is told something else
        Pairwise = "pairwise",
    }
}

words! {
    /// How the verifier becomes the challenge. RFC 7636 §4.2.
    CodeChallengeMethod, UnknownCodeChallengeMethod {
        /// By SHA-256
        S256 = "S256",
        /// Not at all; only for clients that are switched to it
        Plain = "plain",
    }
}
