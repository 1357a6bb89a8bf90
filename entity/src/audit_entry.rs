//! An entry of the audit trail: who saw, decided or changed what, and about whom. Appended and never changed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub at: DateTimeUtc,
    /// Null for background jobs and the command line.
    pub actor_id: Option<Uuid>,
    /// The user whom the entry is about; null if it is about the installation.
    pub subject_id: Option<Uuid>,
    /// From where the act came: API, COMMAND_LINE or SYSTEM.
    pub source: String,
    /// The user of the operating system; null unless the source is the command line.
    pub operator: Option<String>,
    pub action: String,
    /// Details, without personal data.
    pub detail: String,
    pub request_id: String,
    /// A keyed hash of this entry and the one before. Null only before the first start with a chain.
    pub mac: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
