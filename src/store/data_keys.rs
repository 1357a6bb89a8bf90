//! The wrapped data keys of users, and which keys of the installation wrap them. `idempotency` has the wrapped keys of
//! stored requests.
//!
//! The rows that a key encrypts name it by its id. With SQLite, a key is in another file than they: it is stored before
//! the transaction that refers to it is committed, and deleted after the transaction that removes the last reference.
//! [`discard`] records what is to be deleted, and [`find_unreferenced`] finds keys whose transaction was rolled back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::discarded_data_key;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryResult, QuerySelect,
};

use crate::domain::id::{DataKeyId, UserId};
use crate::domain::wrapped_key::WrappedKey;
use crate::store::failure::is_missing_right;
use crate::store::key_database::{KEY_SCHEMA, KeyDatabase};
use crate::store::sql::Sql;
use crate::store::{Result, idempotency};

/// A data key of a user, as it is stored.
#[derive(Debug, Clone)]
pub struct StoredDataKey {
    pub id: DataKeyId,
    pub user_id: UserId,
    pub wrapped: WrappedKey,
}

/// What refers to data keys: a column, and which of its rows count. A key that none of them names is deleted: add every
/// new one. What is held under a legal hold is last, because a key that was in use a moment ago may be held now, but
/// not the other way round. Data that a gateway of an earlier version has erased still name their key.
const REFERENCES: [Reference; 5] = [
    Reference { table: "verification", column: "data_key_id", condition: "erased_at IS NULL" },
    Reference { table: "identity_document", column: "data_key_id", condition: "TRUE" },
    Reference { table: "review_key", column: "data_key_id", condition: "TRUE" },
    Reference { table: "review_key", column: "lost_key_id", condition: "TRUE" },
    Reference { table: "held_version", column: "data_key_id", condition: "TRUE" },
];

struct Reference {
    table: &'static str,
    column: &'static str,
    condition: &'static str,
}

impl Reference {
    /// The beginning of a query for the ids of keys that the rows name.
    fn select(&self, backend: DbBackend, is_distinct: bool) -> Sql {
        let Self { table, column, condition } = self;
        let mut sql = Sql::new(backend);
        sql.push(if is_distinct { "SELECT DISTINCT " } else { "SELECT " }).push(column).push(" FROM ");
        sql.push(table).push(" WHERE ").push(condition).push(" AND ").push(column);
        sql
    }
}

/// How many rows are read at once.
const BATCH_SIZE: u64 = 500;

const SQLITE_TABLES: &str = "
CREATE TABLE IF NOT EXISTS data_key (
    id BLOB PRIMARY KEY NOT NULL,
    user_id BLOB NOT NULL,
    key_id TEXT NOT NULL,
    wrapped_key BLOB NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS data_key_wrapping ON data_key (key_id, id);
CREATE TABLE IF NOT EXISTS encryption_key (key_id TEXT PRIMARY KEY NOT NULL, first_used_at TEXT NOT NULL);
";

/// The schema can also be created by an administrator of the database. Then this needs no right to do so.
const POSTGRES_TABLES: &str = "
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'gigway_keys') THEN
        CREATE SCHEMA gigway_keys;
    END IF;
    IF to_regclass('gigway_keys.data_key') IS NULL THEN
        CREATE TABLE gigway_keys.data_key (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL,
            key_id text NOT NULL,
            wrapped_key bytea NOT NULL,
            created_at timestamptz NOT NULL
        );
        CREATE INDEX data_key_wrapping ON gigway_keys.data_key (key_id, id);
        CREATE TABLE gigway_keys.encryption_key (key_id text PRIMARY KEY, first_used_at timestamptz NOT NULL);
    END IF;
END $$;
";

/// Creates the tables of the keys, if they do not exist.
pub(super) async fn create_tables(keys: &KeyDatabase, db: &DatabaseConnection) -> Result<()> {
    debug_assert!(POSTGRES_TABLES.contains(KEY_SCHEMA));
    match keys.file() {
        Some(file) => file.execute_unprepared(SQLITE_TABLES).await?,
        None => db.execute_unprepared(POSTGRES_TABLES).await.map_err(without_schema)?,
    };
    Ok(())
}

/// An error that says what to do, if the gateway lacks the right to create the schema.
fn without_schema(error: DbErr) -> DbErr {
    if !is_missing_right(&error) {
        return error;
    }
    DbErr::Custom(format!(
        "{error}. The gateway needs the right to create the schema {KEY_SCHEMA}, or an administrator of the database \
         creates it: see \"Keys\" in docs/SECURITY.md"
    ))
}

/// Stores a key; does nothing if there is one with this id. With SQLite it is stored whether or not `tx` is committed.
pub async fn insert(
    keys: &KeyDatabase,
    tx: &impl ConnectionTrait,
    key: &StoredDataKey,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut sql = Sql::new(tx.get_database_backend());
    sql.push("INSERT INTO ").push(&keys.table("data_key"));
    sql.push(" (id, user_id, key_id, wrapped_key, created_at) VALUES (").bind(key.id);
    sql.push(", ").bind(key.user_id).push(", ").bind(key.wrapped.key_id.clone());
    sql.push(", ").bind(key.wrapped.bytes.clone()).push(", ").bind(now);
    sql.push(") ON CONFLICT (id) DO NOTHING");
    keys.execute(tx, sql.into_statement()).await?;
    Ok(())
}

/// Those of the keys that exist, in no particular order.
pub async fn find_all(
    keys: &KeyDatabase,
    db: &impl ConnectionTrait,
    ids: &[DataKeyId],
) -> Result<Vec<StoredDataKey>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = select(keys, db);
    sql.push(" WHERE id IN ").bind_list(ids.iter().copied());
    keys.query(db, sql.into_statement()).await?.iter().map(from_row).collect()
}

fn select(keys: &KeyDatabase, db: &impl ConnectionTrait) -> Sql {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT id, user_id, key_id, wrapped_key FROM ").push(&keys.table("data_key"));
    sql
}

fn from_row(row: &QueryResult) -> Result<StoredDataKey> {
    Ok(StoredDataKey {
        id: row.try_get_by_index(0)?,
        user_id: row.try_get_by_index(1)?,
        wrapped: WrappedKey { key_id: row.try_get_by_index(2)?, bytes: row.try_get_by_index(3)? },
    })
}

/// Deletes keys that nothing refers to any more, in the transaction that removes the last reference. With SQLite it
/// only records them: call [`delete_discarded`] after the commit.
pub async fn discard(keys: &KeyDatabase, tx: &impl ConnectionTrait, ids: &[DataKeyId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    if keys.is_transactional() {
        return delete(keys, tx, ids).await;
    }
    let rows = ids.iter().map(|id| discarded_data_key::ActiveModel { id: Set(id.uuid()) });
    discarded_data_key::Entity::insert_many(rows)
        .on_conflict(OnConflict::column(discarded_data_key::Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Deletes the keys that [`discard`] has recorded, and returns how many.
pub async fn delete_discarded(keys: &KeyDatabase, tx: &impl ConnectionTrait) -> Result<usize> {
    if keys.is_transactional() {
        return Ok(0);
    }
    let rows = discarded_data_key::Entity::find().limit(BATCH_SIZE).all(tx).await?;
    let ids: Vec<_> = rows.iter().map(|row| DataKeyId::from_uuid(row.id)).collect();
    if !ids.is_empty() {
        // The keys first: what was recorded is found again.
        delete(keys, tx, &ids).await?;
        discarded_data_key::Entity::delete_many()
            .filter(discarded_data_key::Column::Id.is_in(ids.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(ids.len())
}

/// Whether [`delete_discarded`] has something to do.
pub async fn has_discarded(db: &impl ConnectionTrait) -> Result<bool> {
    Ok(discarded_data_key::Entity::find().limit(1).one(db).await?.is_some())
}

/// Deletes these keys at once.
pub async fn delete(keys: &KeyDatabase, tx: &impl ConnectionTrait, ids: &[DataKeyId]) -> Result<()> {
    let mut sql = Sql::new(tx.get_database_backend());
    sql.push("DELETE FROM ").push(&keys.table("data_key")).push(" WHERE id IN ");
    sql.bind_list(ids.iter().copied());
    keys.execute(tx, sql.into_statement()).await?;
    Ok(())
}

/// A page of up to `limit` keys that were created before `moment`, ordered by id and starting after `after`: the last
/// id of the page, and those that no row refers to. `None` if there are no more keys.
pub async fn find_unreferenced(
    keys: &KeyDatabase,
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
    after: DataKeyId,
    limit: u64,
) -> Result<Option<(DataKeyId, Vec<DataKeyId>)>> {
    let mut sql = select(keys, db);
    sql.push(" WHERE created_at < ").bind(moment).push(" AND id > ").bind(after);
    sql.push(" ORDER BY id LIMIT ").push_number(limit);
    let page = keys.query(db, sql.into_statement()).await?;
    let page = page.iter().map(from_row).collect::<Result<Vec<_>>>()?;
    let Some(last) = page.last() else { return Ok(None) };
    let (last, mut ids): (_, BTreeSet<_>) = (last.id, page.iter().map(|key| key.id).collect());
    for reference in REFERENCES {
        let mut sql = reference.select(db.get_database_backend(), false);
        sql.push(" IN ").bind_list(page.iter().map(|key| key.id));
        for row in db.query_all_raw(sql.into_statement()).await? {
            ids.remove(&row.try_get_by_index::<DataKeyId>(0)?);
        }
    }
    Ok(Some((last, ids.into_iter().collect())))
}

/// How many keys do not exist although rows refer to them. One that rows of two tables refer to counts twice. A key
/// that is known to be lost does not count.
pub async fn count_missing(keys: &KeyDatabase, db: &impl ConnectionTrait) -> Result<usize> {
    let mut missing = 0;
    for reference in REFERENCES.iter().filter(|reference| reference.column != "lost_key_id") {
        let mut last = DataKeyId::nil();
        loop {
            let mut sql = reference.select(db.get_database_backend(), true);
            sql.push(" > ").bind(last).push(" ORDER BY ").push(reference.column);
            sql.push(" LIMIT ").push_number(BATCH_SIZE);
            let rows = db.query_all_raw(sql.into_statement()).await?;
            let ids = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<DataKeyId>>>()?;
            let Some(id) = ids.last() else { break };
            last = *id;
            missing += ids.len() - find_all(keys, db, &ids).await?.len();
        }
    }
    Ok(missing)
}

/// The encryption keys besides `newest` that wrap data keys of users.
async fn old_key_ids(keys: &KeyDatabase, db: &impl ConnectionTrait, newest: &str) -> Result<Vec<String>> {
    let mut ids = key_ids_of_users(keys, db).await?;
    ids.retain(|id| id != newest);
    Ok(ids)
}

/// Up to `limit` keys that are wrapped by another key than `newest`, ordered by id and starting after `after`.
pub async fn find_wrapped_by_old_keys(
    keys: &KeyDatabase,
    db: &impl ConnectionTrait,
    newest: &str,
    after: DataKeyId,
    limit: u64,
) -> Result<Vec<StoredDataKey>> {
    let old = old_key_ids(keys, db, newest).await?;
    if old.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = select(keys, db);
    sql.push(" WHERE key_id IN ").bind_list(old).push(" AND id > ").bind(after);
    sql.push(" ORDER BY id LIMIT ").push_number(limit);
    keys.query(db, sql.into_statement()).await?.iter().map(from_row).collect()
}

/// The number of data keys that are wrapped by another key than `newest`.
pub async fn count_wrapped_by_old_keys(
    keys: &KeyDatabase,
    db: &impl ConnectionTrait,
    newest: &str,
) -> Result<u64> {
    let old = old_key_ids(keys, db, newest).await?;
    if old.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT COUNT(*) FROM ").push(&keys.table("data_key")).push(" WHERE key_id IN ").bind_list(old);
    let rows = keys.query(db, sql.into_statement()).await?;
    let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Finds one key after the other in the index. `DISTINCT` would read the entry of every data key, to find a few.
pub fn key_ids_sql(backend: DbBackend) -> String {
    let keys = if backend == DbBackend::Postgres { "gigway_keys.data_key" } else { "data_key" };
    format!(
        "WITH RECURSIVE used (key_id) AS (
SELECT (SELECT key_id FROM {keys} ORDER BY key_id LIMIT 1)
UNION ALL
SELECT (SELECT key_id FROM {keys} WHERE key_id > used.key_id ORDER BY key_id LIMIT 1)
FROM used WHERE used.key_id IS NOT NULL
) SELECT key_id FROM used WHERE key_id IS NOT NULL"
    )
}

async fn key_ids_of_users(keys: &KeyDatabase, db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let backend = db.get_database_backend();
    let mut sql = Sql::new(backend);
    sql.push(&key_ids_sql(backend));
    let rows = keys.query(db, sql.into_statement()).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// The ids of all keys that wrap anything: the data key of a user, or the key of a stored idempotent request.
pub async fn key_ids(keys: &KeyDatabase, db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let mut ids: BTreeSet<_> = idempotency::key_ids(db).await?.into_iter().collect();
    ids.extend(key_ids_of_users(keys, db).await?);
    Ok(ids.into_iter().collect())
}

/// Replaces the wrapped key by `new`, if it is still the same.
pub async fn replace_key(
    keys: &KeyDatabase,
    tx: &impl ConnectionTrait,
    old: &StoredDataKey,
    new: &WrappedKey,
) -> Result<()> {
    let mut sql = Sql::new(tx.get_database_backend());
    sql.push("UPDATE ").push(&keys.table("data_key")).push(" SET key_id = ").bind(new.key_id.clone());
    sql.push(", wrapped_key = ").bind(new.bytes.clone()).push(" WHERE id = ").bind(old.id);
    sql.push(" AND wrapped_key = ").bind(old.wrapped.bytes.clone());
    keys.execute(tx, sql.into_statement()).await?;
    Ok(())
}

/// Records since when the installation uses an encryption key, and returns it.
pub async fn note_encryption_key(
    keys: &KeyDatabase,
    tx: &impl ConnectionTrait,
    key_id: &str,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    let mut sql = Sql::new(tx.get_database_backend());
    sql.push("INSERT INTO ").push(&keys.table("encryption_key")).push(" (key_id, first_used_at) VALUES (");
    sql.bind(key_id).push(", ").bind(now).push(") ON CONFLICT (key_id) DO NOTHING");
    keys.execute(tx, sql.into_statement()).await?;
    Ok(encryption_key_since(keys, tx, key_id).await?.unwrap_or(now))
}

/// Since when the installation uses an encryption key; `None` if no gateway has started with it.
pub async fn encryption_key_since(
    keys: &KeyDatabase,
    db: &impl ConnectionTrait,
    key_id: &str,
) -> Result<Option<DateTime<Utc>>> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT first_used_at FROM ").push(&keys.table("encryption_key"));
    sql.push(" WHERE key_id = ").bind(key_id);
    let rows = keys.query(db, sql.into_statement()).await?;
    rows.first().map(|row| row.try_get_by_index(0)).transpose()
}
