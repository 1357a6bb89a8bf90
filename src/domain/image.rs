//! A stored picture of a gig.

use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigImage {
    pub id: Uuid,
    pub owner_id: Uuid,
    /// The gig it shows, once it is part of one.
    pub gig_id: Option<Uuid>,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    pub byte_size: i32,
}

/// How long a picture that belongs to no gig is kept.
pub const UNATTACHED_LIFETIME: chrono::TimeDelta = chrono::TimeDelta::hours(24);
