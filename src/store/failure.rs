//! Why a statement failed, as far as clients can do something about it.

use sea_orm::sqlx::{self, postgres::PgDatabaseError};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The database does not respond, or has no connection to spare.
    Unavailable,
    /// The database cannot store anything more. It can still be read.
    StorageFull,
    /// The statement took too long and was stopped.
    TimedOut,
    /// Anything else, such as a statement that the database rejects.
    Other,
}

/// Whether the same statement may succeed a little later: the database does not respond, or is full.
pub fn is_unavailable(error: &DbErr) -> bool {
    matches!(failure_kind(error), FailureKind::Unavailable | FailureKind::StorageFull)
}

/// Whether the connection was closed before or while it was used. A pool does not notice that an idle connection
/// was closed.
pub(super) fn is_connection_lost(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    match error.as_ref() {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => {
            let error = error.try_downcast_ref::<PgDatabaseError>();
            error.is_some_and(|error| error.code().starts_with("57P"))
        }
        _ => false,
    }
}

/// Whether the role of the gateway in PostgreSQL lacks the right to do this.
pub(super) fn is_missing_right(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "42501")
}

pub fn failure_kind(error: &DbErr) -> FailureKind {
    let error = match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed)
        | DbErr::Conn(_) => return FailureKind::Unavailable,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            error.as_ref()
        }
        _ => return FailureKind::Other,
    };
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => FailureKind::Unavailable,
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                return postgres_failure(error.code());
            }
            let code = error.code().and_then(|code| code.parse().ok());
            code.map_or(FailureKind::Other, sqlite_failure)
        }
        _ => FailureKind::Other,
    }
}

/// By SQLite's primary code, which is the lowest byte of an extended code. A failed write (10) is a full disk
/// in all but name: a quota, a limit of file sizes, or a broken disk.
fn sqlite_failure(code: u32) -> FailureKind {
    match code & 0xff {
        // Locked, read-only, cannot be opened, corrupt, not a database.
        5 | 6 | 8 | 11 | 14 | 26 => FailureKind::Unavailable,
        9 => FailureKind::TimedOut,
        10 | 13 => FailureKind::StorageFull,
        _ => FailureKind::Other,
    }
}

fn postgres_failure(code: &str) -> FailureKind {
    match code {
        "57014" => FailureKind::TimedOut,
        // The disk is full, or fails.
        "53100" | "58030" => FailureKind::StorageFull,
        // A standby server that was promoted or demoted.
        "25006" => FailureKind::Unavailable,
        // Connection lost; out of memory or connections; shutting down or starting up.
        _ if ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) => FailureKind::Unavailable,
        _ => FailureKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_storage_differ_from_rejected_statements() {
        use FailureKind::{Other, StorageFull, TimedOut, Unavailable};
        // SQLITE_FULL, and the extended codes of a write, a sync and a truncation that failed.
        for code in [13, 10, 778, 1034, 1546] {
            assert_eq!(sqlite_failure(code), StorageFull, "{code}");
        }
        // SQLITE_INTERRUPT, SQLITE_BUSY_SNAPSHOT, SQLITE_CONSTRAINT_UNIQUE.
        assert_eq!([9, 517, 2067].map(sqlite_failure), [TimedOut, Unavailable, Other]);
        for (code, kind) in [
            ("53100", StorageFull),
            ("58030", StorageFull),
            ("57014", TimedOut),
            ("57P01", Unavailable),
            ("53300", Unavailable),
            ("08006", Unavailable),
            ("25006", Unavailable),
            ("23505", Other),
            ("42601", Other),
        ] {
            assert_eq!(postgres_failure(code), kind, "{code}");
        }
    }
}
