//! Connections: how they are made and set up, lent out, and what happens to one that is dropped in
//! the middle of a transaction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Connect, Manager, ManagerConfig, Object, PoolError};
use deadpool_postgres::{RecyclingMethod, Runtime, TimeoutType};
use futures_util::future::BoxFuture;
use grantor_store::StoreError;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row};

use crate::ConnectError;
use crate::config::{PostgresConfig, Target};
use crate::fault::Fault;
use crate::outage::Outage;
use crate::step::{Step, Stopped, in_order};
use crate::tls::Tls;

/// Makes connections and sets each up.
pub(crate) struct Connector {
    target: tokio_postgres::Config,
    tls: Tls,
    setup: String,
    outage: Arc<Outage>,
}

impl Connector {
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, ConnectError> {
        let target = Target::parse(config)?;
        Ok(Self {
            tls: Tls::new(&target.trust)?,
            target: target.postgres,
            setup: setup(config)?,
            outage: Arc::default(),
        })
    }

    /// A connection outside the pool, set up like any other.
    pub(crate) async fn single(&self) -> Result<Single, tokio_postgres::Error> {
        let (client, task) = self.open().await?;
        Ok(Single { client, task })
    }

    async fn open(&self) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, connection) = self.target.connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a database connection ended");
            }
        });
        match client.batch_execute(&self.setup).await {
            Ok(()) => Ok((client, task)),
            Err(error) => {
                task.abort();
                Err(error)
            }
        }
    }
}

/// What a session is told once. Not as start-up options, which poolers between us and the
/// database refuse.
fn setup(config: &PostgresConfig) -> Result<String, ConnectError> {
    let schema = config.schema.as_deref().unwrap_or("public");
    crate::config::check_schema(schema)?;
    let ms = |duration: Duration| duration.as_millis().max(1);
    Ok(format!(
        "SET search_path TO {schema}; \
         SET statement_timeout TO {}; \
         SET lock_timeout TO {}; \
         SET idle_in_transaction_session_timeout TO {}; \
         SET default_transaction_isolation TO 'read committed'; \
         SET client_min_messages TO warning; \
         SELECT set_config('synchronous_commit', \
             CASE current_setting('synchronous_commit') \
             WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)",
        ms(config.statement_timeout),
        ms(config.lock_timeout),
        ms(config.idle_in_transaction_timeout),
    ))
}

/// A connection of its own.
pub(crate) struct Single {
    pub(crate) client: Client,
    task: JoinHandle<()>,
}

impl Drop for Single {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &tokio_postgres::Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        Box::pin(self.outage.attempt(self.open()))
    }
}

/// The connections of a store.
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    outage: Arc<Outage>,
    wait: Duration,
    answer_timeout: Duration,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("status", &self.connections.status()).finish_non_exhaustive()
    }
}

impl Pool {
    pub(crate) fn new(connector: Connector, config: &PostgresConfig) -> Result<Self, ConnectError> {
        let outage = Arc::clone(&connector.outage);
        let target = connector.target.clone();
        // Fast: a connection that ended is seen without asking the database (a ping would double
        // what a read costs). What dies unseen is noticed by its first user, who tries another.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(target, connector, recycling);
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(config.pool_size)
            .wait_timeout(Some(config.wait))
            .create_timeout(Some(config.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| ConnectError::Config(e.to_string()))?;
        let (wait, answer_timeout) = (config.wait, config.answer_timeout);
        Ok(Self { connections, outage, wait, answer_timeout })
    }

    /// A connection, within the time that one may wait.
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        let away = || StoreError::Unavailable("the database cannot be reached".to_owned());
        // With none alive there is nothing to wait for.
        let _probe = if self.connections.status().size == 0 {
            Some(self.outage.admit().ok_or_else(away)?)
        } else {
            None
        };
        match tokio::time::timeout(self.wait, self.connections.get()).await {
            Ok(Ok(object)) => Ok(Connection { object: Some(object), open: false }),
            Ok(Err(error)) => Err(no_connection(error)),
            Err(_) => Err(StoreError::Unavailable("no connection became free".to_owned())),
        }
    }

    /// Closes all connections.
    pub(crate) fn close(&self) {
        self.connections.close();
    }

    /// Runs something that talks to the database, no longer than an answer may take, and `extra`.
    pub(crate) async fn in_time<T>(
        &self,
        extra: Duration,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::time::timeout(self.answer_timeout + extra, work).await.unwrap_or_else(|_| {
            let reason = "the database did not answer in time".to_owned();
            Err(Fault::Final(StoreError::Unavailable(reason)))
        })
    }

    /// Runs one reading statement. If the connection turns out to be lost, once more on another:
    /// after a restart of the database every idle one may be.
    pub(crate) async fn rows(&self, step: Step) -> Result<Vec<Row>, StoreError> {
        let steps = [step];
        let mut again = true;
        loop {
            let connection = self.connection().await?;
            match self.in_time(Duration::ZERO, connection.single(&steps)).await {
                Ok(rows) => return Ok(rows),
                Err(Fault::Lost(_)) if again => again = false,
                Err(fault) => return Err(fault.into_error()),
            }
        }
    }
}

fn no_connection(error: PoolError) -> StoreError {
    StoreError::Unavailable(match error {
        PoolError::Timeout(TimeoutType::Wait) => "all connections are busy".to_owned(),
        PoolError::Timeout(_) => "the database does not answer".to_owned(),
        PoolError::Backend(error) => match error.as_db_error() {
            Some(db) => format!("{}: {}", db.code().code(), db.message()),
            None => error.to_string(),
        },
        other => other.to_string(),
    })
}

/// A connection that is lent out. Dropped in the middle of a transaction (the caller went away, a
/// rule panicked), it is rolled back before anybody else gets it.
pub(crate) struct Connection {
    object: Option<Object>,
    open: bool,
}

impl Connection {
    fn client(&self) -> &ClientWrapper {
        self.object.as_ref().expect("it is taken out only on the way out")
    }

    /// Takes the connection out of the pool for good, and those that lie idle with it: what ended
    /// one of them (a restart, a changed schema) mostly ended all, and a second try shall not meet
    /// the next dead one.
    pub(crate) fn discard(mut self) {
        if let Some(pool) = self.object.as_ref().and_then(Object::pool) {
            pool.retain(|_, _| false);
        }
        discard(self.object.take());
    }

    /// One statement by itself.
    pub(crate) async fn single(self, step: &[Step; 1]) -> Result<Vec<Row>, Fault> {
        match self.pipeline(false, step, false).await.map_err(Fault::from) {
            Ok(mut rows) => Ok(rows.swap_remove(0)),
            Err(fault @ Fault::Lost(_)) => {
                self.discard();
                Err(fault)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Whether a transaction has begun.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// One writing statement by itself. If the connection is lost, nobody knows what became of it,
    /// as in [`Connection::commit`].
    pub(crate) async fn single_commit(self, step: Step) -> Result<(), Fault> {
        self.single(&[step]).await.map(|_| ()).map_err(unknown)
    }

    /// `BEGIN` and steps, in one round trip.
    pub(crate) async fn begin(&mut self, steps: &[Step]) -> Result<Vec<Vec<Row>>, Stopped> {
        self.open = true;
        self.pipeline(true, steps, false).await
    }

    /// Begins with a command of the caller's.
    pub(crate) async fn begin_as(&mut self, command: &str) -> Result<(), Fault> {
        self.open = true;
        Ok(self.client().batch_execute(command).await?)
    }

    /// Reads the rows of a statement in pieces, inside the transaction.
    pub(crate) async fn cursor(&self, sql: &str) -> Result<Cursor<'_>, Fault> {
        let declare = format!("DECLARE pieces NO SCROLL CURSOR FOR {sql}");
        self.client().batch_execute(&declare).await?;
        Ok(Cursor { connection: self })
    }

    /// Steps inside the transaction.
    pub(crate) async fn run(&self, steps: &[Step]) -> Result<Vec<Vec<Row>>, Stopped> {
        self.pipeline(false, steps, false).await
    }

    /// Steps and `COMMIT`, in one round trip; with `BEGIN` before them if nothing began yet.
    ///
    /// If a step fails, the database makes a rollback of the commit that is already on its way.
    /// If the connection is lost, nobody knows what became of it (REL-011): the caller hears
    /// "unavailable", never "done", and it is not tried again here.
    pub(crate) async fn commit(mut self, steps: &[Step]) -> Result<(), Fault> {
        let begin = !self.open;
        self.open = true;
        match self.pipeline(begin, steps, true).await.map_err(Fault::from) {
            Ok(_) => self.open = false,
            Err(fault) => {
                self.leave_after(&fault).await;
                return Err(unknown(fault));
            }
        }
        Ok(())
    }

    /// Ends the transaction, if one began, without a trace.
    pub(crate) async fn leave(mut self) {
        if !self.open {
            return;
        }
        match self.client().batch_execute("ROLLBACK").await {
            Ok(()) => self.open = false,
            Err(_) => self.discard(),
        }
    }

    /// Gives the connection back clean after a failure; not at all if it was lost.
    pub(crate) async fn leave_after(self, fault: &Fault) {
        match fault {
            Fault::Lost(_) => self.discard(),
            Fault::Final(_) | Fault::Again(_) => self.leave().await,
        }
    }

    async fn pipeline(
        &self,
        begin: bool,
        steps: &[Step],
        commit: bool,
    ) -> Result<Vec<Vec<Row>>, Stopped> {
        let client = self.client();
        let mut statements = Vec::with_capacity(steps.len());
        for step in steps {
            statements.push(client.prepare_cached(step.sql).await?);
        }
        in_order(client, begin, steps, &statements, commit).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        if !self.open {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            discard(Some(object));
            return;
        };
        runtime.spawn(async move {
            let rollback = object.batch_execute("ROLLBACK");
            let done = tokio::time::timeout(Duration::from_secs(1), rollback).await;
            if !matches!(done, Ok(Ok(()))) {
                discard(Some(object));
            }
        });
    }
}

/// The rows of a statement, in pieces.
pub(crate) struct Cursor<'a> {
    connection: &'a Connection,
}

impl Cursor<'_> {
    /// The next piece; `None` behind the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Row>>, Fault> {
        let client = self.connection.client();
        let rows = client.query_typed("FETCH FORWARD 500 FROM pieces", &[]).await?;
        if rows.is_empty() {
            client.batch_execute("CLOSE pieces").await?;
            return Ok(None);
        }
        Ok(Some(rows))
    }
}

/// What was on its way to be committed when the connection was lost may have been.
fn unknown(fault: Fault) -> Fault {
    match fault {
        Fault::Lost(reason) => {
            let reason = format!("the outcome of a commit is not known: {reason}");
            Fault::Final(StoreError::Unavailable(reason))
        }
        fault => fault,
    }
}

fn discard(object: Option<Object>) {
    if let Some(object) = object {
        drop(Object::take(object));
    }
}
