//! Global ids: anything that has one can be read by it.

use async_graphql::{Context, ID, Interface};
use uuid::Uuid;

use crate::domain::id;
use crate::domain::id::IdKind;
use crate::domain::verification as domain;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::loaders::{CategoryId, GigId, ImageId, ReviewItemId, UserId, VerificationOf};
use crate::graphql::types::gig::{Category, Gig, GigImage};
use crate::graphql::types::review::ReviewItem;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::{IdentityDocument, Verification};
use crate::store::verifications;

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global and stable."))]
pub enum Node {
    Category(Category),
    Gig(Gig),
    GigImage(GigImage),
    ReviewItem(ReviewItem),
    User(User),
    Verification(Verification),
    IdentityDocument(IdentityDocument),
}

/// The public id of a row.
pub fn public_id(kind: IdKind, id: Uuid) -> ID {
    ID(id::encode(kind, id))
}

/// The row that `given` names; the nil id, which no row has, where it is no id of that kind.
pub fn row_id(kind: IdKind, given: &ID) -> Uuid {
    id::decode_as(kind, given).unwrap_or_default()
}

/// What the viewer may see of that id; batched with all else of its kind that the request asks for.
///
/// # Errors
/// Where the database is away.
pub async fn load(ctx: &Context<'_>, given: &ID) -> Result<Option<Node>> {
    let viewer = ctx.viewer()?;
    let Some((kind, id)) = id::decode(given) else { return Ok(None) };
    let loader = ctx.loader();
    Ok(match kind {
        IdKind::Category => loader.load_one(CategoryId(id)).await?.map(|it| Node::Category(it.into())),
        IdKind::Gig => {
            let gig = loader.load_one(GigId(id)).await?;
            gig.map(|gig| Node::Gig(Gig::seen_by(gig, viewer)))
        }
        IdKind::GigImage => loader.load_one(ImageId(id)).await?.map(|it| Node::GigImage(it.into())),
        IdKind::ReviewItem => loader.load_one(ReviewItemId(id)).await?.map(|it| Node::ReviewItem(it.into())),
        IdKind::Verification => {
            let Some(viewer) = viewer else { return Ok(None) };
            let found = loader.load_one(VerificationOf(id)).await?;
            // Everybody has one, also before they begin.
            let own = (id == viewer.id()).then(|| domain::Verification::not_started(id));
            found.or(own).map(|it| Node::Verification(Verification::seen_by(it, viewer)))
        }
        IdKind::IdentityDocument => {
            let document = verifications::find_document(ctx.services().db.read(), id).await?;
            let seen = document.filter(|document| {
                viewer.is_some_and(|viewer| viewer.role.reviews() || viewer.id() == document.user_id)
            });
            seen.map(|it| Node::IdentityDocument(it.into()))
        }
        IdKind::User => loader.load_one(UserId(id)).await?.map(|it| Node::User(it.into())),
    })
}
