//! Photographs as phones write them are accepted, for gigs and for identities.

use serde_json::json;

use crate::support::client::{Client, text, user_errors};
use crate::support::on_both_back_ends;
use crate::support::photographs::{Photograph, accepted, refused};
use crate::support::test_app::TestApp;
use crate::verification::upload_document;

/// The stored picture of a payload.
async fn stored_picture(client: &Client, payload: &serde_json::Value) -> (Vec<u8>, image::RgbImage) {
    let url = text(&payload["image"]["url"]);
    let path = url.split_once("/media/").expect("the URL of an image").1;
    let (status, response) = client.fetch(&format!("/media/{path}")).await;
    assert_eq!(status, 200);
    let bytes = response.bytes().await.expect("bytes").to_vec();
    let picture = image::load_from_memory(&bytes).expect("a JPEG").into_rgb8();
    (bytes, picture)
}

/// Checks the size and the colour in which a photograph is stored.
#[track_caller]
fn assert_shows(picture: &image::RgbImage, photograph: &Photograph, max_side: u32) {
    let name = photograph.name;
    assert_eq!(picture.dimensions(), photograph.stored_size(max_side), "{name}");
    let shown = picture.get_pixel(100, 100).0;
    let is_near = shown.iter().zip(photograph.color).all(|(shown, color)| shown.abs_diff(color) < 10);
    assert!(is_near, "{name}: {shown:?} is not {:?}", photograph.color);
}

async fn photographs_of_phones_are_accepted_for_gigs(app: TestApp) {
    let ann = app.member("Ann").await;
    for photograph in accepted() {
        let name = photograph.name;
        let payload = ann.client.upload(photograph.file.clone()).await;
        assert_eq!(payload["errors"], json!([]), "{name}");
        let (bytes, picture) = stored_picture(&ann.client, &payload).await;
        assert_shows(&picture, &photograph, 2048);
        let (width, height) = photograph.stored_size(2048);
        let size = (json!(width), json!(height));
        assert_eq!((&payload["image"]["width"], &payload["image"]["height"]), (&size.0, &size.1), "{name}");
        for hidden in [&b"ftyp"[..], b"evil.sh", b"MotionPhoto", b"Exif"] {
            assert!(!bytes.windows(hidden.len()).any(|window| window == hidden), "{name}: {hidden:?}");
        }
    }
}

async fn photographs_of_phones_are_accepted_for_identities(app: TestApp) {
    let ann = app.member("Ann").await;
    for photograph in accepted() {
        let payload = upload_document(&ann.client, "PASSPORT", "FRONT", photograph.file.clone()).await;
        assert_eq!(payload["errors"], json!([]), "{}", photograph.name);
        assert_eq!(payload["verification"]["documents"].as_array().map(Vec::len), Some(1));
        // The bytes that the upload has encrypted.
        let stored = app.services().media.reencode_identity_document(&photograph.file).expect("an image");
        let picture = image::load_from_memory(&stored.image.bytes).expect("a JPEG").into_rgb8();
        assert_shows(&picture, &photograph, 3000);
    }
}

async fn pictures_that_are_refused_are_named_with_advice(app: TestApp) {
    let ann = app.member("Ann").await;
    for (word, file) in refused() {
        for payload in [
            ann.client.upload(file.clone()).await,
            upload_document(&ann.client, "PASSPORT", "FRONT", file).await,
        ] {
            let expected = [("UNSUPPORTED_MEDIA".to_owned(), "file".to_owned())];
            assert_eq!(user_errors(&payload), expected, "{payload}");
            let message = text(&payload["errors"][0]["message"]);
            assert!(message.contains(word), "{message}");
        }
    }
}

on_both_back_ends!(
    photographs_of_phones_are_accepted_for_gigs,
    photographs_of_phones_are_accepted_for_identities,
    pictures_that_are_refused_are_named_with_advice,
);
