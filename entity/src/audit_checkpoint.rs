//! A summary of what retention has removed from the beginning of the audit trail. Inserted and never changed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_checkpoint")]
pub struct Model {
    /// The number of the last removed entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// How many entries were removed in all.
    pub count: i64,
    /// The time of the last removed entry.
    pub last_at: DateTimeUtc,
    /// The keyed hash of the last removed entry.
    pub mac: Vec<u8>,
    pub removed_at: DateTimeUtc,
    /// An Ed25519 signature of these columns.
    pub signature: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
