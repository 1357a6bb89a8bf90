//! What sellers do with their gigs.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::domain::gig;
use crate::domain::gig::GigTransition;
use crate::domain::gig_form::GigForm;
use crate::domain::id::IdKind;
use crate::domain::user::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::gig::{EditGigInput, PostGigInput, SaveGigDraftInput};
use crate::graphql::types::gig::{Gig, GigImage};
use crate::graphql::types::node::row_id;
use crate::graphql::types::scalar::Upload;
use crate::graphql::types::user_error::{UserError, payload};
use crate::service;
use crate::service::{gigs, images};
use crate::store::images::ImageView;

/// A picture, or why there is none.
#[derive(SimpleObject)]
pub struct UploadGigImagePayload {
    /// Null where there are errors.
    image: Option<GigImage>,
    /// Every mistake; then nothing was changed.
    errors: Vec<UserError>,
}

/// A gig as it is now, or why it was not changed.
#[derive(SimpleObject)]
pub struct GigPayload {
    /// Null where there are errors.
    gig: Option<Gig>,
    /// Every mistake; then nothing was changed.
    errors: Vec<UserError>,
}

impl GigPayload {
    pub fn of(done: service::Result<gig::Gig>, viewer: &Viewer) -> Result<Self> {
        let (gig, errors) = payload(done)?;
        Ok(Self { gig: gig.map(|gig| Gig::seen_by(gig, Some(viewer))), errors })
    }
}

fn image_ids(given: Option<Vec<ID>>) -> Option<Vec<uuid::Uuid>> {
    given.map(|ids| ids.iter().map(|id| row_id(IdKind::GigImage, id)).collect())
}

#[derive(Default)]
pub struct GigMutation;

#[Object]
impl GigMutation {
    /// Stores one picture: a JPEG, PNG or WebP of up to `limits.gig.imageUploadMaxBytes`. It is turned upright
    /// and encoded anew, without metadata, within `limits.gig.imageMaxBytes` and 2048 pixels. It belongs to no
    /// gig yet, and is forgotten where that is still so after 24 hours.
    async fn upload_gig_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, by a GraphQL multipart request.")] file: Upload,
    ) -> Result<UploadGigImagePayload> {
        let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
        // One byte more than allowed is enough to tell that there are too many.
        let bytes = file.read(ctx, services.limits.gig.image_upload_max_bytes + 1)?;
        let (image, errors) = payload(images::upload(services, viewer, bytes).await)?;
        let image = image.map(|image| ImageView { image, public: false }.into());
        Ok(UploadGigImagePayload { image, errors })
    }

    /// Makes a draft, or goes on with one. Nothing but the title is needed yet.
    async fn save_gig_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is written so far.")] input: SaveGigDraftInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_viewer()?;
        let id = input.id.map(|id| row_id(IdKind::Gig, &id));
        let form = GigForm {
            title: Some(input.title),
            description: input.description,
            category_id: input.category.map(|id| row_id(IdKind::Category, &id)),
            price: input.price.map(|price| price.0),
            delivery_days: input.delivery_days,
            revisions: input.revisions,
            tags: input.tags,
            image_ids: image_ids(input.image_ids),
            links: input.links,
        };
        GigPayload::of(gigs::save_draft(ctx.services(), viewer, id, form).await, viewer)
    }

    /// Sends a gig for approval: a new one, or a draft. It is listed once a reviewer has approved it.
    async fn post_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The form.")] input: PostGigInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_viewer()?;
        let draft_id = input.draft_id.map(|id| row_id(IdKind::Gig, &id));
        let form = GigForm {
            title: Some(input.title),
            description: Some(input.description),
            category_id: Some(row_id(IdKind::Category, &input.category)),
            price: Some(input.price.0),
            delivery_days: Some(input.delivery_days),
            revisions: Some(input.revisions),
            tags: input.tags,
            image_ids: image_ids(input.image_ids),
            links: input.links,
        };
        GigPayload::of(gigs::post(ctx.services(), viewer, draft_id, form).await, viewer)
    }

    /// Changes a gig that was REJECTED, or is ACTIVE or PAUSED, and sends it for approval again.
    async fn edit_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: EditGigInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_viewer()?;
        let id = row_id(IdKind::Gig, &input.id);
        let form = GigForm {
            title: input.title,
            description: input.description,
            category_id: input.category.map(|id| row_id(IdKind::Category, &id)),
            price: input.price.map(|price| price.0),
            delivery_days: input.delivery_days,
            revisions: input.revisions,
            tags: input.tags,
            image_ids: image_ids(input.image_ids),
            links: input.links,
        };
        let edited = gigs::edit(ctx.services(), viewer, id, input.expected_version, form).await;
        GigPayload::of(edited, viewer)
    }

    /// Takes an ACTIVE gig off the list for a while.
    async fn pause_gig(&self, ctx: &Context<'_>, #[graphql(desc = "The gig.")] id: ID) -> Result<GigPayload> {
        change(ctx, &id, GigTransition::Pause).await
    }

    /// Lists a PAUSED gig again.
    async fn resume_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The gig.")] id: ID,
    ) -> Result<GigPayload> {
        change(ctx, &id, GigTransition::Resume).await
    }

    /// Ends a gig for good, whatever its status.
    async fn archive_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The gig.")] id: ID,
    ) -> Result<GigPayload> {
        change(ctx, &id, GigTransition::Archive).await
    }
}

async fn change(ctx: &Context<'_>, id: &ID, act: GigTransition) -> Result<GigPayload> {
    let viewer = ctx.require_viewer()?;
    let id = row_id(IdKind::Gig, id);
    GigPayload::of(gigs::change(ctx.services(), viewer, id, act).await, viewer)
}
