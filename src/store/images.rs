//! The records of gig images. The image files are blobs, in `media`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{gig_image, user};
use sea_orm::sea_query::{Expr, IntoCondition, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::domain::id::{GigId, ImageId, UserId};
use crate::domain::image::GigImage;
use crate::domain::user::Viewer;
use crate::store::{ROWS_PER_INSERT, Result, gigs, users};

fn from_row(row: &gig_image::Model) -> GigImage {
    GigImage {
        id: ImageId::from_uuid(row.id),
        owner_id: UserId::from_uuid(row.owner_id),
        gig_id: row.gig_id.map(GigId::from_uuid),
        width: row.width,
        height: row.height,
        byte_size: row.byte_size,
        alt_text: row.alt_text.clone(),
        placeholder: row.placeholder.clone(),
        variants_version: row.variants_version,
    }
}

pub async fn insert(db: &impl ConnectionTrait, image: &GigImage, now: DateTime<Utc>) -> Result<()> {
    let row = gig_image::ActiveModel {
        id: Set(image.id.uuid()),
        owner_id: Set(image.owner_id.uuid()),
        gig_id: Set(None),
        ordinal: Set(0),
        width: Set(image.width),
        height: Set(image.height),
        byte_size: Set(image.byte_size),
        alt_text: Set(image.alt_text.clone()),
        placeholder: Set(image.placeholder.clone()),
        variants_version: Set(image.variants_version),
        created_at: Set(now),
        unattached_since: Set(Some(now)),
    };
    gig_image::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// How many bytes the images of the owner have in all.
pub async fn stored_bytes(db: &impl ConnectionTrait, owner: UserId) -> Result<u64> {
    let sum: Option<Option<i64>> = gig_image::Entity::find()
        .select_only()
        .column_as(gig_image::Column::ByteSize.sum(), "sum")
        .filter(gig_image::Column::OwnerId.eq(owner))
        .into_tuple()
        .one(db)
        .await?;
    Ok(u64::try_from(sum.flatten().unwrap_or_default()).unwrap_or_default())
}

/// Inserts many images that belong to gigs. The images of a gig keep their order.
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
            id: Set(image.id.uuid()),
            owner_id: Set(image.owner_id.uuid()),
            gig_id: Set(image.gig_id.map(GigId::uuid)),
            ordinal: Set(*count),
            width: Set(image.width),
            height: Set(image.height),
            byte_size: Set(image.byte_size),
            alt_text: Set(image.alt_text.clone()),
            placeholder: Set(image.placeholder.clone()),
            variants_version: Set(image.variants_version),
            created_at: Set(now),
            unattached_since: Set(None),
        });
        *count += 1;
    }
    for rows in rows.chunks(ROWS_PER_INSERT) {
        gig_image::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Those of the images that `owner` may attach to the gig: their own, if they do not belong to another gig.
pub async fn find_attachable(
    tx: &impl ConnectionTrait,
    owner: UserId,
    gig_id: GigId,
    ids: &[ImageId],
) -> Result<Vec<ImageId>> {
    gig_image::Entity::find()
        .select_only()
        .column(gig_image::Column::Id)
        .filter(gig_image::Column::Id.is_in(ids.iter().copied()))
        .filter(attachable(owner, gig_id))
        .into_tuple()
        .all(tx)
        .await
}

fn attachable(owner: UserId, gig_id: GigId) -> Condition {
    let is_free =
        Condition::any().add(gig_image::Column::GigId.is_null()).add(gig_image::Column::GigId.eq(gig_id));
    Condition::all().add(gig_image::Column::OwnerId.eq(owner)).add(is_free)
}

/// Makes `ids`, in this order, the images of the gig. Returns `false` if one of them is no longer attachable;
/// the caller must then roll back.
pub async fn attach(
    tx: &impl ConnectionTrait,
    owner: UserId,
    gig_id: GigId,
    ids: &[ImageId],
    now: DateTime<Utc>,
) -> Result<bool> {
    gig_image::Entity::update_many()
        .col_expr(gig_image::Column::GigId, Expr::value(Option::<GigId>::None))
        .col_expr(gig_image::Column::UnattachedSince, Expr::value(now))
        .filter(gig_image::Column::GigId.eq(gig_id))
        .filter(gig_image::Column::Id.is_not_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    // Update in the order of ids, so that two transactions with the same images do not deadlock.
    let mut in_id_order: Vec<_> = (0_i32..).zip(ids).collect();
    in_id_order.sort_by_key(|(_, id)| **id);
    for (ordinal, id) in in_id_order {
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

/// The images of these gigs. The images of each gig are in order.
pub async fn find_by_gigs(db: &impl ConnectionTrait, gig_ids: &[GigId]) -> Result<Vec<(GigId, GigImage)>> {
    let rows = gig_image::Entity::find()
        .filter(gig_image::Column::GigId.is_in(gig_ids.iter().copied()))
        .order_by_asc(gig_image::Column::Ordinal)
        .all(db)
        .await?;
    let images = rows.iter().map(from_row);
    Ok(images.filter_map(|image| image.gig_id.map(|gig_id| (gig_id, image))).collect())
}

/// An image that the caller may see.
#[derive(Debug, Clone)]
pub struct ImageView {
    pub image: GigImage,
    /// Whether everybody may see it, because its gig is ACTIVE.
    pub is_public: bool,
}

/// Those of the images that `viewer` may see, in no particular order: images of ACTIVE gigs and their own;
/// reviewers see all.
pub async fn find_all_visible(
    db: &impl ConnectionTrait,
    viewer: Option<&Viewer>,
    ids: &[ImageId],
) -> Result<Vec<ImageView>> {
    let views = find_all(db, ids).await?.into_iter();
    let can_see = |view: &ImageView| {
        view.is_public || viewer.is_some_and(|v| v.role.can_review() || v.id() == view.image.owner_id)
    };
    Ok(views.filter(can_see).collect())
}

/// Those of the images that exist. Only for callers that have checked by other means that the client may see
/// them.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[ImageId]) -> Result<Vec<ImageView>> {
    let rows =
        gig_image::Entity::find().filter(gig_image::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    let images: Vec<_> = rows.iter().map(from_row).collect();
    let gig_ids: Vec<_> = images.iter().filter_map(|image| image.gig_id).collect();
    let active_gigs =
        if gig_ids.is_empty() { Vec::new() } else { gigs::find_all_visible(db, None, &gig_ids).await? };
    let is_public = |image: &GigImage| active_gigs.iter().any(|gig| Some(gig.id) == image.gig_id);
    Ok(images.into_iter().map(|image| ImageView { is_public: is_public(&image), image }).collect())
}

/// Up to `limit` images of the owner, ordered by id and starting after `after`.
pub async fn find_of_owner(
    db: &impl ConnectionTrait,
    owner: UserId,
    after: ImageId,
    limit: u64,
) -> Result<Vec<ImageId>> {
    let found = find_where(db, gig_image::Column::OwnerId.eq(owner), after, limit).await?;
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// Up to `limit` images that have belonged to no gig since before `moment`, with their owners, ordered by id and
/// starting after `after`.
pub async fn find_unattached(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
    after: ImageId,
    limit: u64,
) -> Result<Vec<(ImageId, UserId)>> {
    find_where(db, unattached(moment), after, limit).await
}

/// Up to `limit` images whose copies have this version, with their owners, ordered by id and starting after `after`.
/// `None`: their copies are not made yet.
pub async fn find_by_variants(
    db: &impl ConnectionTrait,
    version: Option<i32>,
    after: ImageId,
    limit: u64,
) -> Result<Vec<(ImageId, UserId)>> {
    find_where(db, with_variants(version), after, limit).await
}

fn with_variants(version: Option<i32>) -> SimpleExpr {
    let column = gig_image::Column::VariantsVersion;
    version.map_or_else(|| column.is_null(), |version| column.eq(version))
}

/// Up to `limit` images for which the condition holds, with their owners, ordered by id and starting after `after`.
async fn find_where(
    db: &impl ConnectionTrait,
    condition: impl IntoCondition,
    after: ImageId,
    limit: u64,
) -> Result<Vec<(ImageId, UserId)>> {
    gig_image::Entity::find()
        .select_only()
        .columns([gig_image::Column::Id, gig_image::Column::OwnerId])
        .filter(condition)
        .filter(gig_image::Column::Id.gt(after))
        .order_by_asc(gig_image::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Whether the image exists, and its copies have this version.
pub async fn has_variants(db: &impl ConnectionTrait, id: ImageId, version: Option<i32>) -> Result<bool> {
    let found: Option<ImageId> = by_id_and_variants(id, version).into_tuple().one(db).await?;
    Ok(found.is_some())
}

/// Locks the image until the transaction ends, and returns whether its copies have this version. Returns `false` if
/// it does not exist.
pub async fn lock_by_variants(tx: &impl ConnectionTrait, id: ImageId, version: Option<i32>) -> Result<bool> {
    let select = by_id_and_variants(id, version).lock_exclusive();
    let found: Option<ImageId> = select.into_tuple().one(tx).await?;
    Ok(found.is_some())
}

fn by_id_and_variants(id: ImageId, version: Option<i32>) -> sea_orm::Select<gig_image::Entity> {
    gig_image::Entity::find_by_id(id)
        .select_only()
        .column(gig_image::Column::Id)
        .filter(with_variants(version))
}

/// Records which copies the image has now. Without a placeholder, it keeps the one that it has.
pub async fn set_variants(
    tx: &impl ConnectionTrait,
    id: ImageId,
    version: i32,
    placeholder: Option<&str>,
) -> Result<()> {
    let mut update = gig_image::Entity::update_many()
        .col_expr(gig_image::Column::VariantsVersion, Expr::value(version))
        .filter(gig_image::Column::Id.eq(id));
    if let Some(placeholder) = placeholder {
        update = update.col_expr(gig_image::Column::Placeholder, Expr::value(placeholder));
    }
    update.exec(tx).await?;
    Ok(())
}

/// Records that the copies of this version are not complete. Returns `false` if they were made again meanwhile.
pub async fn forget_variants(tx: &impl ConnectionTrait, id: ImageId, version: i32) -> Result<bool> {
    let updated = gig_image::Entity::update_many()
        .col_expr(gig_image::Column::VariantsVersion, Expr::value(Option::<i32>::None))
        .filter(gig_image::Column::Id.eq(id))
        .filter(with_variants(Some(version)))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Those of the images that exist.
pub async fn find_existing(db: &impl ConnectionTrait, ids: &[ImageId]) -> Result<Vec<ImageId>> {
    gig_image::Entity::find()
        .select_only()
        .column(gig_image::Column::Id)
        .filter(gig_image::Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

/// The erased users who have an image.
pub async fn find_erased_owners(db: &impl ConnectionTrait) -> Result<Vec<UserId>> {
    let erased = users::ids_where(user::Column::ErasedAt.is_not_null());
    let owners = gig_image::Entity::find().select_only().column(gig_image::Column::OwnerId).distinct();
    owners.filter(gig_image::Column::OwnerId.in_subquery(erased)).into_tuple().all(db).await
}

/// Deletes all images of the owner, and returns their ids.
pub async fn delete_all_of_owner(tx: &impl ConnectionTrait, owner: UserId) -> Result<Vec<ImageId>> {
    let deleted = gig_image::Entity::delete_many()
        .filter(gig_image::Column::OwnerId.eq(owner))
        .exec_with_returning(tx)
        .await?;
    Ok(deleted.iter().map(|row| ImageId::from_uuid(row.id)).collect())
}

/// Deletes an image if it has belonged to no gig since before `moment`. Returns the deleted image.
pub async fn delete_unattached(
    tx: &impl ConnectionTrait,
    id: ImageId,
    moment: DateTime<Utc>,
) -> Result<Option<GigImage>> {
    let delete = gig_image::Entity::delete_many().filter(gig_image::Column::Id.eq(id));
    let deleted = delete.filter(unattached(moment)).exec_with_returning(tx).await?;
    Ok(deleted.into_iter().next().map(|row| from_row(&row)))
}

fn unattached(since_before: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(gig_image::Column::GigId.is_null())
        .add(gig_image::Column::UnattachedSince.lt(since_before))
}
