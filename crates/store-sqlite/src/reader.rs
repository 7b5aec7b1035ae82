//! Connections that only read: a few for point reads, used where the caller runs, and some more
//! for long reads, on threads that may block.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use grantor_store::StoreError;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::fault::Fault;

/// A page of more rows than this is a long read.
pub(crate) const SHORT_PAGE: usize = 128;

/// How many long reads run at once; more of them wait.
const LONG_READS: usize = 4;

/// The cache of one reading connection, in KiB (negative, as SQLite wants it). It is good until the
/// next commit only, so more would rarely be used.
const CACHE_KIB: i64 = -1_024;

/// How many statements a connection keeps prepared: all there are.
pub(crate) const STATEMENTS: usize = 256;

/// The reading side.
#[derive(Debug)]
pub(crate) struct Readers {
    point: Vec<Mutex<Connection>>,
    long: Arc<LongReaders>,
}

#[derive(Debug)]
struct LongReaders {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections for point reads.
    pub(crate) fn open(path: PathBuf, count: usize) -> Result<Self, Fault> {
        let point = (0..count.max(1)).map(|_| connect(&path).map(Mutex::new));
        Ok(Self {
            point: point.collect::<Result<_, _>>()?,
            long: Arc::new(LongReaders {
                path,
                idle: Mutex::new(Vec::new()),
                permits: Arc::new(Semaphore::new(LONG_READS)),
            }),
        })
    }

    /// Reads a little, here and now: handing it to another thread would cost more than the read.
    pub(crate) fn point<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        Ok(read(&self.lock())?)
    }

    /// The first that is free: what it has cached is most likely to be what is wanted, and the others
    /// take no memory before they are needed.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        for connection in &self.point {
            match connection.try_lock() {
                Ok(connection) => return connection,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => (),
            }
        }
        // All are busy with reads of some microseconds each.
        self.point[0].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads much, on a thread that may block.
    pub(crate) async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let long = Arc::clone(&self.long);
        let permit = Arc::clone(&long.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let connection = long.take()?;
            let found = read(&connection);
            // A connection is worth keeping only if it is in no transaction.
            if connection.is_autocommit() {
                long.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            found
        });
        match reading.await {
            Ok(found) => Ok(found?),
            Err(_) => Err(StoreError::Unavailable("a read was cut off".to_owned())),
        }
    }

    /// A page: inline if it is short.
    pub(crate) async fn page<T: Send + 'static>(
        &self,
        limit: usize,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        if limit <= SHORT_PAGE { self.point(read) } else { self.long(read).await }
    }
}

impl LongReaders {
    fn take(&self) -> Result<Connection, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| connect(&self.path), Ok)
    }
}

fn connect(path: &std::path::Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(connection)
}
