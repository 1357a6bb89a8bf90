//! What reviewers wrote: the reasons and the note of each decision, and the reasons that a gig and a verification
//! show. `service::review_texts` seals and opens them; here they are as they are stored.

use entity::{gig, review_decision, verification};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};
use uuid::Uuid;

use crate::domain::id::{DecisionId, GigId, SubjectId, UserId};
use crate::domain::reason::ReviewReason;
use crate::store::{Result, from_json, to_json};

/// The texts of one decision.
#[derive(Debug, Clone)]
pub struct DecisionTexts {
    pub id: DecisionId,
    pub subject_id: SubjectId,
    pub reasons: Vec<ReviewReason>,
    pub internal_note: Option<String>,
}

/// The texts of all decisions about these subjects.
pub async fn find_of_subjects(
    db: &impl ConnectionTrait,
    subjects: &[SubjectId],
) -> Result<Vec<DecisionTexts>> {
    let rows = review_decision::Entity::find()
        .filter(review_decision::Column::SubjectId.is_in(subjects.iter().copied()))
        .all(db)
        .await?;
    let mut texts = Vec::with_capacity(rows.len());
    for row in rows {
        // The row does not have the kind of its subject.
        let Some(subject_id) = subjects.iter().find(|id| id.uuid() == row.subject_id) else { continue };
        texts.push(DecisionTexts {
            id: DecisionId::from_uuid(row.id),
            subject_id: *subject_id,
            reasons: from_json("review_decision.reasons", row.reasons)?,
            internal_note: row.internal_note,
        });
    }
    Ok(texts)
}

/// Replaces the texts of a decision.
pub async fn replace(tx: &impl ConnectionTrait, texts: &DecisionTexts) -> Result<()> {
    review_decision::Entity::update_many()
        .col_expr(review_decision::Column::InternalNote, Expr::value(texts.internal_note.clone()))
        .col_expr(review_decision::Column::Reasons, Expr::value(to_json(&texts.reasons)?))
        .filter(review_decision::Column::Id.eq(texts.id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The reasons that the subject shows; `None` if the subject does not exist.
pub async fn find_shown(db: &impl ConnectionTrait, subject: SubjectId) -> Result<Option<Vec<ReviewReason>>> {
    let json = match subject {
        SubjectId::Gig(id) => gig::Entity::find_by_id(id).one(db).await?.map(|row| row.review_reasons),
        SubjectId::Verification(id) => {
            verification::Entity::find_by_id(id).one(db).await?.map(|row| row.reasons)
        }
    };
    json.map(|json| from_json("reasons", json)).transpose()
}

/// Replaces the reasons that the subject shows. For others, nothing changes, so the version stays.
pub async fn replace_shown(
    tx: &impl ConnectionTrait,
    subject: SubjectId,
    reasons: &[ReviewReason],
) -> Result<()> {
    let json = Expr::value(to_json(&reasons)?);
    match subject {
        SubjectId::Gig(id) => {
            let update = gig::Entity::update_many().col_expr(gig::Column::ReviewReasons, json);
            update.filter(gig::Column::Id.eq(id)).exec(tx).await?;
        }
        SubjectId::Verification(id) => {
            let update = verification::Entity::update_many().col_expr(verification::Column::Reasons, json);
            update.filter(verification::Column::UserId.eq(id)).exec(tx).await?;
        }
    }
    Ok(())
}

/// Up to `limit` subjects, and their users, whose texts an earlier version has stored in clear. Those of erased users
/// have no texts any more.
pub async fn find_in_clear(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<(SubjectId, UserId)>> {
    let backend = db.get_database_backend();
    let mut found = Vec::new();
    for sql in [DECISIONS_IN_CLEAR, GIGS_IN_CLEAR, VERIFICATIONS_IN_CLEAR] {
        let sql = format!("{sql} LIMIT {limit}");
        for row in db.query_all_raw(Statement::from_string(backend, sql)).await? {
            let (gig_id, user_id): (Option<Uuid>, Uuid) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let user_id = UserId::from_uuid(user_id);
            let subject =
                gig_id.map(GigId::from_uuid).map_or(SubjectId::Verification(user_id), SubjectId::Gig);
            found.push((subject, user_id));
        }
    }
    Ok(found)
}

/// A quotation mark within a JSON string has a backslash in front of it. So no text looks like the key `sealed`.
const DECISIONS_IN_CLEAR: &str = r#"SELECT DISTINCT gig.id, owner.id FROM review_decision AS decision
LEFT JOIN gig ON gig.id = decision.subject_id
JOIN "user" AS owner ON owner.id = COALESCE(gig.seller_id, decision.subject_id) AND owner.erased_at IS NULL
WHERE (decision.internal_note IS NOT NULL AND decision.internal_note NOT LIKE 'sealed:%')
OR (CAST(decision.reasons AS text) <> '[]' AND CAST(decision.reasons AS text) NOT LIKE '%"sealed":%')"#;

const GIGS_IN_CLEAR: &str = r#"SELECT gig.id, owner.id FROM gig
JOIN "user" AS owner ON owner.id = gig.seller_id AND owner.erased_at IS NULL
WHERE CAST(gig.review_reasons AS text) <> '[]' AND CAST(gig.review_reasons AS text) NOT LIKE '%"sealed":%'"#;

const VERIFICATIONS_IN_CLEAR: &str = r#"SELECT gig.id, owner.id FROM verification
LEFT JOIN gig ON 1 = 0
JOIN "user" AS owner ON owner.id = verification.user_id AND owner.erased_at IS NULL
WHERE CAST(verification.reasons AS text) <> '[]' AND CAST(verification.reasons AS text) NOT LIKE '%"sealed":%'"#;
