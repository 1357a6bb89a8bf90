//! Photographs as phones write them are accepted, for gigs and for identities.

use serde_json::json;

use crate::support::client::{Client, text, user_errors};
use crate::support::on_both_back_ends;
use crate::support::photographs::{accepted, in_display_p3, refused};
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

async fn photographs_of_phones_are_accepted_for_gigs(app: TestApp) {
    let ann = app.member("Ann").await;
    for (name, file) in accepted() {
        let payload = ann.client.upload(file).await;
        assert_eq!(payload["errors"], json!([]), "{name}");
        let (bytes, picture) = stored_picture(&ann.client, &payload).await;
        let size = (json!(picture.width()), json!(picture.height()));
        assert_eq!((&payload["image"]["width"], &payload["image"]["height"]), (&size.0, &size.1), "{name}");
        for hidden in [&b"ftyp"[..], b"evil.sh", b"MotionPhoto", b"Exif"] {
            assert!(!bytes.windows(hidden.len()).any(|window| window == hidden), "{name}: {hidden:?}");
        }
    }
}

async fn photographs_of_phones_are_accepted_for_identities(app: TestApp) {
    let ann = app.member("Ann").await;
    for (name, file) in accepted() {
        let payload = upload_document(&ann.client, "PASSPORT", "FRONT", file).await;
        assert_eq!(payload["errors"], json!([]), "{name}");
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

async fn colours_of_display_p3_are_stored_as_srgb(app: TestApp) {
    let ann = app.member("Ann").await;
    let payload = ann.client.upload(in_display_p3([235, 60, 50])).await;
    let (_, picture) = stored_picture(&ann.client, &payload).await;
    let shown = picture.get_pixel(400, 300).0;
    let near = shown.iter().zip([255_u8, 29, 33]).all(|(shown, color)| shown.abs_diff(color) < 4);
    assert!(near, "{shown:?}");
}

on_both_back_ends!(
    photographs_of_phones_are_accepted_for_gigs,
    photographs_of_phones_are_accepted_for_identities,
    pictures_that_are_refused_are_named_with_advice,
    colours_of_display_p3_are_stored_as_srgb,
);
