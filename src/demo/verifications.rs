//! The demo's identity verifications: somebody in every status, with documents that are drawn here and say so.
//!
//! They are made by the acts themselves, as an applicant and a reviewer would do them. Whoever has begun already is
//! left alone, so that a start that was killed in the middle is completed by the next one.

use bytes::Bytes;
use chrono::NaiveDate;
use futures_util::stream::{self, TryStreamExt};
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};
use uuid::Uuid;

use crate::domain::personal_info::PersonalInfo;
use crate::domain::reason::ReasonForm;
use crate::domain::review::VerificationDecision;
use crate::domain::user::{Role, Viewer};
use crate::domain::verification::{DocumentSide, DocumentType};
use crate::media::images;
use crate::media::images::Bounds;
use crate::service::verification_reviews;
use crate::service::verification_reviews::VerificationDecisionInput;
use crate::service::{Error, Result, Services, verifications};
use crate::store::users;

/// How far each of these people has come, by their mailboxes. Those who crossed level 5 are cleared, but for one
/// who waits; the seller of the printed account has not begun.
const FATES: [(&str, Fate); 11] = [
    ("mei", Fate::Cleared),
    ("ingrid", Fate::Cleared),
    ("grace", Fate::Cleared),
    ("thandiwe", Fate::Cleared),
    ("oleksandr", Fate::Cleared),
    ("leila", Fate::Waits),
    ("jonas", Fate::Waits),
    ("diego", Fate::Began),
    ("claire", Fate::SentBack),
    ("callum", Fate::Rejected),
    ("hannah", Fate::Revoked),
];

/// As many as there are cores nearly everywhere, and one more for those that wait.
const AT_ONCE: usize = 3;

const REVIEWER: &str = "owen@example.com";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Began,
    Waits,
    SentBack,
    Cleared,
    Rejected,
    Revoked,
}

/// Makes those that are not there yet; while the gateway serves, since pictures take their time.
///
/// # Errors
/// Where the database or the blobs are away, or the limits are too narrow for the demo.
pub async fn seed(services: &Services) -> Result<()> {
    let Some(reviewer) = viewer(services, REVIEWER, Role::Reviewer).await? else { return Ok(()) };
    let people = stream::iter((1_u32..).zip(FATES).map(Ok));
    people
        .try_for_each_concurrent(AT_ONCE, async |(number, (mailbox, fate))| {
            let applicant = viewer(services, &format!("{mailbox}@example.com"), Role::Member).await?;
            if let Some(applicant) = applicant
                && verifications::of_person(services, applicant.id()).await?.version == 0
            {
                live(services, &applicant, &reviewer, number, fate).await?;
            }
            Ok(())
        })
        .await
}

async fn viewer(services: &Services, email: &str, role: Role) -> Result<Option<Viewer>> {
    let db = services.db.read();
    let Some(known) = users::credentials(db, email).await? else { return Ok(None) };
    let user = users::find_all(db, &[known.user_id]).await?.pop();
    Ok(user.map(|user| Viewer { user, email: email.to_owned(), role, session_id: Uuid::nil() }))
}

async fn live(
    services: &Services,
    applicant: &Viewer,
    reviewer: &Viewer,
    number: u32,
    fate: Fate,
) -> Result<()> {
    verifications::save_personal_info(services, applicant, form(applicant, number)).await?;
    if fate == Fate::Began {
        return Ok(());
    }
    let drawn = tokio::task::spawn_blocking(move || specimen(number)).await;
    let picture = drawn.map_err(Error::internal)??;
    let (kind, side) = (DocumentType::Passport, DocumentSide::Front);
    verifications::upload_document(services, applicant, kind, side, picture).await?;
    verifications::submit(services, applicant).await?;
    let decisions: &[(VerificationDecision, Option<&str>)] = match fate {
        Fate::Began | Fate::Waits => &[],
        Fate::SentBack => &[(VerificationDecision::RequestResubmission, Some("IMAGE_UNREADABLE"))],
        Fate::Cleared => &[(VerificationDecision::Clear, None)],
        Fate::Rejected => &[(VerificationDecision::Reject, Some("DOCUMENT_TAMPERED"))],
        Fate::Revoked => {
            &[(VerificationDecision::Clear, None), (VerificationDecision::Revoke, Some("DOCUMENT_EXPIRED"))]
        }
    };
    for (decision, reason) in decisions {
        let version = verifications::of_person(services, applicant.id()).await?.version;
        let reasons =
            reason.iter().map(|code| ReasonForm { code: (*code).to_owned(), field: None, message: None });
        let verdict = VerificationDecisionInput {
            user_id: applicant.id(),
            decision: *decision,
            expected_version: version,
            reasons: reasons.collect(),
            internal_note: None,
        };
        verification_reviews::decide(services, reviewer, verdict, "demo").await?;
    }
    Ok(())
}

fn form(applicant: &Viewer, number: u32) -> PersonalInfo {
    let (first_name, last_name) = applicant.user.display_name.split_once(' ').unwrap_or(("Robin", "Doe"));
    PersonalInfo {
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        date_of_birth: NaiveDate::from_ymd_opt(1985, 1 + number % 12, 1 + number % 28).unwrap_or_default(),
        address_line1: format!("{number} Example Street"),
        address_line2: None,
        city: "Springfield".to_owned(),
        region: None,
        postal_code: format!("{:05}", 10_000 + number),
        country_code: "DE".to_owned(),
        document_number: format!("SPEC{number:05}"),
    }
}

/// The letters of SPECIMEN, five by seven each, a row a number.
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

/// A passport's page: a portrait, lines, and SPECIMEN across it. Drawn small and enlarged, which is quick also where
/// this code is not optimised.
fn specimen(number: u32) -> Result<Bytes> {
    let tint = u8::try_from(150 + number * 7 % 80).unwrap_or(u8::MAX);
    let (paper, ink, red) = (Rgb([235, tint, 215]), Rgb([70, 80, 110]), Rgb([190, 30, 40]));
    let mut page = RgbImage::from_pixel(72, 48, paper);
    let mut fill = |left: u32, top: u32, width: u32, height: u32, color| {
        for y in top..top + height {
            for x in left..left + width {
                page.put_pixel(x, y, color);
            }
        }
    };
    fill(5, 6, 18, 22, ink);
    fill(10, 9, 8, 9, paper);
    fill(8, 20, 12, 8, paper);
    for line in 0..5 {
        fill(28, 8 + line * 4, 20 + (number + line * 5) % 18, 1, ink);
    }
    for (place, letter) in (0_u32..).zip(LETTERS) {
        for (y, row) in (0_u32..).zip(letter) {
            for x in (0..5).filter(|x| row & (0b10000 >> x) != 0) {
                fill(12 + place * 6 + x, 34 + y, 1, 1, red);
            }
        }
    }
    let page = DynamicImage::ImageRgb8(page).resize_exact(936, 624, FilterType::Nearest);
    let encoded = images::encode(&page.into_rgb8(), &Bounds::default()).map_err(Error::internal)?;
    Ok(encoded.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specimen_is_large_enough_and_no_two_are_the_same() {
        let first = image::load_from_memory(&specimen(1).unwrap()).unwrap();
        assert!(first.width().min(first.height()) >= 600);
        assert_ne!(specimen(1).unwrap(), specimen(2).unwrap());
    }
}
