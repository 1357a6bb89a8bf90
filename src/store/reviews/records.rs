//! The record of reviews: the history of a subject, and proposals that wait for a second reviewer.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{review_decision, review_item};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::id::{DecisionId, ReviewItemId, SubjectId, UserId};
use crate::domain::review_record::{HISTORY_MAX, Proposal, ReviewRecord};
use crate::domain::user::Role;
use crate::store::sql::Sql;
use crate::store::{Result, from_json, parse};

/// The newest rows of the record of each of these subjects, at most [`HISTORY_MAX`], newest first.
pub async fn histories(
    db: &impl ConnectionTrait,
    subjects: &[SubjectId],
) -> Result<HashMap<SubjectId, Vec<ReviewRecord>>> {
    // The row of a decision does not have the kind of its subject.
    let by_uuid: HashMap<_, _> = subjects.iter().map(|subject| (subject.uuid(), *subject)).collect();
    let rows = review_decision::Entity::find()
        .filter(review_decision::Column::SubjectId.is_in(subjects.iter().copied()))
        .order_by_desc(review_decision::Column::DecidedAt)
        .order_by_desc(review_decision::Column::Id)
        .all(db)
        .await?;
    let mut histories: HashMap<SubjectId, Vec<ReviewRecord>> = HashMap::new();
    for row in rows {
        let subject_id = by_uuid[&row.subject_id];
        let history = histories.entry(subject_id).or_default();
        if history.len() < HISTORY_MAX {
            history.push(from_row(row, subject_id)?);
        }
    }
    Ok(histories)
}

/// The rows of the record with these ids, which are about these subjects, in no particular order.
pub async fn find_all(
    db: &impl ConnectionTrait,
    ids: &[(DecisionId, SubjectId)],
) -> Result<Vec<ReviewRecord>> {
    let subjects: HashMap<_, _> = ids.iter().map(|(id, subject)| (id.uuid(), *subject)).collect();
    let rows = review_decision::Entity::find()
        .filter(review_decision::Column::Id.is_in(subjects.keys().copied()))
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let subject = subjects[&row.id];
            from_row(row, subject)
        })
        .collect()
}

/// How many rows of the record are by these reviewers.
pub async fn count_by_reviewers(db: &impl ConnectionTrait, reviewers: &[UserId]) -> Result<u64> {
    let by_them = review_decision::Column::ReviewerId.is_in(reviewers.iter().copied());
    review_decision::Entity::find().filter(by_them).count(db).await
}

fn from_row(row: review_decision::Model, subject_id: SubjectId) -> Result<ReviewRecord> {
    Ok(ReviewRecord {
        id: DecisionId::from_uuid(row.id),
        subject_id,
        kind: parse("kind of record", &row.kind)?,
        decision: row.decision,
        reviewer_id: UserId::from_uuid(row.reviewer_id),
        reasons: from_json("review_decision.reasons", row.reasons)?,
        internal_note: row.internal_note,
        decided_at: row.decided_at,
    })
}

/// The decisions about these users that wait for a second reviewer. A proposal counts only if it is not from before
/// `cutoff`, and if its author is still a reviewer.
pub async fn find_proposals(
    db: &impl ConnectionTrait,
    user_ids: &[UserId],
    cutoff: DateTime<Utc>,
) -> Result<HashMap<UserId, Proposal>> {
    let roles = [Role::Reviewer, Role::Admin].map(<&str>::from);
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT v.user_id, d.id, d.item_id, d.decision, d.reviewer_id, d.decided_at");
    sql.push(" FROM verification v JOIN review_decision d ON d.id = v.proposal_id");
    sql.push(" JOIN \"user\" u ON u.id = d.reviewer_id WHERE v.user_id IN ");
    sql.bind_list(user_ids.iter().copied()).push(" AND d.decided_at > ").bind(cutoff);
    sql.push(" AND u.blocked_at IS NULL AND u.erased_at IS NULL AND u.role IN ").bind_list(roles);
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter()
        .map(|row| {
            let proposal = Proposal {
                id: row.try_get_by_index(1)?,
                item_id: row.try_get_by_index(2)?,
                decision: row.try_get_by_index(3)?,
                reviewer_id: row.try_get_by_index(4)?,
                proposed_at: row.try_get_by_index(5)?,
            };
            Ok((row.try_get_by_index(0)?, proposal))
        })
        .collect()
}

/// The newest item of the subject, decided or not.
pub async fn find_newest_item(
    db: &impl ConnectionTrait,
    subject_id: SubjectId,
) -> Result<Option<ReviewItemId>> {
    review_item::Entity::find()
        .select_only()
        .column(review_item::Column::Id)
        .filter(review_item::Column::SubjectId.eq(subject_id))
        .order_by_desc(review_item::Column::SubmittedAt)
        .into_tuple()
        .one(db)
        .await
}
