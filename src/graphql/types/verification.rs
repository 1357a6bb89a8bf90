//! Identity verification.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use crate::domain::id::{SubjectId, VerificationId};
use crate::domain::reason::for_applicant;
use crate::domain::user::{Relation, Viewer};
use crate::domain::{personal_info, verification};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::loaders::review_access::OpenDataOf;
use crate::graphql::loaders::review_texts::open_reasons;
use crate::graphql::loaders::rights::ConsentOf;
use crate::graphql::loaders::{PersonalInfoOf, QueuePositionOf};
use crate::graphql::types::actions::{self, VerificationAction};
use crate::graphql::types::list::List;
use crate::graphql::types::node::public_id;
use crate::graphql::types::picture_quality::{PictureQuality, PictureWarning, warnings_of};
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::rights::Consent;
use crate::graphql::types::scalar::{Date, DateTime, Url};
use crate::service::identity_access;

/// The status of a verification.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "verification::VerificationStatus")]
pub enum VerificationStatus {
    /// The user has not begun.
    NotStarted,
    /// The user is providing personal information and documents.
    InProgress,
    /// The verification waits for the decision of a reviewer.
    InReview,
    /// The user must correct what `reasons` names, and submit again.
    ActionRequired,
    /// The identity is verified.
    Cleared,
    /// The verification was rejected. This is final, unless an administrator reopens it.
    Rejected,
    /// The verification was CLEARED, and a reviewer has revoked it. The user may begin again.
    Revoked,
}

/// A step of a verification.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "VerificationStepName", remote = "verification::VerificationStep")]
pub enum StepName {
    /// The form with the personal information is filled in.
    PersonalInformation,
    /// All required images are uploaded.
    #[graphql(name = "DOCUMENT_UPLOAD")]
    DocumentUpload,
    /// The verification is submitted.
    SubmittedForReview,
    /// The identity is verified.
    Cleared,
}

/// The kind of an identity document.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "verification::DocumentType")]
pub enum IdentityDocumentType {
    /// A passport: an image of its front is required.
    Passport,
    /// A national identity card: images of its front and back are required.
    NationalId,
    /// A driving licence: images of its front and back are required.
    DrivingLicence,
}

/// What the image of an identity document shows.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "verification::DocumentSide")]
pub enum DocumentSide {
    /// The side of the document with the portrait.
    Front,
    /// The other side of the document.
    Back,
    /// The user. Required if `Limits.verification.selfieRequired` is true.
    Selfie,
}

/// A step of a verification, and whether it is done.
#[derive(SimpleObject)]
pub struct VerificationStep {
    /// The step, for programs.
    step: StepName,
    /// The step, for people: for example "Submitted for review".
    label: &'static str,
    /// Whether the step is done.
    done: bool,
    /// When the step was done; null if it is not done.
    done_at: Option<DateTime>,
}

/// The personal information of a user, as the user has entered it. It is stored encrypted.
#[derive(SimpleObject)]
pub struct PersonalInfo {
    /// The first name, as in the document; empty if there is only a last name.
    first_name: String,
    /// The last name, as in the document; empty if there is only a first name.
    last_name: String,
    /// The date of birth, as in the document.
    date_of_birth: Date,
    /// The street and house number.
    address_line1: String,
    /// The second line of the address; null if there is none.
    address_line2: Option<String>,
    /// The city or town.
    city: String,
    /// The state or province; null if there is none.
    region: Option<String>,
    /// The postal code; may be empty if the country has none.
    postal_code: String,
    /// The code of the country, one of `Query.countries`, for example "DE".
    country_code: String,
    /// The number of the document, as the user typed it.
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

pub struct IdentityDocument {
    document: verification::IdentityDocument,
    /// The lists that it may be in with its URL: that of its verification, or none.
    list_depth: usize,
}

impl From<verification::IdentityDocument> for IdentityDocument {
    fn from(document: verification::IdentityDocument) -> Self {
        Self { document, list_depth: 0 }
    }
}

/// An image of one side of an identity document, or of the user. It is stored encrypted.
#[Object]
impl IdentityDocument {
    /// Global id that starts with `doc_`.
    pub async fn id(&self) -> ID {
        public_id(self.document.id)
    }

    /// The kind of the document that the image belongs to.
    #[graphql(name = "type")]
    async fn document_type(&self) -> IdentityDocumentType {
        self.document.document_type.into()
    }

    /// What the image shows.
    async fn side(&self) -> DocumentSide {
        self.document.side.into()
    }

    /// When the image was uploaded.
    async fn uploaded_at(&self) -> DateTime {
        self.document.uploaded_at.into()
    }

    /// What is wrong with the image, in words that help to take a better one; empty if it is good. The user may submit
    /// it nevertheless.
    async fn warnings(&self, ctx: &Context<'_>) -> Vec<PictureWarning> {
        warnings_of(&self.document, ctx.services())
    }

    /// What was measured in the image, for reviewers; null for everybody else, and if it was uploaded before gigway
    /// measured images.
    async fn quality(&self, ctx: &Context<'_>) -> Option<Result<PictureQuality>> {
        nullable(async {
            let is_reviewer = ctx.viewer()?.is_some_and(|viewer| viewer.role.can_review());
            Ok(self.document.quality.filter(|_| is_reviewer).map(PictureQuality::from))
        })
        .await
    }

    /// The URL of the image, for the reviewer who has claimed the review item, while the claim lasts, and for an
    /// administrator during an inspection; null for everybody else, and in lists of verifications or documents. It is
    /// valid for 5 minutes, and only with an access token of the same session. The audit trail records each view.
    async fn url(&self, ctx: &Context<'_>) -> Option<Result<Url>> {
        nullable(async {
            match ctx.viewer()? {
                Some(viewer) if viewer.role.can_review() && ctx.list_depth() <= self.list_depth => {
                    match ctx.loader().load_one(OpenDataOf(self.document.user_id)).await? {
                        Some(()) => {
                            let url =
                                identity_access::document_url(ctx.services(), viewer, self.document.id)?;
                            Ok(Some(Url(url)))
                        }
                        None => Ok(None),
                    }
                }
                _ => Ok(None),
            }
        })
        .await
    }
}

pub struct Verification {
    verification: verification::Verification,
    /// What the viewer is to the verification. A reviewer sees all reasons unchanged.
    relation: Relation,
}

impl Verification {
    /// The verification for `viewer`, who must be allowed to see it.
    pub fn for_viewer(verification: verification::Verification, viewer: &Viewer) -> Self {
        let relation = Relation::new(Some(viewer), verification.user_id);
        Self { verification, relation }
    }
}

/// The identity verification of a user. Only the user and reviewers can see it.
#[Object]
impl Verification {
    /// Global id that starts with `ver_`.
    pub async fn id(&self) -> ID {
        public_id(VerificationId::from(self.verification.user_id))
    }

    /// The current status.
    async fn status(&self) -> VerificationStatus {
        self.verification.status.into()
    }

    /// Starts at 0 and increases by one with every change.
    async fn version(&self) -> i32 {
        self.verification.version
    }

    /// The four steps, always all of them and in order.
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

    /// The personal information, for the user, for the reviewer who has claimed the review item, while the claim
    /// lasts, and for an administrator during an inspection. Null for other reviewers, for reviewers in every list, if
    /// the user has not provided it yet, and after it was erased. RATE_LIMITED for a reviewer who has opened the data
    /// of too many people within 24 hours. The audit trail records each time that a reviewer reads it.
    async fn personal_info(&self, ctx: &Context<'_>) -> Option<Result<PersonalInfo>> {
        nullable(async {
            ctx.require_viewer()?;
            if matches!(self.relation, Relation::Reviewer(_)) && ctx.list_depth() > 0 {
                return Ok(None);
            }
            let info = ctx.loader().load_one(PersonalInfoOf(self.verification.user_id)).await?;
            Ok(info.transpose()?.map(PersonalInfo::from))
        })
        .await
    }

    /// The uploaded images; empty after they were erased.
    async fn documents(&self) -> List<IdentityDocument> {
        let documents = self.verification.documents.iter().cloned();
        documents.map(|document| IdentityDocument { document, list_depth: 1 }).collect()
    }

    /// The reasons of the last decision, until the verification is submitted again. Of a rejection or a revocation,
    /// the user sees no words and no paths of the reviewer, and all reasons of the category FRAUD and the reason
    /// "OTHER" as one reason with the code "OTHER" and a fixed message.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        let subject = SubjectId::Verification(self.verification.user_id);
        let reasons = open_reasons(ctx, subject, self.verification.reasons.clone()).await?;
        let reasons = match self.relation {
            Relation::Reviewer(_) => reasons,
            Relation::Owner | Relation::Other => {
                for_applicant(&reasons, self.verification.status.is_final_decision())
            }
        };
        Ok(reasons.into_iter().map(ReviewReason::from).collect())
    }

    /// The number of times that the user has submitted the verification. It starts again at 0 when the
    /// verification is REVOKED or reopened.
    async fn attempts_used(&self) -> i32 {
        self.verification.attempts_used
    }

    /// The number of times that the user can still submit the verification.
    async fn attempts_left(&self, ctx: &Context<'_>) -> i32 {
        self.verification.attempts_left(&ctx.services().limits)
    }

    /// What the user has agreed to when they last submitted the verification with a consent; null if they never did.
    async fn consent(&self, ctx: &Context<'_>) -> Option<Result<Consent>> {
        nullable(async {
            let consent = ctx.loader().load_one(ConsentOf(self.verification.user_id)).await?;
            Ok(consent.map(Consent::from))
        })
        .await
    }

    /// When the verification was last submitted; null if it never was.
    async fn submitted_at(&self) -> Option<DateTime> {
        self.verification.submitted_at.map(DateTime)
    }

    /// When the review is due; null if the status is not IN_REVIEW.
    async fn review_due_at(&self) -> Option<DateTime> {
        self.verification.review_due_at.map(DateTime)
    }

    /// The position among all verifications that wait for a decision, by due date: 1 is next. Null if the
    /// status is not IN_REVIEW.
    async fn queue_position(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        nullable(async {
            if self.verification.status != verification::VerificationStatus::InReview {
                return Ok(None);
            }
            let position = ctx.loader().load_one(QueuePositionOf(self.verification.user_id)).await?;
            Ok(position.map(|position| i32::try_from(position).unwrap_or(i32::MAX)))
        })
        .await
    }

    /// When the identity was verified; null if the status is not CLEARED.
    async fn cleared_at(&self) -> Option<DateTime> {
        self.verification.cleared_at.map(DateTime)
    }

    /// The actions that the viewer may take on the verification now. Every other action is refused. Those of a
    /// reviewer depend on who has claimed the review, so they can change without an event of the verification: when a
    /// claim begins or ends.
    async fn viewer_actions(&self, ctx: &Context<'_>) -> Result<Vec<VerificationAction>> {
        actions::of_verification(ctx, &self.verification, self.relation).await
    }
}
