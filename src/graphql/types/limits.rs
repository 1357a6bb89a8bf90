//! The limits of forms. To add one, start in `domain::limits`.

use async_graphql::SimpleObject;

use crate::domain::limits;
use crate::domain::limits::{HIGHEST_LEVEL_SHOWN, points_for_level};
use crate::graphql::types::gig::Money;

/// The limits of forms that each installation can configure. Clients read them here instead of hard-coding them. Limits
/// that are the same everywhere, such as those of `PersonalInfoInput`, are only in the descriptions.
#[derive(SimpleObject)]
pub struct Limits {
    /// Limits of accounts.
    account: AccountLimits,
    /// Limits of gigs.
    gig: GigLimits,
    /// Limits of identity verifications.
    verification: VerificationLimits,
    /// Limits of reviews.
    review: ReviewLimits,
    /// The points that each worker level from 0 to 10 needs. The highest level is 10,000.
    levels: Vec<LevelLimit>,
}

/// Limits of an account.
#[derive(SimpleObject)]
pub struct AccountLimits {
    /// The maximum number of characters of an e-mail address.
    email_max_chars: i32,
    /// The minimum number of characters of a password.
    password_min_chars: i32,
    /// The maximum number of characters of a password.
    password_max_chars: i32,
    /// The minimum number of characters of a display name.
    display_name_min_chars: i32,
    /// The maximum number of characters of a display name.
    display_name_max_chars: i32,
    /// The maximum number of bytes of all images that a user has uploaded for gigs, as they are stored, without their
    /// smaller variants.
    stored_bytes_max: i32,
}

/// Limits of a gig.
#[derive(SimpleObject)]
pub struct GigLimits {
    /// The minimum number of characters of the title. The title of a draft may be shorter.
    title_min_chars: i32,
    /// The maximum number of characters of the title.
    title_max_chars: i32,
    /// The maximum number of characters of the description.
    description_max_chars: i32,
    /// The maximum number of images.
    images_max: i32,
    /// The maximum number of bytes of a stored image.
    image_max_bytes: i32,
    /// The maximum number of bytes of an uploaded image.
    image_upload_max_bytes: i32,
    /// The maximum number of characters of the alternative text of an image.
    alt_text_max_chars: i32,
    /// The maximum number of links.
    links_max: i32,
    /// The maximum number of characters of a link.
    link_max_chars: i32,
    /// The maximum number of tags.
    tags_max: i32,
    /// The minimum number of characters of a tag.
    tag_min_chars: i32,
    /// The maximum number of characters of a tag.
    tag_max_chars: i32,
    /// The maximum number of days from order to delivery.
    delivery_days_max: i32,
    /// The maximum number of times that a buyer may ask for changes.
    revisions_max: i32,
    /// The highest price. The lowest price is the `minimumPrice` of the category.
    maximum_price: Money,
    /// The maximum number of gigs of a seller that are not ARCHIVED.
    unarchived_max: i32,
}

/// Limits of an identity verification.
#[derive(SimpleObject)]
pub struct VerificationLimits {
    /// The maximum number of bytes of an uploaded image of a document.
    document_max_bytes: i32,
    /// The maximum number of times that a user may submit their verification.
    attempts_max: i32,
    /// The number of days from a submission until its review is due.
    review_days: i32,
    /// From this worker level on, the identity of a seller must be verified.
    required_from_level: i32,
    /// The minimum age of a user in years.
    minimum_age: i32,
    /// The minimum number of pixels of the shorter side of an image of a document.
    document_min_pixels: i32,
    /// Whether an image of the user (a selfie) is also required.
    selfie_required: bool,
    /// The version of the text that the user must agree to, for the argument of `submitVerification`; null if they need
    /// not.
    consent_version: Option<String>,
}

/// Limits of a review.
#[derive(SimpleObject)]
pub struct ReviewLimits {
    /// The number of minutes until a claim expires.
    claim_minutes: i32,
    /// The maximum number of claims of a reviewer at a time.
    claims_max: i32,
    /// Whether `decideGig` needs a claim of the review item. `decideVerification` always does.
    gig_claim_required: bool,
    /// The number of minutes until an inspection of a verification ends.
    inspection_minutes: i32,
    /// The maximum number of people whose form or pictures a reviewer may open within 24 hours.
    people_per_day_max: i32,
    /// The maximum number of reasons of a decision.
    reasons_max: i32,
    /// The maximum number of characters of the message of a reason.
    reason_message_max_chars: i32,
    /// The maximum number of characters of an internal note.
    internal_note_max_chars: i32,
}

/// A worker level, and the points that it needs.
#[derive(SimpleObject)]
pub struct LevelLimit {
    /// The level, 0 or more.
    level: i32,
    /// The minimum number of points of a user with this level.
    points: i32,
}

impl Limits {
    pub fn new(limits: &limits::Limits, consent_version: Option<String>) -> Self {
        let limits::Limits { account, session: _, gig, verification, review, four_eyes: _, retention: _ } =
            limits;
        Self {
            account: AccountLimits {
                email_max_chars: to_int(account.email_max_chars),
                password_min_chars: to_int(account.password_min_chars),
                password_max_chars: to_int(account.password_max_chars),
                display_name_min_chars: to_int(account.display_name_min_chars),
                display_name_max_chars: to_int(account.display_name_max_chars),
                stored_bytes_max: to_int(account.stored_bytes_max),
            },
            gig: GigLimits {
                title_min_chars: to_int(gig.title_min_chars),
                title_max_chars: to_int(gig.title_max_chars),
                description_max_chars: to_int(gig.description_max_chars),
                images_max: to_int(gig.images_max),
                image_max_bytes: to_int(gig.image_max_bytes),
                image_upload_max_bytes: to_int(gig.image_upload_max_bytes),
                alt_text_max_chars: to_int(gig.alt_text_max_chars),
                links_max: to_int(gig.links_max),
                link_max_chars: to_int(gig.link_max_chars),
                tags_max: to_int(gig.tags_max),
                tag_min_chars: to_int(gig.tag_min_chars),
                tag_max_chars: to_int(gig.tag_max_chars),
                delivery_days_max: gig.delivery_days_max,
                revisions_max: gig.revisions_max,
                maximum_price: gig.maximum_price.into(),
                unarchived_max: to_int(gig.unarchived_max),
            },
            verification: VerificationLimits {
                document_max_bytes: to_int(verification.document_max_bytes),
                attempts_max: verification.attempts_max,
                review_days: review.days,
                required_from_level: verification.required_from_level,
                minimum_age: verification.minimum_age,
                document_min_pixels: to_int(verification.document_min_pixels),
                selfie_required: verification.selfie_required,
                consent_version,
            },
            review: ReviewLimits {
                claim_minutes: review.claim_minutes,
                claims_max: to_int(review.claims_max),
                gig_claim_required: review.gig_claim_required,
                inspection_minutes: review.inspection_minutes,
                people_per_day_max: to_int(review.people_per_day_max),
                reasons_max: to_int(review.reasons_max),
                reason_message_max_chars: to_int(review.reason_message_max_chars),
                internal_note_max_chars: to_int(review.internal_note_max_chars),
            },
            levels: (0..=HIGHEST_LEVEL_SHOWN)
                .map(|level| LevelLimit { level, points: to_int(points_for_level(level)) })
                .collect(),
        }
    }
}

/// Converts to GraphQL's `Int`; a larger limit becomes the largest `Int`.
fn to_int(limit: impl TryInto<i32>) -> i32 {
    limit.try_into().unwrap_or(i32::MAX)
}
