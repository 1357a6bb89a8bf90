//! What is known of a person's identity; one row a person, once they have begun.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub status: String,
    /// Goes up by one at every change.
    pub version: i32,
    pub attempts_used: i32,
    /// The key that `wrapped_key` is wrapped by; null once erased.
    pub key_id: Option<String>,
    /// The key of this person's data, wrapped; null once erased.
    pub wrapped_key: Option<Vec<u8>>,
    /// The form, sealed.
    pub personal_info: Option<Vec<u8>>,
    pub personal_info_at: Option<DateTimeUtc>,
    /// Whether it must be filled in anew.
    pub personal_info_asked: bool,
    /// Of the documents uploaded.
    pub document_type: Option<String>,
    /// A keyed hash of the document's type, country and number, from the submission on.
    pub identity_hash: Option<Vec<u8>>,
    /// The last decision's reasons.
    pub reasons: Json,
    pub submitted_at: Option<DateTimeUtc>,
    pub review_due_at: Option<DateTimeUtc>,
    pub decided_at: Option<DateTimeUtc>,
    pub cleared_at: Option<DateTimeUtc>,
    /// A decision that waits for a second reviewer.
    pub proposed_decision: Option<String>,
    pub proposed_by: Option<Uuid>,
    pub changed_at: DateTimeUtc,
    /// When the person's data were destroyed.
    pub erased_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
