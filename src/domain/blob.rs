//! Blobs: the files of images, which are stored outside the database.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::id::{DocumentId, ImageId};

/// How long an upload may take from the record of its blob until a row refers to the blob. An upload that takes
/// longer fails, and its blob is deleted. Writing a blob never takes so long, even after its request was given up.
pub const UPLOAD_MAX_DURATION: TimeDelta = TimeDelta::hours(1);

/// The id of a stored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobId {
    GigImage(ImageId),
    IdentityDocument(DocumentId),
}

impl BlobId {
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::GigImage(id) => id.uuid(),
            Self::IdentityDocument(id) => id.uuid(),
        }
    }
}

impl From<ImageId> for BlobId {
    fn from(id: ImageId) -> Self {
        Self::GigImage(id)
    }
}

impl From<DocumentId> for BlobId {
    fn from(id: DocumentId) -> Self {
        Self::IdentityDocument(id)
    }
}
