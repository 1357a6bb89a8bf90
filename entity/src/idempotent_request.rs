//! What became of a mutation that was sent with a key.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_request")]
pub struct Model {
    /// Whose it is; nil where a stranger sent it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub idempotency_key: String,
    /// A keyed hash of what was sent.
    pub fingerprint: Vec<u8>,
    /// Who runs it, or did: changes where another takes over.
    pub attempt: Uuid,
    /// Whoever runs it has stopped by then.
    pub running_until: DateTimeUtc,
    /// Set in the transaction of what it changed.
    pub acted: bool,
    /// Sealed.
    pub answer: Option<Vec<u8>>,
    /// The key of the installation that wraps the answer's.
    pub key_id: Option<String>,
    /// The answer's key, wrapped.
    pub wrapped_key: Option<Vec<u8>>,
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
