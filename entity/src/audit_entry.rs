//! Who has seen or decided what of whom; added to and never changed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub at: DateTimeUtc,
    /// Null for what happened by itself or by the command line.
    pub actor_id: Option<Uuid>,
    /// The person it is about.
    pub subject_id: Uuid,
    pub action: String,
    /// What exactly, without personal data.
    pub detail: String,
    pub request_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
