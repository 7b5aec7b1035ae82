//! The keys of a tenant, parsed once: who signs now, who is published, what is trusted.

use std::collections::HashMap;

use bytes::Bytes;
use grantor_crypto::alg::Algorithm;
use grantor_crypto::jwk::JwkSet;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::{SigningKey, VerifyingKey};
use grantor_domain::audit::CHECKPOINT_TYP;
use grantor_domain::client::TokenProfile;
use grantor_domain::issue::AccessToken;
use grantor_domain::issue::id_token::ID_TOKEN_TYP;
use grantor_domain::issue::logout_token::LOGOUT_TOKEN_TYP;
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_oauth_types::name::TenantName;
use grantor_oauth_types::revocation_feed::DELTA_TYP;
use grantor_store::StoreError;
use jiff::Timestamp;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::secrets::Secrets;

/// The keys of a tenant.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<Key>,
    verifying: HashMap<String, VerifyingKey>,
}

#[derive(Debug)]
struct Key {
    record: SigningKeyRecord,
    signing: SigningKey,
    rfc9068: Signer,
    stups: Signer,
    feed: Signer,
    checkpoint: Signer,
    jwt: Signer,
    logout: Signer,
}

/// The JWK set as it goes out, and its entity tag.
#[derive(Clone, Debug)]
pub struct PublishedKeys {
    /// JSON
    pub body: Bytes,
    /// Strong, quoted
    pub etag: String,
}

/// A signed JWT of another sort than access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// [`grantor_oauth_types::revocation_feed`]
    RevocationFeed,
    /// [`grantor_domain::audit::CheckpointClaims`]
    AuditCheckpoint,
}

impl KeyRing {
    /// Opens and parses the private keys; keys that `known` has parsed before are taken over.
    pub fn open(
        tenant: &TenantName,
        records: Vec<SigningKeyRecord>,
        secrets: &Secrets,
        known: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let mut keys = Vec::with_capacity(records.len());
        for record in records.into_iter().filter(|record| record.withdrawn.is_none()) {
            let parsed =
                known.and_then(|known| known.find(&record.kid)).map(|key| key.signing.clone());
            let signing = match parsed {
                Some(signing) => signing,
                None => open(tenant, &record, secrets)?,
            };
            let typ = AccessToken::jwt_typ;
            keys.push(Key {
                rfc9068: Signer::new(&signing, typ(TokenProfile::Rfc9068)),
                stups: Signer::new(&signing, typ(TokenProfile::Stups)),
                feed: Signer::new(&signing, Some(DELTA_TYP)),
                checkpoint: Signer::new(&signing, Some(CHECKPOINT_TYP)),
                jwt: Signer::new(&signing, Some(ID_TOKEN_TYP)),
                logout: Signer::new(&signing, Some(LOGOUT_TOKEN_TYP)),
                signing,
                record,
            });
        }
        let verifying =
            keys.iter().map(|key| (key.record.kid.clone(), key.signing.verifying_key())).collect();
        Ok(Self { keys, verifying })
    }

    fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.record.kid == kid)
    }

    /// The key that a token names, if it is trusted at all.
    pub fn verifying(&self, kid: &str) -> Option<&VerifyingKey> {
        self.verifying.get(kid)
    }

    /// Which key ids are trusted, to notice that it has changed.
    pub fn kids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.record.kid.as_str()).collect()
    }

    /// Who signs access tokens of a profile now.
    pub fn access_token_signer(
        &self,
        alg: Algorithm,
        profile: TokenProfile,
        now: Timestamp,
    ) -> Option<&Signer> {
        self.signing_now(Some(alg), now).map(|key| match profile {
            TokenProfile::Rfc9068 => &key.rfc9068,
            TokenProfile::Stups => &key.stups,
        })
    }

    /// Who signs what a client reads now (`id_token`s, `UserInfo`, JARM), with the algorithm that the
    /// client is registered for and no other.
    pub fn jwt_signer(&self, alg: Algorithm, now: Timestamp) -> Option<&Signer> {
        self.signing_now(Some(alg), now).map(|key| &key.jwt)
    }

    /// Who signs logout tokens now.
    pub fn logout_signer(&self, alg: Algorithm, now: Timestamp) -> Option<&Signer> {
        self.signing_now(Some(alg), now).map(|key| &key.logout)
    }

    /// Who signs a statement now, preferably with this algorithm.
    pub fn statement_signer(
        &self,
        statement: Statement,
        alg: Algorithm,
        now: Timestamp,
    ) -> Option<&Signer> {
        let key = self.signing_now(Some(alg), now).or_else(|| self.signing_now(None, now))?;
        Some(match statement {
            Statement::RevocationFeed => &key.feed,
            Statement::AuditCheckpoint => &key.checkpoint,
        })
    }

    /// Of the keys that may sign, the youngest (REL-025).
    fn signing_now(&self, alg: Option<Algorithm>, now: Timestamp) -> Option<&Key> {
        self.keys
            .iter()
            .filter(|key| alg.is_none_or(|alg| key.record.alg == alg) && key.record.may_sign(now))
            .max_by_key(|key| (key.record.active_from, key.record.created))
    }

    /// Which algorithms sign now: what metadata may promise.
    pub fn algorithms(&self, now: Timestamp) -> Vec<Algorithm> {
        let has = |alg: &&Algorithm| self.signing_now(Some(**alg), now).is_some();
        Algorithm::ALL.iter().filter(has).copied().collect()
    }

    /// The public set: active, next, and not yet drained keys (SEC-093).
    pub fn publish(&self, now: Timestamp, longest_token_seconds: u32) -> PublishedKeys {
        let shown = self.keys.iter().filter(|k| k.record.is_published(now, longest_token_seconds));
        let mut shown: Vec<_> = shown.collect();
        // At most sixteen are published: the youngest count most.
        shown.sort_by_key(|key| std::cmp::Reverse(key.record.created));
        shown.truncate(JwkSet::MAX_OWN_KEYS);
        let set = JwkSet::new(shown.iter().map(|key| key.signing.public_jwk()).collect());
        let set = set.expect("every key has a kid of its own, and they were counted");
        let body = serde_json::to_vec(&set).expect("public keys are plain JSON");
        let digest = grantor_crypto::digest::sha256(&body);
        let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..12]));
        PublishedKeys { body: body.into(), etag }
    }
}

fn open(
    tenant: &TenantName,
    record: &SigningKeyRecord,
    secrets: &Secrets,
) -> Result<SigningKey, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("signing key {}: {what}", record.kid));
    let sealed =
        BASE64_URL_SAFE_NO_PAD.decode(&record.sealed).map_err(|_| damaged("not base64url"))?;
    let context = SigningKeyRecord::seal_context(tenant, &record.kid);
    let der = secrets
        .keyring()
        .open(context.as_bytes(), &sealed)
        .map_err(|_| damaged("it does not open under the master key"))?;
    SigningKey::from_pkcs8(record.alg, Some(record.kid.clone()), &der)
        .map_err(|_| damaged("it does not parse"))
}

/// Makes a key and its record; the private part sealed.
pub fn make(
    tenant: &TenantName,
    alg: Algorithm,
    secrets: &Secrets,
    now: Timestamp,
    active_from: Timestamp,
) -> Result<SigningKeyRecord, grantor_crypto::key::KeyError> {
    let key = SigningKey::generate(alg, None)?;
    let context = SigningKeyRecord::seal_context(tenant, key.kid());
    let sealed = secrets.keyring().seal(context.as_bytes(), &key.to_pkcs8()?);
    Ok(SigningKeyRecord {
        tenant: tenant.clone(),
        kid: key.kid().to_owned(),
        alg,
        sealed: BASE64_URL_SAFE_NO_PAD.encode(sealed),
        created: now,
        active_from,
        retired: None,
        withdrawn: None,
    })
}
