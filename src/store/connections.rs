//! Opens pools of connections, whose statements are counted, and the files of SQLite.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::sqlx::Connection as _;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};

use crate::store::Result;
use crate::store::reader::record_statement;

/// A request fails if it waits longer than this for a connection. The database then counts as unavailable.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long SQLite waits for the write lock of another process, such as the command line.
pub(super) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the truncation of a write-ahead log waits for its readers. Writers wait as long.
const TRUNCATION_TIMEOUT: Duration = Duration::from_millis(100);

/// Waits until no other process opens or migrates the database file, and locks it until the returned value is
/// dropped.
pub(super) async fn lock_exclusively(file: &Path) -> Result<File> {
    let file = file.with_extension("lock");
    let locked = tokio::task::spawn_blocking(move || {
        create_private(&file)?;
        let lock = File::options().write(true).open(file)?;
        lock.lock().map(|()| lock)
    });
    let custom = |error: &dyn std::fmt::Display| DbErr::Custom(error.to_string());
    locked.await.map_err(|error| custom(&error))?.map_err(|error| custom(&error))
}

/// Creates the file if it is missing, readable by its owner only.
pub(super) fn create_private(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

tokio::task_local! {
    /// Set in tasks whose statements are not counted.
    static UNCOUNTED: ();
}

/// Runs a background task without counting its statements in `Database::statement_count`. So the number of
/// statements of a request does not depend on what runs beside it.
pub async fn uncounted<T>(task: impl Future<Output = T>) -> T {
    UNCOUNTED.scope((), task).await
}

/// Connects, and counts the statements of the pool in `statement_count`.
pub(super) async fn connect_and_count(
    options: ConnectOptions,
    statement_count: &Arc<AtomicU64>,
) -> Result<DatabaseConnection> {
    let mut connection = sea_orm::Database::connect(options).await?;
    let statement_count = Arc::clone(statement_count);
    connection.set_metric_callback(move |info| {
        if UNCOUNTED.try_with(|()| ()).is_err() {
            statement_count.fetch_add(1, Ordering::Relaxed);
        }
        record_statement(info.elapsed);
    });
    Ok(connection)
}

/// Moves the write-ahead log of SQLite into the database and truncates it. Returns `false` if it is in use.
pub(super) async fn truncate_log(database: &DatabaseConnection) -> Result<bool> {
    let truncated = async {
        // With another timeout, it must not go back to the pool.
        let mut connection = database.get_sqlite_connection_pool().acquire().await?.detach();
        let timeout = format!("PRAGMA busy_timeout = {}", TRUNCATION_TIMEOUT.as_millis());
        sqlx::raw_sql(sqlx::AssertSqlSafe(timeout)).execute(&mut connection).await?;
        let truncate = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
        let (is_busy, _, _): (i64, i64, i64) = truncate.fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(is_busy == 0)
    };
    truncated.await.map_err(|error| DbErr::Custom(error.to_string()))
}
