//! The records of gig pictures. The pictures themselves are blobs, in `media`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::gig_image;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::domain::image::GigImage;
use crate::domain::user::Viewer;
use crate::store::{ROWS_AT_ONCE, Result, gigs};

fn from_row(row: &gig_image::Model) -> GigImage {
    GigImage {
        id: row.id,
        owner_id: row.owner_id,
        gig_id: row.gig_id,
        width: row.width,
        height: row.height,
        byte_size: row.byte_size,
    }
}

/// # Errors
/// Where the database does not answer.
pub async fn insert(db: &impl ConnectionTrait, image: &GigImage, now: DateTime<Utc>) -> Result<()> {
    let row = gig_image::ActiveModel {
        id: Set(image.id),
        owner_id: Set(image.owner_id),
        gig_id: Set(None),
        ordinal: Set(0),
        width: Set(image.width),
        height: Set(image.height),
        byte_size: Set(image.byte_size),
        created_at: Set(now),
        unattached_since: Set(Some(now)),
    };
    gig_image::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Adds many pictures of gigs, each gig's in the order given.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_attached(
    tx: &impl ConnectionTrait,
    images: &[GigImage],
    now: DateTime<Utc>,
) -> Result<()> {
    let mut counts = HashMap::new();
    let mut rows = Vec::with_capacity(images.len());
    for image in images {
        let count = counts.entry(image.gig_id).or_insert(0_i32);
        rows.push(gig_image::ActiveModel {
            id: Set(image.id),
            owner_id: Set(image.owner_id),
            gig_id: Set(image.gig_id),
            ordinal: Set(*count),
            width: Set(image.width),
            height: Set(image.height),
            byte_size: Set(image.byte_size),
            created_at: Set(now),
            unattached_since: Set(None),
        });
        *count += 1;
    }
    for rows in rows.chunks(ROWS_AT_ONCE) {
        gig_image::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Those of `ids` that `owner` may put into the gig: their own, and no other gig's.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_attachable(
    tx: &impl ConnectionTrait,
    owner: Uuid,
    gig_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    gig_image::Entity::find()
        .select_only()
        .column(gig_image::Column::Id)
        .filter(gig_image::Column::Id.is_in(ids.iter().copied()))
        .filter(attachable(owner, gig_id))
        .into_tuple()
        .all(tx)
        .await
}

fn attachable(owner: Uuid, gig_id: Uuid) -> Condition {
    let free =
        Condition::any().add(gig_image::Column::GigId.is_null()).add(gig_image::Column::GigId.eq(gig_id));
    Condition::all().add(gig_image::Column::OwnerId.eq(owner)).add(free)
}

/// Makes `ids`, in this order, the gig's pictures; `false` where one of them is not to be had any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn attach(
    tx: &impl ConnectionTrait,
    owner: Uuid,
    gig_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<bool> {
    gig_image::Entity::update_many()
        .col_expr(gig_image::Column::GigId, Expr::value(Option::<Uuid>::None))
        .col_expr(gig_image::Column::UnattachedSince, Expr::value(now))
        .filter(gig_image::Column::GigId.eq(gig_id))
        .filter(gig_image::Column::Id.is_not_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    // In the order of their ids, so that two acts that want the same pictures wait for each other in turn.
    let mut hung: Vec<_> = (0_i32..).zip(ids).collect();
    hung.sort_by_key(|(_, id)| **id);
    for (ordinal, id) in hung {
        let updated = gig_image::Entity::update_many()
            .col_expr(gig_image::Column::GigId, Expr::value(gig_id))
            .col_expr(gig_image::Column::Ordinal, Expr::value(ordinal))
            .col_expr(gig_image::Column::UnattachedSince, Expr::value(Option::<DateTime<Utc>>::None))
            .filter(gig_image::Column::Id.eq(*id))
            .filter(attachable(owner, gig_id))
            .exec(tx)
            .await?;
        if updated.rows_affected != 1 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The pictures of these gigs, each gig's in its order.
///
/// # Errors
/// Where the database does not answer.
pub async fn of_gigs(db: &impl ConnectionTrait, gig_ids: &[Uuid]) -> Result<Vec<(Uuid, GigImage)>> {
    let rows = gig_image::Entity::find()
        .filter(gig_image::Column::GigId.is_in(gig_ids.iter().copied()))
        .order_by_asc(gig_image::Column::Ordinal)
        .all(db)
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.gig_id.map(|gig_id| (gig_id, from_row(&row)))).collect())
}

/// A picture somebody may see, and how.
#[derive(Debug, Clone)]
pub struct ImageView {
    pub image: GigImage,
    /// Its gig is ACTIVE: everybody may see it.
    pub public: bool,
}

/// Those of `ids` that `viewer` may see: pictures of gigs they see, and their own, in no order.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_all_visible(
    db: &impl ConnectionTrait,
    viewer: Option<&Viewer>,
    ids: &[Uuid],
) -> Result<Vec<ImageView>> {
    let seen = find_all(db, ids).await?.into_iter();
    let may_see = |seen: &ImageView| {
        seen.public || viewer.is_some_and(|v| v.role.reviews() || v.id() == seen.image.owner_id)
    };
    Ok(seen.filter(may_see).collect())
}

/// Those of `ids` that exist, for whoever has shown in another way that they may see them.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<ImageView>> {
    let rows =
        gig_image::Entity::find().filter(gig_image::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    let gig_ids: Vec<Uuid> = rows.iter().filter_map(|row| row.gig_id).collect();
    let public =
        if gig_ids.is_empty() { Vec::new() } else { gigs::find_all_visible(db, None, &gig_ids).await? };
    Ok(rows
        .into_iter()
        .map(|row| ImageView {
            public: public.iter().any(|gig| Some(gig.id) == row.gig_id),
            image: from_row(&row),
        })
        .collect())
}

/// Up to `limit` pictures that have belonged to no gig since before `moment`, those with ids after `after`.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_unattached(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>> {
    gig_image::Entity::find()
        .select_only()
        .column(gig_image::Column::Id)
        .filter(unattached(moment))
        .filter(gig_image::Column::Id.gt(after))
        .order_by_asc(gig_image::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Forgets a picture, where it still belongs to no gig; whether it did.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete_unattached(tx: &impl ConnectionTrait, id: Uuid, moment: DateTime<Utc>) -> Result<bool> {
    let deleted = gig_image::Entity::delete_by_id(id).filter(unattached(moment)).exec(tx).await?;
    Ok(deleted.rows_affected == 1)
}

fn unattached(since_before: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(gig_image::Column::GigId.is_null())
        .add(gig_image::Column::UnattachedSince.lt(since_before))
}
