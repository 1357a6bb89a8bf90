//! Batched reads: one statement reads all values of one kind that the resolvers of a request need.
//!
//! There is one key type for each kind of read. If a key is missing from the result, the value does not
//! exist, or the viewer may not see it.
//!
//! To add a read: a key type, and an `impl dataloader::Loader` for it that calls one function of `store` with
//! all keys.

pub mod actions;
pub mod flags;
pub mod review_access;
pub mod review_summary;
pub mod review_texts;
pub mod rights;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader;

use crate::domain::category::Category;
use crate::domain::gig::Gig;
use crate::domain::id::{
    CategoryId, DecisionId, DocumentId, GigId, ImageId, ReviewItemId, SubjectId, UserId, VerificationId,
};
use crate::domain::image::GigImage;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::reason::ReviewReason;
use crate::domain::review::ReviewItem;
use crate::domain::user::{User, Viewer};
use crate::domain::verification::{IdentityDocument, Verification, is_visible_to};
use crate::graphql::error::{Error, Result};
use crate::service::{Services, identity_access};
use crate::store;
use crate::store::gigs::facets::{Bucket, Facet};
use crate::store::gigs::rows::{ColumnSet, GigRow};
use crate::store::gigs::{facets, list};
use crate::store::images::ImageView;
use crate::store::pagination::{Page, PageKey, PageRequest, Side};
use crate::store::{categories, gigs, images, reviews, users, verifications};

/// The loader of one request.
pub struct Loader {
    services: Arc<Services>,
    db: store::Reader,
    /// The viewer whose permissions apply; see
    /// [`ContextExt::visibility`](crate::graphql::context::ContextExt::visibility).
    viewer: Option<Arc<Viewer>>,
    /// Identifies the request in the audit trail.
    request_id: Arc<str>,
}

impl Loader {
    pub fn new(
        services: Arc<Services>,
        db: store::Reader,
        viewer: Option<Arc<Viewer>>,
        request_id: Arc<str>,
    ) -> Self {
        Self { services, db, viewer, request_id }
    }
}

/// All categories, always in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AllCategories;

/// A user's verification, without a check of permissions. For the user themselves, who may have signed in by
/// this very request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnVerification(pub UserId);

/// How many gigs of a seller are not archived. Like [`OwnVerification`], for the seller themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnGigCount(pub UserId);

/// The personal information of a user, for the user and reviewers who may open it. The audit trail records that a
/// reviewer reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonalInfoOf(pub UserId);

/// The position of a user's verification in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueuePositionOf(pub UserId);

/// The images of a gig, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImagesOfGig(pub GigId);

/// The decision that led to this version of this subject, with its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonsOfVersion(pub SubjectId, pub i32);

/// A page of a seller's ACTIVE gigs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GigsOfSeller {
    pub seller_id: UserId,
    pub request: PageRequest,
    pub columns: ColumnSet,
}

/// How many ACTIVE gigs a seller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GigCountOfSeller(pub UserId);

/// How many of a seller's ACTIVE gigs are in each bucket of a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FacetOfSeller {
    pub seller_id: UserId,
    pub facet: Facet,
}

/// Whether a seller has ACTIVE gigs on this side of a key. If not, the key is missing from the result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SellerGigsOnSide {
    pub seller_id: UserId,
    pub side: Side,
    pub key: PageKey,
}

type LoadResult<K, V> = Result<HashMap<K, V>>;

impl dataloader::Loader<UserId> for Loader {
    type Value = User;
    type Error = Error;

    async fn load(&self, keys: &[UserId]) -> LoadResult<UserId, User> {
        let rows = users::find_all(&self.db, keys).await?;
        Ok(rows.into_iter().map(|user| (user.id, user)).collect())
    }
}

impl dataloader::Loader<CategoryId> for Loader {
    type Value = Category;
    type Error = Error;

    async fn load(&self, keys: &[CategoryId]) -> LoadResult<CategoryId, Category> {
        let rows = categories::find_all(&self.db, keys).await?;
        Ok(rows.into_iter().map(|category| (category.id, category)).collect())
    }
}

impl dataloader::Loader<GigId> for Loader {
    type Value = Gig;
    type Error = Error;

    async fn load(&self, keys: &[GigId]) -> LoadResult<GigId, Gig> {
        let rows = gigs::find_all_visible(&self.db, self.viewer.as_deref(), keys).await?;
        Ok(rows.into_iter().map(|gig| (gig.id, gig)).collect())
    }
}

impl dataloader::Loader<ImageId> for Loader {
    type Value = ImageView;
    type Error = Error;

    async fn load(&self, keys: &[ImageId]) -> LoadResult<ImageId, ImageView> {
        let rows = images::find_all_visible(&self.db, self.viewer.as_deref(), keys).await?;
        Ok(rows.into_iter().map(|view| (view.image.id, view)).collect())
    }
}

impl dataloader::Loader<ReviewItemId> for Loader {
    type Value = ReviewItem;
    type Error = Error;

    async fn load(&self, keys: &[ReviewItemId]) -> LoadResult<ReviewItemId, ReviewItem> {
        if !self.viewer.as_ref().is_some_and(|viewer| viewer.role.can_review()) {
            return Ok(HashMap::new());
        }
        let rows = reviews::find_all(&self.db, keys).await?;
        Ok(rows.into_iter().map(|item| (item.id, item)).collect())
    }
}

/// Only the user and reviewers may see a verification.
impl dataloader::Loader<VerificationId> for Loader {
    type Value = Verification;
    type Error = Error;

    async fn load(&self, keys: &[VerificationId]) -> LoadResult<VerificationId, Verification> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let user_ids = keys.iter().map(|key| key.user_id());
        let visible: Vec<_> = user_ids.filter(|id| is_visible_to(*id, viewer)).collect();
        if visible.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = verifications::find_all(&self.db, &visible).await?;
        let rows = rows.into_iter().map(|row| row.verification);
        Ok(rows.map(|verification| (verification.user_id.into(), verification)).collect())
    }
}

/// Only the user and reviewers may see an identity document.
impl dataloader::Loader<DocumentId> for Loader {
    type Value = IdentityDocument;
    type Error = Error;

    async fn load(&self, keys: &[DocumentId]) -> LoadResult<DocumentId, IdentityDocument> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let owner = (!viewer.role.can_review()).then(|| viewer.id());
        let rows = verifications::find_documents(&self.db, keys, owner).await?;
        Ok(rows.into_iter().map(|document| (document.id, document)).collect())
    }
}

impl dataloader::Loader<AllCategories> for Loader {
    type Value = Arc<[Category]>;
    type Error = Error;

    async fn load(&self, keys: &[AllCategories]) -> LoadResult<AllCategories, Arc<[Category]>> {
        let all: Arc<[Category]> = categories::all(&self.db).await?.into();
        Ok(keys.iter().map(|key| (*key, Arc::clone(&all))).collect())
    }
}

impl dataloader::Loader<OwnVerification> for Loader {
    type Value = Verification;
    type Error = Error;

    async fn load(&self, keys: &[OwnVerification]) -> LoadResult<OwnVerification, Verification> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = verifications::find_all(&self.db, &ids).await?;
        let rows = rows.into_iter().map(|row| row.verification);
        Ok(rows.map(|verification| (OwnVerification(verification.user_id), verification)).collect())
    }
}

impl dataloader::Loader<OwnGigCount> for Loader {
    type Value = u64;
    type Error = Error;

    async fn load(&self, keys: &[OwnGigCount]) -> LoadResult<OwnGigCount, u64> {
        let mut counts = HashMap::new();
        // There is one key: that of the viewer.
        for key in keys {
            counts.insert(*key, gigs::count_unarchived(&self.db, key.0).await?);
        }
        Ok(counts)
    }
}

impl dataloader::Loader<PersonalInfoOf> for Loader {
    type Value = Result<PersonalInfo>;
    type Error = Error;

    async fn load(&self, keys: &[PersonalInfoOf]) -> LoadResult<PersonalInfoOf, Result<PersonalInfo>> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let forms =
            identity_access::personal_info(&self.services, &self.db, viewer, &ids, &self.request_id).await?;
        Ok(forms.into_iter().map(|(id, form)| (PersonalInfoOf(id), form.map_err(Error::from))).collect())
    }
}

impl dataloader::Loader<QueuePositionOf> for Loader {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[QueuePositionOf]) -> LoadResult<QueuePositionOf, i64> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let positions = reviews::verification_positions(&self.db, &ids).await?;
        Ok(positions.into_iter().map(|(id, position)| (QueuePositionOf(id), position)).collect())
    }
}

impl dataloader::Loader<ImagesOfGig> for Loader {
    type Value = Vec<GigImage>;
    type Error = Error;

    async fn load(&self, keys: &[ImagesOfGig]) -> LoadResult<ImagesOfGig, Vec<GigImage>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = images::find_by_gigs(&self.db, &ids).await?;
        Ok(group_by_key(rows.into_iter().map(|(gig_id, image)| (ImagesOfGig(gig_id), image))))
    }
}

impl dataloader::Loader<ReasonsOfVersion> for Loader {
    type Value = (DecisionId, Vec<ReviewReason>);
    type Error = Error;

    async fn load(
        &self,
        keys: &[ReasonsOfVersion],
    ) -> LoadResult<ReasonsOfVersion, (DecisionId, Vec<ReviewReason>)> {
        let versions: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let rows = reviews::reasons_of_versions(&self.db, &versions).await?;
        Ok(rows
            .into_iter()
            .map(|((id, version), decision)| (ReasonsOfVersion(id, version), decision))
            .collect())
    }
}

impl dataloader::Loader<GigsOfSeller> for Loader {
    type Value = Page<Arc<GigRow>>;
    type Error = Error;

    async fn load(&self, keys: &[GigsOfSeller]) -> LoadResult<GigsOfSeller, Page<Arc<GigRow>>> {
        let groups = group_by_key(keys.iter().map(|key| ((key.request.clone(), key.columns), key.seller_id)));
        let mut loaded = HashMap::new();
        for ((request, columns), sellers) in groups {
            let pages = list::pages_of_sellers(&self.db, &sellers, &request, columns).await?;
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

    async fn load(&self, keys: &[GigCountOfSeller]) -> LoadResult<GigCountOfSeller, i64> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = list::counts_of_sellers(&self.db, &ids).await?;
        Ok(rows.into_iter().map(|(seller_id, count)| (GigCountOfSeller(seller_id), count)).collect())
    }
}

impl dataloader::Loader<FacetOfSeller> for Loader {
    type Value = Vec<(Bucket, i64)>;
    type Error = Error;

    async fn load(&self, keys: &[FacetOfSeller]) -> LoadResult<FacetOfSeller, Vec<(Bucket, i64)>> {
        let mut loaded = HashMap::new();
        for (facet, sellers) in group_by_key(keys.iter().map(|key| (key.facet, key.seller_id))) {
            for (seller_id, counts) in facets::counts_of_sellers(&self.db, &sellers, facet).await? {
                loaded.insert(FacetOfSeller { seller_id, facet }, counts);
            }
        }
        Ok(loaded)
    }
}

impl dataloader::Loader<SellerGigsOnSide> for Loader {
    type Value = ();
    type Error = Error;

    async fn load(&self, keys: &[SellerGigsOnSide]) -> LoadResult<SellerGigsOnSide, ()> {
        let by_bound = keys.iter().map(|key| ((key.side, key.key.clone()), key.seller_id));
        let mut loaded = HashMap::new();
        for ((side, key), sellers) in group_by_key(by_bound) {
            for seller_id in list::sellers_on_side(&self.db, &sellers, side, &key).await? {
                loaded.insert(SellerGigsOnSide { seller_id, side, key: key.clone() }, ());
            }
        }
        Ok(loaded)
    }
}

/// Groups the values by key. The values of a key keep their order.
fn group_by_key<K: Eq + Hash, V>(pairs: impl Iterator<Item = (K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
