//! An entry of the audit trail: who saw or decided what about whom. Appended and never changed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub at: DateTimeUtc,
    /// Null for background jobs and the command line.
    pub actor_id: Option<Uuid>,
    /// The user whom the entry is about.
    pub subject_id: Uuid,
    pub action: String,
    /// Details, without personal data.
    pub detail: String,
    pub request_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
