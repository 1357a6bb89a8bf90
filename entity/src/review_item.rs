//! An item of the review queue: one round of review of a gig or verification.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "review_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// GIG or VERIFICATION.
    pub kind: String,
    pub subject_id: Uuid,
    pub submitted_at: DateTimeUtc,
    pub due_at: DateTimeUtc,
    pub claimed_by: Option<Uuid>,
    pub claim_expires_at: Option<DateTimeUtc>,
    pub decided_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
