//! Limits of uploads: how many are received at a time, from whom, and how much memory they take.

use std::time::{Duration, Instant};

use gigway::config::Settings;
use image::ImageFormat;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::documents::SIGN_IN;
use crate::support::on_both_back_ends;
use crate::support::photographs::of_108_megapixels;
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::raw_connection::{RawConnection, head};
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};

const MEBIBYTE: u64 = 1024 * 1024;

/// The largest request with files.
const LARGEST: usize = 18 * 1024 * 1024;

/// Starts an upload of the largest size, and sends only a part of it.
async fn start_slow_upload(app: &TestApp, headers: &str) -> RawConnection {
    let mut connection = RawConnection::open(app.gateway_a().address).await;
    let headers =
        format!("content-type: multipart/form-data; boundary=x\r\napollo-require-preflight: 1\r\n{headers}");
    connection.send(head("POST /graphql", &headers, LARGEST)).await;
    connection.send("--x\r\ncontent-disposition: form-data; name=\"0\"; filename=\"a.png\"\r\n\r\nx").await;
    connection
}

fn bearer(user: &TestUser) -> String {
    format!("authorization: Bearer {}\r\n", user.client.token().expect("a token"))
}

async fn slow_uploads_of_others_do_not_stop_an_upload(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let mut anonymous = Vec::new();
    for headers in ["", "authorization: Bearer expired\r\n"] {
        for _ in 0..20 {
            anonymous.push(start_slow_upload(&app, headers).await);
        }
    }
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(start_slow_upload(&app, &bearer(&bob)).await);
    }
    let start = Instant::now();
    ann.client.upload_image(small_png()).await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // The anonymous ones are refused at once, although their files have not arrived.
    for connection in &mut anonymous {
        let head = connection.read_head().await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("connection: close"), "{head}");
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

on_both_back_ends!(slow_uploads_of_others_do_not_stop_an_upload);

/// With 3 instead of 60 seconds for an upload.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_for_other_uploads_does_not_count_as_time_to_send() {
    let app = TestApp::start(Settings { message_seconds: Some("1".into()), ..Settings::default() }, 1).await;
    let bob = app.member("Bob").await;
    let mut slow = Vec::new();
    for _ in 0..6 {
        slow.push(start_slow_upload(&app, &bearer(&bob)).await);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Two at a time: those that wait have their full time afterwards, and so has this one.
    let start = Instant::now();
    bob.client.upload_image(small_png()).await;
    assert!(start.elapsed() > Duration::from_secs(5), "{:?}", start.elapsed());
    for mut connection in slow {
        let response = connection.read_text().await;
        assert!(response.starts_with("HTTP/1.1 408") && response.contains("within 3 seconds"), "{response}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_uploads_of_many_people_make_room_for_another() {
    let app = TestApp::on_sqlite().await;
    let ann = app.member("Ann").await;
    let mut slow = Vec::new();
    for number in 0..6 {
        let person = app.member(&format!("Person{number}")).await;
        for _ in 0..2 {
            slow.push(start_slow_upload(&app, &bearer(&person)).await);
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    ann.client.upload_image(small_png()).await;
    let response = slow.remove(0).read_text().await;
    let message = "at least 65536 bytes in 5 seconds while others wait";
    assert!(response.starts_with("HTTP/1.1 408") && response.contains(message), "{response}");
}

/// The bound that docs/SECURITY.md states for uploads, and two images that are being decoded.
const GROWTH_MAX: u64 = 400 * MEBIBYTE;

/// A PNG of noise: it is about as large as its pixels, and takes a while to decode.
fn noise(side: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let pixels = image::RgbImage::from_fn(side, side, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        image::Rgb([a, b, c])
    });
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, ImageFormat::Png).expect("an image");
    file.into_inner()
}

/// Users of a gateway in its own process.
async fn add_users(dir: &std::path::Path, gateway: &GatewayProcess, count: usize) -> Vec<Client> {
    let mut users = Vec::new();
    for number in 0..count {
        let email = format!("user{number}@example.com");
        add_user(|arguments| gigway(dir, arguments), &email, "MEMBER");
        let input = json!({ "input": { "email": email, "password": PASSWORD } });
        let session = gateway.client.mutate(SIGN_IN, input).await["session"].take();
        users.push(gateway.client.with_token(session["accessToken"].as_str().expect("a token")));
    }
    users
}

/// Waits for the uploads, and returns the most memory of the gateway meanwhile.
async fn peak_memory(gateway: &GatewayProcess, mut uploads: tokio::task::JoinSet<()>) -> u64 {
    let mut largest = 0;
    while !uploads.is_empty() {
        largest = largest.max(gateway.memory());
        if let Ok(Some(result)) = tokio::time::timeout(Duration::from_millis(10), uploads.join_next()).await {
            result.expect("an upload");
        }
    }
    largest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn photographs_of_108_megapixels_take_a_bounded_amount_of_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = gigway(dir.path(), &["serve"]);
    command.stderr(std::process::Stdio::null());
    let gateway = GatewayProcess::start_command(command, &[]);
    let users = add_users(dir.path(), &gateway, 4).await;
    let before = gateway.memory();
    let mut uploads = tokio::task::JoinSet::new();
    for client in users {
        uploads.spawn(async move {
            let payload = client.upload(of_108_megapixels()).await;
            assert_eq!(payload["errors"], json!([]));
            assert_eq!(
                (&payload["image"]["width"], &payload["image"]["height"]),
                (&json!(2048), &json!(1536))
            );
        });
    }
    let growth = peak_memory(&gateway, uploads).await.saturating_sub(before);
    assert!(growth < GROWTH_MAX, "{} MiB", growth / MEBIBYTE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_uploads_at_once_take_a_bounded_amount_of_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = gigway(dir.path(), &["serve"]);
    let limits = json!({ "gig": { "imageUploadMaxBytes": 15 * MEBIBYTE } });
    command.env("GIGWAY_LIMITS", limits.to_string()).stderr(std::process::Stdio::null());
    let gateway = GatewayProcess::start_command(command, &[]);
    let users = add_users(dir.path(), &gateway, 6).await;
    let valid = noise(2200);
    assert!(valid.len() as u64 > 13 * MEBIBYTE, "{}", valid.len());
    let too_large = vec![7; 16 * 1024 * 1024];
    let before = gateway.memory();
    let mut uploads = tokio::task::JoinSet::new();
    for number in 0..60 {
        let file = if number % 2 == 0 { valid.clone() } else { too_large.clone() };
        let client = users[number % users.len()].clone();
        uploads.spawn(async move {
            let request = client.upload_request(file).timeout(Duration::from_mins(2));
            let response: Value = request.send().await.expect("a response").json().await.expect("JSON");
            assert!(
                error_codes(&response)
                    .iter()
                    .all(|code| ["SERVICE_UNAVAILABLE", "TIMED_OUT"].contains(&code.as_str())),
                "{response}"
            );
        });
    }
    let growth = peak_memory(&gateway, uploads).await.saturating_sub(before);
    assert!(growth < GROWTH_MAX, "{} MiB", growth / MEBIBYTE);
}
