//! The log: what happened, densely numbered in commit order. No personal data.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// 1, 2, 3 .. without a hole.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub kind: String,
    /// The gig, queue item or session it is about.
    pub subject_id: Uuid,
    /// The person it belongs to.
    pub owner_id: Option<Uuid>,
    /// For queue events: GIG or VERIFICATION.
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
