//! What a person under a legal hold has replaced or deleted. It is retained until the hold is lifted.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::blob::BlobId;
use crate::domain::gig::GigContent;
use crate::domain::id::{CategoryId, DataKeyId, DocumentId, GigId, HeldVersionId, ImageId, UserId};
use crate::domain::money::Money;

/// The most held versions that one request reads.
pub const PAGE_SIZE: usize = 100;

/// What a gig was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldGig {
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    pub links: Vec<String>,
    pub category_id: CategoryId,
    pub price: Money,
    pub delivery_days: i32,
    pub revisions: i32,
    /// The images that the gig had, in order.
    pub image_ids: Vec<ImageId>,
}

impl HeldGig {
    pub fn new(content: &GigContent, image_ids: Vec<ImageId>) -> Self {
        Self {
            title: content.title.clone(),
            description: content.description.clone(),
            tags: content.tags.clone(),
            links: content.links.clone(),
            category_id: content.category_id,
            price: content.price,
            delivery_days: content.delivery_days,
            revisions: content.revisions,
            image_ids,
        }
    }
}

/// What was replaced or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldContent {
    /// A form, encrypted for this version of the verification.
    PersonalInfo {
        key: DataKeyId,
        sealed: Vec<u8>,
        version: Option<i32>,
    },
    /// The image of an identity document. The blob is encrypted with the key.
    IdentityDocument {
        id: DocumentId,
        key: DataKeyId,
    },
    Gig {
        id: GigId,
        content: HeldGig,
    },
    /// An image that no gig uses any more.
    GigImage {
        id: ImageId,
        alt_text: Option<String>,
    },
}

impl HeldContent {
    /// The blob that must not be deleted, if there is one.
    pub fn blob(&self) -> Option<BlobId> {
        match self {
            Self::IdentityDocument { id, .. } => Some((*id).into()),
            Self::GigImage { id, .. } => Some((*id).into()),
            Self::PersonalInfo { .. } | Self::Gig { .. } => None,
        }
    }

    /// The data key of what is encrypted.
    pub fn key(&self) -> Option<DataKeyId> {
        match self {
            Self::PersonalInfo { key, .. } | Self::IdentityDocument { key, .. } => Some(*key),
            Self::Gig { .. } | Self::GigImage { .. } => None,
        }
    }
}

/// Something that a person under a legal hold has replaced or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldVersion {
    pub id: HeldVersionId,
    pub user_id: UserId,
    pub content: HeldContent,
    pub replaced_at: DateTime<Utc>,
}
