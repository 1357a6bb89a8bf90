//! Blur, glare and darkness of pictures of documents: the applicant is told at once, and may submit them nevertheless.

use std::io::Cursor;

use gigway::config::Settings;
use gigway::demo::verifications::specimen;
use gigway::domain::limits::VerificationLimits;
use gigway::media::images::{Bounds, reencode_document};
use image::{ImageFormat, Rgb, RgbImage, imageops};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::cards::{draw_card, jpeg};
use crate::support::client::{Client, text};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::verification::{own_verification, personal_info, save_mutation, submit_mutation};

const UPLOAD: &str = "mutation($file: Upload!) {
    uploadIdentityDocument(input: { type: PASSPORT, side: FRONT, file: $file }) {
        verification { status documents { side warnings { code message } quality { sharpness } } }
        warnings { code message } errors { code field message } } }";

/// A document of the demo.
fn document(number: u32) -> RgbImage {
    image::load_from_memory(&specimen(number).expect("a drawing")).expect("an image").into_rgb8()
}

fn blurred(picture: &RgbImage, sigma: f32) -> RgbImage {
    if sigma > 0.0 { imageops::blur(picture, sigma) } else { picture.clone() }
}

/// The nearest value of a pixel.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the values are within those of a byte"
)]
fn pixel_value(value: f32) -> u8 {
    value.round() as u8
}

/// The picture with a reflection in its middle, whose edge is soft.
fn with_glare(picture: &RgbImage, radius: f32) -> RgbImage {
    let number = |pixels: u32| f32::from(u16::try_from(pixels).expect("a small picture"));
    let (middle_x, middle_y) = (number(picture.width()) / 2.0, number(picture.height()) / 2.0);
    let mut picture = picture.clone();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let distance = (number(x) - middle_x).hypot(number(y) - middle_y);
        let light = ((radius + 20.0 - distance) / 20.0).clamp(0.0, 1.0);
        *pixel = Rgb(pixel.0.map(|value| {
            let value = f32::from(value);
            pixel_value(value + light * (255.0 - value))
        }));
    }
    picture
}

fn darkened(picture: &RgbImage, factor: f32) -> RgbImage {
    let mut picture = picture.clone();
    for pixel in picture.pixels_mut() {
        *pixel = Rgb(pixel.0.map(|value| pixel_value(f32::from(value) * factor)));
    }
    picture
}

async fn upload(client: &Client, picture: &RgbImage) -> Value {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Jpeg).expect("an image");
    let operations = json!({ "query": UPLOAD, "variables": { "file": null } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(file.into_inner()).file_name("passport.jpg"));
    let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    let mut response: Value = request.send().await.expect("a response").json().await.expect("JSON");
    let payload = response["data"]["uploadIdentityDocument"].take();
    assert_eq!(payload["errors"], json!([]), "{response:#}");
    assert_eq!(payload["warnings"], payload["verification"]["documents"][0]["warnings"]);
    // What was measured is for reviewers.
    assert_eq!(payload["verification"]["documents"][0]["quality"], Value::Null);
    payload
}

fn codes(payload: &Value) -> Vec<String> {
    let warnings = payload["warnings"].as_array().expect("a list");
    warnings.iter().map(|warning| text(&warning["code"])).collect()
}

/// Uploads pictures that get worse step by step. Asserts that the first have no warning and the last have this one,
/// that it does not disappear again, and that there is no other.
async fn check_steps(client: &Client, code: &str, pictures: Vec<RgbImage>) {
    let mut steps = Vec::new();
    for picture in pictures {
        let codes = codes(&upload(client, &picture).await);
        assert!(codes.is_empty() || codes == [code], "{code}: {codes:?}");
        steps.push(!codes.is_empty());
    }
    assert!(!steps[0] && !steps[1] && *steps.last().expect("a step"), "{code}: {steps:?}");
    assert!(steps.is_sorted(), "{code}: {steps:?}");
}

#[test]
fn good_pictures_of_cards_have_no_warnings() {
    let limits = VerificationLimits::default();
    for person in 0..40 {
        let card = reencode_document(&jpeg(&draw_card(person), 80), &Bounds::default()).expect("an image");
        assert_eq!(card.quality.warnings(false, &limits), [], "{person}: {:?}", card.quality);
    }
}

async fn documents_that_get_worse_are_reported_from_some_step_on(app: TestApp) {
    let ann = app.member("Ann").await;
    for number in [1, 5] {
        let good = document(number);
        let blur = [0.0, 0.5, 1.0, 2.0, 4.0].map(|sigma| blurred(&good, sigma));
        check_steps(&ann.client, "BLURRED", blur.into()).await;
        let glare = [0.0, 20.0, 40.0, 90.0, 120.0].map(|radius| with_glare(&good, radius));
        check_steps(&ann.client, "GLARE", glare.into()).await;
        let dark = [1.0, 0.8, 0.6, 0.3, 0.15].map(|factor| darkened(&good, factor));
        check_steps(&ann.client, "DARK", dark.into()).await;
    }
}

async fn a_warning_can_be_overridden_and_reviewers_see_what_was_measured(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    let payload = upload(&ann.client, &blurred(&document(2), 5.0)).await;
    assert_eq!(
        payload["warnings"],
        json!([{ "code": "BLURRED", "message": "The picture is blurred. Hold the document flat in daylight." }])
    );
    let payload = ann.client.mutate(&submit_mutation(), json!({})).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { documents {
        warnings { code } quality { sharpness glarePercent brightnessPercent } } } } }";
    let id = own_verification(&ann.client).await["id"].take();
    let document =
        rita.at(&app.gateway_b()).run(query, json!({ "id": id })).await["node"]["documents"][0].take();
    assert_eq!(document["warnings"], json!([{ "code": "BLURRED" }]));
    let quality = &document["quality"];
    assert!(quality["sharpness"].as_i64().is_some_and(|sharpness| sharpness < 100), "{quality}");
    assert!(quality["brightnessPercent"].as_f64().is_some_and(|percent| percent > 60.0), "{quality}");
    assert_eq!(quality["glarePercent"], json!(0.0));
}

on_both_back_ends!(
    documents_that_get_worse_are_reported_from_some_step_on,
    a_warning_can_be_overridden_and_reviewers_see_what_was_measured,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_of_the_warnings_are_settings() {
    let off = r#"{"verification":{"pictureSharpnessMin":0,"pictureGlareMaxPercent":100,"pictureBrightnessMinPercent":0}}"#;
    let settings = Settings { limits: Some(off.into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let worst = darkened(&blurred(&document(3), 5.0), 0.1);
    assert_eq!(codes(&upload(&ann.client, &worst).await), [] as [&str; 0]);
    let app = TestApp::on_sqlite().await;
    let ann = app.member("Ann").await;
    assert_eq!(codes(&upload(&ann.client, &worst).await), ["BLURRED", "DARK"]);
}
