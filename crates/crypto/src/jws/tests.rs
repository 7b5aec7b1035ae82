//! Compact signatures: round trips of every algorithm, and what is refused.

use super::*;
use crate::jwk::JwkSet;
use crate::key::SigningKey;

#[test]
fn every_algorithm_signs_and_verifies_what_it_signed() {
    for alg in Algorithm::ALL {
        let key = SigningKey::generate(alg, None).unwrap();
        let again = SigningKey::from_pkcs8(alg, None, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.kid(), key.kid());
        let token = Signer::new(&again, Some("at+jwt")).sign(b"{\"a\":1}").unwrap();
        assert_eq!(token.len(), token.capacity(), "one allocation of the right size");

        let json = serde_json::to_vec(&JwkSet::new(vec![key.public_jwk()]).unwrap()).unwrap();
        let keys = KeySet::from_jwks(&JwkSet::parse(&json).unwrap(), &Algorithm::ALL).unwrap();
        let read = parse_compact(&token).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        let found = keys.find(read.header.kid.as_deref(), read.header.alg).unwrap();
        assert_eq!(read.verify(found).unwrap(), b"{\"a\":1}", "{alg}");
    }
}
