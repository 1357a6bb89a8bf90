//! A mutation that was sent with an idempotency key, and what it did.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_request")]
pub struct Model {
    /// The user who sent it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub idempotency_key: String,
    /// A keyed hash of the request.
    pub fingerprint: Vec<u8>,
    /// The last attempt to run it.
    pub attempt: Uuid,
    /// From then on the attempt counts as abandoned.
    pub running_until: DateTimeUtc,
    /// Whether the attempt has changed data. Set in the transaction of the change.
    pub acted: bool,
    /// What the mutation did, encrypted.
    pub answer: Option<Vec<u8>>,
    /// The key of the installation that wraps `wrapped_key`.
    pub key_id: Option<String>,
    /// The key that decrypts `answer`, wrapped.
    pub wrapped_key: Option<Vec<u8>>,
    /// The ids of the users whom `answer` names.
    pub subjects: Option<String>,
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
