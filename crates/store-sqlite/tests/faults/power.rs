//! The power goes. REL-002.
//!
//! `strace` writes down every write and every sync of a process, and what it told the world. From
//! that the disk is made again as it may be after a power cut at any moment: what was synced is
//! there, of what was not any part, or nothing.

use std::collections::BTreeMap;
use std::path::Path;

use grantor_store_sqlite::{SqliteStore, StoreConfig};

use crate::child::{self, Step, TASKS};
use crate::crash::{assert_whole, scattered};

/// How many moments are looked at; `GRANTOR_POWER_CUTS` asks for more.
fn cuts() -> usize {
    std::env::var("GRANTOR_POWER_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// What the process did, in order.
#[derive(Debug)]
enum Event {
    Write { file: String, at: usize, bytes: Vec<u8> },
    Truncate { file: String, length: usize },
    Sync { file: String },
    Told(Step),
}

/// The disk: what it has for certain, and what it was only given.
#[derive(Clone, Default)]
struct Disk {
    durable: BTreeMap<String, Vec<u8>>,
    given: Vec<(String, Change)>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Disk {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Write { file, at, bytes } => {
                self.given.push((file.clone(), Change::Write(*at, bytes.clone())));
            }
            Event::Truncate { file, length } => {
                self.given.push((file.clone(), Change::Truncate(*length)));
            }
            Event::Sync { file: synced } => {
                for (file, change) in self.given.extract_if(.., |(file, _)| file == synced) {
                    apply(self.durable.entry(file).or_default(), &change);
                }
            }
            Event::Told(_) => (),
        }
    }

    /// After the cut: of what was not synced, each change is there or not.
    fn after_cut(&self, kept: impl Fn(usize) -> bool) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.durable.clone();
        for (number, (file, change)) in self.given.iter().enumerate() {
            if kept(number) {
                apply(files.entry(file.clone()).or_default(), change);
            }
        }
        files
    }
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, bytes) => {
            let end = at + bytes.len();
            file.resize(file.len().max(end), 0);
            file[*at..end].copy_from_slice(bytes);
        }
        Change::Truncate(length) => file.resize(*length, 0),
    }
}

/// With the default, what was acknowledged survives a power cut at any moment: while it is
/// written, and while the log is emptied into the database.
#[tokio::test]
async fn rel_002_what_was_acknowledged_survives_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("power.db");
    drop(SqliteStore::open(StoreConfig::new(&database)).unwrap());
    let mut disk = Disk::default();
    disk.durable.insert("power.db".to_owned(), std::fs::read(&database).unwrap());
    let Some(events) = record(&database) else {
        return crate::skip("tracing is not allowed");
    };
    let told = events.iter().filter(|event| matches!(event, Event::Told(_))).count();
    assert_eq!(told, usize::from(TASKS) * 5, "the record is not whole");

    let mut acknowledged = BTreeMap::new();
    let every = (events.len() / cuts()).max(1);
    for (number, event) in events.iter().enumerate() {
        disk.take(event);
        if let Event::Told((task, step)) = event {
            acknowledged.insert(*task, *step);
        }
        if number % every != 0 && number + 20 < events.len() {
            continue;
        }
        let seed = u64::try_from(number).unwrap();
        for files in [
            disk.after_cut(|_| false),
            disk.after_cut(|change| scattered(seed + change as u64).is_multiple_of(2)),
        ] {
            assert_survived(&files, &acknowledged).await;
        }
    }
}

async fn assert_survived(files: &BTreeMap<String, Vec<u8>>, acknowledged: &BTreeMap<u8, i64>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    // Opening checks the integrity of the file.
    let store = SqliteStore::open(StoreConfig::new(folder.path().join("power.db"))).unwrap();
    for task in 0..TASKS {
        let steps = child::steps_in(&store, task).await;
        let promised = acknowledged.get(&task).copied().unwrap_or(0);
        assert!(steps >= promised, "task {task} was told {promised}, and has {steps}");
        assert_whole(&store, task, steps).await;
    }
}

/// Runs a child to its end and writes down what it did; `None` where that is not possible.
fn record(database: &Path) -> Option<Vec<Event>> {
    let trace = database.with_extension("trace");
    let calls = "trace=write,pwrite64,ftruncate,fsync,fdatasync";
    let to = trace.to_str().unwrap();
    let strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "1000000", "-e", calls, "-o", to];
    if !crate::may_trace() {
        return None;
    }
    let mut child = child::start(&strace, database, 5);
    child::follow(&mut child, || ());
    child.wait().unwrap();
    let text = std::fs::read_to_string(trace).unwrap();
    // A sync counts when it is over; while others ran in between, that is a line of its own.
    let mut running = BTreeMap::new();
    Some(text.lines().flat_map(|line| read_line(line, &mut running)).collect())
}

/// Reads a line such as `17 pwrite64(4<\x2f\x61>, "\x37\x7f", 2, 0) = 2`.
fn read_line(line: &str, running: &mut BTreeMap<String, String>) -> Vec<Event> {
    let (thread, call) = line.split_once(' ').unwrap_or_default();
    let call = call.trim_start();
    if call.starts_with("<...") {
        let over = call.contains("sync resumed>") && call.ends_with("= 0");
        let file = running.remove(thread).filter(|_| over);
        return file.map(|file| Event::Sync { file }).into_iter().collect();
    }
    let Some((name, arguments)) = call.split_once('(') else { return Vec::new() };
    let target = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let Some((path, rest)) = target else { return Vec::new() };
    let path = String::from_utf8(unescaped(path)).unwrap();
    let file = path.rsplit('/').next().unwrap_or_default().to_owned();
    let ours = file.starts_with("power.db") && !file.ends_with("-shm");
    match name {
        "write" if arguments.starts_with("1<") => told(&quoted(rest)),
        "pwrite64" if ours => {
            let numbers = numbers_behind_text(rest);
            vec![Event::Write { file, at: numbers[1], bytes: quoted(rest) }]
        }
        "ftruncate" if ours => {
            vec![Event::Truncate { file, length: numbers_behind_text(rest)[0] }]
        }
        "fsync" | "fdatasync" if ours && rest.contains("unfinished") => {
            running.insert(thread.to_owned(), file);
            Vec::new()
        }
        "fsync" | "fdatasync" if ours && rest.ends_with("= 0") => vec![Event::Sync { file }],
        _ => Vec::new(),
    }
}

/// The text between quotes.
fn quoted(text: &str) -> Vec<u8> {
    unescaped(text.split('"').nth(1).unwrap_or_default())
}

/// Texts are written as `\x2f\x74` throughout.
fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect()
}

fn numbers_behind_text(text: &str) -> Vec<usize> {
    let rest = text.rsplit('"').next().unwrap_or_default();
    let arguments = rest.split([')', '<', '=']).next().unwrap_or_default();
    arguments.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

fn told(bytes: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().filter_map(child::acknowledgement).map(Event::Told).collect()
}
