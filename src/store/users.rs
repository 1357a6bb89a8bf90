//! User accounts.

use chrono::{DateTime, Utc};
use entity::user;
use sea_orm::sea_query::{Expr, LockType, OnConflict, SelectStatement, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, TryInsertResult,
};

use crate::domain::account::{email_key, email_keys, normalize_email};
use crate::domain::authority::{Authority, Tags};
use crate::domain::id::UserId;
use crate::domain::permission::Standing;
use crate::domain::user::{Role, User};
use crate::domain::user_account::UserAccount;
use crate::store::{Result, authority, parse};

/// How many ids a query can have.
pub const IDS_PER_QUERY: usize = 1000;

/// A user to insert.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub id: UserId,
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
    pub user_id: UserId,
    pub password_hash: String,
    pub is_blocked: bool,
}

pub(super) fn from_row(row: &user::Model) -> User {
    User {
        id: UserId::from_uuid(row.id),
        display_name: row.display_name.clone(),
        points: row.points,
        verified: row.verified_at.is_some(),
        member_since: row.created_at,
    }
}

/// Inserts the user. Returns `false` if another account has the e-mail address.
pub async fn insert(db: &impl ConnectionTrait, tags: &impl Tags, new: &NewUser) -> Result<bool> {
    let authority = Authority { user_id: new.id, role: new.role, verified_at: None };
    let role: &str = new.role.into();
    let row = user::ActiveModel {
        id: Set(new.id.uuid()),
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
        authority_tag: Set(Some(tags.tag(&authority.tagged_text()))),
    };
    let taken = OnConflict::column(user::Column::EmailKey).do_nothing().to_owned();
    let inserted =
        user::Entity::insert(row).on_conflict(taken).try_insert().exec_without_returning(db).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// Finds the account with this e-mail. Of two whose e-mails differ only in form, which an earlier version allowed, it
/// is the one whose e-mail was typed in the same form.
pub async fn find_credentials(db: &impl ConnectionTrait, email: &str) -> Result<Option<Credentials>> {
    let keys = email_keys(email);
    if keys.is_empty() {
        return Ok(None);
    }
    let rows = user::Entity::find()
        .filter(user::Column::EmailKey.is_in(keys.iter().map(String::as_str)))
        .filter(user::Column::ErasedAt.is_null())
        .all(db)
        .await?;
    let rank = |row: &user::Model| keys.iter().position(|key| *key == row.email_key);
    Ok(rows.into_iter().min_by_key(rank).map(|row| Credentials {
        user_id: UserId::from_uuid(row.id),
        password_hash: row.password_hash,
        is_blocked: row.blocked_at.is_some(),
    }))
}

/// Whether an account has the e-mail in another form than its key, as an earlier version stored it.
pub async fn is_stored_in_other_form(db: &impl ConnectionTrait, email: &str) -> Result<bool> {
    Ok(email_keys(email).len() > 1 && find_credentials(db, email).await?.is_some())
}

/// Replaces the password hash that was read with `credentials`, unless it has changed since.
pub async fn replace_password_hash(
    db: &impl ConnectionTrait,
    credentials: &Credentials,
    new_hash: &str,
) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::PasswordHash, Expr::value(new_hash))
        .filter(user::Column::Id.eq(credentials.user_id))
        .filter(user::Column::PasswordHash.eq(&credentials.password_hash))
        .exec(db)
        .await?;
    Ok(())
}

/// An e-mail as an earlier version stored it.
#[derive(Debug, Clone)]
pub struct OldEmail {
    pub user_id: UserId,
    email: String,
    key: String,
}

/// The e-mails whose keys are not in the form that [`email_key`] has today, those of the oldest accounts first.
pub async fn find_old_emails(db: &impl ConnectionTrait) -> Result<Vec<OldEmail>> {
    use user::Column::{CreatedAt, Email, EmailKey, Id};
    // The condition of an index: only other characters have other forms.
    let is_not_ascii = match db.get_database_backend() {
        DbBackend::Postgres => "octet_length(email_key) <> char_length(email_key)",
        _ => "length(CAST(email_key AS BLOB)) <> length(email_key)",
    };
    let rows: Vec<(UserId, String, String)> = user::Entity::find()
        .select_only()
        .columns([Id, Email, EmailKey])
        .filter(Expr::cust(is_not_ascii))
        .order_by_asc(CreatedAt)
        .order_by_asc(Id)
        .into_tuple()
        .all(db)
        .await?;
    let old = rows.into_iter().filter(|(_, _, key)| email_key(key) != *key);
    Ok(old.map(|(user_id, email, key)| OldEmail { user_id, email, key }).collect())
}

/// Stores the e-mail in its form of today. Returns `false` if another account has it, or it has changed since.
pub async fn normalize_old_email(tx: &impl ConnectionTrait, old: &OldEmail) -> Result<bool> {
    let key = email_key(&old.key);
    if user::Entity::find().filter(user::Column::EmailKey.eq(&key)).one(tx).await?.is_some() {
        return Ok(false);
    }
    let updated = user::Entity::update_many()
        .col_expr(user::Column::Email, Expr::value(normalize_email(&old.email)))
        .col_expr(user::Column::EmailKey, Expr::value(key))
        .filter(user::Column::Id.eq(old.user_id))
        .filter(user::Column::EmailKey.eq(&old.key))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Those of the users that exist, in no particular order.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<User>> {
    let ids = ids.iter().copied();
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.iter().map(from_row).collect())
}

/// Locks the user for an act of theirs or about them until the transaction ends, and returns whether they were
/// erased. Such acts wait for each other. A user who does not exist was not erased. (SQLite has one writer at
/// a time anyway.)
pub async fn lock(tx: &impl ConnectionTrait, id: UserId) -> Result<bool> {
    Ok(!lock_all(tx, &[id]).await?.is_empty())
}

/// Locks the users like [`lock`], and returns those that were erased. The order of ids keeps two transactions
/// from waiting for each other.
pub async fn lock_all(tx: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<UserId>> {
    let locked = lock_rows(tx, ids, LockType::NoKeyUpdate).await?;
    Ok(locked.into_iter().filter(LockedRow::is_erased).map(|row| row.authority.user_id).collect())
}

/// Locks the user like [`lock`], and returns what they may do now. `None` if the user does not exist.
pub async fn lock_actor(
    tx: &impl ConnectionTrait,
    tags: &impl Tags,
    id: UserId,
) -> Result<Option<LockedAccount>> {
    Ok(lock_rows(tx, &[id], LockType::NoKeyUpdate).await?.pop().map(|row| row.into_account(tags)))
}

/// Prevents until the transaction ends that the user is erased or blocked or gets another role, and returns what
/// they may do now. It waits only for [`lock_exclusively`]. `None` if the user does not exist.
pub async fn lock_actor_shared(
    tx: &impl ConnectionTrait,
    tags: &impl Tags,
    id: UserId,
) -> Result<Option<LockedAccount>> {
    Ok(lock_rows(tx, &[id], LockType::KeyShare).await?.pop().map(|row| row.into_account(tags)))
}

/// Locks the user, waits for every transaction that has locked them in any way, and returns whether they were
/// erased.
pub async fn lock_exclusively(tx: &impl ConnectionTrait, id: UserId) -> Result<bool> {
    Ok(lock_rows(tx, &[id], LockType::Update).await?.iter().any(LockedRow::is_erased))
}

/// What a user may do, who is locked until the transaction ends.
#[derive(Debug, Clone, Copy)]
pub struct LockedAccount {
    pub id: UserId,
    pub role: Role,
    pub is_blocked: bool,
    pub is_erased: bool,
}

/// A row of a user that was locked.
struct LockedRow {
    authority: Authority,
    tag: Option<Vec<u8>>,
    blocked_at: Option<DateTime<Utc>>,
    erased_at: Option<DateTime<Utc>>,
}

impl LockedRow {
    fn is_erased(&self) -> bool {
        self.erased_at.is_some()
    }

    fn into_account(self, tags: &impl Tags) -> LockedAccount {
        let (is_blocked, is_erased) = (self.blocked_at.is_some(), self.is_erased());
        let authority = if is_erased {
            Authority::least(self.authority.user_id)
        } else {
            self.authority.checked(tags, self.tag.as_deref())
        };
        LockedAccount { id: authority.user_id, role: authority.role, is_blocked, is_erased }
    }
}

type Columns =
    (UserId, String, Option<DateTime<Utc>>, Option<Vec<u8>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

async fn lock_rows(tx: &impl ConnectionTrait, ids: &[UserId], kind: LockType) -> Result<Vec<LockedRow>> {
    use user::Column::{AuthorityTag, BlockedAt, ErasedAt, Id, Role, VerifiedAt};
    let rows: Vec<Columns> = user::Entity::find()
        .select_only()
        .columns([Id, Role, VerifiedAt, AuthorityTag, BlockedAt, ErasedAt])
        .filter(Id.is_in(ids.iter().copied()))
        .order_by_asc(Id)
        .lock(kind)
        .into_tuple()
        .all(tx)
        .await?;
    let row = |(user_id, role, verified_at, tag, blocked_at, erased_at): Columns| {
        let authority = Authority { user_id, role: parse("role", &role)?, verified_at };
        Ok(LockedRow { authority, tag, blocked_at, erased_at })
    };
    rows.into_iter().map(row).collect()
}

/// Those of the users that exist and were not erased.
pub async fn find_not_erased(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<UserId>> {
    user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Id.is_in(ids.iter().copied()))
        .filter(user::Column::ErasedAt.is_null())
        .into_tuple()
        .all(db)
        .await
}

/// A subquery of the ids of these users.
pub(super) fn ids_where(condition: SimpleExpr) -> SelectStatement {
    user::Entity::find().select_only().column(user::Column::Id).filter(condition).into_query()
}

/// All users that were erased, and when.
pub async fn find_erased(db: &impl ConnectionTrait) -> Result<Vec<(UserId, DateTime<Utc>)>> {
    user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::ErasedAt])
        .filter(user::Column::ErasedAt.is_not_null())
        .into_tuple()
        .all(db)
        .await
}

/// Those of the users that exist, with what may keep them from working.
pub async fn find_standings(
    db: &impl ConnectionTrait,
    tags: &impl Tags,
    ids: &[UserId],
) -> Result<Vec<Standing>> {
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    let standing = |row: &user::Model| {
        let (is_blocked, is_erased) = (row.blocked_at.is_some(), row.erased_at.is_some());
        Ok(Standing { user: authority::checked_user(tags, row)?, is_blocked, is_erased })
    };
    rows.iter().map(standing).collect()
}

/// The account of a user, also of one who was erased, without its sessions and request to be erased.
pub async fn find_account(
    db: &impl ConnectionTrait,
    tags: &impl Tags,
    id: UserId,
) -> Result<Option<UserAccount>> {
    let Some(row) = user::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let role = authority::checked(tags, &row)?.role;
    let user = authority::checked_user(tags, &row)?;
    let email = row.erased_at.is_none().then_some(row.email);
    Ok(Some(UserAccount {
        user,
        email,
        role,
        blocked_at: row.blocked_at,
        is_held: row.legal_hold,
        erased_at: row.erased_at,
        session_count: 0,
        erasure_request: None,
    }))
}

pub async fn set_points(db: &impl ConnectionTrait, id: UserId, points: i64) -> Result<()> {
    set(db, id, user::Column::Points, Expr::value(points)).await
}

pub async fn set_display_name(db: &impl ConnectionTrait, id: UserId, name: &str) -> Result<()> {
    set(db, id, user::Column::DisplayName, Expr::value(name)).await
}

/// Blocks the user from `since` on; `None` unblocks the user.
pub async fn set_blocked(db: &impl ConnectionTrait, id: UserId, since: Option<DateTime<Utc>>) -> Result<()> {
    set(db, id, user::Column::BlockedAt, Expr::value(since)).await
}

/// Whether the user is blocked.
pub async fn is_blocked(db: &impl ConnectionTrait, id: UserId) -> Result<bool> {
    Ok(user::Entity::find_by_id(id).one(db).await?.is_some_and(|row| row.blocked_at.is_some()))
}

/// Whether the user is under a legal hold, which prevents erasure.
pub async fn has_legal_hold(db: &impl ConnectionTrait, id: UserId) -> Result<bool> {
    Ok(user::Entity::find_by_id(id).one(db).await?.is_some_and(|row| row.legal_hold))
}

/// Sets or lifts a legal hold.
pub async fn set_legal_hold(db: &impl ConnectionTrait, id: UserId, held: bool) -> Result<()> {
    set(db, id, user::Column::LegalHold, Expr::value(held)).await
}

/// Removes the e-mail address, name, password and points from the account. Nobody can sign in to it any more.
pub async fn anonymise(db: &impl ConnectionTrait, id: UserId, now: DateTime<Utc>) -> Result<()> {
    let email = format!("{id}@erased.invalid");
    user::Entity::update_many()
        .col_expr(user::Column::Email, Expr::value(email.clone()))
        .col_expr(user::Column::EmailKey, Expr::value(email))
        .col_expr(user::Column::DisplayName, Expr::value("Erased"))
        // An empty hash matches no password.
        .col_expr(user::Column::PasswordHash, Expr::value(""))
        .col_expr(user::Column::Points, Expr::value(0_i64))
        .col_expr(user::Column::VerifiedAt, Expr::value(Option::<DateTime<Utc>>::None))
        .col_expr(user::Column::AuthorityTag, Expr::value(Option::<Vec<u8>>::None))
        .col_expr(user::Column::ErasedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

async fn set(db: &impl ConnectionTrait, id: UserId, column: user::Column, value: SimpleExpr) -> Result<()> {
    user::Entity::update_many().col_expr(column, value).filter(user::Column::Id.eq(id)).exec(db).await?;
    Ok(())
}

/// The number of users, including erased ones.
pub async fn count(db: &impl ConnectionTrait) -> Result<u64> {
    use sea_orm::PaginatorTrait;
    user::Entity::find().count(db).await
}
