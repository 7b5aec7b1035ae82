//! Certificates: RFC 8705 §2, one respect spoiled at a time.

use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::certificate::Certificate;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};

use super::*;

/// A certificate of `C=DE`, `CN=shop` for `shop.example`, valid around now.
struct Shown {
    params: CertificateParams,
    key: KeyPair,
    vouched_for: bool,
    registered: fn(&mut crate::client::MutualTls),
    method: ClientAuthMethod,
    keys: JwkSet,
    absent: bool,
}

impl Shown {
    fn right() -> Self {
        let mut params = CertificateParams::new(["shop.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::CommonName, "shop");
        // The moment of the tests is in January 2027.
        params.not_before = rcgen::date_time_ymd(2027, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 2, 1);
        Self {
            params,
            key: KeyPair::generate().unwrap(),
            vouched_for: true,
            registered: |m| m.tls_client_auth_subject_dn = Some("CN=shop,C=DE".to_owned()),
            method: ClientAuthMethod::TlsClientAuth,
            keys: JwkSet::default(),
            absent: false,
        }
    }

    /// The same with a key that the client registered.
    fn self_signed() -> Self {
        let mut right = Self::right();
        right.vouched_for = false;
        right.registered = |_| {};
        right.method = ClientAuthMethod::SelfSignedTlsClientAuth;
        right.keys = right.jwks(true);
        right
    }

    fn jwks(&self, certified: bool) -> JwkSet {
        let der = rcgen::PublicKeyData::subject_public_key_info(&self.key);
        let (x, y) = der[der.len() - 64..].split_at(32);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) });
        if certified {
            jwk["x5c"] = json!([BASE64_STANDARD.encode(self.der())]);
        }
        JwkSet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap()
    }

    fn der(&self) -> Vec<u8> {
        self.params.self_signed(&self.key).unwrap().der().to_vec()
    }

    fn judge(&self) -> Result<(), ClientRefusal> {
        let mut client = Client { auth_method: self.method, ..client("shop") };
        (self.registered)(&mut client.mutual_tls);
        let registered =
            RegisteredClient { client: Arc::new(client), keys: Arc::new(self.keys.clone()) };
        let certificate = Certificate::parse(&self.der()).unwrap();
        let certificate = ClientCertificate { certificate, vouched_for: self.vouched_for };
        let digest_key = digest_key();
        let context = AuthContext {
            issuer: ISSUER,
            digest_key: &digest_key,
            now: now(),
            certificate: (!self.absent).then_some(&certificate),
        };
        let mut params = Params::parse(b"client_id=shop").unwrap();
        let presented = PresentedClient::find(None, &mut params).unwrap();
        authenticate(&presented, Some(&registered), context).map(|_| ())
    }
}

type Change = fn(&mut Shown);

#[test]
fn sec_058_trap_061_a_certificate_of_an_authority_has_the_registered_subject() {
    assert_eq!(Shown::right().judge(), Ok(()));
    let table: &[(&str, Change, Result<(), R>)] = &[
        ("none", |s| s.absent = true, Err(R::NoCertificate)),
        ("of no authority", |s| s.vouched_for = false, Err(R::UntrustedCertificate)),
        (
            "over",
            |s| s.params.not_after = rcgen::date_time_ymd(2027, 1, 10),
            Err(R::ExpiredCertificate),
        ),
        (
            "not yet",
            |s| s.params.not_before = rcgen::date_time_ymd(2027, 1, 20),
            Err(R::ExpiredCertificate),
        ),
        (
            "another subject",
            |s| s.params.distinguished_name.push(DnType::OrganizationName, "Evil"),
            Err(R::OtherSubject),
        ),
        (
            "the same subject, another name",
            |s| {
                s.registered = |m| m.tls_client_auth_san_dns = Some("other.example".to_owned());
            },
            Err(R::OtherSubject),
        ),
        (
            "by its name",
            |s| s.registered = |m| m.tls_client_auth_san_dns = Some("shop.example".to_owned()),
            Ok(()),
        ),
        (
            "a host is no mailbox",
            |s| {
                let name = "shop@shop.example".try_into().unwrap();
                s.params.subject_alt_names = vec![SanType::Rfc822Name(name)];
                s.registered = |m| m.tls_client_auth_san_dns = Some("shop.example".to_owned());
            },
            Err(R::OtherSubject),
        ),
        ("nothing registered", |s| s.registered = |_| {}, Err(R::OtherSubject)),
        (
            "a key is not asked for",
            |s| s.method = ClientAuthMethod::PrivateKeyJwt,
            Err(R::OtherMethod),
        ),
    ];
    for (what, change, expected) in table {
        let mut shown = Shown::right();
        change(&mut shown);
        assert_eq!(shown.judge(), *expected, "{what}");
    }
}

#[test]
fn sec_058_trap_061_a_certificate_of_the_clients_own_has_a_registered_key() {
    assert_eq!(Shown::self_signed().judge(), Ok(()), "no authority is needed");
    let table: &[(&str, Change, Result<(), R>)] = &[
        ("none", |s| s.absent = true, Err(R::NoCertificate)),
        ("another key", |s| s.key = KeyPair::generate().unwrap(), Err(R::WrongKey)),
        ("no keys", |s| s.keys = JwkSet::default(), Err(R::WrongKey)),
        ("a key without certificate", |s| s.keys = s.jwks(false), Err(R::WrongKey)),
        (
            "renewed with its key",
            |s| s.params.distinguished_name.push(DnType::OrganizationName, "New"),
            Ok(()),
        ),
        (
            "over",
            |s| s.params.not_after = rcgen::date_time_ymd(2027, 1, 10),
            Err(R::ExpiredCertificate),
        ),
    ];
    for (what, change, expected) in table {
        let mut shown = Shown::self_signed();
        change(&mut shown);
        assert_eq!(shown.judge(), *expected, "{what}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_an_invalid_client_and_no_more() {
    for refusal in
        [R::NoCertificate, R::ExpiredCertificate, R::UntrustedCertificate, R::OtherSubject]
    {
        let error = TokenError::Client(refusal);
        assert_eq!(error.code(), TokenErrorCode::InvalidClient);
        assert_eq!(error.description(), "client authentication failed");
    }
}
