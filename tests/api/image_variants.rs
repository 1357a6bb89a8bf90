//! Pictures in the size of the screen: widths, formats, sizes, placeholders and alternative texts.

use std::fs;

use chrono::TimeDelta;
use gigway::service::{background_jobs, erasure};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text, user_errors};
use crate::support::documents::{PAUSE_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::{sample_image, small_png};
use crate::support::test_app::TestApp;

pub const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

pub const URLS: &str =
    "url w1: url(width: 1) w160: url(width: 160) w161: url(width: 161) w640: url(width: 640)
    w1000: url(width: 1000) w2048: url(width: 2048) w9999: url(width: 9999)";

/// Uploads a picture with an alternative text. Returns the payload.
pub async fn upload(client: &Client, file: Vec<u8>, alt_text: Value) -> Value {
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
pub fn path_of(url: &Value) -> String {
    format!("/media/{}", text(url).split_once("/media/").expect("the URL of an image").1)
}

/// What a client that accepts these formats gets.
pub async fn get(client: &Client, path: &str, accept: Option<&str>) -> reqwest::Response {
    let request = client.get(path);
    let request = match accept {
        Some(accept) => request.header(ACCEPT, accept),
        None => request,
    };
    request.send().await.expect("a response")
}

/// The width and the format of a picture that was sent.
pub async fn picture(response: reqwest::Response) -> (u32, u32, String) {
    assert_eq!(response.status(), 200);
    let content_type = response.headers()[CONTENT_TYPE].to_str().expect("text").to_owned();
    let format = ImageFormat::from_mime_type(&content_type).expect("a format");
    let bytes = response.bytes().await.expect("bytes");
    let picture = image::load_from_memory_with_format(&bytes, format).expect("a picture");
    (picture.width(), picture.height(), content_type)
}

/// The names of the copies of pictures.
pub fn copies(app: &TestApp) -> Vec<String> {
    let dir = app.image_dir().with_file_name("gig-image-variants");
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// A gig of the user with these images, as it is listed.
pub async fn publish(app: &TestApp, ann: &crate::support::test_users::TestUser, images: &[Value]) -> String {
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
                (Some("image/webp;q=0.5, image/*"), "image/jpeg"),
                (Some("image/webp;q=0.5, image/jpeg;q=0.2, image/*"), "image/webp"),
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
fn noise(width: u32, height: u32, number: u32) -> Vec<u8> {
    let mut state = number;
    let pixels = RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        Rgb([a, b, c])
    });
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, ImageFormat::Png).expect("an image");
    file.into_inner()
}

/// Twenty cards with these pictures, by their number.
async fn expect_a_small_page(app: &TestApp, file: impl Fn(u32) -> Vec<u8>) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 0..20 {
        let image = upload(&ann.client, file(number), json!(null)).await["image"]["id"].take();
        let mut form = app.gig_form(&format!("I will write song number {number}")).await;
        form["imageIds"] = json!([image]);
        let id = ann.post(form).await;
        rita.approve(&id).await;
    }
    let query =
        "{ gigs(first: 20) { nodes { title images { url(width: 320) altText placeholder width } } } }";
    for accept in [Some(BROWSER), None] {
        let data = app.gateway_a().run(query, json!({})).await;
        let mut bytes = data.to_string().len();
        let nodes = data["gigs"]["nodes"].as_array().expect("a list");
        assert_eq!(nodes.len(), 20);
        for node in nodes {
            let image = &node["images"][0];
            let response = get(&app.gateway_b(), &path_of(&image["url"]), accept).await;
            bytes += usize::try_from(response.content_length().expect("a length")).expect("a length");
            let width = image["width"].as_u64().expect("a width").min(320);
            assert_eq!(u64::from(picture(response).await.0), width);
        }
        assert!(bytes < 1_000_000, "{bytes} for {accept:?}");
    }
}

async fn a_page_of_twenty_cards_has_less_than_a_megabyte(app: TestApp) {
    // All are different, and the last three are noise.
    expect_a_small_page(&app, |number| match number {
        0..17 => sample_image(640 + number, 480, ImageFormat::Jpeg),
        _ => noise(600, 600, number),
    })
    .await;
}

async fn a_page_of_narrow_and_tall_pictures_has_less_than_a_megabyte(app: TestApp) {
    expect_a_small_page(&app, |number| match number % 3 {
        0 => noise(320, 320, number),
        1 => noise(300, 2000, number),
        _ => noise(330, 2048, number),
    })
    .await;
}

async fn a_copy_of_noise_is_as_wide_as_its_name(app: TestApp) {
    let ann = app.member("Ann").await;
    for (width, number, expected) in [(330, 1, [160, 320, 330]), (170, 2, [160, 170, 170])] {
        let image = upload(&ann.client, noise(width, 2048, number), json!(null)).await["image"].take();
        for (field, expected) in ["w160", "w161", "w640"].into_iter().zip(expected) {
            for (accept, format) in [(Some(BROWSER), "image/webp"), (None, "image/jpeg")] {
                let path = path_of(&image[field]);
                let shown = picture(get(&app.gateway_b(), &path, accept).await).await;
                let height = (f64::from(2048 * expected) / f64::from(width)).round();
                assert_eq!((shown.0, shown.2.as_str()), (expected, format), "{path}");
                assert!((f64::from(shown.1) - height).abs() <= 1.0, "{path}: {}", shown.1);
            }
        }
    }
}

async fn head_has_the_headers_of_get_and_no_body(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(900, 700, ImageFormat::Png), json!(null)).await["image"].take();
    for field in ["url", "w640", "w1000"] {
        let path = path_of(&image[field]);
        for accept in [BROWSER, "image/jpeg"] {
            let got = get(&ann.client, &path, Some(accept)).await;
            let request = ann.client.http().head(ann.client.url(&path)).header(ACCEPT, accept);
            let head = ann.client.authorize(request).send().await.expect("a response");
            assert_eq!(head.status(), 200, "{path}");
            for name in [CONTENT_TYPE, CONTENT_LENGTH, ETAG, CACHE_CONTROL, VARY] {
                let values = |response: &reqwest::Response| -> Vec<_> {
                    response.headers().get_all(&name).iter().cloned().collect()
                };
                assert_eq!(values(&head), values(&got), "{path} {accept}: {name}");
            }
            let length = head.headers()[CONTENT_LENGTH].to_str().expect("text").to_owned();
            assert_eq!(head.bytes().await.expect("no body").len(), 0);
            assert_eq!(got.bytes().await.expect("a body").len().to_string(), length);
        }
    }
    let missing = path_of(&image["w640"]).replace("-640.", "-639.");
    let head = ann.client.http().head(ann.client.url(&missing)).send().await.expect("a response");
    assert_eq!(head.status(), 404);
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

on_both_back_ends!(
    each_width_is_sent_as_webp_or_jpeg,
    a_picture_is_never_enlarged,
    a_width_below_one_is_an_error_that_names_the_argument,
    each_format_of_a_width_has_its_own_tag,
    copies_are_visible_like_their_picture,
    a_page_of_twenty_cards_has_less_than_a_megabyte,
    a_page_of_narrow_and_tall_pictures_has_less_than_a_megabyte,
    a_copy_of_noise_is_as_wide_as_its_name,
    head_has_the_headers_of_get_and_no_body,
    an_alternative_text_is_stored_as_given,
    copies_are_deleted_with_their_picture,
);
