//! The process that is there to be killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use grantor_crypto::digest::SecretDigest;
use grantor_domain::grant::Grant;
use grantor_oauth_types::id::{GrantId, Id};
use grantor_store::contract::sample::{acme, at, document, event, grant};
use grantor_store::operations::judge;
use grantor_store::{Claim, Effect, Effects, Expect, Store, StoreError};
use grantor_store_sqlite::{SqliteStore, StoreConfig};

const DATABASE: &str = "GRANTOR_TEST_CHILD_DATABASE";
const STEPS: &str = "GRANTOR_TEST_CHILD_STEPS";

/// How many tasks write at once.
pub(crate) const TASKS: u8 = 8;

/// A step that was acknowledged: of which task, and which one.
pub(crate) type Step = (u8, i64);

/// What a child said before its end.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Whether it could open the database
    pub(crate) opened: bool,
    /// What it was told is done, in that order
    pub(crate) acknowledged: Vec<Step>,
    /// What it was told is not done, with how many steps were acknowledged before
    pub(crate) refused: Vec<(usize, String)>,
}

/// Starts a child on a database, under a command if one is given (`strace …`). It writes `steps`
/// steps in each task, or until it is killed.
pub(crate) fn start(under: &[&str], database: &Path, steps: i64) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match under {
        [] => Command::new(&program),
        [tool, arguments @ ..] => {
            let mut command = Command::new(tool);
            command.args(arguments).arg(&program);
            command
        }
    };
    command.args(["--exact", "child::the_child", "--nocapture", "--test-threads=1"]);
    command.env(DATABASE, database).env(STEPS, steps.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Reads what a child says until it ends; `after_open` is called once when it has opened the
/// database.
pub(crate) fn follow(child: &mut Child, mut after_open: impl FnMut()) -> Journal {
    let mut journal = Journal::default();
    let said = BufReader::new(child.stdout.take().unwrap());
    // A line that was cut off by the kill was not acknowledged to anybody.
    for line in said.lines().map_while(Result::ok) {
        let mut words = line.split(' ');
        match words.next() {
            Some("opened") => {
                journal.opened = true;
                after_open();
            }
            Some("done") => journal.acknowledged.extend(acknowledgement(&line)),
            Some("refused") => journal.refused.push((journal.acknowledged.len(), line)),
            _ => (),
        }
    }
    journal
}

/// Reads "done" with the task and, twice, the step: half a line is no acknowledgement.
pub(crate) fn acknowledgement(line: &str) -> Option<Step> {
    let numbers = line.strip_prefix("done ")?.split(' ').map(|word| word.parse().ok());
    match numbers.collect::<Option<Vec<i64>>>()?[..] {
        [task, step, end] if end == step => Some((u8::try_from(task).ok()?, step)),
        _ => None,
    }
}

/// What the children run; nothing at all when nobody asks.
#[test]
fn the_child() {
    let Some(database) = std::env::var_os(DATABASE).map(PathBuf::from) else { return };
    let steps: i64 = std::env::var(STEPS).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let store = match SqliteStore::open(StoreConfig::new(database)) {
        Ok(store) => Arc::new(store),
        Err(error) => return say(&format!("refused {error}")),
    };
    say("opened");
    runtime.block_on(async {
        let tasks =
            (0..TASKS).map(|task| tokio::spawn(write_steps(Arc::clone(&store), task, steps)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The test harness has written the name of the test, and no end of line.
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

async fn write_steps(store: Arc<SqliteStore>, task: u8, steps: i64) {
    let first = steps_in(&*store, task).await + 1;
    for number in first..first + steps {
        match step(&*store, task, number).await {
            Ok(()) => say(&format!("done {task} {number} {number}")),
            Err(error) => {
                say(&format!("refused {error}"));
                // Tries the same step again, as a client would.
                if step(&*store, task, number).await.is_ok() {
                    say(&format!("done {task} {number} {number}"));
                } else {
                    return;
                }
            }
        }
    }
}

/// The grant of a task; its generation counts the steps.
pub(crate) fn grant_of(task: u8) -> GrantId {
    Id::new(1_790_000_000_000, [task; 10])
}

/// How many steps of a task are in the database.
pub(crate) async fn steps_in(store: &dyn Store, task: u8) -> i64 {
    let found = store.grant(&acme(), grant_of(task)).await.unwrap();
    found.map_or(0, |grant| grant.refresh.generation)
}

/// One operation that touches much: a rotation, a document, an event, a change, a mark. It is safe to
/// repeat when its outcome is not known (REL-011).
pub(crate) async fn step(store: &dyn Store, task: u8, number: i64) -> Result<(), StoreError> {
    let claims = vec![Claim::Grant(acme(), grant_of(task))];
    judge(store, claims, move |claimed| Ok(((), effects(claimed.grant(0), task, number)))).await
}

fn effects(known: Option<&Grant>, task: u8, number: i64) -> Effects {
    let mut next = known.cloned().unwrap_or_else(|| {
        let mut first = grant(&acme(), Id::new(1, [task; 10]), "shop");
        first.id = grant_of(task);
        first.refresh.generation = 0;
        first
    });
    if next.refresh.generation >= number {
        return Effects::NONE;
    }
    next.refresh.generation = number;
    next.refresh.digest = SecretDigest::of(&number.to_string());
    let grant = match known {
        Some(_) => Effect::UpdateGrant(Box::new(next)),
        None => Effect::OpenGrant(Box::new(next)),
    };
    let name = format!("{task}-{number}");
    let mut told = event(&acme(), "test.step");
    told.id = Id::new(1_790_000_000_000 + u64::try_from(number).unwrap(), [task; 10]);
    Effects::from(grant)
        .and(Effect::Put(document(&acme(), &name, Some(&name)), Expect::New))
        .and(Effect::MarkUsed(grantor_store::UsedKind::AssertionJti, name.into_bytes(), at(600)))
        .audit(told)
}
