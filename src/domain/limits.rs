//! Every limit people meet, in one place: the rules ask it, and `Query.limits` shows it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::money::Money;

/// All limits; each can be set by `GIGWAY_LIMITS`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    pub account: AccountLimits,
    pub gig: GigLimits,
    pub verification: VerificationLimits,
    pub review: ReviewLimits,
    pub retention: Retention,
}

/// What a sign-up must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AccountLimits {
    pub email_max_chars: usize,
    pub password_min_chars: usize,
    pub password_max_chars: usize,
    pub display_name_min_chars: usize,
    pub display_name_max_chars: usize,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            email_max_chars: 254,
            password_min_chars: 8,
            password_max_chars: 128,
            display_name_min_chars: 2,
            display_name_max_chars: 50,
        }
    }
}

/// What a gig must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct GigLimits {
    pub title_min_chars: usize,
    pub title_max_chars: usize,
    pub description_max_chars: usize,
    pub images_max: usize,
    /// A picture as it is stored, in bytes.
    pub image_max_bytes: usize,
    /// A picture as it is uploaded, in bytes.
    pub image_upload_max_bytes: usize,
    pub links_max: usize,
    pub link_max_chars: usize,
    pub tags_max: usize,
    pub tag_min_chars: usize,
    pub tag_max_chars: usize,
    pub delivery_days_max: i32,
    pub revisions_max: i32,
    pub maximum_price: Money,
    /// Gigs of one seller that are not archived.
    pub unarchived_max: u64,
}

impl Default for GigLimits {
    fn default() -> Self {
        Self {
            title_min_chars: 10,
            title_max_chars: 120,
            description_max_chars: 2048,
            images_max: 5,
            image_max_bytes: 1024 * 1024,
            image_upload_max_bytes: 3 * 1024 * 1024,
            links_max: 5,
            link_max_chars: 2048,
            tags_max: 15,
            tag_min_chars: 2,
            tag_max_chars: 30,
            delivery_days_max: 90,
            revisions_max: 20,
            maximum_price: Money::from_cents(1_000_000),
            unarchived_max: 20,
        }
    }
}

/// What an identity verification must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct VerificationLimits {
    pub document_max_bytes: usize,
    pub attempts_max: i32,
    /// The worker level from which an identity must be cleared.
    pub required_from_level: i32,
    pub minimum_age: i32,
    /// Whether a picture of the person themselves is needed, too.
    pub selfie_required: bool,
    /// Whether a rejection or revocation takes effect only once a second reviewer has said the same.
    pub second_reviewer: bool,
    /// The fewest pixels of a document's picture along its shorter side.
    pub document_min_pixels: u32,
}

impl Default for VerificationLimits {
    fn default() -> Self {
        Self {
            document_max_bytes: 10 * 1024 * 1024,
            attempts_max: 3,
            required_from_level: 5,
            minimum_age: 18,
            selfie_required: false,
            second_reviewer: false,
            document_min_pixels: 600,
        }
    }
}

/// How long what is known of a person is kept. A legal hold stops all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Retention {
    /// Days that the pictures are kept after the decision.
    pub documents_days: i32,
    /// Days that what was never submitted is kept after its last change.
    pub abandoned_days: i32,
    /// Days that the form, sealed, is kept after the decision. The record itself stays.
    pub records_days: i32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { documents_days: 180, abandoned_days: 30, records_days: 5 * 365 }
    }
}

impl Retention {
    /// Pictures of what was decided before this are erased.
    pub fn documents_before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.documents_days))
    }

    /// What was last changed before this, and never submitted, is erased.
    pub fn abandoned_before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.abandoned_days))
    }

    /// What was decided before this is erased.
    pub fn records_before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.records_days))
    }
}

/// What a review keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ReviewLimits {
    /// Days from submission until a review is due.
    pub days: i32,
    /// Minutes that a claim lasts.
    pub claim_minutes: i32,
    pub reasons_max: usize,
    pub reason_message_max_chars: usize,
    pub internal_note_max_chars: usize,
}

impl ReviewLimits {
    /// When a review of what is submitted now is due.
    pub fn due_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::days(i64::from(self.days))
    }
}

impl Default for ReviewLimits {
    fn default() -> Self {
        Self {
            days: 7,
            claim_minutes: 15,
            reasons_max: 10,
            reason_message_max_chars: 500,
            internal_note_max_chars: 2000,
        }
    }
}

impl Limits {
    /// Whether these limits can be kept: what is wrong with them, where they cannot.
    ///
    /// # Errors
    /// The first limit that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        let Self { account, gig, verification, review, retention } = self;
        let pairs = [
            ("account.passwordMinChars", account.password_min_chars, account.password_max_chars),
            ("account.displayNameMinChars", account.display_name_min_chars, account.display_name_max_chars),
            ("gig.titleMinChars", gig.title_min_chars, gig.title_max_chars),
            ("gig.tagMinChars", gig.tag_min_chars, gig.tag_max_chars),
        ];
        if let Some((name, ..)) = pairs.iter().find(|(_, min, max)| min > max || *min == 0) {
            return Err(format!("{name} must be 1 or more, and not above its maximum"));
        }
        let whole = [
            ("gig.deliveryDaysMax", gig.delivery_days_max, 1, 3650),
            ("gig.revisionsMax", gig.revisions_max, 0, 1000),
            ("review.days", review.days, 1, 365),
            ("review.claimMinutes", review.claim_minutes, 1, 24 * 60),
            ("verification.attemptsMax", verification.attempts_max, 1, 100),
            ("verification.requiredFromLevel", verification.required_from_level, 0, 10_000),
            ("retention.documentsDays", retention.documents_days, 1, 36_500),
            ("retention.abandonedDays", retention.abandoned_days, 1, 36_500),
            ("retention.recordsDays", retention.records_days, 1, 36_500),
            ("verification.minimumAge", verification.minimum_age, 0, 100),
        ];
        if let Some((name, _, min, max)) =
            whole.iter().find(|(_, value, min, max)| !(min..=max).contains(&value))
        {
            return Err(format!("{name} must be from {min} to {max}"));
        }
        let sizes = [
            ("gig.descriptionMaxChars", gig.description_max_chars, 100_000),
            ("gig.imagesMax", gig.images_max, 100),
            ("gig.linksMax", gig.links_max, 100),
            ("gig.tagsMax", gig.tags_max, 100),
            ("gig.imageMaxBytes", gig.image_max_bytes, UPLOAD_MAX_BYTES),
            ("gig.imageUploadMaxBytes", gig.image_upload_max_bytes, UPLOAD_MAX_BYTES),
            ("verification.documentMaxBytes", verification.document_max_bytes, UPLOAD_MAX_BYTES),
            ("review.reasonsMax", review.reasons_max, 100),
        ];
        match sizes.iter().find(|(_, value, max)| *value == 0 || value > max) {
            Some((name, _, max)) => Err(format!("{name} must be from 1 to {max}")),
            None => Ok(()),
        }
    }
}

/// No upload may be allowed more bytes than this: it is held in memory.
const UPLOAD_MAX_BYTES: usize = 15 * 1024 * 1024;

/// The highest level that `Query.limits` lists; levels go on by the same rule.
pub const LEVELS_SHOWN: i32 = 10;

/// The most points that anybody can have: those of level 10,000.
pub const POINTS_MAX: i64 = 1_000_000_000;

/// Points that a worker level needs: 1000 · n^1.5, rounded to a whole point.
pub fn points_of_level(level: i32) -> i64 {
    // n^1.5 is the root of n^3; the million is 1000 squared. The root of a whole number is
    // rounded by asking for the root of four times it, and halving up.
    let cube = i128::from(level.max(0)).pow(3) * 4_000_000;
    i64::try_from(cube.isqrt().midpoint(1)).unwrap_or(i64::MAX)
}

/// The level that so many points reach; 0 and up.
pub fn level_of_points(points: i64) -> i32 {
    let (mut reached, mut beyond) = (0_i32, 10_001_i32);
    while beyond - reached > 1 {
        let middle = reached.midpoint(beyond);
        if points_of_level(middle) <= points {
            reached = middle;
        } else {
            beyond = middle;
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_need_the_points_they_are_known_for() {
        let known = [0, 1000, 2828, 5196, 8000, 11180, 14697, 18520, 22627, 27000, 31623];
        for (level, points) in (0..=LEVELS_SHOWN).zip(known) {
            assert_eq!(points_of_level(level), points);
            assert_eq!(level_of_points(points), level);
            assert_eq!(level_of_points(points - 1), (level - 1).max(0));
        }
        assert_eq!(points_of_level(10_000), POINTS_MAX);
        assert_eq!((level_of_points(POINTS_MAX), level_of_points(i64::MAX)), (10_000, 10_000));
        assert_eq!((level_of_points(-1), points_of_level(i32::MAX)), (0, 99_516_432_313_703_771));
    }

    #[test]
    fn limits_that_make_no_sense_are_told() {
        let wrong = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            limits.validate().expect_err("a fault")
        };
        assert_eq!(Limits::default().validate(), Ok(()));
        assert!(wrong(|l| l.review.days = i32::MAX).starts_with("review.days"));
        assert!(wrong(|l| l.review.claim_minutes = -1).starts_with("review.claimMinutes"));
        assert!(wrong(|l| l.gig.title_min_chars = 500).starts_with("gig.titleMinChars"));
        assert!(wrong(|l| l.gig.image_upload_max_bytes = 1 << 30).starts_with("gig.imageUploadMaxBytes"));
    }
}
