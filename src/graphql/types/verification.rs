//! Identity verification, as its applicant and reviewers see it.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use crate::domain::id::IdKind;
use crate::domain::user::Viewer;
use crate::domain::{personal_info, verification};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::types::node::public_id;
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::{Date, DateTime, Url};
use crate::service::verification_reviews;
use crate::store::reviews;

/// Where a verification stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "verification::VerificationStatus")]
pub enum VerificationStatus {
    /// The person has not begun.
    NotStarted,
    /// The person is filling it in.
    InProgress,
    /// It waits for a reviewer.
    InReview,
    /// Something must be mended; `reasons` says what.
    ActionRequired,
    /// The identity is confirmed.
    Cleared,
    /// It was refused, for good.
    Rejected,
    /// It was cleared once, and is not any more; the person may begin again.
    Revoked,
}

/// One of the four steps.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "VerificationStepName", remote = "verification::Step")]
pub enum StepName {
    /// The form is filled in.
    PersonalInformation,
    /// Every picture that is needed is there.
    #[graphql(name = "DOCUMENT_UPLOAD")]
    DocumentUpload,
    /// It was handed in.
    SubmittedForReview,
    /// The identity is confirmed.
    Cleared,
}

/// The kind of an identity document.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "verification::DocumentType")]
pub enum IdentityDocumentType {
    /// Its front is needed.
    Passport,
    /// Its front and back are needed.
    NationalId,
    /// Its front and back are needed.
    DrivingLicence,
}

/// What a picture shows.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "verification::DocumentSide")]
pub enum DocumentSide {
    /// The document's side with the portrait.
    Front,
    /// The document's other side.
    Back,
    /// The person themselves.
    Selfie,
}

/// One step towards being cleared.
#[derive(SimpleObject)]
pub struct VerificationStep {
    /// For programs.
    step: StepName,
    /// For the applicant, for example "Submitted for review".
    label: &'static str,
    /// Whether it is ticked.
    done: bool,
    /// When it was done; null while it is not.
    done_at: Option<DateTime>,
}

/// Who a person says they are. Kept encrypted.
#[derive(SimpleObject)]
pub struct PersonalInfo {
    /// As in the document.
    first_name: String,
    /// As in the document.
    last_name: String,
    /// As in the document.
    date_of_birth: Date,
    /// Street and number.
    address_line1: String,
    /// What the first line had no room for; null where there is none.
    address_line2: Option<String>,
    /// Town.
    city: String,
    /// State or province; null where there is none.
    region: Option<String>,
    /// As it is written there.
    postal_code: String,
    /// ISO 3166-1, two letters, for example "DE".
    country_code: String,
    /// As in the document.
    document_number: String,
}

impl From<personal_info::PersonalInfo> for PersonalInfo {
    fn from(info: personal_info::PersonalInfo) -> Self {
        Self {
            first_name: info.first_name,
            last_name: info.last_name,
            date_of_birth: Date(info.date_of_birth),
            address_line1: info.address_line1,
            address_line2: info.address_line2,
            city: info.city,
            region: info.region,
            postal_code: info.postal_code,
            country_code: info.country_code,
            document_number: info.document_number,
        }
    }
}

pub struct IdentityDocument(verification::IdentityDocument);

impl From<verification::IdentityDocument> for IdentityDocument {
    fn from(document: verification::IdentityDocument) -> Self {
        Self(document)
    }
}

/// A picture of one side of an identity document. Kept encrypted.
#[Object]
impl IdentityDocument {
    /// Begins with `doc_`.
    pub async fn id(&self) -> ID {
        public_id(IdKind::IdentityDocument, self.0.id)
    }

    /// The kind of document that it is of.
    #[graphql(name = "type")]
    async fn document_type(&self) -> IdentityDocumentType {
        self.0.document_type.into()
    }

    /// What it shows.
    async fn side(&self) -> DocumentSide {
        self.0.side.into()
    }

    /// When it was uploaded.
    async fn uploaded_at(&self) -> DateTime {
        self.0.uploaded_at.into()
    }

    /// Where a reviewer sees it, for 5 minutes and with the same session's access token; every look is kept on
    /// record. Null for everybody else.
    async fn url(&self, ctx: &Context<'_>) -> Option<Result<Url>> {
        nullable(async {
            match ctx.viewer()? {
                Some(viewer) if viewer.role.reviews() => {
                    let address = verification_reviews::document_address(ctx.services(), viewer, self.0.id)?;
                    Ok(Some(Url(address)))
                }
                _ => Ok(None),
            }
        })
        .await
    }
}

pub struct Verification {
    verification: verification::Verification,
    /// Reviewers read every reason as it is.
    for_reviewer: bool,
}

impl Verification {
    /// The verification as `viewer`, who may see it, sees it.
    pub fn seen_by(verification: verification::Verification, viewer: &Viewer) -> Self {
        let for_reviewer = viewer.role.reviews() && viewer.id() != verification.user_id;
        Self { verification, for_reviewer }
    }
}

/// One person's identity verification. The person and reviewers see it.
#[Object]
impl Verification {
    /// Begins with `ver_`.
    pub async fn id(&self) -> ID {
        public_id(IdKind::Verification, self.verification.user_id)
    }

    /// Where it stands now.
    async fn status(&self) -> VerificationStatus {
        self.verification.status.into()
    }

    /// Goes up by one at every change; 0 before the first.
    async fn version(&self) -> i32 {
        self.verification.version
    }

    /// Always the four steps, in order.
    async fn steps(&self, ctx: &Context<'_>) -> Vec<VerificationStep> {
        let steps = self.verification.steps(&ctx.services().limits).into_iter();
        steps
            .map(|(step, done_at)| VerificationStep {
                step: step.into(),
                label: step.label(),
                done: done_at.is_some(),
                done_at: done_at.map(DateTime),
            })
            .collect()
    }

    /// What the person wrote; null while there is nothing, and once it was erased. A reviewer's look is kept on
    /// record.
    async fn personal_info(&self, ctx: &Context<'_>) -> Option<Result<PersonalInfo>> {
        nullable(async {
            let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
            let user_id = self.verification.user_id;
            let info =
                verification_reviews::personal_info(services, viewer, user_id, ctx.request_id()).await?;
            Ok(info.map(PersonalInfo::from))
        })
        .await
    }

    /// The pictures that are there; none once they were erased.
    async fn documents(&self) -> Vec<IdentityDocument> {
        self.verification.documents.iter().cloned().map(IdentityDocument).collect()
    }

    /// The last decision's reasons.
    async fn reasons(&self) -> Vec<ReviewReason> {
        shown(self.verification.reasons.clone(), self.for_reviewer)
    }

    /// How often it was submitted.
    async fn attempts_used(&self) -> i32 {
        self.verification.attempts_used
    }

    /// How often it may still be submitted.
    async fn attempts_left(&self, ctx: &Context<'_>) -> i32 {
        self.verification.attempts_left(&ctx.services().limits)
    }

    /// When it was last submitted; null while it never was.
    async fn submitted_at(&self) -> Option<DateTime> {
        self.verification.submitted_at.map(DateTime)
    }

    /// When the review is due; null unless IN_REVIEW.
    async fn review_due_at(&self) -> Option<DateTime> {
        self.verification.review_due_at.map(DateTime)
    }

    /// 1 is next; null unless IN_REVIEW.
    async fn queue_position(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        nullable(async {
            if self.verification.status != verification::VerificationStatus::InReview {
                return Ok(None);
            }
            let db = ctx.services().db.read();
            Ok(reviews::verification_position(db, self.verification.user_id).await?)
        })
        .await
    }

    /// When the identity was confirmed; null unless CLEARED.
    async fn cleared_at(&self) -> Option<DateTime> {
        self.verification.cleared_at.map(DateTime)
    }
}

/// Reasons as reviewers or the person themselves read them.
pub fn shown(reasons: Vec<crate::domain::reason::ReviewReason>, for_reviewer: bool) -> Vec<ReviewReason> {
    let shown = |reason: crate::domain::reason::ReviewReason| {
        if for_reviewer { reason.into() } else { reason.for_subject().into() }
    };
    reasons.into_iter().map(shown).collect()
}
