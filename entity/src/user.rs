//! A person with an account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As the person wrote it.
    pub email: String,
    /// The e-mail in lower case: what must be unique.
    pub email_key: String,
    pub display_name: String,
    /// argon2id, in PHC string form.
    pub password_hash: String,
    pub role: String,
    /// Worker points; the level follows from them.
    pub points: i64,
    /// When the identity was cleared; null while it is not.
    pub verified_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    /// Nothing of this person may be erased while it is set.
    pub legal_hold: bool,
    /// When the account was erased.
    pub erased_at: Option<DateTimeUtc>,
    /// Since when they cannot sign in; null while they can.
    pub blocked_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
