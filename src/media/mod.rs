//! Pictures: decoded and re-encoded within bounds, and kept as blobs; and the vault, which seals those of
//! identity documents.

pub mod images;
pub mod vault;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as BlobPath;
use object_store::{ObjectStore, PutPayload};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::domain::id;
use crate::domain::id::IdKind;
use images::{Bounds, Picture, Unreadable};

/// Pictures decoded at once: each may take some hundred megabytes for a moment.
const DECODED_AT_ONCE: usize = 2;

/// Which pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// Pictures of gigs, as they are shown.
    GigImages,
    /// Pictures of identity documents, sealed.
    IdentityDocuments,
}

/// The pictures of this installation.
#[derive(Debug, Clone)]
pub struct Media {
    blobs: Arc<dyn ObjectStore>,
    gig_images: Bounds,
    identity_documents: Bounds,
    decoding: Arc<Semaphore>,
}

impl Media {
    /// Blobs in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn in_folder(
        folder: &Path,
        gig_images: Bounds,
        identity_documents: Bounds,
    ) -> Result<Self, object_store::Error> {
        let made = std::fs::create_dir_all(folder).map_err(|error| object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(error),
        });
        made?;
        let blobs = Arc::new(LocalFileSystem::new_with_prefix(folder)?);
        Ok(Self {
            blobs,
            gig_images,
            identity_documents,
            decoding: Arc::new(Semaphore::new(DECODED_AT_ONCE)),
        })
    }

    /// Makes an upload ready to be stored, off the async threads.
    ///
    /// # Errors
    /// The outer where the work itself failed, the inner where the upload is no picture we take.
    pub async fn reencode(
        &self,
        on: BlobKind,
        file: Bytes,
    ) -> Result<Result<Picture, Unreadable>, Box<dyn std::error::Error + Send + Sync>> {
        let permit = Arc::clone(&self.decoding).acquire_owned().await?;
        let bounds = match on {
            BlobKind::GigImages => self.gig_images,
            BlobKind::IdentityDocuments => self.identity_documents,
        };
        let work = move || {
            let _permit = permit;
            images::reencode(&file, &bounds)
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }

    /// # Errors
    /// Where the blobs are away.
    pub async fn put(&self, on: BlobKind, id: Uuid, bytes: Bytes) -> Result<(), object_store::Error> {
        self.blobs.put(&path(on, id), PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// The picture's bytes; `None` where there is none.
    ///
    /// # Errors
    /// Where the blobs are away.
    pub async fn get(&self, on: BlobKind, id: Uuid) -> Result<Option<Bytes>, object_store::Error> {
        match self.blobs.get(&path(on, id)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the picture, where there is one.
    ///
    /// # Errors
    /// Where the blobs are away.
    pub async fn delete(&self, on: BlobKind, id: Uuid) -> Result<(), object_store::Error> {
        match self.blobs.delete(&path(on, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// Where blobs cannot be reached.
    pub async fn check(&self) -> Result<(), object_store::Error> {
        self.blobs.list_with_delimiter(None).await.map(|_| ())
    }
}

fn path(on: BlobKind, id: Uuid) -> BlobPath {
    BlobPath::from(match on {
        BlobKind::GigImages => format!("gig-images/{}.jpg", id::encode(IdKind::GigImage, id)),
        BlobKind::IdentityDocuments => {
            format!("identity-documents/{}.sealed", id::encode(IdKind::IdentityDocument, id))
        }
    })
}
