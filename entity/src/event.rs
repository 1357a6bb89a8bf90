//! An event of the event log, without personal data.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// 1, 2, 3 .. without gaps, in the order of commits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub kind: String,
    /// The gig, user, queue item or session that the event is about.
    pub subject_id: Uuid,
    /// The user to whom the subject belongs; null for queue items.
    pub owner_id: Option<Uuid>,
    /// GIG or VERIFICATION for events of the review queue.
    pub review_kind: Option<String>,
    pub version: i32,
    pub previous_status: Option<String>,
    pub status: String,
    pub reason_codes: Json,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
