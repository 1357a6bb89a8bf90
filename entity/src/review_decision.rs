//! Who decided what, when and why; never changed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "review_decision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    /// Null for a suspension, which no queue item asked for.
    pub item_id: Option<Uuid>,
    pub reviewer_id: Uuid,
    pub decision: String,
    pub reasons: Json,
    /// For reviewers only.
    pub internal_note: Option<String>,
    /// The subject's version that the decision made.
    pub version: i32,
    pub decided_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
