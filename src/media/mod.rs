//! Image uploads: `images` decodes and re-encodes them, [`Media`] stores them as blobs, and `vault` encrypts
//! those of identity documents and other personal data.

pub mod images;
pub mod vault;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as BlobPath;
use object_store::{ObjectStore, PutPayload};

use crate::domain::blob::BlobId;
use crate::domain::id::PublicId;
use crate::media::images::{Bounds, EncodedImage, InvalidImage};

/// What an image shows, which decides the limits of its upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// Images of gigs, stored as they are served.
    GigImages,
    /// Images of identity documents, stored encrypted.
    IdentityDocuments,
}

/// The images of this installation.
#[derive(Debug, Clone)]
pub struct Media {
    blobs: Arc<dyn ObjectStore>,
    gig_images: Bounds,
    identity_documents: Bounds,
}

impl Media {
    /// Stores blobs in a directory, which is created if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn in_directory(
        directory: &Path,
        gig_images: Bounds,
        identity_documents: Bounds,
    ) -> Result<Self, object_store::Error> {
        std::fs::create_dir_all(directory).map_err(|error| object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(error),
        })?;
        let blobs = Arc::new(LocalFileSystem::new_with_prefix(directory)?);
        Ok(Self { blobs, gig_images, identity_documents })
    }

    /// Decodes an upload and encodes it as it will be stored. This takes long and several hundred megabytes of
    /// memory: call it on a blocking thread, a few at a time.
    ///
    /// # Errors
    /// The upload is not a valid image.
    pub fn reencode(&self, kind: BlobKind, file: &[u8]) -> Result<EncodedImage, InvalidImage> {
        let bounds = match kind {
            BlobKind::GigImages => &self.gig_images,
            BlobKind::IdentityDocuments => &self.identity_documents,
        };
        images::reencode(file, bounds)
    }

    /// Stores a blob, replacing one with the same id.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn put(&self, id: impl Into<BlobId>, bytes: Bytes) -> Result<(), object_store::Error> {
        self.blobs.put(&path(id.into()), PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// The bytes of a blob; `None` if it does not exist.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn get(&self, id: impl Into<BlobId>) -> Result<Option<Bytes>, object_store::Error> {
        match self.blobs.get(&path(id.into())).await {
            Ok(blob) => Ok(Some(blob.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a blob, if it exists.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn delete(&self, id: impl Into<BlobId>) -> Result<(), object_store::Error> {
        match self.blobs.delete(&path(id.into())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Checks that the object store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), object_store::Error> {
        self.blobs.list_with_delimiter(None).await.map(|_| ())
    }
}

fn path(id: BlobId) -> BlobPath {
    BlobPath::from(match id {
        BlobId::GigImage(id) => format!("gig-images/{}.jpg", id.to_public()),
        // The extension is part of the stored name: do not change it.
        BlobId::IdentityDocument(id) => format!("identity-documents/{}.sealed", id.to_public()),
    })
}
