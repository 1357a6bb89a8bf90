//! The connections that one operation reads with.
//!
//! An operation can need many statements at once: 30 root fields, each with counts and facets. It gets two
//! connections at a time, so that it does not delay everybody else. Anonymous clients and signed-in users have
//! separate pools (see [`Database`](crate::store::Database)), so that anonymous clients together cannot delay
//! users.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    IsolationLevel, QueryResult, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::store::Result;
use crate::store::failure::is_connection_lost;

/// The most connections that one operation uses at a time.
const CONNECTIONS_PER_OPERATION: usize = 2;

/// How often a read is tried again on another connection. Every connection of the largest pool may be closed.
const CLOSED_CONNECTIONS_MAX: usize = 8;

/// Whom an operation is for, which decides the pool that it reads with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderKind {
    Anonymous,
    SignedIn,
}

/// How long the statements of an operation took, without the time for which they waited for a connection. (A statement
/// whose operation is stopped counts from when it could have had one.)
#[derive(Debug, Clone, Default)]
pub struct DatabaseTime(Arc<AtomicU64>);

impl DatabaseTime {
    /// The number of milliseconds, rounded up.
    pub fn millis_rounded_up(&self) -> u64 {
        self.0.load(Ordering::Relaxed).div_ceil(1000)
    }

    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

tokio::task_local! {
    /// The counter of the time of this task's statements.
    static STATEMENT_TIME: DatabaseTime;
}

/// Adds the time of a statement to that of its operation, if it has one.
pub(super) fn record_statement(time: Duration) {
    STATEMENT_TIME.try_with(|total| total.add(time)).ok();
}

/// Reads for one operation. Clones share its two connections.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: DatabaseConnection,
    permits: Arc<Semaphore>,
    time: DatabaseTime,
}

/// Adds the time of a statement if its operation is stopped first. The database may still execute it.
struct StoppedStatement<'a> {
    since: Option<Instant>,
    time: &'a DatabaseTime,
}

impl Drop for StoppedStatement<'_> {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            self.time.add(since.elapsed());
        }
    }
}

/// A transaction that reads one state of the database. Rolled back when it is dropped.
#[derive(Debug)]
pub struct Snapshot {
    transaction: DatabaseTransaction,
    /// The connection counts as one of the operation's.
    _permit: OwnedSemaphorePermit,
}

impl Snapshot {
    /// Ends the transaction, and gives the connection back.
    pub async fn end(self) -> Result<()> {
        self.transaction.rollback().await
    }
}

impl Deref for Snapshot {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

impl Reader {
    pub(super) fn new(pool: DatabaseConnection, time: DatabaseTime) -> Self {
        Self { pool, permits: Arc::new(Semaphore::new(CONNECTIONS_PER_OPERATION)), time }
    }

    /// Executes a read when the operation has a connection to spare, and adds its time.
    async fn run<T, F: Future<Output = Result<T>>>(&self, read: impl Fn() -> F) -> Result<T> {
        let _permit = self.permit().await?;
        let mut stopped = StoppedStatement { since: Some(Instant::now()), time: &self.time };
        let result = STATEMENT_TIME.scope(self.time.clone(), retry(read)).await;
        stopped.since = None;
        result
    }

    /// Begins a transaction for reads that all see the same state of the database.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| DbErr::Custom(closed.to_string()))?;
        let options = match self.get_database_backend() {
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
            _ => TransactionOptions::default(),
        };
        let transaction = begin_detached(self.pool.clone(), options).await?;
        Ok(Snapshot { transaction, _permit: permit })
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>> {
        self.permits.acquire().await.map_err(|closed| DbErr::Custom(closed.to_string()))
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult> {
        self.run(|| self.pool.execute_raw(statement.clone())).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult> {
        self.run(|| self.pool.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>> {
        self.run(|| self.pool.query_one_raw(statement.clone())).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>> {
        self.run(|| self.pool.query_all_raw(statement.clone())).await
    }
}

/// Repeats something that changes nothing as long as it gets a connection that was closed meanwhile. After an
/// outage, all idle connections of a pool may be closed.
async fn retry<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    for _ in 0..CLOSED_CONNECTIONS_MAX {
        match attempt().await {
            Err(error) if is_connection_lost(&error) => {}
            result => return result,
        }
    }
    attempt().await
}

/// Begins the transaction on a separate task. If a client disconnects, its request is dropped. A BEGIN that
/// is dropped halfway would return its connection to the pool with an open transaction. On its own task, the
/// BEGIN completes, and the transaction is then rolled back.
pub(super) async fn begin_detached(
    pool: DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction> {
    let begun = tokio::spawn(async move { retry(|| pool.begin_with_options(options)).await });
    begun.await.map_err(|error| DbErr::Custom(error.to_string()))?
}
