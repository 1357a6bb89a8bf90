//! A session: one user signed in on one device.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub created_at: DateTimeUtc,
    /// Extended by every refresh.
    pub expires_at: DateTimeUtc,
    /// When the session was ended, by signing out for example. Never reset.
    pub ended_at: Option<DateTimeUtc>,
    /// Hash of the user and the network where the user signed in; null if unknown.
    pub network_hash: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
