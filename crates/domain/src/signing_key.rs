//! A signing key of a tenant, and where it is in its life. OIDC Core §10.1.1, SEC-094, REL-025.

use grantor_crypto::alg::Algorithm;
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};

/// A signing key as it is kept: the private part sealed under the master key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyRecord {
    /// Whose it is
    pub tenant: TenantName,
    /// Unique in the tenant; in every token it signed
    pub kid: String,
    /// The one algorithm it is used with (SEC-074)
    pub alg: Algorithm,
    /// The sealed PKCS#8 private key, base64url; bound to tenant and kid
    pub sealed: String,
    /// Published from here on
    pub created: Timestamp,
    /// Signs from here on: at least a JWKS lifetime after `created` unless it is the first
    pub active_from: Timestamp,
    /// Signs no more from here on; published until the last token it signed has ended
    #[serde(default)]
    pub retired: Option<Timestamp>,
    /// Compromised: left the JWKS at once, and its tokens are worth nothing (SEC-095)
    #[serde(default)]
    pub withdrawn: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRecord")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("active_from", &self.active_from)
            .field("retired", &self.retired)
            .finish_non_exhaustive()
    }
}

impl SigningKeyRecord {
    /// What the sealed private key is bound to (SEC-094).
    pub fn seal_context(tenant: &TenantName, kid: &str) -> String {
        format!("signing-key/{tenant}/{kid}")
    }

    /// Whether it is in use or will be: neither retired nor withdrawn.
    pub fn is_current(&self) -> bool {
        self.withdrawn.is_none() && self.retired.is_none()
    }

    /// Whether it may sign at this moment.
    pub fn may_sign(&self, now: Timestamp) -> bool {
        self.withdrawn.is_none() && self.active_from <= now && self.retired.is_none_or(|t| now < t)
    }

    /// Whether verifiers should know it: from its creation until the last token it can have
    /// signed is over.
    pub fn is_published(&self, now: Timestamp, longest_token_seconds: u32) -> bool {
        let drained = |end: Timestamp| {
            end.as_second().saturating_add(i64::from(longest_token_seconds)) < now.as_second()
        };
        self.withdrawn.is_none() && !self.retired.is_some_and(drained)
    }
}

impl Document for SigningKeyRecord {
    const KIND: Kind = Kind::SigningKey;

    fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    fn id(&self) -> String {
        self.kid.clone()
    }

    fn parent(&self) -> Option<String> {
        Some(self.alg.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::{NOW, at, tenant_name};

    /// Made now, signs from an hour later.
    fn key() -> SigningKeyRecord {
        SigningKeyRecord {
            tenant: tenant_name(),
            kid: "k1".to_owned(),
            alg: Algorithm::Es256,
            sealed: "CANARY".to_owned(),
            created: at(NOW),
            active_from: at(NOW + 3_600),
            retired: None,
            withdrawn: None,
        }
    }

    #[test]
    fn rel_025_a_key_is_published_before_it_signs() {
        assert!(!key().may_sign(at(NOW + 3_599)) && key().is_published(at(NOW), 600));
        assert!(key().may_sign(at(NOW + 3_600)) && key().is_current());
    }

    #[test]
    fn sec_095_a_withdrawn_key_is_worth_nothing_at_once() {
        let withdrawn = SigningKeyRecord { withdrawn: Some(at(NOW + 5_000)), ..key() };
        for second in [NOW, NOW + 4_000, NOW + 6_000] {
            assert!(!withdrawn.may_sign(at(second)) && !withdrawn.is_published(at(second), 600));
        }
        assert!(!withdrawn.is_current());
    }

    #[test]
    fn sec_094_the_sealed_key_is_mute_and_bound_to_its_place() {
        assert!(!format!("{:?}", key()).contains("CANARY"));
        assert_eq!(SigningKeyRecord::seal_context(&tenant_name(), "k1"), "signing-key/main/k1");
    }

    proptest! {
        /// Whenever a key may sign, it stays published until the token it signs has ended.
        #[test]
        fn rel_025_a_retired_key_outlives_every_token_it_signed(
            retired in prop::option::of(0..10_000_i64),
            signed in 0..10_000_i64,
            life in 1..2_700_000_u32,
            later in 0.0..=1.0_f64,
        ) {
            let key = SigningKeyRecord { retired: retired.map(|after| at(NOW + after)), ..key() };
            prop_assume!(key.may_sign(at(NOW + signed)));
            #[expect(clippy::cast_possible_truncation, reason = "a share of a small number")]
            let while_alive = (f64::from(life) * later) as i64;
            prop_assert!(key.is_published(at(NOW + signed + while_alive), life));
        }
    }
}
