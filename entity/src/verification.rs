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
    /// The key of the installation that wraps `wrapped_key`. Always null: data keys have their own table.
    pub key_id: Option<String>,
    /// A data key that an earlier version has stored here. Always null.
    pub wrapped_key: Option<Vec<u8>>,
    /// The data key that encrypts the form; null after erasure.
    pub data_key_id: Option<Uuid>,
    /// The form, encrypted.
    pub personal_info: Option<Vec<u8>>,
    /// The version of the verification that the form is encrypted for; null if an earlier release has encrypted it.
    pub personal_info_version: Option<i32>,
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
    /// The keyed tag of the state.
    pub state_tag: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
