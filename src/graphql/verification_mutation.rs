//! What applicants do, and what reviewers decide.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use super::context::Ask;
use super::error::Result;
use super::node::row_id;
use super::review::ReviewReasonInput;
use super::scalar::{Date, Upload};
use super::user_error::{UserError, payload};
use super::verification::{DocumentSide, IdentityDocumentType, Verification};
use crate::domain::id::IdKind;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::user::Viewer;
use crate::domain::{review, verification};
use crate::service::verification_reviews::{self, VerificationVerdict};
use crate::service::{self, verifications};

/// The form "Personal identity information".
#[derive(InputObject)]
pub struct PersonalInfoInput {
    /// As in the document, at most 100 characters.
    first_name: String,
    /// As in the document, at most 100 characters.
    last_name: String,
    /// At least `limits.verification.minimumAge` years ago.
    date_of_birth: Date,
    /// Street and number, at most 200 characters.
    address_line1: String,
    /// At most 200 characters.
    address_line2: Option<String>,
    /// At most 100 characters.
    city: String,
    /// State or province, at most 100 characters.
    region: Option<String>,
    /// At most 20 characters.
    postal_code: String,
    /// ISO 3166-1, two letters, for example "DE".
    country_code: String,
    /// 5 to 20 letters A to Z and digits.
    #[graphql(secret)]
    document_number: String,
}

/// A picture of one side of an identity document.
#[derive(InputObject)]
pub struct UploadIdentityDocumentInput {
    /// The kind of document. Another kind than before begins the pictures anew.
    #[graphql(name = "type")]
    document_type: IdentityDocumentType,
    /// What the picture shows.
    side: DocumentSide,
    /// The file, by a GraphQL multipart request: a JPEG, PNG or WebP of up to
    /// `limits.verification.documentMaxBytes`.
    file: Upload,
}

/// What a reviewer makes of a verification.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::VerificationDecision")]
pub enum VerificationDecision {
    /// One that is IN_REVIEW becomes CLEARED.
    Clear,
    /// One that is IN_REVIEW becomes ACTION_REQUIRED, or REJECTED where no attempt is left.
    RequestResubmission,
    /// One that is IN_REVIEW becomes REJECTED, for good.
    Reject,
    /// One that is CLEARED becomes REVOKED.
    Revoke,
}

/// A decision about a verification.
#[derive(InputObject)]
pub struct DecideVerificationInput {
    /// The verification.
    verification_id: ID,
    /// What becomes of it.
    decision: VerificationDecision,
    /// The version that the reviewer has seen; where it is not the newest any more, the answer is
    /// STALE_VERSION.
    expected_version: i32,
    /// At least one for all but CLEAR; at most 10. What their paths name is asked again:
    /// ["personalInfo"], ["documents"] or ["documents", "BACK"].
    reasons: Option<Vec<ReviewReasonInput>>,
    /// For reviewers alone, at most 2000 characters.
    internal_note: Option<String>,
}

/// A verification as it is now, or why it was not changed.
#[derive(SimpleObject)]
pub struct VerificationPayload {
    /// Null where there are errors.
    verification: Option<Verification>,
    /// Every mistake; then nothing was changed.
    errors: Vec<UserError>,
}

impl VerificationPayload {
    fn of(done: service::Result<verification::Verification>, viewer: &Viewer) -> Result<Self> {
        let (verification, errors) = payload(done)?;
        let verification = verification.map(|found| Verification::seen_by(found, viewer));
        Ok(Self { verification, errors })
    }
}

#[derive(Default)]
pub struct VerificationMutation;

#[Object]
impl VerificationMutation {
    /// Says who the viewer is. Kept encrypted.
    async fn save_personal_info(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The form.")] input: PersonalInfoInput,
    ) -> Result<VerificationPayload> {
        let viewer = ctx.signed_in()?;
        let form = PersonalInfo {
            first_name: input.first_name,
            last_name: input.last_name,
            date_of_birth: input.date_of_birth.0,
            address_line1: input.address_line1,
            address_line2: input.address_line2,
            city: input.city,
            region: input.region,
            postal_code: input.postal_code,
            country_code: input.country_code,
            document_number: input.document_number,
        };
        let saved = verifications::save_personal_info(ctx.services(), viewer, form).await;
        VerificationPayload::of(saved, viewer)
    }

    /// Adds a picture of one side of the viewer's document, or replaces it. Kept encrypted, without metadata.
    async fn upload_identity_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The picture.")] input: UploadIdentityDocumentInput,
    ) -> Result<VerificationPayload> {
        let (services, viewer) = (ctx.services(), ctx.signed_in()?);
        let bytes = input.file.read(ctx, services.limits.verification.document_max_bytes + 1)?;
        let (kind, side) = (input.document_type.into(), input.side.into());
        let uploaded = verifications::upload_document(services, viewer, kind, side, bytes).await;
        VerificationPayload::of(uploaded, viewer)
    }

    /// Hands the viewer's verification in for review, which takes up to `limits.verification.reviewDays`.
    async fn submit_verification(&self, ctx: &Context<'_>) -> Result<VerificationPayload> {
        let viewer = ctx.signed_in()?;
        VerificationPayload::of(verifications::submit(ctx.services(), viewer).await, viewer)
    }

    /// Decides a verification; never one's own. Where the installation asks for a second reviewer, REJECT and
    /// REVOKE take effect once another has said the same. REVIEWER or ADMIN.
    async fn decide_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: DecideVerificationInput,
    ) -> Result<VerificationPayload> {
        let viewer = ctx.reviewer()?;
        let verdict = VerificationVerdict {
            user_id: row_id(IdKind::Verification, &input.verification_id),
            decision: input.decision.into(),
            expected_version: input.expected_version,
            reasons: input.reasons.unwrap_or_default().into_iter().map(Into::into).collect(),
            internal_note: input.internal_note,
        };
        let decided = verification_reviews::decide(ctx.services(), viewer, verdict, ctx.request_id()).await;
        VerificationPayload::of(decided, viewer)
    }
}
