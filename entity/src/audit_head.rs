//! The end of the audit trail. The table has one row once a gateway has started.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// The number of the last entry.
    pub number: i64,
    /// How many entries were ever appended.
    pub count: i64,
    /// The keyed hash of the last entry.
    pub mac: Vec<u8>,
    /// A keyed hash of these columns.
    pub tag: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
