//! Blobs that no row refers to. Each has a record, from before it is written until a row refers to it, and from
//! the moment at which no row refers to it any more until it is deleted. So a gateway may die at any time, and
//! [`delete_due`] still finds every blob that nobody needs.

use uuid::Uuid;

use crate::domain::blob::{BlobId, UPLOAD_MAX_DURATION};
use crate::domain::id::{DocumentId, UserId};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store::{blobs, picture_signatures, users};

/// How many records are read at once.
const BATCH_SIZE: u64 = 100;

/// Records a blob that is about to be written. This changes nothing that anybody can see, so it is not part of
/// the unit of work: if the upload fails, a mutation with an idempotency key can still run again.
///
/// # Errors
/// [`Error::Unauthenticated`] if the user was erased.
pub(super) async fn announce(services: &Services, owner_id: UserId, id: impl Into<BlobId>) -> Result<()> {
    let delete_after = services.now() + UPLOAD_MAX_DURATION;
    let tx = services.db.begin().await?;
    if users::lock(&tx, owner_id).await? {
        return Err(Error::Unauthenticated);
    }
    blobs::insert(&tx, owner_id, &[id.into()], delete_after).await?;
    Ok(tx.commit().await?)
}

/// Removes the record of an announced blob, in the transaction that writes the row that refers to it.
///
/// # Errors
/// If the upload took so long that the blob was deleted.
pub(super) async fn adopt(work: &UnitOfWork<'_>, id: impl Into<BlobId>) -> Result<()> {
    if blobs::delete(work.tx(), id.into()).await? {
        return Ok(());
    }
    Err(Error::internal("the upload took too long, and its blob was deleted"))
}

/// Records blobs that are to be deleted, in the transaction that deletes the rows that refer to them. What pictures of
/// documents are recognized by is deleted at once. Call [`delete`] after the commit.
pub(super) async fn discard(
    services: &Services,
    work: &UnitOfWork<'_>,
    owner_id: UserId,
    ids: &[BlobId],
) -> Result<()> {
    blobs::insert(work.tx(), owner_id, ids, services.now()).await?;
    let documents = documents(ids);
    if !documents.is_empty() {
        picture_signatures::delete_all(work.tx(), &documents).await?;
    }
    Ok(())
}

/// The pictures of documents among the blobs.
fn documents(ids: &[BlobId]) -> Vec<DocumentId> {
    let document = |id: &BlobId| match id {
        BlobId::GigImage(_) => None,
        BlobId::IdentityDocument(id) => Some(*id),
    };
    ids.iter().filter_map(document).collect()
}

/// Deletes those of the blobs that have a record, and returns how many. This gateway forgets what it recognizes them
/// by. If one is still needed because a commit succeeded whose reply was lost, the next search reads it again.
///
/// # Errors
/// The last failure, after all were tried. [`delete_due`] tries again.
pub(super) async fn delete(services: &Services, ids: &[BlobId]) -> Result<usize> {
    services.picture_index.pictures.forget(&documents(ids));
    let (mut deleted, mut last_error) = (0, None);
    for id in ids {
        match delete_one(services, *id, Which::Any).await {
            Ok(is_deleted) => deleted += usize::from(is_deleted),
            Err(error) => last_error = Some(error),
        }
    }
    last_error.map_or(Ok(deleted), Err)
}

/// Deletes the blobs of a user who was erased. One whose record is not due may still be being written: its record
/// stays until that must be over, and then [`delete_due`] deletes the blob again. This gateway forgets what it
/// recognizes them by.
///
/// # Errors
/// The last failure, after all were tried. [`delete_due`] tries again.
pub(super) async fn delete_of_erased(services: &Services, ids: &[BlobId]) -> Result<()> {
    services.picture_index.pictures.forget(&documents(ids));
    let mut last_error = None;
    for id in ids {
        let deleted = match delete_one(services, *id, Which::Due).await {
            Ok(false) => services.media.delete(*id).await.map_err(Error::internal),
            deleted => deleted.map(drop),
        };
        last_error = deleted.err().or(last_error);
    }
    last_error.map_or(Ok(()), Err)
}

/// Like [`delete_of_erased`], but a failure is only logged.
pub(super) async fn delete_of_erased_or_log(services: &Services, ids: &[BlobId]) {
    if let Err(error) = delete_of_erased(services, ids).await {
        tracing::warn!(%error, "deleting blobs failed");
    }
}

/// Like [`delete`], but a failure is only logged.
pub(super) async fn delete_or_log(services: &Services, ids: &[BlobId]) {
    if let Err(error) = delete(services, ids).await {
        tracing::warn!(%error, "deleting blobs failed");
    }
}

/// Deletes all blobs that are due, and returns how many.
///
/// # Errors
/// The last failure, after all were tried.
pub(super) async fn delete_due(services: &Services) -> Result<usize> {
    let (mut deleted, mut last_error, mut last_id) = (0, None, Uuid::nil());
    loop {
        let ids = blobs::find_due(services.db.read(), services.now(), last_id, BATCH_SIZE).await?;
        let Some(id) = ids.last() else { break };
        last_id = id.uuid();
        match delete(services, &ids).await {
            Ok(count) => deleted += count,
            Err(error) => last_error = Some(error),
        }
    }
    last_error.map_or(Ok(deleted), Err)
}

/// Which blobs are deleted.
#[derive(Debug, Clone, Copy)]
enum Which {
    Any,
    /// Those whose record is due.
    Due,
}

/// Deletes a blob and its record. Not part of the unit of work, like [`announce`]: after a failed upload, a
/// mutation with an idempotency key can still run again.
async fn delete_one(services: &Services, id: BlobId, which: Which) -> Result<bool> {
    let tx = services.db.begin().await?;
    // The deleted record stays locked until the commit, so that no row can refer to the blob from now on.
    let has_record = match which {
        Which::Any => blobs::delete(&tx, id).await?,
        Which::Due => blobs::delete_due(&tx, id, services.now()).await?,
    };
    if !has_record {
        return Ok(false);
    }
    // Delete the blob before the commit: a record without a blob is found again, but not a blob without one.
    services.media.delete(id).await.map_err(Error::internal)?;
    tx.commit().await?;
    Ok(true)
}
