//! Who sees the images of a gig in each of its states, and for how long a cache may show them.

use gigway::service::{erasure, user_admin};
use reqwest::header::{CACHE_CONTROL, IF_NONE_MATCH};
use serde_json::json;

use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, PAUSE_GIG, RESUME_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const PUBLIC: &str = "public, max-age=300, must-revalidate";
const PRIVATE: &str = "private, max-age=3600";

/// The status and the header `cache-control` of an image, as this client gets it.
async fn fetch(client: &Client, path: &str) -> (u16, String) {
    let (status, response) = client.fetch(path).await;
    let cache_control = response.headers().get(CACHE_CONTROL).expect("a header");
    (status.as_u16(), cache_control.to_str().expect("text").to_owned())
}

/// What a shared cache gets that has the image and asks whether it may still show it.
async fn revalidate(client: &Client, image: &str) -> u16 {
    let request = client.get(&format!("/media/{image}.jpg")).header(IF_NONE_MATCH, format!("\"{image}\""));
    request.send().await.expect("a response").status().as_u16()
}

/// A seller, and their gig with an image.
struct Listing {
    seller: TestUser,
    reviewer: TestUser,
    gig: String,
    image: String,
}

impl Listing {
    async fn expect_public(&self, app: &TestApp, state: &str) {
        let path = format!("/media/{}.jpg", self.image);
        for client in [app.gateway_a(), app.gateway_b(), self.seller.client.clone()] {
            assert_eq!(fetch(&client, &path).await, (200, PUBLIC.to_owned()), "{state}");
            assert_eq!(revalidate(&client, &self.image).await, 304, "{state}");
        }
    }

    /// The path of the URL that the reviewer gets.
    async fn signed_path(&self) -> String {
        let gig = self.reviewer.gig(&self.gig).await;
        let url = text(&gig["images"][0]["url"]);
        format!("/media/{}", url.split_once("/media/").expect("a URL of an image").1)
    }

    /// `has_owner`: whether the seller can sign in.
    async fn expect_private(&self, app: &TestApp, state: &str, has_owner: bool) {
        let path = format!("/media/{}.jpg", self.image);
        for client in [app.gateway_a(), app.gateway_b()] {
            assert_eq!(fetch(&client, &path).await, (404, "no-store".to_owned()), "{state}");
            assert_eq!(revalidate(&client, &self.image).await, 404, "{state}");
        }
        let signed = self.signed_path().await;
        assert!(signed.contains("signature="), "{state}: {signed}");
        assert_eq!(fetch(&app.gateway_b(), &signed).await, (200, PRIVATE.to_owned()));
        assert_eq!(fetch(&self.reviewer.client, &path).await, (200, PRIVATE.to_owned()), "{state}");
        if has_owner {
            assert_eq!(fetch(&self.seller.client, &path).await, (200, PRIVATE.to_owned()), "{state}");
        }
    }
}

async fn each_state_of_a_gig_decides_who_sees_its_images(app: TestApp) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let image = seller.client.upload_image(small_png()).await;
    let mut form = app.gig_form("I will write a song for you").await;
    form["imageIds"] = json!([image]);
    let draft = seller.client.mutate(SAVE_DRAFT, json!({ "input": form })).await;
    let gig = text(&draft["gig"]["id"]);
    let listing = Listing { seller, reviewer, gig, image };
    let (seller, reviewer, id) = (&listing.seller, &listing.reviewer, json!({ "id": listing.gig }));
    listing.expect_private(&app, "draft", true).await;
    form["draftId"] = json!(listing.gig);
    seller.post(form).await;
    listing.expect_private(&app, "in review", true).await;
    let signed = listing.signed_path().await;
    reviewer.approve(&listing.gig).await;
    listing.expect_public(&app, "active").await;
    // Shared caches do not store what a signed URL returns, so it need not be purged.
    assert_eq!(fetch(&app.gateway_a(), &signed).await, (200, PRIVATE.to_owned()));
    seller.client.mutate(PAUSE_GIG, id.clone()).await;
    listing.expect_private(&app, "paused", true).await;
    seller.client.mutate(RESUME_GIG, id.clone()).await;
    listing.expect_public(&app, "resumed").await;
    user_admin::block(app.services(), &seller.email).await.expect("blocked");
    listing.expect_private(&app, "of a blocked seller", false).await;
    user_admin::unblock(app.services(), &seller.email).await.expect("unblocked");
    let seller = app.sign_in(&seller.email).await;
    let listing = Listing { seller, ..listing };
    listing.expect_public(&app, "of an unblocked seller").await;
    let reasons = json!([{ "code": "CONTACT_DETAILS", "field": ["description"] }]);
    listing.reviewer.decide(&listing.gig, "SUSPEND", reasons).await;
    listing.expect_private(&app, "suspended", true).await;
    listing.seller.client.mutate(ARCHIVE_GIG, json!({ "id": listing.gig })).await;
    listing.expect_private(&app, "archived", true).await;
}

async fn images_of_rejected_and_erased_gigs_are_not_public(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let mut listings = Vec::new();
    for seller in [&ann, &bob] {
        let image = seller.client.upload_image(small_png()).await;
        let mut form = app.gig_form("I will write a song for you").await;
        form["imageIds"] = json!([image]);
        listings.push((seller.post(form).await, image));
    }
    let [(rejected, rejected_image), (erased, erased_image)] = listings.try_into().expect("two");
    let reasons = json!([{ "code": "CONTACT_DETAILS", "field": ["description"] }]);
    rita.decide(&rejected, "REJECT", reasons).await;
    rita.approve(&erased).await;
    let path = format!("/media/{erased_image}.jpg");
    assert_eq!(fetch(&app.gateway_b(), &path).await, (200, PUBLIC.to_owned()));
    erasure::erase_user(app.services(), &bob.email).await.expect("erased");
    for client in [app.gateway_a(), app.gateway_b(), ann.client.clone()] {
        assert_eq!(fetch(&client, &path).await, (404, "no-store".to_owned()));
        assert_eq!(revalidate(&client, &erased_image).await, 404);
    }
    let listing = Listing { seller: ann, reviewer: rita, gig: rejected, image: rejected_image };
    listing.expect_private(&app, "rejected", true).await;
}

on_both_back_ends!(
    each_state_of_a_gig_decides_who_sees_its_images,
    images_of_rejected_and_erased_gigs_are_not_public,
);
