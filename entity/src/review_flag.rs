//! What the record says about a review item: one row for each other item that a flag is about.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "review_flag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The item that has the flag.
    pub item_id: Uuid,
    pub code: String,
    /// Whether the only evidence is that pictures look alike.
    pub is_hint: bool,
    /// The item that the flag is about; null if its user was erased.
    pub related_id: Option<Uuid>,
    pub raised_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
