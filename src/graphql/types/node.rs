//! Global ids, and the interface `Node` of the types that have one.
//!
//! To make a type a `Node`: a kind of id in `domain::id`, a variant of [`Node`], and its read in [`load`].

use async_graphql::{Context, ID, Interface};
use uuid::Uuid;

use crate::domain::id;
use crate::domain::id::{
    CategoryId, DocumentId, GigId, IdKind, ImageId, PublicId, ReviewItemId, UserId, VerificationId,
};
use crate::domain::verification as domain;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::types::gig::{Category, Gig, GigImage};
use crate::graphql::types::review::ReviewItem;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::{IdentityDocument, Verification};

/// An object with a global id. `Query.node` reads it.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Global id with a prefix that names the type. It never changes."
))]
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
pub fn public_id(id: impl PublicId) -> ID {
    ID(id.to_public())
}

/// Parses an id that a client sent. Returns the nil id, which no row has, if it is not a public id of this
/// kind.
pub fn parse_id_or_nil<T: PublicId>(text: &ID) -> T {
    T::parse(text).unwrap_or(T::from(Uuid::nil()))
}

/// The object with this id; `None` if it does not exist, or the viewer may not see it. A request reads all
/// objects of one kind together. What only some viewers may see takes no statement for the others.
///
/// # Errors
/// UNAUTHENTICATED if the credentials are invalid.
pub async fn load(ctx: &Context<'_>, text: &ID) -> Result<Option<Node>> {
    let viewer = ctx.viewer()?;
    let Some((kind, id)) = id::decode(text) else { return Ok(None) };
    let loader = ctx.loader();
    Ok(match kind {
        IdKind::Category => loader.load_one(CategoryId::from(id)).await?.map(|it| Node::Category(it.into())),
        IdKind::Gig => {
            let gig = loader.load_one(GigId::from(id)).await?;
            gig.map(|gig| Node::Gig(Gig::for_viewer(gig, viewer)))
        }
        IdKind::GigImage => loader.load_one(ImageId::from(id)).await?.map(|it| Node::GigImage(it.into())),
        IdKind::ReviewItem => {
            loader.load_one(ReviewItemId::from(id)).await?.map(|it| Node::ReviewItem(it.into()))
        }
        IdKind::Verification => {
            let Some(viewer) = viewer else { return Ok(None) };
            let user_id = UserId::from(id);
            let stored = loader.load_one(VerificationId::from(user_id)).await?;
            // Every user has a verification, even before they begin.
            let own = (user_id == viewer.id()).then(|| domain::Verification::not_started(user_id));
            stored.or(own).map(|it| Node::Verification(Verification::for_viewer(it, viewer)))
        }
        IdKind::IdentityDocument => {
            loader.load_one(DocumentId::from(id)).await?.map(|it| Node::IdentityDocument(it.into()))
        }
        IdKind::User => loader.load_one(UserId::from(id)).await?.map(|it| Node::User(it.into())),
        // `Query.viewer` and `Query.userAccount` return them, and an inspection what is held.
        IdKind::Viewer | IdKind::UserAccount | IdKind::HeldVersion => None,
    })
}
