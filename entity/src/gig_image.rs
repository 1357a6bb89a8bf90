//! A picture of a gig, or one just uploaded and not yet part of any.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "gig_image")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: Uuid,
    pub gig_id: Option<Uuid>,
    /// Its place among the gig's pictures, from 0.
    pub ordinal: i32,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    pub byte_size: i32,
    pub created_at: DateTimeUtc,
    /// Null while a gig has it; the collector takes it a day after.
    pub unattached_since: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
