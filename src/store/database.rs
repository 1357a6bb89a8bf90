//! Opens and migrates the database, with several pools of connections.
//!
//! | pool | of | for |
//! |---|---|---|
//! | `anonymous` | 3 in SQLite, 6 in PostgreSQL | the operations of anonymous clients; a statement is stopped after two seconds |
//! | `signed_in` | 4, 6 | the operations of signed-in users |
//! | `system` | 2, 4 | sessions, health checks, the event log, background jobs, commands |
//! | `writer` | 1, 8 | transactions that write |
//!
//! So whatever clients read, users can sign in, changes are stored, and a health check gets an answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx;
use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions,
};

use crate::store::connections::{
    ACQUIRE_TIMEOUT, SQLITE_BUSY_TIMEOUT, connect_and_count, create_private, lock_exclusively, truncate_log,
};
use crate::store::key_database::KeyDatabase;
use crate::store::reader::{DatabaseTime, Reader, ReaderKind, Snapshot, begin_detached};
use crate::store::{Result, data_keys, moved_keys};

/// Writers of SQLite queue for the one writing connection. Fifty of them finish well within this time.
const SQLITE_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection is tested before use only if it was idle for longer than this, since a test takes as long as
/// a small statement.
const TEST_CONNECTION_AFTER: Duration = Duration::from_secs(1);

/// A statement of an anonymous client is stopped after this time.
const ANONYMOUS_STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many instructions SQLite executes before it looks at the time again: well below a millisecond.
const SQLITE_INSTRUCTIONS_PER_CHECK: i32 = 10_000;

/// The sizes of the pools of a gateway.
struct PoolSizes {
    anonymous: u32,
    signed_in: u32,
    system: u32,
    writer: u32,
}

/// Each connection of SQLite is a thread.
const SQLITE_POOLS: PoolSizes = PoolSizes { anonymous: 3, signed_in: 4, system: 2, writer: 1 };
const POSTGRES_POOLS: PoolSizes = PoolSizes { anonymous: 6, signed_in: 6, system: 4, writer: 8 };

/// Key of the PostgreSQL advisory lock for migrations, so that gateways that start together migrate once.
const MIGRATION_LOCK: i64 = 0x6769_6777_6179_0001;

/// The connections to the database, shared by the whole process.
#[derive(Debug, Clone)]
pub struct Database {
    anonymous: DatabaseConnection,
    signed_in: DatabaseConnection,
    system: DatabaseConnection,
    writer: DatabaseConnection,
    statement_count: Arc<AtomicU64>,
    /// The file of SQLite; `None` for PostgreSQL.
    sqlite: Option<PathBuf>,
    /// Where the data keys are.
    keys: KeyDatabase,
}

impl Database {
    /// Opens or creates the SQLite file. With write-ahead logging, readers continue during a write. Writers
    /// wait in the fair queue of a pool with one connection, so no request gets "database is locked".
    pub async fn open_sqlite(file: &Path) -> Result<Self> {
        let statement_count = Arc::default();
        create_private(file).map_err(|error| DbErr::Custom(format!("{}: {error}", file.display())))?;
        let sqlite = Some(file.to_owned());
        let file = file.to_owned();
        let connect =
            |connections: u32, timeout: Duration, pool: fn(SqlitePoolOptions) -> SqlitePoolOptions| {
                let file = file.clone();
                // The file is set below as a path, since a URL cannot express every path. (With `:memory:` here,
                // the file would be ignored.)
                let mut options = ConnectOptions::new("sqlite:gigway.sqlite");
                options
                    .max_connections(connections)
                    .acquire_timeout(timeout)
                    .test_before_acquire(false)
                    .sqlx_logging(false)
                    .map_sqlx_sqlite_pool_opts(pool)
                    .map_sqlx_sqlite_opts(move |options| {
                        options
                            .filename(&file)
                            .create_if_missing(true)
                            .journal_mode(SqliteJournalMode::Wal)
                            .synchronous(SqliteSynchronous::Normal)
                            .busy_timeout(SQLITE_BUSY_TIMEOUT)
                            // What is deleted is overwritten in the file.
                            .pragma("secure_delete", "ON")
                            .foreign_keys(true)
                    });
                connect_and_count(options, &statement_count)
            };
        // If several processes open a new file at once, one of them switches it to WAL mode. SQLite would let
        // the others fail instead of wait, so they wait for this lock.
        let _lock = lock_exclusively(&file).await?;
        let keys = KeyDatabase::open_file(&file, &statement_count).await?;
        let PoolSizes { anonymous, signed_in, system, writer } = SQLITE_POOLS;
        Ok(Self {
            writer: connect(writer, SQLITE_WRITE_TIMEOUT, with_clean_transactions).await?,
            system: connect(system, ACQUIRE_TIMEOUT, |pool| pool).await?,
            signed_in: connect(signed_in, ACQUIRE_TIMEOUT, |pool| pool).await?,
            anonymous: connect(anonymous, ACQUIRE_TIMEOUT, with_time_limit).await?,
            statement_count: Arc::clone(&statement_count),
            sqlite,
            keys,
        })
    }

    /// Opens an existing SQLite file. SQLite then rejects every change, and nothing is created.
    pub async fn open_sqlite_read_only(file: &Path) -> Result<Self> {
        let statement_count = Arc::default();
        let sqlite = Some(file.to_owned());
        let file = file.to_owned();
        let keys = KeyDatabase::open_file_read_only(&file, &statement_count).await?;
        let mut options = ConnectOptions::new("sqlite:gigway.sqlite");
        options
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |options| {
                // Not SQLite's own read-only mode, which leaves the files of the write-ahead log behind.
                let options = options.filename(&file).create_if_missing(false);
                options.busy_timeout(SQLITE_BUSY_TIMEOUT).pragma("query_only", "ON")
            });
        let pool = connect_and_count(options, &statement_count).await?;
        Ok(Self {
            anonymous: pool.clone(),
            signed_in: pool.clone(),
            system: pool.clone(),
            writer: pool,
            statement_count,
            sqlite,
            keys,
        })
    }

    /// Connects to PostgreSQL. The server cancels every statement that runs for longer than
    /// `statement_timeout`, even if the client has disconnected.
    pub async fn connect_postgres(url: &str, statement_timeout: Duration) -> Result<Self> {
        Self::connect_postgres_with(url, statement_timeout, false).await
    }

    /// Connects to PostgreSQL, which then rejects every change.
    pub async fn connect_postgres_read_only(url: &str, statement_timeout: Duration) -> Result<Self> {
        Self::connect_postgres_with(url, statement_timeout, true).await
    }

    async fn connect_postgres_with(
        url: &str,
        statement_timeout: Duration,
        is_read_only: bool,
    ) -> Result<Self> {
        let statement_count = Arc::default();
        let connect = |connections: u32, statement_timeout: Duration, lazily: bool| {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_timeout(ACQUIRE_TIMEOUT)
                .connect_lazy(lazily)
                .set_application_name("gigway")
                .test_before_acquire_if_idle_for(TEST_CONNECTION_AFTER)
                .statement_timeout(statement_timeout)
                .map_sqlx_postgres_opts(move |options| {
                    options.options([
                        // JIT compilation costs more than any of these short statements gains from it.
                        ("jit", "off"),
                        // The tables that lists read are in memory or on a solid-state disk. The default of PostgreSQL
                        // is for spinning disks, and lets it scan whole tables where an index is faster.
                        ("random_page_cost", "1.1"),
                        // The database may have another default. [`require_read_committed`] checks this.
                        ("default_transaction_isolation", "read committed"),
                        ("default_transaction_read_only", if is_read_only { "on" } else { "off" }),
                    ])
                })
                .map_sqlx_postgres_pool_opts(|pool| {
                    pool.after_connect(|connection, _| Box::pin(require_read_committed(connection)))
                })
                .sqlx_logging(false);
            connect_and_count(options, &statement_count)
        };
        let PoolSizes { anonymous, signed_in, system, writer } = POSTGRES_POOLS;
        let anonymous_timeout = statement_timeout.min(ANONYMOUS_STATEMENT_TIMEOUT);
        Ok(Self {
            // The first one shows whether the server can be reached.
            writer: connect(writer, statement_timeout, false).await?,
            system: connect(system, statement_timeout, true).await?,
            signed_in: connect(signed_in, statement_timeout, true).await?,
            anonymous: connect(anonymous, anonymous_timeout, true).await?,
            statement_count: Arc::clone(&statement_count),
            sqlite: None,
            keys: KeyDatabase::in_schema(),
        })
    }

    /// Runs the pending migrations, if any. Concurrent calls wait for each other, even in other processes.
    ///
    /// # Errors
    /// The error of the migration that failed. That migration is rolled back; the ones before it stay.
    pub async fn migrate(&self) -> Result<()> {
        match &self.sqlite {
            None => {
                let lock = self.begin().await?;
                // The migrations of another gateway may take minutes.
                lock.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
                let sql = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
                lock.execute_unprepared(&sql).await?;
                self.migrate_locked().await?;
                lock.commit().await
            }
            Some(file) => {
                let _lock = lock_exclusively(file).await?;
                self.migrate_locked().await
            }
        }
    }

    async fn migrate_locked(&self) -> Result<()> {
        // Not a migration: a database that was restored without its keys needs new tables for them. First, because it
        // may need a right that migrations do not need.
        data_keys::create_tables(&self.keys, &self.writer).await?;
        Migrator::up(&self.writer, None).await?;
        moved_keys::move_all(&self.keys, &self.writer).await
    }

    /// Where the data keys are.
    pub fn keys(&self) -> &KeyDatabase {
        &self.keys
    }

    /// Removes from the write-ahead logs of SQLite what was deleted before. PostgreSQL recycles its logs by itself
    /// (docs/SECURITY.md). Returns `false` if a log is in use: writers must not wait long for its readers.
    pub async fn truncate_logs(&self) -> Result<bool> {
        if self.sqlite.is_none() {
            return Ok(true);
        }
        let mut are_empty = true;
        for database in self.keys.file().into_iter().chain([&self.writer]) {
            are_empty &= truncate_log(database).await?;
        }
        Ok(are_empty)
    }

    /// The names of the migrations that have not run yet.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        let pending = Migrator::get_pending_migrations_read_only(&self.system).await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// The connections for reads that belong to no operation of a client. They are a reserve: a resolver reads
    /// with the [`Reader`] of its operation.
    pub fn read(&self) -> &DatabaseConnection {
        &self.system
    }

    /// The connections for the reads of one operation. Their time is added to `time`.
    pub fn reader(&self, kind: ReaderKind, time: DatabaseTime) -> Reader {
        let pool = match kind {
            ReaderKind::Anonymous => self.anonymous.clone(),
            ReaderKind::SignedIn => self.signed_in.clone(),
        };
        Reader::new(pool, time)
    }

    /// Begins a transaction for reads that belong to no operation of a client, and that all see the same state.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Reader::new(self.system.clone(), DatabaseTime::default()).snapshot().await
    }

    /// Begins a transaction that will write.
    pub async fn begin(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            // With the default mode, a transaction that reads first and writes later fails if another one
            // writes in between. With IMMEDIATE it waits at its start instead.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        begin_detached(self.writer.clone(), options).await
    }

    /// Checks that the database responds and can read a table.
    pub async fn ping(&self) -> Result<()> {
        self.system
            .query_one_raw(Statement::from_string(self.backend(), "SELECT epoch FROM log_meta"))
            .await?;
        Ok(())
    }

    /// The time of the database's clock.
    pub async fn now(&self) -> Result<DateTime<Utc>> {
        let sql = match self.backend() {
            DbBackend::Postgres => "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint",
            _ => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        };
        let row = self.system.query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        let millis: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(DateTime::from_timestamp_millis(millis).unwrap_or_default())
    }

    pub fn backend(&self) -> DbBackend {
        self.system.get_database_backend()
    }

    /// How many statements were executed, without those of [`uncounted`](crate::store::uncounted) tasks.
    pub fn statement_count(&self) -> u64 {
        self.statement_count.load(Ordering::Relaxed)
    }

    /// Waits for the running statements and closes all connections.
    pub async fn close(&self) -> Result<()> {
        for pool in [&self.anonymous, &self.signed_in, &self.system].into_iter().chain(self.keys.file()) {
            pool.close_by_ref().await?;
        }
        self.writer.close_by_ref().await
    }
}

/// Rejects a connection whose transactions are not READ COMMITTED, for example because a connection pooler drops
/// the settings of its clients. The event log needs it: after the lock for positions, a transaction must see
/// what others committed while it waited. (A statement in each transaction would cost a round trip each time.)
async fn require_read_committed(connection: &mut PgConnection) -> std::result::Result<(), sqlx::Error> {
    let level: String =
        sqlx::query_scalar("SHOW default_transaction_isolation").fetch_one(connection).await?;
    if level == "read committed" {
        return Ok(());
    }
    let message = format!("default_transaction_isolation is \"{level}\", not \"read committed\"");
    Err(sqlx::Error::Configuration(message.into()))
}

/// Replaces a connection that is still in a transaction. If the disk is full, SQLite can roll back by itself. Then
/// the `ROLLBACK` of the library fails, and the library would never begin a transaction on the connection
/// again.
fn with_clean_transactions(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.before_acquire(|connection, _| {
        Box::pin(async move {
            if connection.is_in_transaction() {
                // The rollback of the previous transaction may still be queued.
                connection.ping().await?;
            }
            Ok(!connection.is_in_transaction())
        })
    })
}

/// Stops every statement after [`ANONYMOUS_STATEMENT_TIMEOUT`]. A connection is acquired for each statement.
fn with_time_limit(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.after_connect(|connection, _| Box::pin(limit_time(connection))).before_acquire(|connection, _| {
        Box::pin(async move {
            limit_time(connection).await?;
            Ok(true)
        })
    })
}

async fn limit_time(connection: &mut SqliteConnection) -> std::result::Result<(), sqlx::Error> {
    let deadline = Instant::now() + ANONYMOUS_STATEMENT_TIMEOUT;
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(SQLITE_INSTRUCTIONS_PER_CHECK, move || Instant::now() < deadline);
    Ok(())
}
