//! Mutations of identity verification.

use async_graphql::{Context, Object, SimpleObject};

use crate::domain::id::VerificationId;
use crate::domain::personal_info::PersonalInfoForm;
use crate::domain::user::Viewer;
use crate::domain::verification;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::review::{
    DecideVerificationInput, InspectVerificationInput, ReopenVerificationInput,
};
use crate::graphql::inputs::verification::{PersonalInfoInput, UploadIdentityDocumentInput};
use crate::graphql::mutation::repeatable;
use crate::graphql::mutation::repeatable::Act;
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::picture_quality::{PictureWarning, warnings_of};
use crate::graphql::types::review::ReviewItem;
use crate::graphql::types::review_record::Inspection;
use crate::graphql::types::user_error::UserError;
use crate::graphql::types::verification::Verification;
use crate::service::inspections;
use crate::service::reopening;
use crate::service::reopening::ReopeningInput;
use crate::service::reviews::Decided;
use crate::service::verification_reviews;
use crate::service::verification_reviews::VerificationDecisionInput;
use crate::service::verifications;

/// The result of changing or deciding a verification.
#[derive(SimpleObject)]
pub struct VerificationPayload {
    /// The verification after the change; null if there are errors.
    verification: Option<Verification>,
    /// The item of the review queue that was decided, in its state after the decision, so that a client need not
    /// read it again. Null if the mutation is not a decision, if the verification was not in the queue, and if there
    /// are errors.
    review_item: Option<ReviewItem>,
    /// What is wrong with the picture that was uploaded, in words that help to take a better one. The picture was
    /// stored nevertheless, and may be submitted. Empty if it is good, and for every mutation except
    /// `uploadIdentityDocument`.
    warnings: Vec<PictureWarning>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

impl VerificationPayload {
    /// Changes a verification by `act`, or answers a repetition.
    async fn of(
        ctx: &Context<'_>,
        viewer: &Viewer,
        act: Act<'_, verification::Verification>,
    ) -> Result<Self> {
        let (verification, errors) = repeatable::run(ctx, act).await?;
        let verification = verification.map(|it| Verification::for_viewer(it, viewer));
        Ok(Self { verification, review_item: None, warnings: Vec::new(), errors })
    }

    /// Decides a verification by `act`, or answers a repetition.
    async fn of_decision(
        ctx: &Context<'_>,
        reviewer: &Viewer,
        act: Act<'_, Decided<verification::Verification>>,
    ) -> Result<Self> {
        let (decided, errors) = repeatable::run(ctx, act).await?;
        let (verification, item) = decided.map(|it| (it.subject, it.item)).unzip();
        Ok(Self {
            verification: verification.map(|it| Verification::for_viewer(it, reviewer)),
            review_item: item.flatten().map(ReviewItem::from),
            warnings: Vec::new(),
            errors,
        })
    }
}

/// The result of beginning an inspection.
#[derive(SimpleObject)]
pub struct InspectionPayload {
    /// The inspection; null if there are errors.
    inspection: Option<Inspection>,
    /// The verification, which the viewer may open now; null if there are errors.
    verification: Option<Verification>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

#[derive(Default)]
pub struct VerificationMutation;

#[Object]
impl VerificationMutation {
    /// Saves the viewer's personal information, and replaces what was saved before. It is stored encrypted.
    /// Requires a session.
    async fn save_personal_info(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The personal information.")] input: PersonalInfoInput,
    ) -> Result<VerificationPayload> {
        let viewer = ctx.require_viewer()?;
        let form = PersonalInfoForm {
            first_name: input.first_name,
            last_name: input.last_name,
            date_of_birth: input.date_of_birth,
            address_line1: input.address_line1,
            address_line2: input.address_line2,
            city: input.city,
            region: input.region,
            postal_code: input.postal_code,
            country_code: input.country_code,
            document_number: input.document_number,
        };
        let act = verifications::save_personal_info(ctx.services(), viewer, form);
        VerificationPayload::of(ctx, viewer, Box::pin(act)).await
    }

    /// Adds or replaces an image of one side of the viewer's identity document, or of the viewer: a JPEG, PNG or WebP
    /// of at most `Limits.verification.documentMaxBytes` bytes and 110 million pixels. It is stored encrypted, in sRGB
    /// and without metadata. If the picture is blurred, dark or has a reflection, `warnings` says so. Requires a
    /// session.
    async fn upload_identity_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The image, and what it shows.")] input: UploadIdentityDocumentInput,
    ) -> Result<VerificationPayload> {
        let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
        let bytes = input.file.read(ctx, services.limits.verification.document_max_bytes + 1)?;
        let (kind, side) = (input.document_type.into(), input.side.into());
        let act = verifications::upload_document(services, viewer, kind, side, bytes);
        let (verification, errors) = repeatable::run(ctx, Box::pin(act)).await?;
        let document = verification.iter().flat_map(|it| &it.documents).find(|it| it.side == side);
        let warnings = document.map(|it| warnings_of(it, services)).unwrap_or_default();
        let verification = verification.map(|it| Verification::for_viewer(it, viewer));
        Ok(VerificationPayload { verification, review_item: None, warnings, errors })
    }

    /// Submits the viewer's verification for review, which is due within `Limits.verification.reviewDays`
    /// days. REQUIRED names each missing part, ATTEMPTS_EXHAUSTED if no attempt is left. Requires a session.
    async fn submit_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The version of the text that the user has agreed to, such as a privacy notice. It is recorded with \
                    the time. Required if `Limits.verification.consentVersion` is not null, and must then equal it: \
                    REQUIRED, INVALID."
        )]
        consent_version: Option<String>,
    ) -> Result<VerificationPayload> {
        let viewer = ctx.require_viewer()?;
        let act = verifications::submit(ctx.services(), viewer, consent_version.as_deref());
        VerificationPayload::of(ctx, viewer, Box::pin(act)).await
    }

    /// Decides a verification. CLAIM_REQUIRED without the viewer's claim of the review item, ALREADY_CLAIMED if
    /// another reviewer has it. REVOKE, for which there is no item, gives INSPECTION_REQUIRED without an inspection by
    /// the viewer. CLEAR gives REQUIRED for each required picture that was not delivered in full, during this review,
    /// to the viewer or to the reviewer who proposed it. NOT_ALLOWED for the viewer's own verification, and while the
    /// viewer's own proposal is pending. The last attempt cannot be sent back: ATTEMPTS_EXHAUSTED.
    ///
    /// If the decision needs two reviewers, it takes effect when another reviewer decides the same; until then, the
    /// payload has the unchanged verification, and the item is OPEN with a `pendingProposal`. Another decision of
    /// another reviewer ends the proposal: both are in the `history`, and the item is OPEN again. Requires the role
    /// REVIEWER or ADMIN.
    async fn decide_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision and its reasons.")] input: DecideVerificationInput,
    ) -> Result<VerificationPayload> {
        let viewer = ctx.require_reviewer()?;
        let decision = VerificationDecisionInput {
            user_id: parse_id_or_nil::<VerificationId>(&input.verification_id).user_id(),
            decision: input.decision.into(),
            expected_version: input.expected_version,
            reasons: input.reasons.unwrap_or_default().into_iter().map(Into::into).collect(),
            internal_note: input.internal_note,
        };
        let act = verification_reviews::decide(ctx.services(), viewer, decision, ctx.request_id());
        VerificationPayload::of_decision(ctx, viewer, Box::pin(act)).await
    }

    /// Lets the user of a REJECTED verification try again, with all attempts: it becomes IN_PROGRESS. The reason is
    /// recorded for reviewers. NOT_ALLOWED for the viewer's own verification. Requires the role ADMIN.
    async fn reopen_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The verification, and the reason.")] input: ReopenVerificationInput,
    ) -> Result<VerificationPayload> {
        let viewer = ctx.require_admin()?;
        let reopening = ReopeningInput {
            user_id: parse_id_or_nil::<VerificationId>(&input.verification_id).user_id(),
            expected_version: input.expected_version,
            reason: input.reason,
        };
        let act = reopening::reopen(ctx.services(), viewer, reopening, ctx.request_id());
        VerificationPayload::of(ctx, viewer, Box::pin(act)).await
    }

    /// Opens the form and the pictures of a decided verification to the viewer for
    /// `Limits.review.inspectionMinutes` minutes. The reason is recorded in the `history` of its review item, for
    /// reviewers. INVALID_TRANSITION if the verification is not decided, or its data have been erased. NOT_ALLOWED
    /// for the viewer's own verification. The verification of a user under a legal hold can be inspected in every
    /// status, for `Inspection.heldVersions`; its form and pictures do not open during a review. Requires the role
    /// ADMIN.
    async fn inspect_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The verification, and why it is inspected.")] input: InspectVerificationInput,
    ) -> Result<InspectionPayload> {
        let viewer = ctx.require_admin()?;
        let user_id = parse_id_or_nil::<VerificationId>(&input.verification_id).user_id();
        let act = inspections::inspect(ctx.services(), viewer, user_id, &input.reason, ctx.request_id());
        let (begun, errors) = repeatable::run(ctx, Box::pin(act)).await?;
        let (inspection, verification) = begun.map(|it| (it.inspection, it.verification)).unzip();
        let verification = verification.map(|it| Verification::for_viewer(it, viewer));
        Ok(InspectionPayload { inspection: inspection.map(Inspection::from), verification, errors })
    }
}
