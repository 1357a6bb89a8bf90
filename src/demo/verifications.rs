//! The demo's identity verifications: at least one in every status, with drawn documents that are marked
//! SPECIMEN.
//!
//! They are created by the use cases of `service`, as an applicant and a reviewer would. Applicants who have
//! begun already are skipped, so a start after an interrupted one seeds only the rest.

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use futures_util::stream::{self, TryStreamExt};
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::domain::entered::Entered;
use crate::domain::id::{SessionId, SubjectId};
use crate::domain::personal_info::PersonalInfoForm;
use crate::domain::reason::ReasonForm;
use crate::domain::review::VerificationDecision;
use crate::domain::user::{Role, Viewer};
use crate::domain::verification::{DocumentSide, DocumentType, Verification};
use crate::media::images;
use crate::media::images::Bounds;
use crate::service::verification_reviews;
use crate::service::verification_reviews::VerificationDecisionInput;
use crate::service::{Error, Result, Services, identity_access, inspections, reviews, verifications};
use crate::store;
use crate::store::users;

/// The status of each applicant's verification, by mailbox. Sellers of level 5 or higher are cleared, except
/// one who is in review and one who has not begun. The seller whose account `gigway serve --demo` prints has
/// not begun either.
///
/// The last one submits the number of the first one's document, which was rejected as altered: see [`document_number`].
/// So of the two in review, one has flags and one has none.
const TARGET_STATUSES: [(&str, TargetStatus); 11] = [
    ("callum", TargetStatus::Rejected),
    ("mei", TargetStatus::Cleared),
    ("ingrid", TargetStatus::Cleared),
    ("grace", TargetStatus::Cleared),
    ("thandiwe", TargetStatus::Cleared),
    ("oleksandr", TargetStatus::Cleared),
    ("leila", TargetStatus::InReview),
    ("diego", TargetStatus::InProgress),
    ("claire", TargetStatus::ActionRequired),
    ("hannah", TargetStatus::Revoked),
    ("jonas", TargetStatus::InReview),
];

/// How many verifications are seeded at the same time.
const CONCURRENCY: usize = 3;

/// The reviewers who decide. The second one, whose account `gigway serve --demo` prints, is only needed if a setting
/// asks for two.
const REVIEWER_EMAILS: [&str; 2] = ["owen@example.com", "miriam@example.com"];

/// The administrator who revokes.
const ADMIN_EMAIL: &str = "ada@example.com";

/// The request id in the audit trail.
const REQUEST_ID: &str = "demo";

/// The status that a seeded verification ends in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TargetStatus {
    InProgress,
    InReview,
    ActionRequired,
    Cleared,
    Rejected,
    Revoked,
}

/// Seeds the verifications that do not exist yet. Call it when the gateway is already listening: drawing the
/// documents takes some time.
///
/// # Errors
/// For example, if the configured limits reject the demo data.
pub async fn seed(services: &Services) -> Result<()> {
    let mut staff = Vec::new();
    for (email, role) in
        REVIEWER_EMAILS.map(|email| (email, Role::Reviewer)).into_iter().chain([(ADMIN_EMAIL, Role::Admin)])
    {
        let Some(viewer) = viewer(services, email, role).await? else { return Ok(()) };
        staff.push(viewer);
    }
    let people = stream::iter((1_u32..).zip(TARGET_STATUSES).map(Ok));
    let claims_max = usize::try_from(services.limits.review.claims_max).unwrap_or(usize::MAX);
    people
        .try_for_each_concurrent(CONCURRENCY.min(claims_max), async |(number, (mailbox, target_status))| {
            let applicant = viewer(services, &format!("{mailbox}@example.com"), Role::Member).await?;
            if let Some(applicant) = applicant
                && verifications::find_for_user(services, applicant.id()).await?.version == 0
            {
                seed_verification(services, &applicant, &staff, number, target_status).await?;
            }
            Ok(())
        })
        .await
}

async fn viewer(services: &Services, email: &str, role: Role) -> Result<Option<Viewer>> {
    let db = services.db.read();
    let Some(credentials) = users::find_credentials(db, email).await? else { return Ok(None) };
    let user = users::find_all(db, &[credentials.user_id]).await?.pop();
    let (session_id, access_until) = (SessionId::nil(), DateTime::<Utc>::MAX_UTC);
    Ok(user.map(|user| Viewer { user, email: email.to_owned(), role, session_id, access_until }))
}

async fn seed_verification(
    services: &Services,
    applicant: &Viewer,
    staff: &[Viewer],
    number: u32,
    target_status: TargetStatus,
) -> Result<()> {
    verifications::save_personal_info(services, applicant, personal_info(applicant, number)).await?;
    if target_status == TargetStatus::InProgress {
        return Ok(());
    }
    let drawn = tokio::task::spawn_blocking(move || specimen(number)).await;
    let image = drawn.map_err(Error::internal)??;
    let (kind, side) = (DocumentType::Passport, DocumentSide::Front);
    verifications::upload_document(services, applicant, kind, side, image).await?;
    verifications::submit(services, applicant, services.consent_version.as_deref()).await?;
    let decisions: &[(VerificationDecision, Option<&str>)] = match target_status {
        TargetStatus::InProgress | TargetStatus::InReview => &[],
        TargetStatus::ActionRequired => {
            &[(VerificationDecision::RequestResubmission, Some("IMAGE_UNREADABLE"))]
        }
        TargetStatus::Cleared => &[(VerificationDecision::Clear, None)],
        TargetStatus::Rejected => &[(VerificationDecision::Reject, Some("DOCUMENT_TAMPERED"))],
        TargetStatus::Revoked => {
            &[(VerificationDecision::Clear, None), (VerificationDecision::Revoke, Some("DOCUMENT_EXPIRED"))]
        }
    };
    for (decision, reason) in decisions {
        let before = verifications::find_for_user(services, applicant.id()).await?.version;
        for reviewer in staff {
            // Only an administrator revokes.
            if (reviewer.role == Role::Admin) != (*decision == VerificationDecision::Revoke) {
                continue;
            }
            let decided = decide(services, applicant, reviewer, *decision, *reason).await?;
            if decided.version != before {
                break;
            }
        }
    }
    Ok(())
}

/// Decides as a reviewer does: claims the item, opens the pictures, and decides. Returns the verification, which is
/// unchanged if the decision needs a second reviewer.
async fn decide(
    services: &Services,
    applicant: &Viewer,
    reviewer: &Viewer,
    decision: VerificationDecision,
    reason: Option<&str>,
) -> Result<Verification> {
    let user_id = applicant.id();
    let verification = verifications::find_for_user(services, user_id).await?;
    let subject = SubjectId::Verification(user_id);
    let items = store::reviews::find_undecided(services.db.read(), &[subject]).await?;
    if let Some(item) = items.first() {
        reviews::claim(services, reviewer, item.id, REQUEST_ID).await?;
        for document in &verification.documents {
            let signature = identity_access::sign_document(services, reviewer, document.id)?;
            let opened =
                identity_access::open_document(services, reviewer, document.id, &signature, REQUEST_ID);
            if let Some(opened) = opened.await? {
                identity_access::record_delivery(services, &opened).await?;
            }
        }
    } else {
        let reason = "A report about the document.";
        inspections::inspect(services, reviewer, user_id, reason, REQUEST_ID).await?;
    }
    let reasons = reason.map(|code| ReasonForm { code: code.to_owned(), field: None, message: None });
    let input = VerificationDecisionInput {
        user_id,
        decision,
        expected_version: verification.version,
        reasons: reasons.into_iter().collect(),
        internal_note: None,
    };
    Ok(verification_reviews::decide(services, reviewer, input, REQUEST_ID).await?.subject)
}

fn personal_info(applicant: &Viewer, number: u32) -> PersonalInfoForm {
    let (first_name, last_name) = applicant.user.display_name.split_once(' ').unwrap_or(("Robin", "Doe"));
    let born = NaiveDate::from_ymd_opt(1985, 1 + number % 12, 1 + number % 28).unwrap_or_default();
    PersonalInfoForm {
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        date_of_birth: Entered::Value(born),
        address_line1: format!("{number} Example Street"),
        address_line2: None,
        city: "Springfield".to_owned(),
        region: None,
        postal_code: format!("{:05}", 10_000 + number),
        country_code: "DE".to_owned(),
        document_number: document_number(number),
    }
}

/// The number of an applicant's document. The last applicant has that of the first one, so that reviewers see flags.
fn document_number(number: u32) -> String {
    let is_last = usize::try_from(number) == Ok(TARGET_STATUSES.len());
    let number = if is_last { 1 } else { number };
    format!("SPEC{number:05}")
}

/// Where the portrait is on the page, and its size.
const PORTRAIT: ((u32, u32), (u32, u32)) = ((5, 6), (18, 22));

const INK: Rgb<u8> = Rgb([70, 80, 110]);

/// The letters of SPECIMEN as bitmaps of five by seven pixels.
const LETTERS: [[u8; 7]; 8] = [
    [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
    [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
    [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
    [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110],
    [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
    [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
    [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001],
];

/// Draws a page of a passport: a portrait, lines of words, and SPECIMEN across it. Portrait and words differ from
/// person to person, so that no picture looks like that of another account. It is drawn small and enlarged, which is
/// fast even in debug builds.
///
/// # Errors
/// The drawing cannot be encoded.
pub fn specimen(number: u32) -> Result<Bytes> {
    let mut rng = StdRng::seed_from_u64(u64::from(number));
    let tint = u8::try_from(150 + number * 7 % 80).unwrap_or(u8::MAX);
    let (paper, red) = (Rgb([235, tint, 215]), Rgb([190, 30, 40]));
    let mut page = RgbImage::from_pixel(72, 48, paper);
    draw_portrait(&mut page, &mut rng);
    for line in 0..5 {
        let mut left = 28;
        while left < 64 {
            let length = rng.random_range(2..7);
            fill(&mut page, (left, 8 + line * 4), (length, 1), INK);
            left += length + rng.random_range(1..4);
        }
    }
    for (position, letter) in (0_u32..).zip(LETTERS) {
        for (y, row) in (0_u32..).zip(letter) {
            for x in (0..5).filter(|x| row & (0b10000 >> x) != 0) {
                fill(&mut page, (12 + position * 6 + x, 34 + y), (1, 1), red);
            }
        }
    }
    let page = DynamicImage::ImageRgb8(page).resize_exact(936, 624, FilterType::Nearest);
    let encoded = images::encode(&page.into_rgb8(), &Bounds::default()).map_err(Error::internal)?;
    Ok(encoded.bytes)
}

/// Draws the head and the shoulders of a made-up person.
fn draw_portrait(page: &mut RgbImage, rng: &mut StdRng) {
    let mut color = |range: std::ops::Range<u8>| Rgb([(); 3].map(|()| rng.random_range(range.clone())));
    let (background, clothes, hair, skin) =
        (color(150..230), color(20..200), color(20..120), color(120..230));
    fill(page, PORTRAIT.0, PORTRAIT.1, background);
    let (width, height) = (rng.random_range(4..7), rng.random_range(5..8));
    fill_ellipse(page, (14, 28), (rng.random_range(6..10), rng.random_range(4..7)), clothes);
    fill_ellipse(page, (14, rng.random_range(13..16)), (width + rng.random_range(0..3), height), hair);
    fill_ellipse(page, (14, 16), (width, height), skin);
    let (apart, eyes) = (rng.random_range(1..4), rng.random_range(13..16));
    for x in [14 - apart, 14 + apart] {
        fill(page, (x, eyes), (1, 1), INK);
    }
    fill(page, (rng.random_range(11..14), 19), (rng.random_range(2..6), 1), INK);
}

fn fill(page: &mut RgbImage, (left, top): (u32, u32), (width, height): (u32, u32), color: Rgb<u8>) {
    for y in top..top + height {
        for x in left..left + width {
            page.put_pixel(x, y, color);
        }
    }
}

/// Fills an ellipse, within the portrait.
fn fill_ellipse(page: &mut RgbImage, middle: (u32, u32), (across, down): (u32, u32), color: Rgb<u8>) {
    let ((left, top), (width, height)) = PORTRAIT;
    for y in top..top + height {
        for x in left..left + width {
            let (dx, dy) = (x.abs_diff(middle.0) * down, y.abs_diff(middle.1) * across);
            if dx * dx + dy * dy <= (across * down).pow(2) {
                page.put_pixel(x, y, color);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::images::perceptual::{Comparison, Preview};

    #[test]
    fn specimens_are_large_enough_and_look_different() {
        let pictures = (1_u32..).zip(TARGET_STATUSES).map(|(number, _)| {
            let picture = image::load_from_memory(&specimen(number).unwrap()).unwrap().into_rgb8();
            assert!(picture.width().min(picture.height()) >= 600);
            Preview::of(&picture).unwrap()
        });
        let pictures: Vec<_> = pictures.collect();
        for (first, picture) in pictures.iter().enumerate() {
            let comparison = Comparison::new(picture);
            for (second, other) in pictures.iter().enumerate() {
                let is_same = comparison.matches(&other.signature());
                assert_eq!(is_same, first == second, "{} and {}", first + 1, second + 1);
            }
        }
    }
}
