//! The connections: PostgreSQL through one pool, SQLite through one writer and several readers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, postgres::PgDatabaseError};
use sea_orm::{
    AccessMode, ConnAcquireErr, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

use crate::store::Result;

/// A request does not wait longer than this for a connection: then the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Writers of SQLite queue for its one writing connection; fifty of them are through well within this.
const SQLITE_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Another process (the command line) may hold SQLite's write lock for a moment.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that has worked so recently is not asked whether it is still there, which would take as long as a small
/// statement.
const TRUSTED_WITHIN: Duration = Duration::from_secs(1);

const SQLITE_READERS: u32 = 8;
const POSTGRES_CONNECTIONS: u32 = 20;

/// Taken while migrating, so that two gateways that start together do not migrate twice.
const MIGRATION_LOCK: i64 = 0x6769_6777_6179_0001;

/// The database, for as long as the process lives.
#[derive(Debug, Clone)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    statements: Arc<AtomicU64>,
    /// Where SQLite's file is; `None` for PostgreSQL.
    sqlite: Option<PathBuf>,
}

impl Database {
    /// Opens or creates the SQLite file. Write-ahead logging lets readers go on while one writes; the
    /// one writing connection is a fair queue, so that nobody ever reads "database is locked".
    ///
    /// # Errors
    /// Where the file cannot be opened or made.
    pub async fn open_sqlite(file: &Path) -> Result<Self> {
        let statements = Arc::default();
        create_private(file)?;
        let sqlite = Some(file.to_owned());
        let file = file.to_owned();
        let connect = |connections: u32, timeout: Duration| {
            let file = file.clone();
            // The file is set below, as a path: an address could not hold every path. (One of `:memory:` would
            // open no file at all, whatever is set.)
            let mut options = ConnectOptions::new("sqlite:gigway.sqlite");
            options
                .max_connections(connections)
                .acquire_timeout(timeout)
                .test_before_acquire(false)
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(move |options| {
                    options
                        .filename(&file)
                        .create_if_missing(true)
                        .journal_mode(SqliteJournalMode::Wal)
                        .synchronous(SqliteSynchronous::Normal)
                        .busy_timeout(SQLITE_BUSY_TIMEOUT)
                        .foreign_keys(true)
                });
            counted(options, &statements)
        };
        // Of processes that open a new file at once, one puts it into WAL mode: SQLite makes nobody wait for that.
        let _alone = alone_with(&file).await?;
        let writer = connect(1, SQLITE_WRITE_TIMEOUT).await?;
        let reader = connect(SQLITE_READERS, ACQUIRE_TIMEOUT).await?;
        Ok(Self { reader, writer, statements: Arc::clone(&statements), sqlite })
    }

    /// Connects to PostgreSQL. No statement goes on for longer than `within`, also where nobody waits for it any more.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn connect_postgres(url: &str, within: Duration) -> Result<Self> {
        let statements = Arc::default();
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_timeout(ACQUIRE_TIMEOUT)
            .set_application_name("gigway")
            .test_before_acquire_if_idle_for(TRUSTED_WITHIN)
            .statement_timeout(within)
            // Compiling a statement takes longer than any of ours gains by it.
            .map_sqlx_postgres_opts(|options| options.options([("jit", "off")]))
            .sqlx_logging(false);
        let pool = counted(options, &statements).await?;
        Ok(Self { reader: pool.clone(), writer: pool, statements, sqlite: None })
    }

    /// Brings the database to the newest shape; does nothing where it has it. One process at a time does.
    ///
    /// # Errors
    /// Where a step fails; then nothing of that step stays behind.
    pub async fn migrate(&self) -> Result<()> {
        match &self.sqlite {
            None => {
                let lock = self.writer.begin().await?;
                // Another gateway may migrate for minutes.
                lock.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
                let sql = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
                lock.execute_unprepared(&sql).await?;
                Migrator::up(&self.writer, None).await?;
                lock.commit().await
            }
            Some(file) => {
                let _alone = alone_with(file).await?;
                Migrator::up(&self.writer, None).await
            }
        }
    }

    /// The names of the migrations that are not done yet.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        let pending = Migrator::get_pending_migrations_read_only(&self.reader).await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// For reading outside a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that will write.
    ///
    /// # Errors
    /// Where no connection is free in time.
    pub async fn begin(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            // A transaction that reads first and writes later would fail where another wrote in
            // between; IMMEDIATE waits at the start instead.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        begin_whole(self.writer.clone(), options).await
    }

    /// Begins a transaction whose reads all see one and the same moment.
    ///
    /// # Errors
    /// Where no connection is free in time.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        let options = match self.backend() {
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
            _ => TransactionOptions::default(),
        };
        begin_whole(self.reader.clone(), options).await
    }

    /// Whether the database answers, from what it has stored.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn ping(&self) -> Result<()> {
        self.reader
            .query_one_raw(Statement::from_string(self.backend(), "SELECT epoch FROM log_meta"))
            .await?;
        Ok(())
    }

    /// What time it is by the database's clock.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn now(&self) -> Result<DateTime<Utc>> {
        let sql = match self.backend() {
            DbBackend::Postgres => "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint",
            _ => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        };
        let row = self.reader.query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        let millis: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(DateTime::from_timestamp_millis(millis).unwrap_or_default())
    }

    pub fn backend(&self) -> DbBackend {
        self.reader.get_database_backend()
    }

    /// How many statements have been executed so far.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes every connection, once what runs on it has ended.
    ///
    /// # Errors
    /// Where a connection cannot be closed in order.
    pub async fn close(&self) -> Result<()> {
        self.reader.close_by_ref().await?;
        self.writer.close_by_ref().await
    }
}

/// Waits until no other process opens or migrates the file, and keeps them out while what it returns lives.
async fn alone_with(file: &Path) -> Result<File> {
    let file = file.with_extension("lock");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = File::create(file)?;
        lock.lock().map(|()| lock)
    });
    let violation = |error: &dyn std::fmt::Display| DbErr::Custom(error.to_string());
    locked.await.map_err(|error| violation(&error))?.map_err(|error| violation(&error))
}

/// Makes the file, where it is missing, so that nobody else on the machine may read it.
fn create_private(file: &Path) -> Result<()> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let violation = |error: std::io::Error| DbErr::Custom(format!("{}: {error}", file.display()));
    options.open(file).map(drop).map_err(violation)
}

/// Begins on a task of its own. A begin that is given up half-way (its client has gone) would leave its connection
/// in a transaction that nobody knows of; this one goes on to its end, and is then rolled back.
async fn begin_whole(pool: DatabaseConnection, options: TransactionOptions) -> Result<DatabaseTransaction> {
    let begun = tokio::spawn(async move { pool.begin_with_options(options).await });
    begun.await.map_err(|error| DbErr::Custom(error.to_string()))?
}

async fn counted(options: ConnectOptions, statements: &Arc<AtomicU64>) -> Result<DatabaseConnection> {
    let mut connection = sea_orm::Database::connect(options).await?;
    let statements = Arc::clone(statements);
    connection.set_metric_callback(move |_| {
        statements.fetch_add(1, Ordering::Relaxed);
    });
    Ok(connection)
}

/// Whether the database is away (as against: it answered, and what it answered is an error).
pub fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed)
        | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_ref() {
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                    Some(error) => is_shutdown(error.code()),
                    None => error.code().is_some_and(|code| is_sqlite_trouble(&code)),
                },
                _ => false,
            }
        }
        _ => false,
    }
}

/// SQLite's primary codes for a file that is locked (5, 6), cannot be read or written (8, 10, 13, 14), or is no
/// database any more (11, 26). An extended code has its primary one in its lowest byte.
fn is_sqlite_trouble(code: &str) -> bool {
    code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6 | 8 | 10 | 11 | 13 | 14 | 26))
}

/// PostgreSQL's codes for "connection lost" (class 08) and "shutting down or starting up" (57P).
fn is_shutdown(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P")
}
