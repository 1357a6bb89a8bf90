//! Expensive work is shared fairly: nobody waits for all jobs of another, and nobody fills the disk.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::background_jobs;
use gigway::service::fair_queue::{FairQueue, QueueSize};
use image::{ImageFormat, RgbImage};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::{Client, error_codes, user_errors};
use crate::support::documents::{SIGN_IN, SIGN_UP};
use crate::support::proxy::wait_until;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;
use crate::support::{on_both_back_ends, servers};

/// Jobs of several keys, each of which ends when the test says so.
struct BlockedJobs {
    jobs: JoinSet<()>,
    release: Sender<()>,
    ended: Arc<AtomicUsize>,
}

impl BlockedJobs {
    /// Adds `count` jobs for each key, which must all find a place.
    async fn start<K>(app: &TestApp, queue: fn(&TestApp) -> &FairQueue<K>, keys: &[K], count: usize) -> Self
    where
        K: Copy + Eq + std::hash::Hash + Send + Sync + std::fmt::Debug + 'static,
    {
        let (release, released) = channel::<()>();
        let (released, ended) = (Arc::new(std::sync::Mutex::new(released)), Arc::new(AtomicUsize::new(0)));
        let mut jobs = JoinSet::new();
        let queue = queue(app);
        for _ in 0..count {
            for key in keys {
                let (released, ended) = (Arc::clone(&released), Arc::clone(&ended));
                let (queue, key) = (queue.clone(), *key);
                let job = move || {
                    released.lock().expect("no panic").recv().ok();
                    ended.fetch_add(1, Ordering::SeqCst);
                };
                jobs.spawn(async move { queue.run(key, job).await.expect("a place") });
            }
        }
        let expected = QueueSize { running: keys.len(), waiting: keys.len() * (count - 1) };
        wait_until("all jobs have a place", async || queue.size() == expected).await;
        Self { jobs, release, ended }
    }

    /// Lets one running job end.
    fn release_one(&self) {
        self.release.send(()).expect("jobs wait");
    }

    /// Lets all jobs end.
    async fn release_all(self) {
        drop(self.release);
        self.jobs.join_all().await;
    }
}

fn network(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))
}

fn password_queue(app: &TestApp) -> &FairQueue<IpAddr> {
    app.services().passwords.queue()
}

fn decode_queue(app: &TestApp) -> &FairQueue<UserId> {
    &app.services().decode_queue
}

async fn expect_overloaded(response: Response) {
    assert_eq!(response.status(), 503);
    let retry_after = response.headers()["retry-after"].to_str().expect("text").to_owned();
    assert!((1..=60).contains(&retry_after.parse::<u64>().expect("seconds")), "{retry_after}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(error_codes(&body), ["SERVICE_UNAVAILABLE"], "{body}");
}

async fn post(client: &Client, query: &str, variables: Value) -> Response {
    let body = json!({ "query": query, "variables": variables });
    client.post("/graphql").json(&body).send().await.expect("a response")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scripted_client_cannot_starve_a_sign_in() {
    let app = TestApp::on_sqlite().await;
    let ann = app.member("Ann").await;
    let greedy = BlockedJobs::start(&app, password_queue, &[network(1), network(2)], 50).await;
    let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    let client = app.gateway_a();
    let signing_in = tokio::spawn(async move { client.mutate(SIGN_IN, input).await });
    wait_until("the sign-in waits", async || password_queue(&app).size().waiting == 99).await;
    greedy.release_one();
    signing_in.await.expect("signed in");
    assert_eq!(greedy.ended.load(Ordering::SeqCst), 1, "the sign-in was next");
    greedy.release_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_passwords_of_one_network_are_refused_with_a_time_to_retry() {
    let app = TestApp::on_sqlite().await;
    let ann = app.member("Ann").await;
    // One runs and 64 wait.
    let greedy = BlockedJobs::start(&app, password_queue, &[IpAddr::V4(Ipv4Addr::LOCALHOST)], 65).await;
    let sign_in = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    expect_overloaded(post(&app.gateway_a(), SIGN_IN, sign_in.clone()).await).await;
    let sign_up =
        json!({ "input": { "email": "bob@example.com", "password": PASSWORD, "displayName": "Bob" } });
    expect_overloaded(post(&app.gateway_a(), SIGN_UP, sign_up.clone()).await).await;
    greedy.release_all().await;
    app.gateway_a().mutate(SIGN_IN, sign_in).await;
    app.gateway_a().mutate(SIGN_UP, sign_up).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_uploads_of_one_person_delay_only_that_person() {
    let app = TestApp::on_sqlite().await;
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let id = UserId::parse(&ann.id).expect("an id");
    // One runs and eight wait.
    let greedy = BlockedJobs::start(&app, decode_queue, &[id], 9).await;
    expect_overloaded(ann.client.upload_request(small_png()).send().await.expect("a response")).await;
    bob.client.upload_image(small_png()).await;
    assert_eq!(greedy.ended.load(Ordering::SeqCst), 0);
    greedy.release_all().await;
    ann.client.upload_image(small_png()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_images_count_as_several_uploads() {
    let budgets = json!({ "upload": { "capacity": 3, "perMinute": 1 } });
    let app = TestApp::start(Settings { budgets: Some(budgets.to_string()), ..Settings::default() }, 1).await;
    let ann = app.member("Ann").await;
    // 12.5 million pixels count twice.
    let mut large = Cursor::new(Vec::new());
    RgbImage::new(5000, 2500).write_to(&mut large, ImageFormat::Jpeg).expect("an image");
    let large = large.into_inner();
    ann.client.upload_image(large.clone()).await;
    let refused = ann.client.upload_request(large).send().await.expect("a response");
    assert_eq!(refused.status(), 429);
    let body: Value = refused.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["extensions"]["budget"], "upload", "{body}");
    app.advance_clock(TimeDelta::minutes(1));
    ann.client.upload_image(small_png()).await;
}

async fn a_person_stores_a_limited_number_of_bytes(app: TestApp) {
    let ann = app.member("Ann").await;
    let limits = app.gateway_a().run("{ limits { account { storedBytesMax } } }", json!({})).await;
    assert_eq!(limits["limits"]["account"]["storedBytesMax"], 512 * 1024 * 1024);
    let size = ann.client.upload(small_png()).await["image"]["byteSize"].take();
    let size = size.as_u64().expect("bytes");
    drop(app);
    // Room for two images and a half.
    let max = size * 5 / 2;
    for database_url in [None, Some(servers::new_postgres_database().await)] {
        let limits = json!({ "account": { "storedBytesMax": max } });
        let settings = Settings { limits: Some(limits.to_string()), database_url, ..Settings::default() };
        let app = TestApp::start(settings, 1).await;
        let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
        ann.client.upload_image(small_png()).await;
        // Of several at once, only as many are stored as fit.
        let mut uploads = JoinSet::new();
        for _ in 0..3 {
            let client = ann.client.clone();
            uploads.spawn(async move { client.upload(small_png()).await });
        }
        let payloads = uploads.join_all().await;
        let refused: Vec<_> = payloads.iter().filter(|payload| payload["image"].is_null()).collect();
        assert_eq!(refused.len(), 2, "{payloads:?}");
        for payload in refused {
            assert_eq!(user_errors(payload), [("LIMIT_REACHED".to_owned(), "file".to_owned())]);
            let message = payload["errors"][0]["message"].as_str().expect("a message");
            assert!(message.contains(&max.to_string()), "{message}");
        }
        bob.client.upload_image(small_png()).await;
        // What no gig uses is deleted after a day, and then there is room again.
        app.advance_clock(TimeDelta::days(1) + TimeDelta::minutes(1));
        background_jobs::delete_unattached_images(app.services()).await.expect("a run");
        app.sign_in(&ann.email).await.client.upload_image(small_png()).await;
    }
}

on_both_back_ends!(a_person_stores_a_limited_number_of_bytes,);
