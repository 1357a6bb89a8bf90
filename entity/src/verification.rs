//! The identity verification of a user. A user has a row once they have started.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub status: String,
    /// Incremented by every change.
    pub version: i32,
    pub attempts_used: i32,
    /// The key of the installation that wraps `wrapped_key`; null after erasure.
    pub key_id: Option<String>,
    /// The data key of the user, wrapped; null after erasure.
    pub wrapped_key: Option<Vec<u8>>,
    /// The form, encrypted.
    pub personal_info: Option<Vec<u8>>,
    pub personal_info_at: Option<DateTimeUtc>,
    /// Whether a reviewer asked to fill in the form again.
    pub personal_info_asked: bool,
    /// The type of the uploaded documents.
    pub document_type: Option<String>,
    /// A keyed hash of the document's type, country and number. Set by the submission.
    pub identity_hash: Option<Vec<u8>>,
    /// The reasons of the last decision.
    pub reasons: Json,
    pub submitted_at: Option<DateTimeUtc>,
    pub review_due_at: Option<DateTimeUtc>,
    pub decided_at: Option<DateTimeUtc>,
    pub cleared_at: Option<DateTimeUtc>,
    /// The row of `review_decision` that waits for a second reviewer.
    pub proposal_id: Option<Uuid>,
    pub changed_at: DateTimeUtc,
    /// When the personal data was erased.
    pub erased_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
