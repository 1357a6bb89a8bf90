//! Every limit a form needs.

use async_graphql::SimpleObject;

use crate::domain::limits;
use crate::domain::limits::{LEVELS_SHOWN, points_of_level};
use crate::graphql::types::gig::Money;

/// Every limit that a form needs, so that no client writes one down.
#[derive(SimpleObject)]
pub struct Limits {
    /// Of accounts.
    account: AccountLimits,
    /// Of gigs.
    gig: GigLimits,
    /// Of identity verification.
    verification: VerificationLimits,
    /// Of reviews.
    review: ReviewLimits,
    /// The points that each worker level needs, from level 0.
    levels: Vec<LevelLimit>,
}

/// Limits of an account.
#[derive(SimpleObject)]
#[expect(clippy::struct_field_names, reason = "the names are the schema's")]
pub struct AccountLimits {
    /// Characters.
    email_max_chars: i32,
    /// Characters.
    password_min_chars: i32,
    /// Characters.
    password_max_chars: i32,
    /// Characters.
    display_name_min_chars: i32,
    /// Characters.
    display_name_max_chars: i32,
}

/// Limits of a gig.
#[derive(SimpleObject)]
pub struct GigLimits {
    /// Characters; of a gig sent for approval.
    title_min_chars: i32,
    /// Characters.
    title_max_chars: i32,
    /// Unicode characters.
    description_max_chars: i32,
    /// Pictures of one gig.
    images_max: i32,
    /// Bytes of a picture as it is stored.
    image_max_bytes: i32,
    /// Bytes of a picture as it is uploaded.
    image_upload_max_bytes: i32,
    /// Links of one gig.
    links_max: i32,
    /// Characters of a link.
    link_max_chars: i32,
    /// Tags of one gig.
    tags_max: i32,
    /// Characters of a tag.
    tag_min_chars: i32,
    /// Characters of a tag.
    tag_max_chars: i32,
    /// Days from order to delivery.
    delivery_days_max: i32,
    /// Times that a buyer may ask for changes.
    revisions_max: i32,
    /// The most that a gig may cost; the least is its category's `minimumPrice`.
    maximum_price: Money,
    /// Gigs of one seller that are not archived.
    unarchived_max: i32,
}

/// Limits of an identity verification.
#[derive(SimpleObject)]
pub struct VerificationLimits {
    /// Bytes of a document's picture as it is uploaded.
    document_max_bytes: i32,
    /// Times that a person may submit.
    attempts_max: i32,
    /// Days within which a review is done.
    review_days: i32,
    /// The worker level from which an identity must be cleared.
    required_from_level: i32,
    /// Years.
    minimum_age: i32,
    /// Pixels of a document's picture along its shorter side.
    document_min_pixels: i32,
    /// Whether a picture of the person themselves is needed, too.
    selfie_required: bool,
}

/// Limits of a review.
#[derive(SimpleObject)]
pub struct ReviewLimits {
    /// Minutes that a claim lasts.
    claim_minutes: i32,
    /// Reasons of one decision.
    reasons_max: i32,
    /// Characters of a reason's message.
    reason_message_max_chars: i32,
    /// Characters of a note that reviewers alone read.
    internal_note_max_chars: i32,
}

/// What a worker level needs.
#[derive(SimpleObject)]
pub struct LevelLimit {
    /// The level, 0 and up.
    level: i32,
    /// The points that it begins with.
    points: i32,
}

impl From<&limits::Limits> for Limits {
    fn from(limits: &limits::Limits) -> Self {
        let limits::Limits { account, gig, verification, review, retention: _ } = limits;
        Self {
            account: AccountLimits {
                email_max_chars: int(account.email_max_chars),
                password_min_chars: int(account.password_min_chars),
                password_max_chars: int(account.password_max_chars),
                display_name_min_chars: int(account.display_name_min_chars),
                display_name_max_chars: int(account.display_name_max_chars),
            },
            gig: GigLimits {
                title_min_chars: int(gig.title_min_chars),
                title_max_chars: int(gig.title_max_chars),
                description_max_chars: int(gig.description_max_chars),
                images_max: int(gig.images_max),
                image_max_bytes: int(gig.image_max_bytes),
                image_upload_max_bytes: int(gig.image_upload_max_bytes),
                links_max: int(gig.links_max),
                link_max_chars: int(gig.link_max_chars),
                tags_max: int(gig.tags_max),
                tag_min_chars: int(gig.tag_min_chars),
                tag_max_chars: int(gig.tag_max_chars),
                delivery_days_max: gig.delivery_days_max,
                revisions_max: gig.revisions_max,
                maximum_price: gig.maximum_price.into(),
                unarchived_max: int(gig.unarchived_max),
            },
            verification: VerificationLimits {
                document_max_bytes: int(verification.document_max_bytes),
                attempts_max: verification.attempts_max,
                review_days: review.days,
                required_from_level: verification.required_from_level,
                minimum_age: verification.minimum_age,
                document_min_pixels: int(verification.document_min_pixels),
                selfie_required: verification.selfie_required,
            },
            review: ReviewLimits {
                claim_minutes: review.claim_minutes,
                reasons_max: int(review.reasons_max),
                reason_message_max_chars: int(review.reason_message_max_chars),
                internal_note_max_chars: int(review.internal_note_max_chars),
            },
            levels: (0..=LEVELS_SHOWN)
                .map(|level| LevelLimit { level, points: int(points_of_level(level)) })
                .collect(),
        }
    }
}

/// As GraphQL's Int, which holds every limit that makes sense.
fn int(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}
