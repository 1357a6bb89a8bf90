//! People.

use chrono::{DateTime, Utc};
use entity::user;
use sea_orm::sea_query::{Expr, LockType, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, TryInsertResult,
};
use uuid::Uuid;

use crate::domain::account::email_key;
use crate::domain::user::{Role, User};
use crate::store::{Result, parse};

/// A person to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub id: Uuid,
    pub email: String,
    pub display_name: String,
    /// argon2id, in PHC string form.
    pub password_hash: String,
    pub role: Role,
    pub points: i64,
    pub created_at: DateTime<Utc>,
}

/// What a sign-in is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub user_id: Uuid,
    pub password_hash: String,
    pub blocked: bool,
}

pub(super) fn from_row(row: &user::Model) -> User {
    User {
        id: row.id,
        display_name: row.display_name.clone(),
        points: row.points,
        verified: row.verified_at.is_some(),
        member_since: row.created_at,
    }
}

pub(super) fn role_of(row: &user::Model) -> Result<Role> {
    parse("role", &row.role)
}

/// Adds the person; `false` where somebody has that e-mail already.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(db: &impl ConnectionTrait, new: &NewUser) -> Result<bool> {
    let role: &str = new.role.into();
    let row = user::ActiveModel {
        id: Set(new.id),
        email: Set(new.email.clone()),
        email_key: Set(email_key(&new.email)),
        display_name: Set(new.display_name.clone()),
        password_hash: Set(new.password_hash.clone()),
        role: Set(role.to_owned()),
        points: Set(new.points),
        verified_at: Set(None),
        created_at: Set(new.created_at),
        legal_hold: Set(false),
        erased_at: Set(None),
        blocked_at: Set(None),
    };
    let taken = OnConflict::column(user::Column::EmailKey).do_nothing().to_owned();
    let inserted =
        user::Entity::insert(row).on_conflict(taken).try_insert().exec_without_returning(db).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// # Errors
/// Where the database does not answer.
pub async fn credentials(db: &impl ConnectionTrait, email: &str) -> Result<Option<Credentials>> {
    let row = user::Entity::find()
        .filter(user::Column::EmailKey.eq(email_key(email)))
        .filter(user::Column::ErasedAt.is_null())
        .one(db)
        .await?;
    Ok(row.map(|row| Credentials {
        user_id: row.id,
        password_hash: row.password_hash,
        blocked: row.blocked_at.is_some(),
    }))
}

/// Those of `ids` that exist, in no order.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<User>> {
    let ids = ids.iter().copied();
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.iter().map(from_row).collect())
}

/// Keeps other transactions that lock the same person waiting until this one ends: for rules that count
/// what a person has. (SQLite has one writer at a time anyway.)
///
/// # Errors
/// Where the database does not answer.
pub async fn lock(tx: &impl ConnectionTrait, id: Uuid) -> Result<()> {
    user::Entity::find_by_id(id)
        .select_only()
        .column(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .one(tx)
        .await?;
    Ok(())
}

/// # Errors
/// Where the database does not answer.
pub async fn set_points(db: &impl ConnectionTrait, id: Uuid, points: i64) -> Result<()> {
    set(db, id, user::Column::Points, Expr::value(points)).await
}

/// # Errors
/// Where the database does not answer.
pub async fn set_display_name(db: &impl ConnectionTrait, id: Uuid, name: &str) -> Result<()> {
    set(db, id, user::Column::DisplayName, Expr::value(name)).await
}

/// # Errors
/// Where the database does not answer.
pub async fn set_role(db: &impl ConnectionTrait, id: Uuid, role: Role) -> Result<()> {
    let role: &str = role.into();
    set(db, id, user::Column::Role, Expr::value(role)).await
}

/// Notes since when the person is blocked, or that they are not.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_blocked(db: &impl ConnectionTrait, id: Uuid, since: Option<DateTime<Utc>>) -> Result<()> {
    set(db, id, user::Column::BlockedAt, Expr::value(since)).await
}

/// Whether the person is under a legal hold.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_held(db: &impl ConnectionTrait, id: Uuid) -> Result<bool> {
    Ok(user::Entity::find_by_id(id).one(db).await?.is_some_and(|row| row.legal_hold))
}

/// Whether the account was erased.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_erased(db: &impl ConnectionTrait, id: Uuid) -> Result<bool> {
    Ok(user::Entity::find_by_id(id).one(db).await?.is_none_or(|row| row.erased_at.is_some()))
}

/// Sets or lifts a legal hold.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_held(db: &impl ConnectionTrait, id: Uuid, held: bool) -> Result<()> {
    set(db, id, user::Column::LegalHold, Expr::value(held)).await
}

/// Makes the profile nobody's: no e-mail, name or password stays, and nobody can sign in to it.
///
/// # Errors
/// Where the database does not answer.
pub async fn anonymise(db: &impl ConnectionTrait, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    let email = format!("{id}@erased.invalid");
    user::Entity::update_many()
        .col_expr(user::Column::Email, Expr::value(email.clone()))
        .col_expr(user::Column::EmailKey, Expr::value(email))
        .col_expr(user::Column::DisplayName, Expr::value("Erased"))
        // Of no password: no hash is like this.
        .col_expr(user::Column::PasswordHash, Expr::value(""))
        .col_expr(user::Column::VerifiedAt, Expr::value(Option::<DateTime<Utc>>::None))
        .col_expr(user::Column::ErasedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Notes that the person's identity is cleared, or that it is not any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_verified(db: &impl ConnectionTrait, id: Uuid, since: Option<DateTime<Utc>>) -> Result<()> {
    set(db, id, user::Column::VerifiedAt, Expr::value(since)).await
}

async fn set(db: &impl ConnectionTrait, id: Uuid, column: user::Column, value: SimpleExpr) -> Result<()> {
    user::Entity::update_many().col_expr(column, value).filter(user::Column::Id.eq(id)).exec(db).await?;
    Ok(())
}

/// How many people there are.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(db: &impl ConnectionTrait) -> Result<u64> {
    use sea_orm::PaginatorTrait;
    user::Entity::find().count(db).await
}
