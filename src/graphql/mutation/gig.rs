//! Mutations of sellers.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::domain::gig;
use crate::domain::gig::GigTransition;
use crate::domain::gig_form::GigForm;
use crate::domain::id::ImageId;
use crate::domain::user::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::gig::{EditGigInput, PostGigInput, SaveGigDraftInput};
use crate::graphql::mutation::repeatable;
use crate::graphql::mutation::repeatable::Act;
use crate::graphql::types::gig::{Gig, GigImage};
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::review::ReviewItem;
use crate::graphql::types::scalar::Upload;
use crate::graphql::types::user_error::UserError;
use crate::service::reviews::Decided;
use crate::service::{gigs, images};
use crate::store::images::ImageView;

/// The result of uploading an image.
#[derive(SimpleObject)]
pub struct UploadGigImagePayload {
    /// The image; null if there are errors.
    image: Option<GigImage>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

/// The result of changing or deciding a gig.
#[derive(SimpleObject)]
pub struct GigPayload {
    /// The gig after the change; null if there are errors.
    gig: Option<Gig>,
    /// The item of the review queue that was decided, in its state after the decision, so that a client need not
    /// read it again. Null if the mutation is not a decision, if the gig was not in the queue, and if there are errors.
    review_item: Option<ReviewItem>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

impl GigPayload {
    /// Changes a gig by `act`, or answers a repetition.
    pub async fn of(ctx: &Context<'_>, viewer: &Viewer, act: Act<'_, gig::Gig>) -> Result<Self> {
        let (gig, errors) = repeatable::run(ctx, act).await?;
        Ok(Self { gig: gig.map(|gig| Gig::for_viewer(gig, Some(viewer))), review_item: None, errors })
    }

    /// Decides a gig by `act`, or answers a repetition.
    pub async fn of_decision(
        ctx: &Context<'_>,
        reviewer: &Viewer,
        act: Act<'_, Decided<gig::Gig>>,
    ) -> Result<Self> {
        let (decided, errors) = repeatable::run(ctx, act).await?;
        let (gig, item) = decided.map(|it| (it.subject, it.item)).unzip();
        Ok(Self {
            gig: gig.map(|gig| Gig::for_viewer(gig, Some(reviewer))),
            review_item: item.flatten().map(ReviewItem::from),
            errors,
        })
    }
}

fn image_ids(ids: Option<Vec<ID>>) -> Option<Vec<ImageId>> {
    ids.map(|ids| ids.iter().map(parse_id_or_nil).collect())
}

#[derive(Default)]
pub struct GigMutation;

#[Object]
impl GigMutation {
    /// Uploads an image: a JPEG, PNG or WebP of at most `Limits.gig.imageUploadMaxBytes` bytes and 110 million
    /// pixels. It is converted to sRGB, turned upright and re-encoded without metadata, with at most
    /// `Limits.gig.imageMaxBytes` bytes and 2048 pixels on each side. It is deleted if it is not used in a gig
    /// within 24 hours. Requires a session.
    async fn upload_gig_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, sent as a GraphQL multipart request.")] file: Upload,
        #[graphql(
            desc = "What the image shows, in words, for people who do not see it: 0 to `Limits.gig.altTextMaxChars` \
                    characters; empty if it is only decoration."
        )]
        alt_text: Option<String>,
    ) -> Result<UploadGigImagePayload> {
        let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
        // One byte more than allowed, so that a file that is too large is detected.
        let bytes = file.read(ctx, services.limits.gig.image_upload_max_bytes + 1)?;
        let act = async {
            let image = images::upload(services, viewer, bytes, alt_text).await?;
            Ok(ImageView { image, is_public: false })
        };
        let (view, errors) = repeatable::run(ctx, Box::pin(act)).await?;
        Ok(UploadGigImagePayload { image: view.map(GigImage::from), errors })
    }

    /// Creates a draft, or changes one of the viewer's drafts. Only the title is required. LIMIT_REACHED if
    /// the viewer has too many gigs. Requires a session.
    async fn save_gig_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The content of the draft.")] input: SaveGigDraftInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_viewer()?;
        let id = input.id.as_ref().map(parse_id_or_nil);
        let form = GigForm {
            title: Some(input.title),
            description: input.description,
            category_id: input.category.as_ref().map(parse_id_or_nil),
            price: input.price,
            delivery_days: input.delivery_days,
            revisions: input.revisions,
            tags: input.tags,
            image_ids: image_ids(input.image_ids),
            links: input.links,
        };
        GigPayload::of(ctx, viewer, Box::pin(gigs::save_draft(ctx.services(), viewer, id, form))).await
    }

    /// Submits a gig for review: a new one, or one of the viewer's drafts. It becomes ACTIVE when a reviewer
    /// approves it. VERIFICATION_REQUIRED if the viewer's identity must be verified first, LIMIT_REACHED if
    /// they have too many gigs. Requires a session.
    async fn post_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The content of the gig.")] input: PostGigInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_viewer()?;
        let draft_id = input.draft_id.as_ref().map(parse_id_or_nil);
        let form = GigForm {
            title: Some(input.title),
            description: Some(input.description),
            category_id: Some(parse_id_or_nil(&input.category)),
            price: Some(input.price),
            delivery_days: Some(input.delivery_days),
            revisions: Some(input.revisions),
            tags: input.tags,
            image_ids: image_ids(input.image_ids),
            links: input.links,
        };
        GigPayload::of(ctx, viewer, Box::pin(gigs::post(ctx.services(), viewer, draft_id, form))).await
    }

    /// Changes one of the viewer's gigs that is REJECTED, ACTIVE or PAUSED, and submits it for review again.
    /// INVALID_TRANSITION if it was rejected and no reason is retryable. Requires a session.
    async fn edit_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: EditGigInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_viewer()?;
        let id = parse_id_or_nil(&input.id);
        let form = GigForm {
            title: input.title,
            description: input.description,
            category_id: input.category.as_ref().map(parse_id_or_nil),
            price: input.price,
            delivery_days: input.delivery_days,
            revisions: input.revisions,
            tags: input.tags,
            image_ids: image_ids(input.image_ids),
            links: input.links,
        };
        let act = gigs::edit(ctx.services(), viewer, id, input.expected_version, form);
        GigPayload::of(ctx, viewer, Box::pin(act)).await
    }

    /// Pauses one of the viewer's ACTIVE gigs: it is not public until it is resumed. Requires a session.
    async fn pause_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the gig.")] id: ID,
    ) -> Result<GigPayload> {
        apply_transition(ctx, &id, GigTransition::Pause).await
    }

    /// Makes one of the viewer's PAUSED gigs ACTIVE again, without a new review. VERIFICATION_REQUIRED if the
    /// viewer's identity must be verified first. Requires a session.
    async fn resume_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the gig.")] id: ID,
    ) -> Result<GigPayload> {
        apply_transition(ctx, &id, GigTransition::Resume).await
    }

    /// Archives one of the viewer's gigs, whatever its status. This is final. INVALID_TRANSITION if it is
    /// ARCHIVED already. Requires a session.
    async fn archive_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the gig.")] id: ID,
    ) -> Result<GigPayload> {
        apply_transition(ctx, &id, GigTransition::Archive).await
    }
}

/// Applies a transition that needs no form.
async fn apply_transition(ctx: &Context<'_>, id: &ID, transition: GigTransition) -> Result<GigPayload> {
    let viewer = ctx.require_viewer()?;
    let id = parse_id_or_nil(id);
    GigPayload::of(ctx, viewer, Box::pin(gigs::change_status(ctx.services(), viewer, id, transition))).await
}
