//! The configurable limits of the domain. Each is a row of a table, with its description, default and allowed
//! range.
//!
//! The rules get the limits as an argument, `GIGWAY_LIMITS` overrides them, and `Query.limits` shows most of
//! them to clients.
//!
//! To add a limit: a row in one of the tables below; the check in the rule that needs it; and, if clients
//! should see it, a field in `src/graphql/types/limits.rs`. The default, the JSON name and the check of the
//! configured value follow from the row.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::limit_table::limit_table;
use crate::domain::money::Money;

/// The configurable limits. `GIGWAY_LIMITS` overrides single ones, as in `{"gig":{"imagesMax":8}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    pub account: AccountLimits,
    pub session: SessionLimits,
    pub gig: GigLimits,
    pub verification: VerificationLimits,
    pub review: ReviewLimits,
    pub four_eyes: FourEyesLimits,
    pub retention: RetentionLimits,
}

/// Limits in bytes cannot be set above this, because an upload is held in memory.
const UPLOAD_MAX_BYTES: usize = 15 * 1024 * 1024;

limit_table! {
    /// Limits of an account, checked in `src/domain/account.rs` and `src/service/images.rs` (stored bytes).
    pub struct AccountLimits {
        email_max_chars: usize = 254;
        password_min_chars: usize = 8, in 1..;
        password_max_chars: usize = 128;
        display_name_min_chars: usize = 2, in 1..;
        display_name_max_chars: usize = 50;
        /// Bytes of all images of a user, as they are stored: those of gigs, archived ones included, and those
        /// that no gig uses yet.
        stored_bytes_max: u64 = 512 * 1024 * 1024, in 1..;
    }
}

limit_table! {
    /// How long a session lasts, by `session_expiry` in `src/domain/account.rs`, and how many sessions a user can
    /// have. Staff are reviewers and administrators.
    pub struct SessionLimits {
        /// Days from the last refresh until a session of a member ends.
        idle_days: i32 = 30, in 1..=3650;
        /// Days from the sign-in until a session of a member ends.
        absolute_days: i32 = 90, in 1..=3650;
        /// Hours from the last refresh until a session of staff ends.
        staff_idle_hours: i32 = 12, in 1..=87_600;
        /// Hours from the sign-in until a session of staff ends.
        staff_absolute_hours: i32 = 7 * 24, in 1..=87_600;
        /// Sessions per user. A further sign-in ends the oldest.
        per_user_max: u64 = 50, in 1..=10_000;
    }
}

limit_table! {
    /// Limits of a gig, checked in `src/domain/gig_form.rs`, `src/domain/permission.rs` (the number of gigs)
    /// and `src/service/images.rs` (uploads).
    pub struct GigLimits {
        /// The minimum length of a title when the gig is submitted. A draft needs one character.
        title_min_chars: usize = 10, in 1..;
        title_max_chars: usize = 120;
        description_max_chars: usize = 2048, in 1..=100_000;
        images_max: usize = 5, in 1..=100;
        /// Bytes of an image as it is stored.
        image_max_bytes: usize = 1024 * 1024, in 1..=UPLOAD_MAX_BYTES;
        /// Bytes of an image as it is uploaded.
        image_upload_max_bytes: usize = 3 * 1024 * 1024, in 1..=UPLOAD_MAX_BYTES;
        /// Characters of the alternative text of an image.
        alt_text_max_chars: usize = 200;
        links_max: usize = 5, in 1..=100;
        link_max_chars: usize = 2048;
        tags_max: usize = 15, in 1..=100;
        /// One character is enough for C and R.
        tag_min_chars: usize = 1, in 1..;
        tag_max_chars: usize = 30;
        delivery_days_max: i32 = 90, in 1..=3650;
        revisions_max: i32 = 20, in 0..=1000;
        /// The highest price. The lowest is the `minimum_price` of the category.
        maximum_price: Money = Money::from_cents(1_000_000);
        /// Gigs per seller that are not archived.
        unarchived_max: u64 = 20;
    }
}

limit_table! {
    /// Limits of an identity verification, checked in `src/domain/verification`,
    /// `src/domain/personal_info.rs`, `src/domain/picture_quality.rs`, `src/domain/permission.rs` (the level) and
    /// `src/service/verifications.rs` (uploads).
    pub struct VerificationLimits {
        /// Bytes of the image of a document as it is uploaded.
        document_max_bytes: usize = 10 * 1024 * 1024, in 1..=UPLOAD_MAX_BYTES;
        /// How many times an applicant can submit. The last submission cannot be sent back: a reviewer clears or rejects
        /// it.
        attempts_max: i32 = 3, in 1..=100;
        /// From this worker level on, selling and taking orders need a verified identity.
        required_from_level: i32 = 5, in 0..=10_000;
        /// Years.
        minimum_age: i32 = 18, in 0..=100;
        /// Whether the applicant must also upload an image of themselves.
        selfie_required: bool = false;
        /// Whether the rejection or revocation of a verification needs a second reviewer: the same as `reject` and
        /// `revoke` of [`FourEyesLimits`], which are set apart.
        second_reviewer: bool = false;
        /// The minimum number of pixels along the shorter side of the image of a document.
        document_min_pixels: u32 = 600;
        /// A picture is blurred if its sharpness, the variance of the Laplacian, is below this. 0 for no warning.
        picture_sharpness_min: i32 = 60, in 0..=100_000;
        /// A picture has glare if more of it shows nothing but light, in percent. 100 for no warning.
        picture_glare_max_percent: i32 = 2, in 0..=100;
        /// A picture is dark if its bright parts are darker, in percent of white. 0 for no warning.
        picture_brightness_min_percent: i32 = 35, in 0..=100;
    }
}

limit_table! {
    /// Limits of a review, checked in `src/domain/review.rs`, `src/domain/reason.rs`, `src/service/reviews.rs` (notes
    /// and claims) and `src/service/identity_access.rs` (people). Whether a decision needs a second reviewer is in
    /// [`FourEyesLimits`].
    pub struct ReviewLimits {
        /// Days from submission until the review is due.
        days: i32 = 7, in 1..=365;
        /// Minutes until a claim expires.
        claim_minutes: i32 = 15, in 1..=24 * 60;
        /// Claims that a reviewer has at a time.
        claims_max: u64 = 20, in 1..=10_000;
        /// Whether the decision about a gig needs the claim of its item. That about a verification always does.
        gig_claim_required: bool = false;
        /// People whose form or pictures a reviewer may open within 24 hours.
        people_per_day_max: u64 = 200, in 1..=1_000_000;
        /// Minutes until an inspection of a decided verification ends.
        inspection_minutes: i32 = 15, in 1..=24 * 60;
        /// Reasons per decision.
        reasons_max: usize = 10, in 1..=100;
        reason_message_max_chars: usize = 500;
        internal_note_max_chars: usize = 2000;
    }
}

limit_table! {
    /// Which decisions about a verification need two reviewers. The rule is `needs_two_reviewers` in
    /// `src/domain/verification_decision.rs`. The first reviewer's decision is a proposal.
    pub struct FourEyesLimits {
        /// Every CLEAR.
        clear: bool = false;
        /// Every REJECT.
        reject: bool = false;
        /// Every REVOKE.
        revoke: bool = false;
        /// CLEAR of an item with the flag DUPLICATE_DOCUMENT.
        duplicate_document: bool = true;
        /// CLEAR of an item with the flag DUPLICATE_PICTURE.
        duplicate_picture: bool = false;
        /// CLEAR of an item with the flag PREVIOUSLY_REJECTED.
        previously_rejected: bool = true;
        /// CLEAR of an item with the flag PREVIOUSLY_REVOKED.
        previously_revoked: bool = true;
        /// Hours until a proposal expires.
        proposal_hours: i32 = 72, in 1..=24 * 365;
    }
}

limit_table! {
    /// How long the personal data of a verification is stored. `src/service/retention.rs` erases it, except
    /// under a legal hold. How long a request of a user waits is also a row here.
    pub struct RetentionLimits {
        /// Days from the decision until the images are erased.
        documents_days: i32 = 180, in 1..=36_500;
        /// Days from the last change until a verification that was never submitted is erased.
        abandoned_days: i32 = 30, in 1..=36_500;
        /// Days from the submission until a verification that nobody has reviewed is returned, and its data erased.
        unreviewed_days: i32 = 90, in 1..=36_500;
        /// Days from the request of a user to be erased until the erasure, in which they can cancel it.
        erasure_waiting_days: i32 = 14, in 0..=30;
        /// Days from the decision until the encrypted form and the decisions are erased.
        records_days: i32 = 5 * 365, in 1..=36_500;
        /// Days from a decision for fraud or sanctions until the fingerprints of the submission are deleted. They are
        /// kept after an erasure.
        fingerprints_days: i32 = 5 * 365, in 1..=36_500;
        /// Days until an entry of the audit trail is removed; 0 for never.
        audit_days: i32 = 0, in 0..=36_500;
    }
}

impl ReviewLimits {
    /// When the review of a subject that is submitted now is due.
    pub fn due_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::days(i64::from(self.days))
    }
}

impl RetentionLimits {
    /// Images are erased if the decision was before this.
    pub fn documents_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.documents_days))
    }

    /// A verification that was never submitted is erased if its last change was before this.
    pub fn abandoned_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.abandoned_days))
    }

    /// A verification that nobody has reviewed is returned if it was submitted before this.
    pub fn unreviewed_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.unreviewed_days))
    }

    /// Entries of the audit trail from before this are removed; `None` if they are never removed.
    pub fn audit_cutoff(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.audit_days > 0).then(|| now - TimeDelta::days(i64::from(self.audit_days)))
    }

    /// The form and the decisions are erased if the decision was before this.
    pub fn records_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.records_days))
    }

    /// Fingerprints are deleted if the decision was before this.
    pub fn fingerprints_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(i64::from(self.fingerprints_days))
    }
}

impl Limits {
    /// Checks that every limit is within its range, and no minimum above its maximum.
    ///
    /// # Errors
    /// The first invalid limit, by its JSON path, and what is allowed.
    pub fn validate(&self) -> Result<(), String> {
        let Self { account, session, gig, verification, review, four_eyes, retention } = self;
        let tables = [
            ("account", account.check_ranges()),
            ("session", session.check_ranges()),
            ("gig", gig.check_ranges()),
            ("verification", verification.check_ranges()),
            ("review", review.check_ranges()),
            ("fourEyes", four_eyes.check_ranges()),
            ("retention", retention.check_ranges()),
        ];
        for (table, result) in tables {
            result.map_err(|problem| format!("{table}.{problem}"))?;
        }
        let pairs = [
            ("account.password", account.password_min_chars, account.password_max_chars),
            ("account.displayName", account.display_name_min_chars, account.display_name_max_chars),
            ("gig.title", gig.title_min_chars, gig.title_max_chars),
            ("gig.tag", gig.tag_min_chars, gig.tag_max_chars),
        ];
        match pairs.iter().find(|(_, min, max)| min > max) {
            Some((name, min, max)) => Err(format!("{name}MinChars is {min}, above {name}MaxChars, {max}")),
            None => Ok(()),
        }
    }
}

/// The highest worker level that `Query.limits` lists. Higher levels follow the same rule.
pub const HIGHEST_LEVEL_SHOWN: i32 = 10;

/// The most points that a user can have: those of level 10,000.
pub const POINTS_MAX: i64 = 1_000_000_000;

/// The points that a worker level needs: 1000 · n^1.5, rounded to a whole point.
pub fn points_for_level(level: i32) -> i64 {
    // 1000 · n^1.5 is the root of N = 1,000,000 · n^3. To round that root to a whole number, take the root
    // of 4 · N, rounded down, and halve it, rounded up.
    let cube = i128::from(level.max(0)).pow(3) * 4_000_000;
    i64::try_from(cube.isqrt().midpoint(1)).unwrap_or(i64::MAX)
}

/// The worker level for this many points, from 0 to 10,000.
pub fn level_for_points(points: i64) -> i32 {
    let (mut reached, mut beyond) = (0_i32, 10_001_i32);
    while beyond - reached > 1 {
        let middle = reached.midpoint(beyond);
        if points_for_level(middle) <= points {
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
    fn levels_need_the_documented_points() {
        let known = [0, 1000, 2828, 5196, 8000, 11180, 14697, 18520, 22627, 27000, 31623];
        for (level, points) in (0..=HIGHEST_LEVEL_SHOWN).zip(known) {
            assert_eq!(points_for_level(level), points);
            assert_eq!(level_for_points(points), level);
            assert_eq!(level_for_points(points - 1), (level - 1).max(0));
        }
        assert_eq!(points_for_level(10_000), POINTS_MAX);
        assert_eq!((level_for_points(POINTS_MAX), level_for_points(i64::MAX)), (10_000, 10_000));
        assert_eq!((level_for_points(-1), points_for_level(i32::MAX)), (0, 99_516_432_313_703_771));
    }

    #[test]
    fn an_invalid_limit_is_reported_by_its_json_path() {
        let problem = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            limits.validate().expect_err("an invalid limit")
        };
        assert_eq!(Limits::default().validate(), Ok(()));
        assert!(problem(|l| l.review.days = i32::MAX).starts_with("review.days"));
        assert!(problem(|l| l.review.claim_minutes = -1).starts_with("review.claimMinutes"));
        assert!(problem(|l| l.session.per_user_max = 0).starts_with("session.perUserMax"));
        assert!(problem(|l| l.gig.title_min_chars = 500).starts_with("gig.titleMinChars"));
        assert!(problem(|l| l.gig.image_upload_max_bytes = 1 << 30).starts_with("gig.imageUploadMaxBytes"));
    }
}
