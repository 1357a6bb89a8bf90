//! The roles of users and since when their identities are verified, with the tags that protect them.

use chrono::{DateTime, Utc};
use entity::{integrity_marker, user};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::authority::{Authority, Tags};
use crate::domain::id::UserId;
use crate::domain::user::{Role, User};
use crate::store::{Result, parse};

fn from_row(row: &user::Model) -> Result<Authority> {
    let role = parse("role", &row.role)?;
    Ok(Authority { user_id: UserId::from_uuid(row.id), role, verified_at: row.verified_at })
}

/// The authority of a row, or the least if its tag is wrong. Erased users have no tag, and the least.
pub(super) fn checked(tags: &impl Tags, row: &user::Model) -> Result<Authority> {
    let authority = from_row(row)?;
    if row.erased_at.is_some() {
        return Ok(Authority::least(authority.user_id));
    }
    Ok(authority.checked(tags, row.authority_tag.as_deref()))
}

/// The user of a row. Their identity counts as verified only if the tag is right.
pub(super) fn checked_user(tags: &impl Tags, row: &user::Model) -> Result<User> {
    let verified = checked(tags, row)?.verified_at.is_some();
    Ok(User {
        id: UserId::from_uuid(row.id),
        display_name: row.display_name.clone(),
        points: row.points,
        verified,
        member_since: row.created_at,
    })
}

/// The role of a user, if they exist; MEMBER if the tag is wrong, or the user was erased.
pub async fn find_role(db: &impl ConnectionTrait, tags: &impl Tags, id: UserId) -> Result<Option<Role>> {
    let row = user::Entity::find_by_id(id).one(db).await?;
    row.map(|row| Ok(checked(tags, &row)?.role)).transpose()
}

/// Sets the role of a user, whom the caller has locked.
pub async fn set_role(tx: &impl ConnectionTrait, tags: &impl Tags, id: UserId, role: Role) -> Result<()> {
    change(tx, tags, id, |authority| authority.role = role).await
}

/// Sets the time from which the identity of a user, whom the caller has locked, is verified; `None` if it is not.
pub async fn set_verified(
    tx: &impl ConnectionTrait,
    tags: &impl Tags,
    id: UserId,
    since: Option<DateTime<Utc>>,
) -> Result<()> {
    change(tx, tags, id, |authority| authority.verified_at = since).await
}

/// Changes what the tag accepts: a value that was forged is not tagged together with another one.
async fn change(
    tx: &impl ConnectionTrait,
    tags: &impl Tags,
    id: UserId,
    change: impl FnOnce(&mut Authority),
) -> Result<()> {
    let Some(row) = user::Entity::find_by_id(id).one(tx).await? else { return Ok(()) };
    let mut authority = checked(tags, &row)?;
    change(&mut authority);
    write(tx, tags, &authority).await
}

async fn write(tx: &impl ConnectionTrait, tags: &impl Tags, authority: &Authority) -> Result<()> {
    let role: &str = authority.role.into();
    user::Entity::update_many()
        .col_expr(user::Column::Role, Expr::value(role))
        .col_expr(user::Column::VerifiedAt, Expr::value(authority.verified_at))
        .col_expr(user::Column::AuthorityTag, Expr::value(tags.tag(&authority.tagged_text())))
        .filter(user::Column::Id.eq(authority.user_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// A page of up to `limit` users who were not erased, ordered by id and starting after `after`: the last id of the
/// page, and those whose tag is missing or wrong. `None` if there are no more users.
pub async fn find_untagged(
    db: &impl ConnectionTrait,
    tags: &impl Tags,
    after: UserId,
    limit: u64,
) -> Result<Option<(UserId, Vec<UserId>)>> {
    let page = user::Entity::find()
        .filter(user::Column::ErasedAt.is_null())
        .filter(user::Column::Id.gt(after))
        .order_by_asc(user::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    let Some(last) = page.last() else { return Ok(None) };
    let last = UserId::from_uuid(last.id);
    let mut untagged = Vec::new();
    for row in &page {
        // What cannot be read was not written by the gateway.
        let Ok(authority) = from_row(row) else {
            untagged.push(UserId::from_uuid(row.id));
            continue;
        };
        if row.authority_tag.as_deref() != Some(tags.tag(&authority.tagged_text()).as_slice()) {
            untagged.push(authority.user_id);
        }
    }
    Ok(Some((last, untagged)))
}

/// Tags the authority of a user, whom the caller has locked, as it is.
pub async fn tag(tx: &impl ConnectionTrait, tags: &impl Tags, id: UserId) -> Result<()> {
    match user::Entity::find_by_id(id).one(tx).await? {
        Some(row) => write(tx, tags, &from_row(&row)?).await,
        None => Ok(()),
    }
}

/// Whether any user has a tag.
pub async fn has_tags(db: &impl ConnectionTrait) -> Result<bool> {
    let select = user::Entity::find().filter(user::Column::AuthorityTag.is_not_null()).limit(1);
    Ok(select.one(db).await?.is_some())
}

/// Since which release of the gateway the rows of this database have tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The release that has begun to write tags; empty if every row has had one from the start.
    pub release: String,
    /// From when on every row must have a tag; `None` while rows of earlier releases get theirs.
    pub complete_at: Option<DateTime<Utc>>,
    /// The tag of this statement.
    pub tag: Vec<u8>,
}

pub async fn find_marker(db: &impl ConnectionTrait) -> Result<Option<Marker>> {
    let row = integrity_marker::Entity::find_by_id(1).one(db).await?;
    Ok(row.map(|row| Marker {
        release: row.tagged_since_release,
        complete_at: row.complete_at,
        tag: row.tag,
    }))
}

/// Stores the marker, unless there is one. Returns whether it did.
pub async fn insert_marker(tx: &impl ConnectionTrait, marker: &Marker) -> Result<bool> {
    let row = integrity_marker::ActiveModel {
        id: Set(1),
        tagged_since_release: Set(marker.release.clone()),
        complete_at: Set(marker.complete_at),
        tag: Set(marker.tag.clone()),
    };
    let inserted = integrity_marker::Entity::insert(row)
        .on_conflict(OnConflict::column(integrity_marker::Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted > 0)
}

/// Replaces a marker that was not complete. Returns whether it did.
pub async fn complete_marker(tx: &impl ConnectionTrait, marker: &Marker) -> Result<bool> {
    let updated = integrity_marker::Entity::update_many()
        .col_expr(integrity_marker::Column::CompleteAt, Expr::value(marker.complete_at))
        .col_expr(integrity_marker::Column::Tag, Expr::value(marker.tag.clone()))
        .filter(integrity_marker::Column::CompleteAt.is_null())
        .exec(tx)
        .await?;
    Ok(updated.rows_affected > 0)
}
