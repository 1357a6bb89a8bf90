//! Images of gigs.

use crate::domain::id::{GigId, ImageId, UserId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigImage {
    pub id: ImageId,
    pub owner_id: UserId,
    /// The gig that the image belongs to, if any.
    pub gig_id: Option<GigId>,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    pub byte_size: i32,
}

/// How long an image that belongs to no gig is stored.
pub const UNATTACHED_IMAGE_LIFETIME: chrono::TimeDelta = chrono::TimeDelta::hours(24);
