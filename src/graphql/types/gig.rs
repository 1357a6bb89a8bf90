//! A gig, and the types that belong to it: its images, category and price.
//!
//! How to add a field: see [`graphql`](crate::graphql).

use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader;
use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use futures_util::future::BoxFuture;

use crate::domain::gig::GigStatus as Status;
use crate::domain::id::{CategoryId, GigId, SubjectId};
use crate::domain::user::{Relation, Viewer};
use crate::domain::{category, gig, image, money};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result};
use crate::graphql::loaders::review_texts::open_reasons;
use crate::graphql::loaders::{AllCategories, ImagesOfGig, Loader};
use crate::graphql::types::actions::{self, GigAction};
use crate::graphql::types::list::List;
use crate::graphql::types::node::public_id;
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::{DateTime, Decimal, Url};
use crate::graphql::types::user::User;
use crate::service::images::{image_url, placeholder};
use crate::store::gigs::rows::{Column, GigRow};
use crate::store::images::ImageView;

/// The status of a gig.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Status")]
pub enum GigStatus {
    /// The seller is still writing the gig. Only the seller and reviewers can see it.
    Draft,
    /// The gig waits for the decision of a reviewer. Only the seller and reviewers can see it.
    InReview,
    /// The gig is published: everybody can see it.
    Active,
    /// The seller has paused the gig, or it was paused because the seller was blocked, or their verification
    /// revoked. The seller can resume it: if their level requires a verified identity, once the verification is
    /// CLEARED.
    Paused,
    /// A reviewer has rejected the gig for the reasons in `reviewReasons`. The seller can edit it if at least
    /// one of them is retryable.
    Rejected,
    /// A reviewer has taken the gig down for the reasons in `reviewReasons`. It can only be archived.
    Suspended,
    /// The seller has ended the gig, or the seller's account was erased. This is final.
    Archived,
}

/// An amount of money.
#[derive(SimpleObject)]
#[graphql(shareable)]
pub struct Money {
    /// The amount in units of the currency with two decimals, for example "12.50".
    amount: Decimal,
    /// The ISO 4217 code of the currency. Always "USD".
    currency_code: &'static str,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: Decimal(money.to_decimal()), currency_code: money::CURRENCY }
    }
}

/// A category of gigs.
#[derive(SimpleObject)]
pub struct Category {
    /// Global id that starts with `cat_`. The same in every installation.
    #[graphql(owned)]
    pub id: ID,
    /// The name in URLs, for example "web-design".
    slug: String,
    /// The name for people, for example "Web Design".
    name: String,
    /// The lowest price of a gig in this category.
    minimum_price: Money,
}

impl From<category::Category> for Category {
    fn from(category: category::Category) -> Self {
        Self {
            id: public_id(category.id),
            slug: category.slug,
            name: category.name,
            minimum_price: category.minimum_price.into(),
        }
    }
}

/// An image of a gig: a JPEG in upright orientation, without metadata.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigImage {
    /// Global id that starts with `img_`.
    #[graphql(owned)]
    pub id: ID,
    /// The width in pixels, at most 2048.
    width: i32,
    /// The height in pixels, at most 2048.
    height: i32,
    /// The size of the file in bytes, at most `Limits.gig.imageMaxBytes`.
    byte_size: i32,
    /// What the image shows, in words, as given at the upload: 0 to `Limits.gig.altTextMaxChars` characters; empty if
    /// the image is only decoration. Null if no text was given.
    alt_text: Option<String>,
    /// A blurred miniature to show until the image is loaded: a thumbhash in base64. If an earlier version of the
    /// gateway has stored the image, it is grey until it is computed.
    placeholder: String,
    #[graphql(skip)]
    view: ImageView,
}

#[ComplexObject]
impl GigImage {
    /// The URL of the stored image, a JPEG. With `width`: the URL of the narrowest variant that is at least that wide.
    /// Variants are 160, 320, 640 and 1024 pixels wide, as far as the image is wider; the widest one has the full width
    /// of the image. They are sent as WebP to clients that accept it, otherwise as JPEG. While the gig is ACTIVE, the
    /// URL is public, and changes only with the content. Otherwise it is signed, and expires after one to two hours.
    #[expect(clippy::unused_async, reason = "async-graphql requires async methods")]
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The width in which the image is shown, in pixels: at least 1.")] width: Option<i32>,
    ) -> Result<Url> {
        if let Some(width @ ..=0) = width {
            return Err(Error::bad_input(format!("`width` must be at least 1, not {width}.")));
        }
        Ok(Url(image_url(ctx.services(), &self.view, width)))
    }
}

impl From<ImageView> for GigImage {
    fn from(view: ImageView) -> Self {
        let image::GigImage { id, width, height, byte_size, .. } = view.image;
        let (alt_text, placeholder) = (view.image.alt_text.clone(), placeholder(&view.image));
        Self { id: public_id(id), width, height, byte_size, alt_text, placeholder, view }
    }
}

/// The column that a list must read for this field of `Gig`; `None` if every list reads what the field needs.
///
/// A column has the name of its field: `deliveryDays` reads `Column::DeliveryDays`. `viewerActions` depends on
/// the reasons of a rejection.
pub fn column_for(field: &str) -> Option<Column> {
    if field == "viewerActions" {
        return Some(Column::ReviewReasons);
    }
    let mut name = String::with_capacity(field.len() + 2);
    for character in field.chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name.parse().ok()
}

/// Loads a value that the row does not contain. Boxed, because the future of every field is as large as the
/// largest of them.
fn load_missing<'a, K>(
    ctx: &'a Context<'_>,
    key: K,
) -> BoxFuture<'a, Result<Option<<Loader as dataloader::Loader<K>>::Value>>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Loader: dataloader::Loader<K, Error = Error>,
{
    Box::pin(ctx.loader().load_one(key))
}

/// Loads the category of a gig.
///
/// # Errors
/// The database failed, or has no such category.
pub async fn load_category(ctx: &Context<'_>, id: CategoryId) -> Result<Category> {
    let category = match ctx.services().catalogue.find(id) {
        Some(category) => Some(category.clone()),
        None => load_missing(ctx, id).await?,
    };
    let category = category.ok_or_else(|| Error::internal(&"a gig's category is missing"))?;
    Ok(category.into())
}

/// The categories with these slugs, without those that do not exist.
///
/// # Errors
/// The database failed.
pub async fn find_categories_by_slug(ctx: &Context<'_>, slugs: &[String]) -> Result<Vec<category::Category>> {
    let catalogue = &ctx.services().catalogue;
    let known: Option<Vec<_>> = slugs.iter().map(|slug| catalogue.find_by_slug(slug).cloned()).collect();
    if let Some(known) = known {
        return Ok(known);
    }
    // A newer gateway may have added one.
    let all = ctx.loader().load_one(AllCategories).await?.unwrap_or_default();
    Ok(all.iter().filter(|category| slugs.contains(&category.slug)).cloned().collect())
}

pub struct Gig {
    row: Arc<GigRow>,
    /// What the viewer is to the gig: it decides who sees the review, and what the viewer may do.
    relation: Relation,
}

impl Gig {
    /// The gig for `viewer`, who must be allowed to see it.
    pub fn for_viewer(gig: gig::Gig, viewer: Option<&Viewer>) -> Self {
        Self::from_row(Arc::new(gig.into()), viewer)
    }

    /// The gig of a list, with the columns that the list has read.
    pub fn from_row(row: Arc<GigRow>, viewer: Option<&Viewer>) -> Self {
        let relation = Relation::new(viewer, row.gig.seller_id);
        Self { row, relation }
    }

    fn gig(&self) -> &gig::Gig {
        &self.row.gig
    }

    /// The current state of the gig; `None` if the viewer may not see it.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the credentials are invalid.
    pub async fn load_current(ctx: &Context<'_>, id: GigId) -> Result<Option<Self>> {
        let gig = ctx.loader().load_one(id).await?;
        if gig.is_none() {
            ctx.mark_viewer_dependent();
        }
        let visibility = ctx.visibility()?;
        Ok(gig.map(|gig| Self::for_viewer(gig, visibility)))
    }

    /// The current state of the gig; `None` if it is not ACTIVE, also for those who may see it nevertheless.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the credentials are invalid.
    pub async fn load_listed(ctx: &Context<'_>, id: GigId) -> Result<Option<Self>> {
        let visibility = ctx.visibility()?;
        let gig = ctx.loader().load_one(id).await?;
        Ok(gig.filter(gig::Gig::is_listed).map(|gig| Self::for_viewer(gig, visibility)))
    }

    /// Whether the review is visible. If not, marks the execution as viewer-dependent.
    fn check_review_visible(&self, ctx: &Context<'_>) -> bool {
        let is_visible = self.relation != Relation::Other;
        if !is_visible {
            ctx.mark_viewer_dependent();
        }
        is_visible
    }
}

/// A small job that a seller offers. The limits in the descriptions are defaults; `Query.limits` has the
/// current ones.
#[Object]
impl Gig {
    /// Global id that starts with `gig_`.
    pub async fn id(&self) -> ID {
        public_id(self.gig().id)
    }

    /// One line of 10 to 120 characters. The title of a draft may be shorter.
    async fn title(&self) -> &str {
        &self.gig().content.title
    }

    /// 1 to 2048 characters, possibly in several lines. Empty if a draft has none yet.
    #[expect(clippy::unused_async, reason = "async-graphql requires async methods")]
    async fn description(&self, ctx: &Context<'_>) -> Result<&str> {
        let description = &self.gig().content.description;
        ctx.count_text(description)?;
        Ok(description)
    }

    /// The category. If a new draft is saved without one, it is the first of `Query.categories`.
    async fn category(&self, ctx: &Context<'_>) -> Result<Category> {
        load_category(ctx, self.gig().content.category_id).await
    }

    /// The price. A new draft without a price gets the minimum price of its category. If a draft is saved again without
    /// a price, it keeps its price, raised to that minimum if it is lower.
    async fn price(&self) -> Money {
        self.gig().content.price.into()
    }

    /// The number of days from order to delivery, 1 to 90.
    async fn delivery_days(&self) -> i32 {
        self.gig().content.delivery_days
    }

    /// The number of times that the buyer may ask for changes, 0 to 20.
    async fn revisions(&self) -> i32 {
        self.gig().content.revisions
    }

    /// At most 15 tags, as the seller wrote them. They are unique, ignoring case.
    async fn tags(&self) -> &[String] {
        &self.gig().content.tags
    }

    /// At most 5 images, in the seller's order.
    async fn images(&self, ctx: &Context<'_>) -> Result<List<GigImage>> {
        let images = match &self.row.images {
            Some(images) => images.clone(),
            None => load_missing(ctx, ImagesOfGig(self.gig().id)).await?.unwrap_or_default(),
        };
        let is_public = self.gig().is_listed();
        Ok(images.into_iter().map(|image| ImageView { image, is_public }.into()).collect())
    }

    /// At most 5 links to the seller's work on other sites.
    async fn links(&self) -> Vec<Url> {
        self.gig().content.links.iter().cloned().map(Url).collect()
    }

    /// The user who offers the gig.
    async fn seller(&self, ctx: &Context<'_>) -> Result<User> {
        let seller = match &self.row.seller {
            Some(seller) => Some(seller.clone()),
            None => load_missing(ctx, self.gig().seller_id).await?,
        };
        let seller = seller.ok_or_else(|| Error::internal(&"a gig's seller is missing"))?;
        Ok(seller.into())
    }

    /// The current status.
    async fn status(&self) -> GigStatus {
        self.gig().status.into()
    }

    /// Starts at 1 and increases by one with every change of status or content.
    async fn version(&self) -> i32 {
        self.gig().version
    }

    /// When the gig was created.
    async fn created_at(&self) -> DateTime {
        self.gig().created_at.into()
    }

    /// When the gig was last submitted for review; null if it never was.
    async fn submitted_at(&self) -> Option<DateTime> {
        self.gig().submitted_at.map(DateTime)
    }

    /// When the gig first became ACTIVE; null if it never was.
    async fn published_at(&self) -> Option<DateTime> {
        self.gig().published_at.map(DateTime)
    }

    /// When the current review is due; null if the gig is not IN_REVIEW, and for everybody except the seller
    /// and reviewers.
    async fn review_due_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        let visible = self.check_review_visible(ctx);
        self.gig().review_due_at.filter(|_| visible).map(DateTime)
    }

    /// The reasons of the last decision; empty after an approval, and for everybody except the seller and
    /// reviewers.
    async fn review_reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        if !self.check_review_visible(ctx) {
            return Ok(Vec::new());
        }
        let gig = self.gig();
        let reasons = open_reasons(ctx, SubjectId::Gig(gig.id), gig.review_reasons.clone()).await?;
        Ok(reasons.into_iter().map(ReviewReason::from).collect())
    }

    /// The actions that the viewer may take on the gig now; empty for everybody except the seller and reviewers.
    /// Every other action is refused. Those of a reviewer depend on who has claimed the review, so they can change
    /// without an event of the gig: when a claim begins or ends.
    async fn viewer_actions(&self, ctx: &Context<'_>) -> Result<Vec<GigAction>> {
        actions::of_gig(ctx, self.gig(), self.relation).await
    }
}
