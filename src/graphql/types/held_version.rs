//! What people under a legal hold have replaced or deleted.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use crate::domain::held_version;
use crate::domain::held_version::HeldContent;
use crate::domain::id::VerificationId;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::types::gig::Money;
use crate::graphql::types::node::public_id;
use crate::graphql::types::scalar::{DateTime, Url};
use crate::graphql::types::verification::PersonalInfo;
use crate::service;
use crate::service::held_inspections;
use crate::service::held_inspections::OpenedVersion;

/// What was replaced or deleted.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum HeldVersionKind {
    /// The form with the personal information.
    PersonalInfo,
    /// The image of one side of an identity document.
    IdentityDocument,
    /// The content of a gig.
    Gig,
    /// An image that no gig uses any more.
    GigImage,
}

/// What a gig was.
#[derive(SimpleObject)]
pub struct HeldGig {
    /// The title.
    title: String,
    /// The description.
    description: String,
    /// The tags.
    tags: Vec<String>,
    /// The links.
    links: Vec<String>,
    /// The id of the category.
    category_id: ID,
    /// The price.
    price: Money,
    /// The days until delivery.
    delivery_days: i32,
    /// The number of revisions.
    revisions: i32,
    /// The ids of the images, in order.
    image_ids: Vec<ID>,
}

impl From<&held_version::HeldGig> for HeldGig {
    fn from(gig: &held_version::HeldGig) -> Self {
        Self {
            title: gig.title.clone(),
            description: gig.description.clone(),
            tags: gig.tags.clone(),
            links: gig.links.clone(),
            category_id: public_id(gig.category_id),
            price: gig.price.into(),
            delivery_days: gig.delivery_days,
            revisions: gig.revisions,
            image_ids: gig.image_ids.iter().copied().map(public_id).collect(),
        }
    }
}

pub struct HeldVersion(OpenedVersion);

impl From<OpenedVersion> for HeldVersion {
    fn from(opened: OpenedVersion) -> Self {
        Self(opened)
    }
}

/// Something that a person under a legal hold has replaced or deleted. It is retained until the hold is lifted.
#[Object]
impl HeldVersion {
    /// Its place in the list: pass that of the last one as `before`, to read older ones.
    async fn cursor(&self) -> ID {
        public_id(self.0.version.id)
    }

    /// What it is.
    async fn kind(&self) -> HeldVersionKind {
        match self.0.version.content {
            HeldContent::PersonalInfo { .. } => HeldVersionKind::PersonalInfo,
            HeldContent::IdentityDocument { .. } => HeldVersionKind::IdentityDocument,
            HeldContent::Gig { .. } => HeldVersionKind::Gig,
            HeldContent::GigImage { .. } => HeldVersionKind::GigImage,
        }
    }

    /// The id of the verification, the document, the gig or the image.
    async fn subject_id(&self) -> ID {
        match &self.0.version.content {
            HeldContent::PersonalInfo { .. } => public_id(VerificationId::from(self.0.version.user_id)),
            HeldContent::IdentityDocument { id, .. } => public_id(*id),
            HeldContent::Gig { id, .. } => public_id(*id),
            HeldContent::GigImage { id, .. } => public_id(*id),
        }
    }

    /// When it was replaced or deleted.
    async fn replaced_at(&self) -> DateTime {
        self.0.version.replaced_at.into()
    }

    /// The form; null if `kind` is not PERSONAL_INFO.
    async fn personal_info(&self) -> Option<Result<PersonalInfo>> {
        match &self.0.form {
            Some(Ok(form)) => Some(Ok(form.clone().into())),
            Some(Err(error)) => Some(Err(service::Error::from(error.clone()).into())),
            None => None,
        }
    }

    /// The content of the gig; null if `kind` is not GIG.
    async fn gig(&self) -> Option<HeldGig> {
        match &self.0.version.content {
            HeldContent::Gig { content, .. } => Some(content.into()),
            _ => None,
        }
    }

    /// What the image shows, in words; null if `kind` is not GIG_IMAGE, or no text was given.
    async fn alt_text(&self) -> Option<&str> {
        match &self.0.version.content {
            HeldContent::GigImage { alt_text, .. } => alt_text.as_deref(),
            _ => None,
        }
    }

    /// The URL of the image; null if it is none. It is valid for 5 minutes, only with an access token of the same
    /// session, and only during the inspection. The audit trail records each view.
    async fn url(&self, ctx: &Context<'_>) -> Option<Result<Url>> {
        nullable(async {
            let viewer = ctx.require_admin()?;
            Ok(held_inspections::image_url(ctx.services(), viewer, &self.0.version).map(Url))
        })
        .await
    }
}
