//! Pictures in the size of the screen: widths, formats, placeholders, alternative texts, and pictures that an earlier
//! version has stored.

use std::fs;

use chrono::TimeDelta;
use entity::gig_image;
use gigway::service::{background_jobs, erasure, image_variants};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use reqwest::multipart::{Form, Part};
use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, QuerySelect};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text, user_errors};
use crate::support::documents::{PAUSE_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::{sample_image, small_png};
use crate::support::test_app::TestApp;

const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

const URLS: &str = "url w1: url(width: 1) w160: url(width: 160) w161: url(width: 161) w640: url(width: 640)
    w1000: url(width: 1000) w2048: url(width: 2048) w9999: url(width: 9999)";

/// Uploads a picture with an alternative text. Returns the payload.
async fn upload(client: &Client, file: Vec<u8>, alt_text: Value) -> Value {
    let query = format!(
        "mutation($file: Upload!, $altText: String) {{ uploadGigImage(file: $file, altText: $altText) {{
            image {{ id width height altText placeholder {URLS} }} errors {{ code field message }} }} }}"
    );
    let operations = json!({ "query": query, "variables": { "file": null, "altText": alt_text } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(file).file_name("image.png"));
    let request = client.post("/graphql").header("apollo-require-preflight", "true").multipart(form);
    let mut response: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert!(response.get("errors").is_none(), "{response:#}");
    response["data"]["uploadGigImage"].take()
}

/// The path of a URL of an image.
fn path_of(url: &Value) -> String {
    format!("/media/{}", text(url).split_once("/media/").expect("the URL of an image").1)
}

/// What a client that accepts these formats gets.
async fn get(client: &Client, path: &str, accept: Option<&str>) -> reqwest::Response {
    let request = client.get(path);
    let request = match accept {
        Some(accept) => request.header(ACCEPT, accept),
        None => request,
    };
    request.send().await.expect("a response")
}

/// The width and the format of a picture that was sent.
async fn picture(response: reqwest::Response) -> (u32, u32, String) {
    assert_eq!(response.status(), 200);
    let content_type = response.headers()[CONTENT_TYPE].to_str().expect("text").to_owned();
    let format = ImageFormat::from_mime_type(&content_type).expect("a format");
    let bytes = response.bytes().await.expect("bytes");
    let picture = image::load_from_memory_with_format(&bytes, format).expect("a picture");
    (picture.width(), picture.height(), content_type)
}

/// The names of the copies of pictures.
fn copies(app: &TestApp) -> Vec<String> {
    let dir = app.image_dir().with_file_name("gig-image-variants");
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// A gig of the user with these images, as it is listed.
async fn publish(app: &TestApp, ann: &crate::support::test_users::TestUser, images: &[Value]) -> String {
    let mut form = app.gig_form("I will write a song for you").await;
    form["imageIds"] = json!(images);
    let id = ann.post(form).await;
    app.reviewer("Rita").await.approve(&id).await;
    id
}

async fn each_width_is_sent_as_webp_or_jpeg(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(3000, 1500, ImageFormat::Jpeg), json!(null)).await["image"].take();
    let id = publish(&app, &ann, &[image["id"].clone()]).await;
    let query = format!("query($id: ID!) {{ gig(id: $id) {{ images {{ {URLS} }} }} }}");
    let listed = app.gateway_a().run(&query, json!({ "id": id })).await["gig"]["images"][0].take();
    for (field, width) in [
        ("w1", 160),
        ("w160", 160),
        ("w161", 320),
        ("w640", 640),
        ("w1000", 1024),
        ("w2048", 2048),
        ("w9999", 2048),
    ] {
        let path = path_of(&listed[field]);
        assert!(path.contains(&format!("-{width}.")), "{path}");
        for gateway in [app.gateway_a(), app.gateway_b()] {
            for (accept, content_type) in [
                (Some(BROWSER), "image/webp"),
                (Some("image/webp"), "image/webp"),
                (Some("image/webp;q=0, */*"), "image/jpeg"),
                (Some("*/*"), "image/jpeg"),
                (Some("image/png,image/*;q=0.8"), "image/jpeg"),
                (None, "image/jpeg"),
            ] {
                let response = get(&gateway, &path, accept).await;
                let varies = response.headers().get_all(VARY).iter().any(|value| value == "accept");
                assert!(varies, "{field} {accept:?}");
                assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=300, must-revalidate");
                assert_eq!(
                    picture(response).await,
                    (width, width / 2, content_type.to_owned()),
                    "{field} {accept:?}"
                );
            }
        }
    }
    // Without a width: the stored picture, always as JPEG.
    let stored = get(&app.gateway_a(), &path_of(&listed["url"]), Some(BROWSER)).await;
    assert!(!stored.headers().get_all(VARY).iter().any(|value| value == "accept"));
    assert_eq!(picture(stored).await, (2048, 1024, "image/jpeg".to_owned()));
    // Other widths than those of the picture do not exist.
    let path = path_of(&listed["w640"]);
    for other in ["-639.", "-0.", "-2047.", "-0640.", "-+640.", "-x.", "-.", "-99999999999.", "--640."] {
        let response = get(&app.gateway_a(), &path.replace("-640.", other), None).await;
        assert_eq!(response.status(), 404, "{other}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
}

async fn a_picture_is_never_enlarged(app: TestApp) {
    let ann = app.member("Ann").await;
    for (width, expected) in
        [(64, [64; 5]), (640, [160, 320, 640, 640, 640]), (700, [160, 320, 640, 700, 700])]
    {
        let image =
            upload(&ann.client, sample_image(width, 30, ImageFormat::Png), json!(null)).await["image"].take();
        for (field, expected) in ["w160", "w161", "w640", "w1000", "w2048"].into_iter().zip(expected) {
            for accept in [Some(BROWSER), None] {
                let shown = picture(get(&ann.client, &path_of(&image[field]), accept).await).await;
                assert_eq!(shown.0, expected, "{field} of {width}");
            }
        }
    }
}

async fn a_width_below_one_is_an_error_that_names_the_argument(app: TestApp) {
    let ann = app.member("Ann").await;
    let image = ann.client.upload_image(small_png()).await;
    let query = "query($id: ID!, $width: Int) { node(id: $id) { ... on GigImage { url(width: $width) } } }";
    for width in [0, -1, i32::MIN] {
        let response = ann.client.execute(query, json!({ "id": image, "width": width })).await;
        assert_eq!(error_codes(&response), ["BAD_USER_INPUT"], "{response}");
        assert!(text(&response["errors"][0]["message"]).contains("`width`"), "{response}");
    }
    let data = ann.client.run(query, json!({ "id": image, "width": null })).await;
    assert!(path_of(&data["node"]["url"]).starts_with(&format!("/media/{image}.jpg?")));
    for width in ["2147483648", "1.5", "\"320\""] {
        let query = format!("{{ node(id: \"{image}\") {{ ... on GigImage {{ url(width: {width}) }} }} }}");
        assert_eq!(ann.client.error_codes(&query, json!({})).await, ["GRAPHQL_VALIDATION_FAILED"], "{width}");
    }
}

async fn each_format_of_a_width_has_its_own_tag(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(900, 700, ImageFormat::Png), json!(null)).await["image"].take();
    let path = path_of(&image["w640"]);
    let tag = async |accept| get(&ann.client, &path, accept).await.headers()[ETAG].clone();
    let (webp, jpeg) = (tag(Some(BROWSER)).await, tag(None).await);
    assert_ne!(webp, jpeg);
    for (accept, sent, status) in
        [(Some(BROWSER), &webp, 304), (None, &jpeg, 304), (Some(BROWSER), &jpeg, 200), (None, &webp, 200)]
    {
        let request = ann.client.get(&path).header(IF_NONE_MATCH, sent);
        let request = if let Some(accept) = accept { request.header(ACCEPT, accept) } else { request };
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), status, "{accept:?} {sent:?}");
        assert!(response.headers().get_all(VARY).iter().any(|value| value == "accept"));
    }
}

async fn copies_are_visible_like_their_picture(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(900, 700, ImageFormat::Png), json!(null)).await["image"].take();
    let signed = path_of(&image["w161"]);
    let plain = signed.split_once('?').expect("a signature").0.to_owned();
    let status = async |client: &Client, path: &str| get(client, path, Some(BROWSER)).await.status().as_u16();
    assert_eq!(status(&app.gateway_a(), &plain).await, 404);
    assert_eq!(status(&app.gateway_b(), &signed).await, 200);
    assert_eq!(status(&ann.client, &plain).await, 200);
    let gig = publish(&app, &ann, &[image["id"].clone()]).await;
    assert_eq!(status(&app.gateway_b(), &plain).await, 200);
    ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
    for gateway in [app.gateway_a(), app.gateway_b()] {
        let response = get(&gateway, &plain, Some(BROWSER)).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()[CACHE_CONTROL]),
            (404, &"no-store".parse().expect("text"))
        );
    }
    let response = get(&ann.client, &plain, Some(BROWSER)).await;
    assert_eq!(response.headers()[CACHE_CONTROL], "private, max-age=3600");
    app.advance_clock(TimeDelta::hours(3));
    assert_eq!(status(&app.gateway_b(), &signed).await, 404);
}

/// Noise, which is the worst case of every encoder.
fn noise(number: u32) -> Vec<u8> {
    let mut state = number;
    let pixels = RgbImage::from_fn(600, 600, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        Rgb([a, b, c])
    });
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, ImageFormat::Png).expect("an image");
    file.into_inner()
}

async fn a_page_of_twenty_cards_has_less_than_a_megabyte(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 0..20 {
        // All are different, and the last three are noise.
        let file =
            if number < 17 { sample_image(640 + number, 480, ImageFormat::Jpeg) } else { noise(number) };
        let image = upload(&ann.client, file, json!(null)).await["image"]["id"].take();
        let mut form = app.gig_form(&format!("I will write song number {number}")).await;
        form["imageIds"] = json!([image]);
        let id = ann.post(form).await;
        rita.approve(&id).await;
    }
    let query = "{ gigs(first: 20) { nodes { title images { url(width: 320) altText placeholder } } } }";
    for accept in [Some(BROWSER), None] {
        let data = app.gateway_a().run(query, json!({})).await;
        let mut bytes = data.to_string().len();
        let nodes = data["gigs"]["nodes"].as_array().expect("a list");
        assert_eq!(nodes.len(), 20);
        for node in nodes {
            let response = get(&app.gateway_b(), &path_of(&node["images"][0]["url"]), accept).await;
            bytes += response.bytes().await.expect("bytes").len();
        }
        assert!(bytes < 1_000_000, "{bytes} for {accept:?}");
    }
}

async fn an_alternative_text_is_stored_as_given(app: TestApp) {
    let ann = app.member("Ann").await;
    let long = "\u{e9}".repeat(200);
    for (given, stored) in [
        (json!(null), json!(null)),
        (json!(""), json!("")),
        (json!(" A piano, seen from above "), json!("A piano, seen from above")),
        (json!(long), json!(long)),
    ] {
        let image = upload(&ann.client, small_png(), given).await["image"].take();
        assert_eq!(image["altText"], stored);
        assert!(image["placeholder"].as_str().is_some_and(|hash| (20..40).contains(&hash.len())), "{image}");
        let draft = json!({ "input": { "title": "Song", "imageIds": [image["id"]] } });
        let gig = ann.client.mutate(SAVE_DRAFT, draft).await["gig"]["id"].take();
        let query = "query($id: ID!) { gig(id: $id) { images { altText placeholder } } }";
        let read = ann.client.run(query, json!({ "id": gig })).await["gig"]["images"][0].take();
        assert_eq!((&read["altText"], &read["placeholder"]), (&stored, &image["placeholder"]));
    }
    let too_long = json!("x".repeat(201));
    let payload = upload(&ann.client, small_png(), too_long.clone()).await;
    assert_eq!(user_errors(&payload), [("TOO_LONG".to_owned(), "altText".to_owned())]);
    let payload = upload(&ann.client, b"text".to_vec(), too_long).await;
    let both =
        [("UNSUPPORTED_MEDIA".to_owned(), "file".to_owned()), ("TOO_LONG".to_owned(), "altText".to_owned())];
    assert_eq!(user_errors(&payload), both);
    let payload = upload(&ann.client, small_png(), json!("a\u{0}b")).await;
    assert_eq!(user_errors(&payload), [("INVALID".to_owned(), "altText".to_owned())]);
    let limits = app.gateway_a().run("{ limits { gig { altTextMaxChars } } }", json!({})).await;
    assert_eq!(limits["limits"]["gig"]["altTextMaxChars"], 200);
}

async fn copies_are_deleted_with_their_picture(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for user in [&ann, &ann, &bob] {
        upload(&user.client, sample_image(1500, 200, ImageFormat::Png), json!("A logo")).await;
    }
    // Four smaller widths in two formats, and the full width as WebP.
    assert_eq!(copies(&app).len(), 3 * 9);
    erasure::erase_user(app.services(), &bob.email).await.expect("erased");
    assert_eq!(copies(&app).len(), 2 * 9);
    app.advance_clock(TimeDelta::hours(25));
    background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    assert_eq!(copies(&app), Vec::<String>::new());
}

/// Makes the pictures look as an earlier version has stored them.
async fn forget_copies(app: &TestApp) {
    gig_image::Entity::update_many()
        .col_expr(gig_image::Column::VariantsVersion, Expr::value(Option::<i32>::None))
        .col_expr(gig_image::Column::Placeholder, Expr::value(Option::<String>::None))
        .exec(app.services().db.read())
        .await
        .expect("changed");
    for name in copies(app) {
        fs::remove_file(app.image_dir().with_file_name("gig-image-variants").join(name)).expect("deleted");
    }
}

async fn versions(app: &TestApp) -> Vec<Option<i32>> {
    let rows = gig_image::Entity::find().select_only().column(gig_image::Column::VariantsVersion);
    let mut versions: Vec<Option<i32>> = rows.into_tuple().all(app.services().db.read()).await.expect("rows");
    versions.sort_unstable();
    versions
}

async fn pictures_of_earlier_versions_get_their_widths_in_the_background(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut images = Vec::new();
    for number in 0..3 {
        images.push(upload(&ann.client, sample_image(1000 + number, 500, ImageFormat::Jpeg), json!(null)).await["image"].take());
    }
    let gig = publish(&app, &ann, &[images[0]["id"].clone()]).await;
    let query = format!("query($id: ID!) {{ gig(id: $id) {{ images {{ id placeholder {URLS} }} }} }}");
    let read = async || ann.client.run(&query, json!({ "id": gig })).await["gig"]["images"][0].take();
    let before = read().await;
    forget_copies(&app).await;

    // Until then, every width is the stored picture, and the placeholder is grey.
    let old = read().await;
    assert_eq!(old["w160"], old["url"]);
    assert_ne!(old["placeholder"], before["placeholder"]);
    assert!(old["placeholder"].is_string());
    assert_eq!(picture(get(&app.gateway_a(), &path_of(&old["w160"]), Some(BROWSER)).await).await.0, 1000);
    assert_eq!(get(&app.gateway_a(), &path_of(&before["w160"]), None).await.status(), 404);

    // The file of the second picture is missing, and nothing can be written at first.
    let missing = app.image_dir().join(format!("{}.jpg", text(&images[1]["id"])));
    fs::remove_file(missing).expect("deleted");
    let dir = app.image_dir().with_file_name("gig-image-variants");
    fs::remove_dir(&dir).expect("deleted");
    fs::write(&dir, "a file in place of the directory").expect("written");
    image_variants::make_missing(app.services()).await.expect_err("nothing can be written");
    assert_eq!(versions(&app).await, [None, None, Some(0)]);
    fs::remove_file(&dir).expect("deleted");
    fs::create_dir(&dir).expect("created");
    // Two gateways at the same time.
    let (first, second) = tokio::join!(
        image_variants::make_missing(app.services()),
        image_variants::make_missing(app.services())
    );
    let made = first.expect("a run") + second.expect("a run");
    assert!(made <= 2, "{made}");
    assert_eq!(versions(&app).await, [Some(0), Some(1), Some(1)]);
    assert_eq!(image_variants::make_missing(app.services()).await.expect("a run"), 0);

    let after = read().await;
    assert_eq!(after["w160"], before["w160"]);
    for (field, width) in [("w160", 160), ("w640", 640), ("w1000", 1000), ("w2048", 1000)] {
        for accept in [Some(BROWSER), None] {
            assert_eq!(picture(get(&app.gateway_b(), &path_of(&after[field]), accept).await).await.0, width);
        }
    }
    let grey = old["placeholder"].as_str().expect("text");
    assert_ne!(after["placeholder"], grey);
}

async fn a_picture_that_is_deleted_meanwhile_gets_no_copies(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for user in [&ann, &bob] {
        upload(&user.client, sample_image(700, 200, ImageFormat::Png), json!(null)).await;
    }
    forget_copies(&app).await;
    let (made, erased) = tokio::join!(
        image_variants::make_missing(app.services()),
        erasure::erase_user(app.services(), &bob.email)
    );
    made.expect("a run");
    erased.expect("erased");
    let of_ann = gig_image::Entity::find().all(app.services().db.read()).await.expect("rows");
    assert_eq!(of_ann.len(), 1);
    assert_eq!(copies(&app).len(), 7, "three widths in two formats, and the full width as WebP");
}

on_both_back_ends!(
    each_width_is_sent_as_webp_or_jpeg,
    a_picture_is_never_enlarged,
    a_width_below_one_is_an_error_that_names_the_argument,
    each_format_of_a_width_has_its_own_tag,
    copies_are_visible_like_their_picture,
    a_page_of_twenty_cards_has_less_than_a_megabyte,
    an_alternative_text_is_stored_as_given,
    copies_are_deleted_with_their_picture,
    pictures_of_earlier_versions_get_their_widths_in_the_background,
    a_picture_that_is_deleted_meanwhile_gets_no_copies,
);
