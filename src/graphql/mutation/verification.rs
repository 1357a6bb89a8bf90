//! What applicants do, and what reviewers decide.

use async_graphql::{Context, Object, SimpleObject};

use crate::domain::id::IdKind;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::user::Viewer;
use crate::domain::verification;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::review::DecideVerificationInput;
use crate::graphql::inputs::verification::{PersonalInfoInput, UploadIdentityDocumentInput};
use crate::graphql::types::node::row_id;
use crate::graphql::types::user_error::{UserError, payload};
use crate::graphql::types::verification::Verification;
use crate::service;
use crate::service::verification_reviews;
use crate::service::verification_reviews::VerificationDecisionInput;
use crate::service::verifications;

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
        let viewer = ctx.require_viewer()?;
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
        let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
        let bytes = input.file.read(ctx, services.limits.verification.document_max_bytes + 1)?;
        let (kind, side) = (input.document_type.into(), input.side.into());
        let uploaded = verifications::upload_document(services, viewer, kind, side, bytes).await;
        VerificationPayload::of(uploaded, viewer)
    }

    /// Hands the viewer's verification in for review, which takes up to `limits.verification.reviewDays`.
    async fn submit_verification(&self, ctx: &Context<'_>) -> Result<VerificationPayload> {
        let viewer = ctx.require_viewer()?;
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
        let verdict = VerificationDecisionInput {
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
