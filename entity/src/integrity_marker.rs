//! Since which release the rows of this database have tags (one row).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "integrity_marker")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// The release that has begun to write tags; empty if every row has had one from the start.
    pub tagged_since_release: String,
    /// From when on every row must have a tag; `NULL` while rows of earlier releases get theirs.
    pub complete_at: Option<DateTimeUtc>,
    pub tag: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
