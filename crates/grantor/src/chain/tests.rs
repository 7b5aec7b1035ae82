//! What a check sees and what it does not need to see.

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jws::Signer;
use grantor_crypto::key::SigningKey;
use grantor_store::{CHAIN_START, link_hash};

use super::*;

struct Chain {
    key: SigningKey,
    rows: Vec<AuditRow>,
    checkpoints: Vec<Checkpoint>,
}

fn chain(length: i64) -> Chain {
    let key = SigningKey::generate(Algorithm::Es256, None).unwrap();
    let (mut rows, mut checkpoints, mut hash) = (Vec::new(), Vec::new(), CHAIN_START);
    for link in 1..=length {
        let body = format!("{{\"row\":{link}}}");
        let previous = hash;
        hash = link_hash(&previous, &body);
        let (seq, link_of) = (link, Some(link));
        rows.push(AuditRow {
            seq,
            link: link_of,
            previous: Some(previous),
            hash: Some(hash),
            body,
        });
        checkpoints.push(Checkpoint {
            link,
            hash,
            signed: sign(&key, CHECKPOINT_TYP, link, &hash),
        });
    }
    Chain { key, rows, checkpoints }
}

fn sign(key: &SigningKey, typ: &str, link: i64, hash: &[u8; 32]) -> String {
    let iss = "https://a.example".to_owned();
    let claims = CheckpointClaims { iss, link, hash: BASE64_URL_SAFE_NO_PAD.encode(hash), iat: 7 };
    Signer::new(key, Some(typ)).sign(&serde_json::to_vec(&claims).unwrap()).unwrap()
}

impl Chain {
    fn check(&self, mut check: ChainCheck) -> anyhow::Result<Report> {
        for row in &self.rows {
            check.take(&Piece::Row(row))?;
            let of_row = self.checkpoints.iter().filter(|c| Some(c.link) == row.link);
            of_row.map(Piece::Checkpoint).try_for_each(|piece| check.take(&piece))?;
        }
        let end = i64::try_from(self.rows.len()).unwrap();
        let beyond = self.checkpoints.iter().filter(|c| c.link > end);
        beyond.map(Piece::Checkpoint).try_for_each(|piece| check.take(&piece))?;
        check.finish()
    }

    fn keys(&self) -> KeySet {
        KeySet::new([self.key.verifying_key()]).unwrap()
    }

    fn broken(&self) -> String {
        let checked = self.check(ChainCheck::new(Some(self.keys()), BTreeMap::new()));
        format!("{:#}", checked.expect_err("a broken chain passes"))
    }
}

#[test]
fn a_chain_and_its_checkpoints_hold() {
    let chain = chain(4);
    let report = chain.check(ChainCheck::new(Some(chain.keys()), BTreeMap::new())).unwrap();
    assert_eq!((report.first, report.links, report.verified), (1, 4, 4));
    assert_eq!(report.last_verified.unwrap().0, 4);
}

type Tampering = fn(&mut Chain);

#[test]
fn sec_191_the_first_bad_row_is_named_for_every_sort_of_tampering() {
    let cases: [(&str, Tampering); 5] = [
        ("row 2,", |c| c.rows[1].body.push(' ')),
        ("row 3,", |c| _ = c.rows.remove(1)),
        ("row 3,", |c| c.rows.swap(1, 2)),
        ("row 1,", |c| c.rows.insert(1, AuditRow { link: Some(2), ..c.rows[0].clone() })),
        ("row 2,", |c| _ = c.rows.remove(0)),
    ];
    for (named, tamper) in cases {
        let mut chain = chain(4);
        tamper(&mut chain);
        let broken = chain.broken();
        assert!(broken.contains(named), "{broken}");
    }
}

#[test]
fn sec_191_an_end_that_was_cut_off_shows_against_a_checkpoint() {
    let mut cut = chain(4);
    cut.rows.pop();
    assert!(cut.broken().contains("cut off"));
    // Together with its checkpoints, against one that was kept elsewhere.
    let kept = BTreeMap::from([(4, cut.checkpoints.pop().unwrap().hash)]);
    let broken = cut.check(ChainCheck::new(Some(cut.keys()), kept)).unwrap_err();
    assert!(broken.to_string().contains("cut off"), "{broken}");
}

#[test]
fn sec_191_a_chain_that_was_made_anew_shows_against_what_was_kept_and_by_its_signatures() {
    let (old, new) = (chain(3), chain(3));
    let kept = BTreeMap::from([(2, [9; 32])]);
    let broken = new.check(ChainCheck::new(Some(new.keys()), kept)).unwrap_err();
    assert!(broken.to_string().contains("made anew"), "{broken}");
    let broken = new.check(ChainCheck::new(Some(old.keys()), BTreeMap::new())).unwrap_err();
    assert!(broken.to_string().contains("row 1, link 1,"), "{broken}");
}

#[test]
fn sec_191_a_row_that_was_added_with_a_proper_link_is_under_no_checkpoint() {
    let mut chain = chain(3);
    chain.checkpoints.pop();
    assert!(chain.broken().contains("row 3, link 3,"));
    // Without keys nobody can know.
    assert!(chain.check(ChainCheck::new(None, BTreeMap::new())).is_ok());
}

#[test]
fn a_checkpoint_must_be_signed_over_this_link_as_a_checkpoint() {
    let mut other_sort = chain(1);
    let hash = other_sort.checkpoints[0].hash;
    other_sort.checkpoints[0].signed = sign(&other_sort.key, "at+jwt", 1, &hash);
    assert!(other_sort.broken().contains("another sort"));
    let mut other_link = chain(2);
    other_link.checkpoints[0].signed = other_link.checkpoints[1].signed.clone();
    assert!(other_link.broken().contains("over another link"));
    let mut unsigned = chain(1);
    unsigned.checkpoints[0].signed = String::new();
    assert!(unsigned.broken().contains("not genuine"));
    let mut disagreeing = chain(1);
    disagreeing.checkpoints[0].hash = [1; 32];
    assert!(disagreeing.broken().contains("does not agree"));
}
