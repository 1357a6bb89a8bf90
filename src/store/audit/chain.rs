//! The chain of the audit trail: its entries in order, its head, and the summaries of what retention has removed.

use chrono::{DateTime, Utc};
use entity::{audit_checkpoint, audit_entry, audit_head, user};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};

use crate::domain::audit::{AuditCheckpoint, AuditHead, ChainedEntry};
use crate::domain::id::UserId;
use crate::store::audit::from_row;
use crate::store::{ROWS_PER_INSERT, Result};

/// Key of the PostgreSQL advisory lock for the beginning of the chain, so that gateways that start together begin it
/// once.
const BEGINNING_LOCK: i64 = 0x6769_6777_6179_0004;

/// The only row of `audit_head`.
const HEAD_ID: i32 = 1;

/// The stored head, and the keyed hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    pub head: AuditHead,
    pub tag: Vec<u8>,
}

fn head_from_row(row: audit_head::Model) -> StoredHead {
    StoredHead { head: AuditHead { number: row.number, count: row.count, mac: row.mac }, tag: row.tag }
}

/// The head; `None` if no gateway has begun the chain yet.
pub async fn find_head(db: &impl ConnectionTrait) -> Result<Option<StoredHead>> {
    Ok(audit_head::Entity::find_by_id(HEAD_ID).one(db).await?.map(head_from_row))
}

/// Locks the head until the transaction ends, so that entries are appended one after the other. Locks nothing else,
/// and nothing but the lock of the event log may be waited for afterwards. (SQLite has one writer at a time anyway.)
pub async fn lock_head(tx: &impl ConnectionTrait) -> Result<Option<StoredHead>> {
    let select = audit_head::Entity::find_by_id(HEAD_ID).lock(LockType::NoKeyUpdate);
    Ok(select.one(tx).await?.map(head_from_row))
}

/// Lets only one transaction at a time begin the chain.
pub async fn lock_beginning(tx: &impl ConnectionTrait) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({BEGINNING_LOCK})")).await?;
    }
    Ok(())
}

/// Inserts the head. The caller has checked with [`lock_beginning`] that there is none.
pub async fn insert_head(tx: &impl ConnectionTrait, stored: &StoredHead) -> Result<()> {
    let row = audit_head::ActiveModel {
        id: Set(HEAD_ID),
        number: Set(stored.head.number),
        count: Set(stored.head.count),
        mac: Set(stored.head.mac.clone()),
        tag: Set(stored.tag.clone()),
    };
    audit_head::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Replaces the head, which the caller has locked.
pub async fn set_head(tx: &impl ConnectionTrait, stored: &StoredHead) -> Result<()> {
    audit_head::Entity::update_many()
        .col_expr(audit_head::Column::Number, Expr::value(stored.head.number))
        .col_expr(audit_head::Column::Count, Expr::value(stored.head.count))
        .col_expr(audit_head::Column::Mac, Expr::value(stored.head.mac.clone()))
        .col_expr(audit_head::Column::Tag, Expr::value(stored.tag.clone()))
        .filter(audit_head::Column::Id.eq(HEAD_ID))
        .exec(tx)
        .await?;
    Ok(())
}

/// Appends entries. The caller has locked the head.
pub async fn insert(tx: &impl ConnectionTrait, entries: &[ChainedEntry]) -> Result<()> {
    for entries in entries.chunks(ROWS_PER_INSERT) {
        let rows = entries.iter().map(to_row);
        audit_entry::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn to_row(chained: &ChainedEntry) -> audit_entry::ActiveModel {
    let entry = &chained.entry;
    let source: &str = entry.source.into();
    audit_entry::ActiveModel {
        number: Set(chained.number),
        at: Set(entry.at),
        actor_id: Set(entry.actor_id.map(UserId::uuid)),
        subject_id: Set(entry.subject_id.map(UserId::uuid)),
        source: Set(source.to_owned()),
        operator: Set(entry.operator.clone()),
        action: Set(entry.action.clone()),
        detail: Set(entry.detail.clone()),
        request_id: Set(entry.request_id.clone()),
        mac: Set(chained.mac.clone()),
    }
}

/// Sets the hash of an entry that has none. The database refuses every other change of an entry.
pub async fn set_mac(tx: &impl ConnectionTrait, number: i64, mac: &[u8]) -> Result<()> {
    audit_entry::Entity::update_many()
        .col_expr(audit_entry::Column::Mac, Expr::value(mac.to_vec()))
        .filter(audit_entry::Column::Number.eq(number))
        .exec(tx)
        .await?;
    Ok(())
}

/// Up to `limit` entries after the number `after`, in order.
pub async fn page_after(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<ChainedEntry>> {
    let rows = audit_entry::Entity::find()
        .filter(audit_entry::Column::Number.gt(after))
        .order_by_asc(audit_entry::Column::Number)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The number of the last entry that may be removed, at most `max_number`: all entries up to it are from before
/// `moment`, and about nobody who is under a legal hold. `None` if no entry may be removed.
pub async fn last_removable(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
    max_number: i64,
) -> Result<Option<i64>> {
    let under_legal_hold = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::LegalHold.eq(true))
        .into_query();
    let first_to_keep: Option<i64> = audit_entry::Entity::find()
        .select_only()
        .column(audit_entry::Column::Number)
        .filter(
            Condition::any()
                .add(audit_entry::Column::At.gte(moment))
                .add(audit_entry::Column::SubjectId.in_subquery(under_legal_hold)),
        )
        .order_by_asc(audit_entry::Column::Number)
        .into_tuple()
        .one(db)
        .await?;
    let mut select = audit_entry::Entity::find()
        .select_only()
        .column(audit_entry::Column::Number)
        .filter(audit_entry::Column::Number.lte(max_number));
    if let Some(number) = first_to_keep {
        select = select.filter(audit_entry::Column::Number.lt(number));
    }
    select.order_by_desc(audit_entry::Column::Number).into_tuple().one(db).await
}

/// The entry with this number.
pub async fn find(db: &impl ConnectionTrait, number: i64) -> Result<Option<ChainedEntry>> {
    audit_entry::Entity::find_by_id(number).one(db).await?.map(from_row).transpose()
}

/// All summaries of removed entries, oldest first.
pub async fn checkpoints(db: &impl ConnectionTrait) -> Result<Vec<AuditCheckpoint>> {
    let rows =
        audit_checkpoint::Entity::find().order_by_asc(audit_checkpoint::Column::Number).all(db).await?;
    let checkpoint = |row: audit_checkpoint::Model| AuditCheckpoint {
        number: row.number,
        count: row.count,
        last_at: row.last_at,
        mac: row.mac,
        removed_at: row.removed_at,
        signature: row.signature,
    };
    Ok(rows.into_iter().map(checkpoint).collect())
}

/// Inserts the summary, and deletes the entries up to its number. In PostgreSQL, only the owner of the table may do
/// so. No other transaction can write to the table meanwhile, so none can use that it has no trigger.
pub async fn remove(tx: &impl ConnectionTrait, checkpoint: &AuditCheckpoint) -> Result<()> {
    let row = audit_checkpoint::ActiveModel {
        number: Set(checkpoint.number),
        count: Set(checkpoint.count),
        last_at: Set(checkpoint.last_at),
        mac: Set(checkpoint.mac.clone()),
        removed_at: Set(checkpoint.removed_at),
        signature: Set(checkpoint.signature.clone()),
    };
    audit_checkpoint::Entity::insert(row).exec_without_returning(tx).await?;
    let (before, after) = match tx.get_database_backend() {
        DbBackend::Postgres => (
            "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_kept",
            "ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_kept",
        ),
        _ => (
            "DROP TRIGGER IF EXISTS audit_entry_not_deleted",
            "CREATE TRIGGER audit_entry_not_deleted BEFORE DELETE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END",
        ),
    };
    tx.execute_unprepared(before).await?;
    audit_entry::Entity::delete_many()
        .filter(audit_entry::Column::Number.lte(checkpoint.number))
        .exec(tx)
        .await?;
    tx.execute_unprepared(after).await?;
    Ok(())
}
