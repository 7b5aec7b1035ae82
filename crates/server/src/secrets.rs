//! What the server derives from its root key: one key per purpose, none of them stored.

use std::fmt;

use grantor_crypto::digest::{DigestKey, KeyedDigest};
use grantor_crypto::fingerprint::Fingerprinter;
use grantor_crypto::seal::{Keyring, MasterKey, OpenError};
use grantor_crypto::secret::{LookupSecret, SecretKind};
use grantor_crypto::token::{TokenKey, TokenSealer};
use grantor_domain::data_key::{DataKey, ROOT};
use grantor_domain::document::DocumentKey;
use grantor_oauth_types::id::{GrantId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::{Claim, Effects, Expect, Store, StoreError, operations};
use jiff::Timestamp;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The derived keys.
pub struct Secrets {
    keyring: Keyring,
    root: Keyring,
    /// Of client secrets at rest (SEC-056)
    pub client_digest: DigestKey,
    /// Of the tags that tell our refresh tokens from guesses
    refresh_tag: DigestKey,
    /// Of the browsers that accounts have signed in from (SEC-116)
    devices: DigestKey,
    /// Of the names that people have in one sector (OIDC Core §8.1)
    pairwise: DigestKey,
    /// Of page tokens (SEC-165)
    pub page_tokens: TokenSealer,
    /// Of what people are in the middle of (SEC-040)
    pub transactions: TokenSealer,
    /// Of what the page that confirms a logout carries (SEC-133)
    pub logout: TokenSealer,
    /// Of the secret that makes the first administrator (SEC-168)
    pub bootstrap: TokenSealer,
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

/// The master key is not the one that the database was sealed under (REL-027).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not fit the database: its root key is {why}; at hand: {have}")]
pub struct WrongMasterKey {
    /// Why the root key does not open
    pub why: OpenError,
    /// The names of the keys at hand
    pub have: String,
}

impl Secrets {
    /// Derives every key from the root key, which the master keys open.
    pub fn derive(keyring: Keyring, root: [u8; 32]) -> Self {
        let root = Keyring::new(MasterKey::from_bytes(root), []);
        Self {
            client_digest: DigestKey::new(&root.derive("client-secret-digest")),
            refresh_tag: DigestKey::new(&root.derive("refresh-token-tag")),
            devices: DigestKey::new(&root.derive("known-device")),
            pairwise: DigestKey::new(&root.derive("pairwise-subject")),
            page_tokens: sealer(&root, "page-token"),
            transactions: sealer(&root, "authorization-transaction"),
            logout: sealer(&root, "logout-confirmation"),
            bootstrap: sealer(&root, "bootstrap-secret"),
            fingerprints: Fingerprinter::new(&root.derive("log-fingerprint")),
            keyring,
            root,
        }
    }

    /// Opens the root key, or makes it at first start: of several nodes one does.
    pub async fn open(
        keyring: Keyring,
        store: &dyn Store,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let context = DataKey::seal_context(tenant, ROOT);
        let fresh = DataKey {
            tenant: tenant.clone(),
            purpose: ROOT.to_owned(),
            sealed: BASE64_URL_SAFE_NO_PAD
                .encode(keyring.seal(context.as_bytes(), &grantor_crypto::random::bytes::<32>())),
            created: now,
        };
        let claim = Claim::Document(DocumentKey::id::<DataKey>(tenant, ROOT));
        let kept = operations::judge(store, vec![claim], move |claimed| {
            Ok(match claimed.document::<DataKey>(0)? {
                Some(found) => (found.value, Effects::NONE),
                None => (fresh.clone(), Effects::NONE.put(&fresh, Expect::New)),
            })
        })
        .await?;
        let damaged = || StoreError::Corrupt("the root key does not read".to_owned());
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(&kept.sealed).map_err(|_| damaged())?;
        let root = keyring.open(context.as_bytes(), &sealed).map_err(|why| {
            StoreError::refused(WrongMasterKey { why, have: format!("{keyring:?}") })
        })?;
        let root = root.as_slice().try_into().map_err(|_| damaged())?;
        Ok(Self::derive(keyring, root))
    }

    /// What shows that this account has signed in from the browser of this name.
    pub fn device_tag(&self, tenant: &TenantName, account: &str, name: &str) -> KeyedDigest {
        self.devices.digest(&format!("{tenant} {name} {account}"))
    }

    /// What seals rows at rest.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// What seals the reference tokens of a tenant.
    pub fn reference_tokens(&self, tenant: &TenantName) -> TokenSealer {
        sealer(&self.root, &format!("reference-token/{tenant}"))
    }

    /// What a person is called in a sector: the same for ever, and no help in another sector.
    pub fn pairwise_subject(&self, tenant: &TenantName, sector: &str, user: UserId) -> String {
        // Neither a tenant's name nor an id contains a space.
        let digest = self.pairwise.digest(&format!("{tenant} {user} {sector}"));
        BASE64_URL_SAFE_NO_PAD.encode(digest.as_bytes())
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

fn sealer(root: &Keyring, label: &str) -> TokenSealer {
    TokenSealer::new(TokenKey::new(0, &root.derive(label)), [])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::derive(Keyring::new(MasterKey::generate(), []), grantor_crypto::random::bytes())
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

    #[tokio::test]
    async fn sec_094_a_new_master_key_ends_nothing_and_the_old_one_can_go() {
        use grantor_domain::tenant::{Tenant, TenantSettings};

        let folder = tempfile::tempdir().unwrap();
        let config = grantor_store_sqlite::StoreConfig::new(folder.path().join("a.db"));
        let store = grantor_store_sqlite::SqliteStore::open(config).unwrap();
        let (name, now) = (TenantName::parse("main").unwrap(), Timestamp::UNIX_EPOCH);
        let tenant = Tenant {
            name: name.clone(),
            issuer: "https://a.example".to_owned(),
            hosts: Vec::new(),
            enabled: true,
            settings: TenantSettings::default(),
        };
        let effects = Effects::NONE.put(&tenant, Expect::New);
        operations::write(&store, effects).await.unwrap();
        let open = |ring| Secrets::open(ring, &store, &name, now);
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let before = open(Keyring::new(old.clone(), [])).await.unwrap();
        let digest = before.client_digest.digest("a secret");
        let (token, _) = before.mint_refresh_token(GrantId::new(5, [3; 10]));

        let refused = open(Keyring::new(new.clone(), [])).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(why) if why.is::<WrongMasterKey>()));
        let both = Keyring::new(new.clone(), [old]);
        let done = crate::jobs::rewrap::rewrap(&store, &both, |_| ()).await.unwrap();
        assert_eq!((done.seen, done.sealed), (1, 1));
        let done = crate::jobs::rewrap::rewrap(&store, &both, |_| ()).await.unwrap();
        assert_eq!((done.seen, done.sealed), (1, 0));

        let after = open(Keyring::new(new, [])).await.unwrap();
        assert!(after.client_digest.verify("a secret", &digest));
        assert!(after.read_refresh_token(&token).is_some());
    }
}
