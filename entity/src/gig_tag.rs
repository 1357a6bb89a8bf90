//! The index of `gig.tags`: one row per normalized tag.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "gig_tag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub gig_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag_key: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
