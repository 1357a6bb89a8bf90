//! A decision of a reviewer. Decisions never change; erasure removes their texts.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "review_decision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_id: Uuid,
    /// Null for a suspension, which has no queue item.
    pub item_id: Option<Uuid>,
    /// DECISION, or what else is on record: see `gigway::domain::review::RecordKind`.
    pub kind: String,
    pub reviewer_id: Uuid,
    pub decision: String,
    pub reasons: Json,
    /// Visible to reviewers only.
    pub internal_note: Option<String>,
    /// The version of the subject that the decision created.
    pub version: i32,
    pub decided_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
