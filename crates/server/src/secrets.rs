//! What the server derives from its master key: one key per purpose, none of them stored.

use std::fmt;

use grantor_crypto::digest::{DigestKey, KeyedDigest};
use grantor_crypto::fingerprint::Fingerprinter;
use grantor_crypto::seal::Keyring;
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_crypto::token::{TokenKey, TokenSealer};
use grantor_oauth_types::id::GrantId;
use grantor_oauth_types::name::TenantName;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The derived keys.
pub struct Secrets {
    keyring: Keyring,
    /// Of client secrets at rest (SEC-056)
    pub client_digest: DigestKey,
    /// Of the tags that tell our refresh tokens from guesses
    refresh_tag: DigestKey,
    /// Of page tokens (SEC-165)
    pub page_tokens: TokenSealer,
    /// Of fingerprints in logs (SEC-189)
    pub fingerprints: Fingerprinter,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// How much of the tag goes into a refresh token: 96 bits are plenty against guesses that each
/// cost a request.
const TAG_BYTES: usize = 12;
const TAG_CHARS: usize = 16;

impl Secrets {
    /// Derives every key.
    pub fn derive(keyring: Keyring) -> Self {
        Self {
            client_digest: DigestKey::new(&keyring.derive("client-secret-digest")),
            refresh_tag: DigestKey::new(&keyring.derive("refresh-token-tag")),
            page_tokens: sealer(&keyring, "page-token"),
            fingerprints: Fingerprinter::new(&keyring.derive("log-fingerprint")),
            keyring,
        }
    }

    /// What seals rows at rest.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// What seals the reference tokens of a tenant; tokens of older master keys still open.
    pub fn reference_tokens(&self, tenant: &TenantName) -> TokenSealer {
        sealer(&self.keyring, &format!("reference-token/{tenant}"))
    }

    /// Makes a refresh token of a grant: lookup id, secret, and a tag by which we know later that
    /// we made it.
    pub fn mint_refresh_token(&self, grant: GrantId) -> (String, LookupSecret) {
        let secret = LookupSecret::mint(SecretKind::RefreshToken, grant.bytes());
        let text = secret.reveal();
        (format!("{text}{}", self.tag(&text)), secret)
    }

    /// Reads a presented refresh token; `None` unless this server made it.
    pub fn read_refresh_token(&self, text: &str) -> Option<(GrantId, LookupSecret)> {
        let cut = text.len().checked_sub(TAG_CHARS)?;
        let (secret, tag) = (text.get(..cut)?, text.get(cut..)?);
        if !grantor_crypto::ct_eq(self.tag(secret).as_bytes(), tag.as_bytes()) {
            return None;
        }
        let secret = LookupSecret::parse(SecretKind::RefreshToken, secret)?;
        let grant = GrantId::from_uuid(uuid::Uuid::from_bytes(secret.lookup_id()));
        Some((grant, secret))
    }

    fn tag(&self, secret: &str) -> String {
        let digest: KeyedDigest = self.refresh_tag.digest(secret);
        BASE64_URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..TAG_BYTES])
    }
}

fn sealer(keyring: &Keyring, label: &str) -> TokenSealer {
    let mut keys = keyring.derive_all(label).into_iter().enumerate().map(|(age, key)| {
        // The id only has to tell the few keys apart: two bytes of the key's own digest.
        let digest = grantor_crypto::digest::sha256(&*key);
        let id = u16::from_be_bytes([digest[0], digest[1]]);
        (age, TokenKey::new(id, &key))
    });
    let current = keys.next().map(|(_, key)| key).expect("a keyring has a current key");
    TokenSealer::new(current, keys.map(|(_, key)| key))
}

#[cfg(test)]
mod tests {
    use grantor_crypto::seal::MasterKey;

    use super::*;

    fn secrets() -> Secrets {
        Secrets::derive(Keyring::new(MasterKey::generate(), []))
    }

    #[test]
    fn a_refresh_token_reads_back_and_names_its_grant() {
        let secrets = secrets();
        let grant = GrantId::new(5, [3; 10]);
        let (text, minted) = secrets.mint_refresh_token(grant);
        let (read, secret) = secrets.read_refresh_token(&text).unwrap();
        assert_eq!(read, grant);
        assert_eq!(secret.digest(), minted.digest());
    }

    #[test]
    fn sec_061_nobody_can_make_a_refresh_token_of_a_grant_they_know() {
        let secrets = secrets();
        let grant = GrantId::new(5, [3; 10]);
        let forged = LookupSecret::mint(SecretKind::RefreshToken, grant.bytes()).reveal();
        assert!(secrets.read_refresh_token(&format!("{forged}AAAAAAAAAAAAAAAA")).is_none());
        let (other, _) = self::secrets().mint_refresh_token(grant);
        assert!(secrets.read_refresh_token(&other).is_none());
    }
}
