//! Reads what many resolvers of one request want of one kind in one statement.
//!
//! One type of key for each kind of thing. What the viewer may not see is not loaded.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader;
use uuid::Uuid;

use crate::domain::category::Category;
use crate::domain::gig::Gig;
use crate::domain::image::GigImage;
use crate::domain::reason::ReviewReason;
use crate::domain::review::ReviewItem;
use crate::domain::user::{User, Viewer};
use crate::domain::verification::Verification;
use crate::graphql::error::{Error, Result};
use crate::service::Services;
use crate::store;
use crate::store::gigs::facets::{Bucket, Facet};
use crate::store::gigs::rows::{ColumnSet, GigRow};
use crate::store::gigs::{facets, list};
use crate::store::images::ImageView;
use crate::store::pagination::{Page, PageKey, PageRequest, Side};
use crate::store::{categories, gigs, images, reviews, users, verifications};

/// One request's reader.
pub struct Loader {
    services: Arc<Services>,
    /// As whom to look.
    viewer: Option<Arc<Viewer>>,
}

impl Loader {
    pub fn new(services: Arc<Services>, viewer: Option<Arc<Viewer>>) -> Self {
        Self { services, viewer }
    }

    fn db(&self) -> &store::Connection {
        self.services.db.read()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CategoryId(pub Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GigId(pub Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageId(pub Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReviewItemId(pub Uuid);

/// The verification of a person, for themselves and reviewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerificationOf(pub Uuid);

/// The pictures of a gig, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImagesOfGig(pub Uuid);

/// The reasons of the decision that made this version of this subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonsOf(pub Uuid, pub i32);

/// A page of a seller's ACTIVE gigs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GigsOfSeller {
    pub seller_id: Uuid,
    pub request: PageRequest,
    pub columns: ColumnSet,
}

/// How many ACTIVE gigs a seller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GigCountOfSeller(pub Uuid);

/// How a seller's ACTIVE gigs are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FacetOfSeller {
    pub seller_id: Uuid,
    pub facet: Facet,
}

/// Whether a seller has ACTIVE gigs on that side of a page: there where they have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SellerBeyond {
    pub seller_id: Uuid,
    pub side: Side,
    pub key: PageKey,
}

type Loaded<K, V> = Result<HashMap<K, V>>;

impl dataloader::Loader<UserId> for Loader {
    type Value = User;
    type Error = Error;

    async fn load(&self, keys: &[UserId]) -> Loaded<UserId, User> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = users::find_all(self.db(), &ids).await?;
        Ok(found.into_iter().map(|user| (UserId(user.id), user)).collect())
    }
}

impl dataloader::Loader<CategoryId> for Loader {
    type Value = Category;
    type Error = Error;

    async fn load(&self, keys: &[CategoryId]) -> Loaded<CategoryId, Category> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = categories::find_all(self.db(), &ids).await?;
        Ok(found.into_iter().map(|category| (CategoryId(category.id), category)).collect())
    }
}

impl dataloader::Loader<GigId> for Loader {
    type Value = Gig;
    type Error = Error;

    async fn load(&self, keys: &[GigId]) -> Loaded<GigId, Gig> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = gigs::find_all_visible(self.db(), self.viewer.as_deref(), &ids).await?;
        Ok(found.into_iter().map(|gig| (GigId(gig.id), gig)).collect())
    }
}

impl dataloader::Loader<ImageId> for Loader {
    type Value = ImageView;
    type Error = Error;

    async fn load(&self, keys: &[ImageId]) -> Loaded<ImageId, ImageView> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = images::find_all_visible(self.db(), self.viewer.as_deref(), &ids).await?;
        Ok(found.into_iter().map(|seen| (ImageId(seen.image.id), seen)).collect())
    }
}

impl dataloader::Loader<ReviewItemId> for Loader {
    type Value = ReviewItem;
    type Error = Error;

    async fn load(&self, keys: &[ReviewItemId]) -> Loaded<ReviewItemId, ReviewItem> {
        if !self.viewer.as_ref().is_some_and(|viewer| viewer.role.reviews()) {
            return Ok(HashMap::new());
        }
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = reviews::find_all(self.db(), &ids).await?;
        Ok(found.into_iter().map(|item| (ReviewItemId(item.id), item)).collect())
    }
}

impl dataloader::Loader<VerificationOf> for Loader {
    type Value = Verification;
    type Error = Error;

    async fn load(&self, keys: &[VerificationOf]) -> Loaded<VerificationOf, Verification> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = verifications::find_all(self.db(), &ids).await?;
        let found = found.into_iter().map(|sealed| sealed.verification);
        let seen = found.filter(|verification| verification.visible_to(viewer));
        Ok(seen.map(|verification| (VerificationOf(verification.user_id), verification)).collect())
    }
}

impl dataloader::Loader<ImagesOfGig> for Loader {
    type Value = Vec<GigImage>;
    type Error = Error;

    async fn load(&self, keys: &[ImagesOfGig]) -> Loaded<ImagesOfGig, Vec<GigImage>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = images::of_gigs(self.db(), &ids).await?;
        Ok(grouped(found.into_iter().map(|(gig_id, image)| (ImagesOfGig(gig_id), image))))
    }
}

impl dataloader::Loader<ReasonsOf> for Loader {
    type Value = Vec<ReviewReason>;
    type Error = Error;

    async fn load(&self, keys: &[ReasonsOf]) -> Loaded<ReasonsOf, Vec<ReviewReason>> {
        let versions: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = reviews::reasons_of(self.db(), &versions).await?;
        Ok(found.into_iter().map(|((id, version), reasons)| (ReasonsOf(id, version), reasons)).collect())
    }
}

impl dataloader::Loader<GigsOfSeller> for Loader {
    type Value = Page<Arc<GigRow>>;
    type Error = Error;

    async fn load(&self, keys: &[GigsOfSeller]) -> Loaded<GigsOfSeller, Page<Arc<GigRow>>> {
        let alike = grouped(keys.iter().map(|key| ((key.request.clone(), key.columns), key.seller_id)));
        let mut loaded = HashMap::new();
        for ((request, columns), sellers) in alike {
            let pages = list::pages_of_sellers(self.db(), &sellers, &request, columns).await?;
            for (seller_id, page) in pages {
                loaded.insert(GigsOfSeller { seller_id, request: request.clone(), columns }, page);
            }
        }
        Ok(loaded)
    }
}

impl dataloader::Loader<GigCountOfSeller> for Loader {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[GigCountOfSeller]) -> Loaded<GigCountOfSeller, i64> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = list::counts_of_sellers(self.db(), &ids).await?;
        Ok(found.into_iter().map(|(seller_id, count)| (GigCountOfSeller(seller_id), count)).collect())
    }
}

impl dataloader::Loader<FacetOfSeller> for Loader {
    type Value = Vec<(Bucket, i64)>;
    type Error = Error;

    async fn load(&self, keys: &[FacetOfSeller]) -> Loaded<FacetOfSeller, Vec<(Bucket, i64)>> {
        let mut loaded = HashMap::new();
        for (facet, sellers) in grouped(keys.iter().map(|key| (key.facet, key.seller_id))) {
            for (seller_id, counts) in facets::counts_of_sellers(self.db(), &sellers, facet).await? {
                loaded.insert(FacetOfSeller { seller_id, facet }, counts);
            }
        }
        Ok(loaded)
    }
}

impl dataloader::Loader<SellerBeyond> for Loader {
    type Value = ();
    type Error = Error;

    async fn load(&self, keys: &[SellerBeyond]) -> Loaded<SellerBeyond, ()> {
        let by_bound = keys.iter().map(|key| ((key.side, key.key.clone()), key.seller_id));
        let mut loaded = HashMap::new();
        for ((side, key), sellers) in grouped(by_bound) {
            for seller_id in list::sellers_on(self.db(), &sellers, side, &key).await? {
                loaded.insert(SellerBeyond { seller_id, side, key: key.clone() }, ());
            }
        }
        Ok(loaded)
    }
}

/// The values of each key, in order.
fn grouped<K: Eq + Hash, V>(pairs: impl Iterator<Item = (K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
