//! Statements with their values, and many of them in one round trip.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::fault::Fault;

/// A value for a statement.
pub(crate) type Value = Box<dyn ToSql + Sync + Send>;

/// A statement and its values.
pub(crate) struct Step {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
}

impl fmt::Debug for Step {
    /// Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Step").field(&self.sql).finish()
    }
}

/// A step: the statement, then its values.
macro_rules! step {
    ($sql:expr $(, $value:expr)* $(,)?) => {
        $crate::step::Step {
            sql: $sql,
            values: vec![$( Box::new($value) as $crate::step::Value ),*],
        }
    };
}
pub(crate) use step;

/// A step failed, and those before it did not.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// What the steps before it answered
    pub(crate) answers: Vec<Vec<Row>>,
    /// What the step said
    pub(crate) fault: Fault,
}

impl From<Stopped> for Fault {
    fn from(stopped: Stopped) -> Self {
        stopped.fault
    }
}

impl From<tokio_postgres::Error> for Stopped {
    fn from(error: tokio_postgres::Error) -> Self {
        Self { answers: Vec::new(), fault: error.into() }
    }
}

/// How many statements go out before their answers are read.
const AT_ONCE: usize = 64;

/// The level is named: whatever the database's default is, claims are seen as they are once their
/// lock is held.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send + 'a>>;

/// Sends `BEGIN`, the steps and `COMMIT` one behind the other without waiting for answers, then
/// collects the answers. The first failure in that order counts; the ones behind it only say that
/// the transaction is aborted. A `COMMIT` behind a failed step is a rollback.
pub(crate) async fn in_order(
    client: &Client,
    begin: bool,
    steps: &[Step],
    statements: &[Statement],
    commit: bool,
) -> Result<Vec<Vec<Row>>, Stopped> {
    let mut answers = Vec::with_capacity(steps.len());
    let mut chunks = steps.chunks(AT_ONCE).zip(statements.chunks(AT_ONCE)).peekable();
    let mut first = true;
    while first || chunks.peek().is_some() {
        let (steps, statements) = chunks.next().unwrap_or((&[], &[]));
        let last = chunks.peek().is_none();
        let mut flight: Vec<Answer<'_>> = Vec::with_capacity(steps.len() + 2);
        if first && begin {
            flight.push(Box::pin(command(client, BEGIN)));
        }
        for (step, statement) in steps.iter().zip(statements) {
            flight.push(Box::pin(ask(client, statement, &step.values)));
        }
        if last && commit {
            flight.push(Box::pin(command(client, "COMMIT")));
        }
        let skip = usize::from(first && begin);
        for (place, answer) in all(flight).await.into_iter().enumerate() {
            match answer {
                Ok(rows) if (skip..skip + steps.len()).contains(&place) => answers.push(rows),
                Ok(_) => (),
                Err(error) => return Err(Stopped { answers, fault: error.into() }),
            }
        }
        first = false;
    }
    Ok(answers)
}

async fn command(client: &Client, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
    client.batch_execute(sql).await.map(|()| Vec::new())
}

async fn ask(
    client: &Client,
    statement: &Statement,
    values: &[Value],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| &**v as _).collect();
    client.query(statement, &values).await
}

/// Polls all of them in order until each is done. `join_all` does not promise the order in which
/// it polls for the first time, which is when `tokio-postgres` sends: a `COMMIT` could overtake.
async fn all(mut flight: Vec<Answer<'_>>) -> Vec<Result<Vec<Row>, tokio_postgres::Error>> {
    let mut landed: Vec<Option<_>> = flight.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (answer, slot) in flight.iter_mut().zip(&mut landed) {
            if slot.is_none() {
                match answer.as_mut().poll(context) {
                    Poll::Ready(result) => *slot = Some(result),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    landed.into_iter().map(|slot| slot.expect("it is only over when each has landed")).collect()
}
