//! Images of gigs: which files are accepted, what is stored, and who can see it.

use chrono::TimeDelta;
use gigway::service::background_jobs;
use image::{GenericImageView, ImageFormat};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text, user_errors};
use crate::support::documents::{ARCHIVE_GIG, EDIT_GIG, PAUSE_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::{sample_image, small_png};
use crate::support::test_app::TestApp;

const THREE_MEBIBYTES: usize = 3 * 1024 * 1024;

/// Returns the status, the `cache-control` header and the bytes at the URL of an image.
async fn fetch(client: &Client, url: &str) -> (u16, String, Vec<u8>) {
    let path = url.split_once("/media/").expect("the URL of an image").1;
    let (status, response) = client.fetch(&format!("/media/{path}")).await;
    let cache_control =
        response.headers().get("cache-control").map(|value| value.to_str().expect("text").to_owned());
    (status.as_u16(), cache_control.unwrap_or_default(), response.bytes().await.expect("bytes").to_vec())
}

/// The URL of the first image of a gig, as this client gets it.
async fn image_url(client: &Client, gig_id: &str) -> String {
    let data =
        client.run("query($id: ID!) { gig(id: $id) { images { url } } }", json!({ "id": gig_id })).await;
    text(&data["gig"]["images"][0]["url"])
}

async fn images_are_detected_by_content_and_stored_as_small_jpegs(app: TestApp) {
    let ann = app.member("Ann").await;
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let payload = ann.client.upload(sample_image(3000, 1500, format)).await;
        let image = &payload["image"];
        assert_eq!((&image["width"], &image["height"]), (&json!(2048), &json!(1024)), "{format:?}");
        let (status, cache_control, bytes) = fetch(&app.gateway_b(), &text(&image["url"])).await;
        assert_eq!((status, cache_control.as_str()), (200, "private, max-age=3600"));
        assert_eq!(image["byteSize"], json!(bytes.len()));
        assert!(bytes.len() <= 1024 * 1024);
        let stored = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).expect("a JPEG");
        assert_eq!(stored.dimensions(), (2048, 1024));
    }
}

async fn invalid_images_are_rejected_and_nothing_is_stored(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut bomb = small_png();
    // The header's width and height: 30,000 each.
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let truncated = small_png()[..small_png().len() / 2].to_vec();
    let cases = [b"just text".to_vec(), Vec::new(), bomb, truncated, b"GIF89a\x01\0\x01\0".to_vec()];
    for (number, file) in cases.into_iter().enumerate() {
        let payload = ann.client.upload(file).await;
        let expected = [("UNSUPPORTED_MEDIA".to_owned(), "file".to_owned())];
        assert_eq!(user_errors(&payload), expected, "case {number}: {payload}");
        assert!(payload["image"].is_null());
    }
    // A damaged image, exactly at the size limit and one byte over it.
    for (bytes, code) in [(THREE_MEBIBYTES, "UNSUPPORTED_MEDIA"), (THREE_MEBIBYTES + 1, "FILE_TOO_LARGE")] {
        let mut file = small_png()[..60].to_vec();
        file.resize(bytes, 0);
        let payload = ann.client.upload(file).await;
        assert_eq!(user_errors(&payload), [(code.to_owned(), "file".to_owned())], "{payload}");
        let message = payload["errors"][0]["message"].as_str().expect("a message");
        assert!(code != "FILE_TOO_LARGE" || message.contains("3145728"), "{message}");
    }
    let cut_off = ann.client.upload_request(vec![0; 17 * 1024 * 1024]).send().await;
    if let Ok(response) = cut_off {
        assert_eq!(response.status(), 413);
    }
    let anonymous = app.gateway_a().upload_request(small_png()).send().await.expect("a response");
    assert_eq!(error_codes(&anonymous.json().await.expect("JSON")), ["UNAUTHENTICATED"]);
    let stored = tokio::fs::read_dir(app.image_dir()).await;
    if let Ok(mut stored) = stored {
        assert!(stored.next_entry().await.expect("a directory").is_none(), "a file was left behind");
    }
}

async fn an_image_is_public_only_while_its_gig_is_listed(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let image = ann.client.upload_image(small_png()).await;
    let mut form = app.gig_form("I will write a song for you").await;
    form["imageIds"] = json!([image]);
    let id = ann.post(form).await;
    let plain = format!("{}/media/{image}.jpg", app.gateway_a().url(""));
    let status = async |client: &Client| fetch(client, &plain).await.0;

    // In review: visible to its seller and reviewers, by their token or by a signed URL.
    assert_eq!(status(&app.gateway_b()).await, 404);
    assert_eq!(status(&bob.client).await, 404);
    assert_eq!(status(&ann.client).await, 200);
    assert_eq!(status(&rita.at(&app.gateway_b())).await, 200);
    let signed = image_url(&rita.client, &id).await;
    assert_eq!(fetch(&app.gateway_b(), &signed).await.0, 200);
    let forged = signed.replace("expires=1", "expires=2");
    assert_ne!(forged, signed);
    assert_eq!(fetch(&app.gateway_b(), &forged).await.0, 404);
    let other_image = ann.client.upload_image(small_png()).await;
    assert_eq!(fetch(&app.gateway_b(), &signed.replace(&image, &other_image)).await.0, 404);

    // Listed: public and cacheable.
    rita.approve(&id).await;
    assert_eq!(image_url(&app.gateway_a(), &id).await, plain);
    let (code, cache_control, bytes) = fetch(&app.gateway_b(), &plain).await;
    assert_eq!((code, cache_control.as_str()), (200, "public, max-age=300, must-revalidate"));
    let (code, response) = app.gateway_a().fetch(&format!("/media/{image}.jpg")).await;
    assert_eq!(
        (code.as_u16(), &response.headers()["content-type"]),
        (200, &"image/jpeg".parse().expect("a value"))
    );
    let tag = response.headers()["etag"].clone();
    let revalidated =
        app.gateway_a().get(&format!("/media/{image}.jpg")).header("if-none-match", tag).send().await;
    assert_eq!(revalidated.expect("a response").status(), 304);
    assert_eq!(response.headers()["content-length"], bytes.len().to_string());
    assert_eq!(bytes, response.bytes().await.expect("bytes").to_vec());

    // Paused: no longer public; and the signed URL expires.
    ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    assert_eq!(status(&app.gateway_b()).await, 404);
    app.advance_clock(TimeDelta::hours(2));
    assert_eq!(fetch(&app.gateway_b(), &signed).await.0, 404);
    for unknown in
        ["/media/img_00000000000000000000000000.jpg", "/media/x.jpg", "/media/..%2fkeys", "/media/x"]
    {
        assert_eq!(app.gateway_a().fetch(unknown).await.0, 404, "{unknown}");
    }
}

async fn a_client_that_has_an_image_does_not_cause_its_file_to_be_read(app: TestApp) {
    let ann = app.member("Ann").await;
    let image = ann.client.upload_image(small_png()).await;
    tokio::fs::remove_file(app.image_dir().join(format!("{image}.jpg"))).await.expect("a file");
    let get = || ann.client.get(&format!("/media/{image}.jpg"));
    let revalidated = get().header("if-none-match", format!("\"{image}\"")).send().await.expect("a response");
    assert_eq!(revalidated.status(), 304);
    assert_eq!(revalidated.headers()["etag"], format!("\"{image}\""));
    assert_eq!(get().send().await.expect("a response").status(), 404);
}

async fn an_image_belongs_to_one_gig(app: TestApp) {
    let ann = app.member("Ann").await;
    let image = ann.client.upload_image(small_png()).await;
    let draft = json!({ "input": { "title": "Song", "imageIds": [image] } });
    let first = ann.client.mutate(SAVE_DRAFT, draft.clone()).await["gig"].take();
    let expected = [("NOT_FOUND".to_owned(), "imageIds.0".to_owned())];
    assert_eq!(ann.client.mutation_errors(SAVE_DRAFT, draft.clone()).await, expected);
    // Once removed from the first gig, it can be used by the second.
    let without = json!({ "input": { "id": first["id"], "title": "Song", "imageIds": [] } });
    ann.client.mutate(SAVE_DRAFT, without).await;
    let second = ann.client.mutate(SAVE_DRAFT, draft).await;
    assert_eq!(second["gig"]["images"][0]["id"], json!(image));
}

async fn unattached_images_are_deleted_after_a_day(app: TestApp) {
    let ann = app.member("Ann").await;
    let (unused, used) =
        (ann.client.upload_image(small_png()).await, ann.client.upload_image(small_png()).await);
    ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "Song", "imageIds": [used] } })).await;
    let count = async || {
        let mut entries = tokio::fs::read_dir(app.image_dir()).await.expect("a directory");
        let mut count = 0;
        while entries.next_entry().await.expect("an entry").is_some() {
            count += 1;
        }
        count
    };
    app.advance_clock(TimeDelta::hours(24) - TimeDelta::seconds(30));
    background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    assert_eq!(count().await, 2);
    app.advance_clock(TimeDelta::minutes(1));
    background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    assert_eq!(count().await, 1);
    let ann = app.sign_in(&ann.email).await;
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let nodes = ann.client.run(query, json!({ "ids": [unused, used] })).await["nodes"].take();
    assert_eq!(nodes, json!([null, { "id": used }]));
}

async fn images_keep_the_order_of_the_form(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut images = Vec::new();
    for _ in 0..3 {
        images.push(ann.client.upload_image(small_png()).await);
    }
    let mut form = app.gig_form("I will write a song for you").await;
    form["imageIds"] = json!(images);
    let id = ann.post(form).await;
    rita.approve(&id).await;
    images.reverse();
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": id, "imageIds": images } })).await;
    let stored: Vec<Value> = ann.gig(&id).await["images"].as_array().expect("a list").clone();
    let ids: Vec<_> = stored.iter().map(|image| text(&image["id"])).collect();
    assert_eq!(ids, images);
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": id })).await;
}

on_both_back_ends!(
    images_are_detected_by_content_and_stored_as_small_jpegs,
    invalid_images_are_rejected_and_nothing_is_stored,
    an_image_is_public_only_while_its_gig_is_listed,
    a_client_that_has_an_image_does_not_cause_its_file_to_be_read,
    an_image_belongs_to_one_gig,
    unattached_images_are_deleted_after_a_day,
    images_keep_the_order_of_the_form,
);
