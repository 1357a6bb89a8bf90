//! A gig and what belongs to it.

use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader;
use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::domain::gig::GigStatus as Status;
use crate::domain::id::IdKind;
use crate::domain::user::Viewer;
use crate::domain::{category, gig, image, money};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result};
use crate::graphql::loaders::{CategoryId, GigId, ImagesOfGig, Loader, UserId};
use crate::graphql::types::node::public_id;
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::{DateTime, Decimal, Url};
use crate::graphql::types::user::User;
use crate::service::images::address;
use crate::store::gigs::rows::{Column, GigRow};
use crate::store::images::ImageView;

/// Where a gig stands between its first draft and the archive.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Status")]
pub enum GigStatus {
    /// Its seller is still writing it; only they and reviewers see it.
    Draft,
    /// It waits for a reviewer; only its seller and reviewers see it.
    InReview,
    /// It is listed for everybody.
    Active,
    /// Its seller has taken it off the list for a while.
    Paused,
    /// A reviewer has refused it; `reviewReasons` says why.
    Rejected,
    /// A reviewer has taken it off the list; it can only be archived.
    Suspended,
    /// It is over, for good.
    Archived,
}

/// An amount of money.
#[derive(SimpleObject)]
#[graphql(shareable)]
pub struct Money {
    /// For example "12.50".
    amount: Decimal,
    /// ISO 4217, for example "USD".
    currency_code: &'static str,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: Decimal(money.to_decimal()), currency_code: money::CURRENCY }
    }
}

/// A part of the catalogue.
#[derive(SimpleObject)]
pub struct Category {
    /// Begins with `cat_`; the same in every installation.
    #[graphql(owned)]
    pub id: ID,
    /// Its name in an address, for example "web-design".
    slug: String,
    /// For example "Web Design".
    name: String,
    /// The least that a gig in it may cost.
    minimum_price: Money,
}

impl From<category::Category> for Category {
    fn from(category: category::Category) -> Self {
        Self {
            id: public_id(IdKind::Category, category.id),
            slug: category.slug,
            name: category.name,
            minimum_price: category.minimum_price.into(),
        }
    }
}

/// A picture of a gig: a JPEG, upright, without metadata.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigImage {
    /// Begins with `img_`.
    #[graphql(owned)]
    pub id: ID,
    /// Pixels, at most 2048.
    width: i32,
    /// Pixels, at most 2048.
    height: i32,
    /// At most `limits.gig.imageMaxBytes`.
    byte_size: i32,
    #[graphql(skip)]
    seen: ImageView,
}

#[ComplexObject]
impl GigImage {
    /// Where the picture is. Everybody's for good while its gig is ACTIVE; otherwise signed, and good for one to
    /// two hours.
    async fn url(&self, ctx: &Context<'_>) -> Url {
        Url(address(ctx.services(), &self.seen))
    }
}

impl From<ImageView> for GigImage {
    fn from(seen: ImageView) -> Self {
        let image::GigImage { id, width, height, byte_size, .. } = seen.image;
        Self { id: public_id(IdKind::GigImage, id), width, height, byte_size, seen }
    }
}

/// The part of a gig that a list must be read for to show this field; `None` where it has that anyway.
pub fn column_for(field: &str) -> Option<Column> {
    Some(match field {
        "title" => Column::Title,
        "description" => Column::Description,
        "deliveryDays" => Column::DeliveryDays,
        "revisions" => Column::Revisions,
        "tags" => Column::Tags,
        "links" => Column::Links,
        "version" => Column::Version,
        "createdAt" => Column::CreatedAt,
        "submittedAt" => Column::SubmittedAt,
        "reviewDueAt" => Column::ReviewDueAt,
        "reviewReasons" => Column::ReviewReasons,
        "seller" => Column::Seller,
        "images" => Column::Images,
        _ => return None,
    })
}

/// Loads by itself what did not come along. Boxed: the futures of all fields are as large as the largest.
fn loaded<'a, K>(
    ctx: &'a Context<'_>,
    key: K,
) -> BoxFuture<'a, Result<Option<<Loader as dataloader::Loader<K>>::Value>>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Loader: dataloader::Loader<K, Error = Error>,
{
    Box::pin(ctx.loader().load_one(key))
}

/// The category of a gig.
pub async fn category(ctx: &Context<'_>, id: Uuid) -> Result<Category> {
    let category = match ctx.services().catalogue.find(id) {
        Some(category) => Some(category.clone()),
        None => loaded(ctx, CategoryId(id)).await?,
    };
    let category = category.ok_or_else(|| Error::internal(&"a gig's category is missing"))?;
    Ok(category.into())
}

pub struct Gig {
    listed: Arc<GigRow>,
    /// Whether what the review says may be shown.
    review_visible: bool,
}

impl Gig {
    /// The gig as `viewer`, who may see it, sees it.
    pub fn seen_by(gig: gig::Gig, viewer: Option<&Viewer>) -> Self {
        Self::listed(Arc::new(gig.into()), viewer)
    }

    /// The gig of a list, with what came along.
    pub fn listed(listed: Arc<GigRow>, viewer: Option<&Viewer>) -> Self {
        let review_visible = listed.gig.review_visible_to(viewer);
        Self { listed, review_visible }
    }

    fn gig(&self) -> &gig::Gig {
        &self.listed.gig
    }

    /// The gig as it stands now; `None` where whoever looks may not see it.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn now(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let gig = ctx.loader().load_one(GigId(id)).await?;
        if gig.is_none() {
            ctx.mark_viewer_dependent();
        }
        let visibility = ctx.visibility()?;
        Ok(gig.map(|gig| Self::seen_by(gig, visibility)))
    }

    /// Whether what the review says is shown.
    fn shows_review(&self, ctx: &Context<'_>) -> bool {
        if !self.review_visible {
            ctx.mark_viewer_dependent();
        }
        self.review_visible
    }
}

/// A small job offered by its seller.
#[Object]
impl Gig {
    /// Begins with `gig_`.
    pub async fn id(&self) -> ID {
        public_id(IdKind::Gig, self.gig().id)
    }

    /// One line, 10 to 120 characters; a draft's may be shorter.
    async fn title(&self) -> &str {
        &self.gig().content.title
    }

    /// 1 to 2048 characters; empty in a draft that has none yet.
    async fn description(&self) -> &str {
        &self.gig().content.description
    }

    /// Where it stands in the catalogue; a draft that names none is in the first.
    async fn category(&self, ctx: &Context<'_>) -> Result<Category> {
        category(ctx, self.gig().content.category_id).await
    }

    /// What it costs; a draft that names no price has its category's least.
    async fn price(&self) -> Money {
        self.gig().content.price.into()
    }

    /// Days from order to delivery, 1 to 90.
    async fn delivery_days(&self) -> i32 {
        self.gig().content.delivery_days
    }

    /// How often the buyer may ask for changes, 0 to 20.
    async fn revisions(&self) -> i32 {
        self.gig().content.revisions
    }

    /// At most 15, unique ignoring case.
    async fn tags(&self) -> &[String] {
        &self.gig().content.tags
    }

    /// At most 5, in the seller's order.
    async fn images(&self, ctx: &Context<'_>) -> Result<Vec<GigImage>> {
        let images = match &self.listed.images {
            Some(images) => images.clone(),
            None => loaded(ctx, ImagesOfGig(self.gig().id)).await?.unwrap_or_default(),
        };
        let public = self.gig().is_listed();
        Ok(images.into_iter().map(|image| ImageView { image, public }.into()).collect())
    }

    /// At most 5 addresses of the seller's work elsewhere.
    async fn links(&self) -> Vec<Url> {
        self.gig().content.links.iter().cloned().map(Url).collect()
    }

    /// Who offers it.
    async fn seller(&self, ctx: &Context<'_>) -> Result<User> {
        let seller = match &self.listed.seller {
            Some(seller) => Some(seller.clone()),
            None => loaded(ctx, UserId(self.gig().seller_id)).await?,
        };
        let seller = seller.ok_or_else(|| Error::internal(&"a gig's seller is missing"))?;
        Ok(seller.into())
    }

    /// Where it stands now.
    async fn status(&self) -> GigStatus {
        self.gig().status.into()
    }

    /// Goes up by one at every change of status or content.
    async fn version(&self) -> i32 {
        self.gig().version
    }

    /// When its first draft was made.
    async fn created_at(&self) -> DateTime {
        self.gig().created_at.into()
    }

    /// When it was last sent for approval; null while it never was.
    async fn submitted_at(&self) -> Option<DateTime> {
        self.gig().submitted_at.map(DateTime)
    }

    /// When it was first listed; null while it never was.
    async fn published_at(&self) -> Option<DateTime> {
        self.gig().published_at.map(DateTime)
    }

    /// When the review under way is due; null where none is, and for everybody but its seller and reviewers.
    async fn review_due_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        let visible = self.shows_review(ctx);
        self.gig().review_due_at.filter(|_| visible).map(DateTime)
    }

    /// The last decision's reasons; empty for everybody but its seller and reviewers.
    async fn review_reasons(&self, ctx: &Context<'_>) -> Vec<ReviewReason> {
        let visible = self.shows_review(ctx);
        let reasons = self.gig().review_reasons.iter().filter(|_| visible);
        reasons.cloned().map(ReviewReason::from).collect()
    }
}
