//! A backup is read back whole or not at all.

use grantor_crypto::seal::MasterKey;
use serde_json::json;

use super::*;

fn rows(count: usize) -> Vec<DumpRow> {
    let row = |i: usize| DumpRow {
        table: "used".to_owned(),
        row: [("value".to_owned(), json!(format!("canary {i} {}", "x".repeat(1_000))))]
            .into_iter()
            .collect(),
    };
    (0..count).map(row).collect()
}

fn written(keyring: &Keyring, rows: &[DumpRow]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), keyring, Timestamp::UNIX_EPOCH).unwrap();
    rows.chunks(100).for_each(|chunk| _ = writer.add(chunk).unwrap());
    let (count, file) = writer.finish().unwrap();
    assert_eq!(count, rows.len() as u64);
    file
}

fn read(keyring: &Keyring, file: &[u8]) -> anyhow::Result<Vec<DumpRow>> {
    let mut reader = Reader::new(file, keyring)?;
    let mut rows = Vec::new();
    while let Some(more) = reader.next()? {
        rows.extend(more);
    }
    Ok(rows)
}

fn keyring() -> Keyring {
    Keyring::new(MasterKey::generate(), [])
}

#[test]
fn rel_040_what_is_written_is_read_back_and_shows_nothing_to_others() {
    let keyring = keyring();
    for count in [0, 1, 3_000] {
        let rows = rows(count);
        let file = written(&keyring, &rows);
        assert_eq!(read(&keyring, &file).unwrap(), rows);
        assert!(!file.windows(6).any(|bytes| bytes == b"canary"));
    }
}

#[test]
fn rel_040_a_backup_that_was_cut_off_is_refused_wherever_it_was_cut() {
    let keyring = keyring();
    let file = written(&keyring, &rows(2));
    for length in 0..file.len() {
        assert!(read(&keyring, &file[..length]).is_err(), "{length} bytes pass");
    }
    let longer = [&file[..], b"x"].concat();
    assert!(read(&keyring, &longer).unwrap_err().to_string().contains("follows the end"));
}

#[test]
fn rel_040_a_backup_that_was_altered_is_refused_wherever_it_was_altered() {
    let keyring = keyring();
    let file = written(&keyring, &rows(2));
    for at in 0..file.len() {
        let mut altered = file.clone();
        altered[at] ^= 1;
        assert!(read(&keyring, &altered).is_err(), "byte {at} may be altered");
    }
}

#[test]
fn rel_040_another_key_is_refused_and_an_older_one_at_hand_opens() {
    let (old, new) = (MasterKey::generate(), MasterKey::generate());
    let file = written(&Keyring::new(old.clone(), []), &rows(3));
    let refused = read(&Keyring::new(new.clone(), []), &file).unwrap_err();
    assert!(format!("{refused:#}").contains(&old.id().to_string()), "{refused:#}");
    assert_eq!(read(&Keyring::new(new, [old]), &file).unwrap(), rows(3));
}
