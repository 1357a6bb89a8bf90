//! Which personal data of verifications is older than its retention time.

use chrono::{DateTime, Utc};
use entity::{identity_document, review_decision, user, verification};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::domain::id::UserId;
use crate::domain::verification::VerificationStatus;
use crate::store::Result;

/// A category of personal data with its own retention time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionCategory {
    /// Images of documents; the time counts from the decision.
    Documents,
    /// All data of verifications that wait for the user, and are not submitted; the time counts from the last
    /// change.
    Abandoned,
    /// All data of verifications that nobody has reviewed; the time counts from the submission.
    Unreviewed,
    /// The personal information and the decisions; the time counts from the decision.
    Record,
}

/// The users who have data of this category from before `moment`, except those under a legal hold.
pub async fn find_older_than(
    db: &impl ConnectionTrait,
    category: RetentionCategory,
    moment: DateTime<Utc>,
) -> Result<Vec<UserId>> {
    verification::Entity::find()
        .select_only()
        .column(verification::Column::UserId)
        .filter(older_than_condition(category, moment))
        .into_tuple()
        .all(db)
        .await
}

/// Whether [`find_older_than`] finds the user. To be checked in the transaction that deletes the data.
pub async fn is_older_than(
    tx: &impl ConnectionTrait,
    user_id: UserId,
    category: RetentionCategory,
    moment: DateTime<Utc>,
) -> Result<bool> {
    let select = verification::Entity::find_by_id(user_id).filter(older_than_condition(category, moment));
    Ok(select.one(tx).await?.is_some())
}

fn older_than_condition(category: RetentionCategory, moment: DateTime<Utc>) -> Condition {
    use VerificationStatus::{ActionRequired, Cleared, InProgress, InReview, Rejected, Revoked};
    let under_legal_hold = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::LegalHold.eq(true))
        .into_query();
    let in_status = |statuses: &[VerificationStatus]| {
        verification::Column::Status.is_in(statuses.iter().map(|status| <&str>::from(*status)))
    };
    let decided = || {
        Condition::all()
            .add(in_status(&[Cleared, Rejected, Revoked]))
            .add(verification::Column::DecidedAt.lt(moment))
    };
    let condition = match category {
        RetentionCategory::Documents => {
            let with_documents = identity_document::Entity::find()
                .select_only()
                .column(identity_document::Column::UserId)
                .into_query();
            decided().add(verification::Column::UserId.in_subquery(with_documents))
        }
        RetentionCategory::Abandoned => Condition::all()
            .add(in_status(&[InProgress, ActionRequired]))
            .add(verification::Column::ChangedAt.lt(moment))
            .add(verification::Column::DataKeyId.is_not_null()),
        RetentionCategory::Unreviewed => {
            Condition::all().add(in_status(&[InReview])).add(verification::Column::SubmittedAt.lt(moment))
        }
        RetentionCategory::Record => {
            let with_decisions = review_decision::Entity::find()
                .select_only()
                .column(review_decision::Column::SubjectId)
                .into_query();
            decided().add(
                Condition::any()
                    .add(verification::Column::DataKeyId.is_not_null())
                    .add(verification::Column::UserId.in_subquery(with_decisions)),
            )
        }
    };
    Condition::all().add(verification::Column::UserId.not_in_subquery(under_legal_hold)).add(condition)
}

/// Deletes the records of the user's documents.
pub async fn delete_documents(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    identity_document::Entity::delete_many()
        .filter(identity_document::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}
