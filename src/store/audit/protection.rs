//! How the database protects the audit trail from the gateway itself.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::store::{Error, Result};

/// Who could change the trail through the connection of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// Triggers refuse changes, but whoever has the connection of the gateway could remove them.
    Triggers,
    /// In PostgreSQL, the tables belong to this other role, and the role of the gateway can only append.
    OtherRole(String),
    /// What should protect the trail does not hold, and why.
    Broken(String),
}

/// The triggers of the tables.
const POSTGRES_TRIGGERS: [&str; 4] =
    ["audit_checkpoint_kept", "audit_entry_kept", "audit_entry_not_truncated", "audit_head_kept"];
const SQLITE_TRIGGERS: [&str; 8] = [
    "audit_checkpoint_not_deleted",
    "audit_checkpoint_not_replaced",
    "audit_checkpoint_not_updated",
    "audit_entry_is_chained",
    "audit_entry_not_deleted",
    "audit_entry_not_replaced",
    "audit_entry_not_updated",
    "audit_head_not_deleted",
];

/// Checks the triggers and, in PostgreSQL, the owner and the privileges.
pub async fn check(db: &impl ConnectionTrait) -> Result<Protection> {
    let backend = db.get_database_backend();
    let (triggers, sql): (&[&str], &str) = match backend {
        DbBackend::Postgres => (
            &POSTGRES_TRIGGERS,
            "SELECT tgname::text FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND tgrelid IN
                ('audit_entry'::regclass, 'audit_head'::regclass, 'audit_checkpoint'::regclass)",
        ),
        _ => (
            &SQLITE_TRIGGERS,
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%'",
        ),
    };
    let rows = db.query_all_raw(Statement::from_string(backend, sql)).await?;
    let present = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>>>()?;
    let missing: Vec<_> =
        triggers.iter().filter(|name| !present.iter().any(|found| found == *name)).copied().collect();
    if !missing.is_empty() {
        return Ok(Protection::Broken(format!("triggers are missing: {}", missing.join(", "))));
    }
    if backend != DbBackend::Postgres {
        return Ok(Protection::Triggers);
    }
    check_role(db).await
}

/// What the role of this connection could do. The owner of the schema can drop the tables in it. Until PostgreSQL 16, a
/// role that may create roles can make itself a member of any other, and a role that may write files or run programs of
/// the server can become a superuser.
const ROLE: &str = "SELECT current_user::text, pg_get_userbyid(entry.relowner)::text,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user),
    pg_has_role(current_user, 'pg_write_server_files', 'MEMBER')
        OR pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER'),
    pg_has_role(current_user, entry.relowner, 'MEMBER'),
    pg_has_role(current_user, checkpoint.relowner, 'MEMBER'),
    pg_has_role(current_user, namespace.nspowner, 'MEMBER'),
    (SELECT COALESCE(bool_or(pg_has_role(current_user, proowner, 'MEMBER')), true) FROM pg_proc
        WHERE oid IN ('audit_entry_is_kept()'::regprocedure, 'audit_trail_is_kept()'::regprocedure)),
    has_table_privilege(entry.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
        OR has_any_column_privilege(entry.oid, 'UPDATE'),
    has_table_privilege(checkpoint.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
        OR has_any_column_privilege(checkpoint.oid, 'INSERT, UPDATE')
FROM pg_class AS entry JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
JOIN pg_class AS checkpoint ON checkpoint.oid = 'audit_checkpoint'::regclass
WHERE entry.oid = 'audit_entry'::regclass";

async fn check_role(db: &impl ConnectionTrait) -> Result<Protection> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, ROLE)).await?;
    let row = row.ok_or_else(|| Error::RecordNotFound("audit_entry".into()))?;
    let [own, owner]: [String; 2] = [row.try_get_by_index(0)?, row.try_get_by_index(1)?];
    if own == owner {
        return Ok(Protection::Triggers);
    }
    let problems = [
        (2, "is a superuser"),
        (3, "may create roles, and so could become a member of its owner"),
        (4, "may write files or run programs of the server"),
        (5, "is a member of the role that owns audit_entry"),
        (6, "owns audit_checkpoint, or is a member of the role that does"),
        (7, "owns the schema, and so could drop the tables"),
        (8, "owns a function of the triggers, and so could replace it"),
        (9, "may change or delete entries"),
        (10, "may change audit_checkpoint"),
    ];
    for (column, problem) in problems {
        if row.try_get_by_index::<bool>(column)? {
            return Ok(Protection::Broken(format!(
                "audit_entry belongs to {owner}, but the role of the gateway, {own}, {problem}"
            )));
        }
    }
    Ok(Protection::OtherRole(owner))
}

/// Whether this connection may remove entries whose retention is over: in PostgreSQL, only the owner of the table.
pub async fn can_remove(db: &impl ConnectionTrait) -> Result<bool> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    let sql = "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class
        WHERE oid = 'audit_entry'::regclass";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}
