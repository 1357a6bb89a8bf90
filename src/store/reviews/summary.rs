//! Counts of the review queue, and how long decisions took.
//!
//! The counts read only undecided items. How long decisions took is read from an index, and at most
//! [`RECENT_DECISIONS_MAX`] entries of each kind. So neither takes longer the more was ever reviewed. The median
//! is computed by `domain::review`, so that it is the same with both databases.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::domain::review_kind::ReviewKind;
use crate::domain::review_summary::{DecisionTime, QueueCounts, RECENT_DECISIONS_MAX};
use crate::store::sql::Sql;
use crate::store::{Result, parse};

/// The statement of [`counts`].
pub fn counts_statement(backend: DbBackend, now: DateTime<Utc>) -> Statement {
    let mut sql = Sql::new(backend);
    // The same rules as `ReviewItem::state` and `ReviewItem::is_overdue`.
    sql.push("SELECT kind, COUNT(*), SUM(CASE WHEN claim_expires_at > ").bind(now);
    sql.push(" THEN 1 ELSE 0 END), SUM(CASE WHEN due_at < ").bind(now);
    sql.push(" THEN 1 ELSE 0 END), MIN(due_at) FROM review_item WHERE decided_at IS NULL GROUP BY kind");
    sql.into_statement()
}

/// The counts of each kind that has undecided items.
pub async fn counts(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<HashMap<ReviewKind, QueueCounts>> {
    let rows = db.query_all_raw(counts_statement(db.get_database_backend(), now)).await?;
    let counts = rows.iter().map(|row| {
        let kind: String = row.try_get_by_index(0)?;
        let (undecided, claimed): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let counts = QueueCounts {
            open: undecided - claimed,
            claimed,
            overdue: row.try_get_by_index(3)?,
            oldest_due_at: row.try_get_by_index(4)?,
        };
        Ok((parse("review kind", &kind)?, counts))
    });
    counts.collect()
}

/// The statement of [`recent_decisions`].
pub fn recent_decisions_statement(backend: DbBackend, since: DateTime<Utc>) -> Statement {
    let mut sql = Sql::new(backend);
    for (number, kind) in [ReviewKind::Gig, ReviewKind::Verification].into_iter().enumerate() {
        sql.push(if number == 0 { "" } else { " UNION ALL " });
        sql.push("SELECT kind, submitted_at, decided_at FROM (SELECT kind, submitted_at, decided_at FROM review_item");
        // Constants, so that PostgreSQL knows which index applies.
        sql.push(" WHERE decided_at IS NOT NULL AND kind = '").push(kind.into());
        sql.push("' AND decided_at >= ").bind(since).push(" ORDER BY decided_at DESC LIMIT ");
        sql.push_number(RECENT_DECISIONS_MAX as u64).push(") AS newest");
    }
    sql.into_statement()
}

/// The newest decisions since `since`, of each kind at most [`RECENT_DECISIONS_MAX`], in no particular order.
pub async fn recent_decisions(
    db: &impl ConnectionTrait,
    since: DateTime<Utc>,
) -> Result<Vec<(ReviewKind, DecisionTime)>> {
    let rows = db.query_all_raw(recent_decisions_statement(db.get_database_backend(), since)).await?;
    let decisions = rows.iter().map(|row| {
        let kind: String = row.try_get_by_index(0)?;
        let (submitted_at, decided_at) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        Ok((parse("review kind", &kind)?, DecisionTime { submitted_at, decided_at }))
    });
    decisions.collect()
}
