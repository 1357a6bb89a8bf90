//! Time from a change at one gateway to the subscribers of another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use gigway::domain::gig::GigStatus;
use gigway::domain::user::Role;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Subscription, text_after};
use crate::deployment::{Deployment, User, trigger};
use crate::fanout::RESUME;
use crate::open_files::ensure_open_files;
use crate::process::Server;
use crate::subscribers::{OnEvent, Subscribers};
use crate::table::{Bound, Report, Row};

const QUERY: &str = "subscription { gigPublished { cursor delivery occurredAt gigId } }";
const GIG_ID: &str = r#""gigId":""#;

const SUBSCRIBERS: u32 = 1_000;

/// How many turns each server has. The servers take turns.
const TURNS: usize = 4;

/// Events of one turn: 50 per second for 5 seconds. All turns take 20 seconds.
const EVENTS: usize = 250;
const EVENT_INTERVAL: Duration = Duration::from_millis(20);

/// Sellers of the gigs. Several, so that changes do not wait for each other.
const SELLERS: usize = 8;

/// When each event was sent, and how long each delivery took.
struct DeliveryTimer {
    numbers: HashMap<String, usize>,
    sent_at: Vec<OnceLock<Instant>>,
    durations: Mutex<Vec<Duration>>,
}

pub async fn run() -> Result<Report> {
    ensure_open_files(u64::from(SUBSCRIBERS) * 2)?;
    let deployment = Deployment::start().await?;
    let sellers = deployment.users("Seller", Role::Member, SELLERS).await?;
    let seller_ids: Vec<_> = sellers.iter().map(|seller| seller.id).collect();
    let gigs =
        deployment.add_gigs(&deployment.new_ids(TURNS * EVENTS + 1), &seller_ids, GigStatus::Paused).await?;

    let (server, baseline_server) = (deployment.start_gateway(&[])?, Server::baseline()?);
    let (timer, baseline_timer) = (DeliveryTimer::new(&gigs), DeliveryTimer::new(&gigs));
    let subscription = Subscription::Gigway {
        address: server.address.clone(),
        token: sellers[0].token.clone(),
        query: QUERY,
        variables: json!({}),
        has_snapshot: false,
    };
    let mut gigway =
        Subscribers::connect(server, SUBSCRIBERS, |_| subscription.clone(), timer.on_event()).await?;
    let subscription = Subscription::Baseline { address: baseline_server.address.clone(), path: "/shared" };
    let mut baseline = Subscribers::connect(
        baseline_server,
        SUBSCRIBERS,
        |_| subscription.clone(),
        baseline_timer.on_event(),
    )
    .await?;
    let (http, url) = (reqwest::Client::new(), baseline.server.url("/shared"));

    // Each gig with its seller.
    let jobs: Vec<(String, User)> = gigs.iter().cloned().zip(sellers.iter().cycle().cloned()).collect();
    let (first, measured) = jobs.split_first().ok_or("no gigs")?;
    // The first event is a warm-up and is not measured. Its message is the template for the baseline.
    timer.start(&first.0);
    first.1.mutate(RESUME, json!({ "id": first.0 })).await?;
    gigway.expect_events(1).await?;
    let sample = gigway.sample()?;
    baseline_timer.start(&first.0);
    trigger(&http, &url, sample.clone()).await?;
    baseline.expect_events(1).await?;
    timer.take_sorted();
    baseline_timer.take_sorted();

    let mut responses = (Vec::new(), Vec::new());
    for (turn, jobs) in (1..).zip(measured.chunks(EVENTS)) {
        eprintln!("turn {turn} of {TURNS}");
        let mut mutations = JoinSet::new();
        run_at_pace(jobs, |(gig, seller)| {
            timer.start(&gig);
            mutations
                .spawn(timed(async move { seller.mutate(RESUME, json!({ "id": gig })).await.map(drop) }));
        })
        .await;
        responses.0.append(&mut join_all(mutations).await?);
        gigway.expect_events(u64::try_from(jobs.len())?).await?;

        let mut posts = JoinSet::new();
        run_at_pace(jobs, |(gig, _)| {
            let (http, url, text) = (http.clone(), url.clone(), sample.replace(&first.0, &gig));
            baseline_timer.start(&gig);
            posts.spawn(timed(async move { trigger(&http, &url, text).await }));
        })
        .await;
        responses.1.append(&mut join_all(posts).await?);
        baseline.expect_events(u64::try_from(jobs.len())?).await?;
    }

    let (durations, baseline_durations) = (timer.take_sorted(), baseline_timer.take_sorted());
    let deliveries = TURNS * EVENTS * usize::try_from(SUBSCRIBERS)?;
    if durations.len() != deliveries || baseline_durations.len() != deliveries {
        return Err(format!("expected {deliveries} timed deliveries, got {}", durations.len()).into());
    }
    let row = |name, gigway: &[Duration], other: &[Duration], percent, bound| Row {
        name,
        unit: "ms",
        gigway: percentile(gigway, percent),
        other: percentile(other, percent),
        bound,
    };
    let rows = vec![
        row("change to client: half within", &durations, &baseline_durations, 50, Bound::None),
        row(
            "change to client: 99 of 100 within",
            &durations,
            &baseline_durations,
            99,
            Bound::AtMostTimesPlus(1.5, 5.0),
        ),
        row("the mutation itself: half within", &sorted(responses.0), &sorted(responses.1), 50, Bound::None),
    ];
    let settings =
        json!({ "subscribers": SUBSCRIBERS, "eventsASecond": 50, "events": TURNS * EVENTS, "gateways": 2 });
    Ok(Report { name: "latency", other: "baseline", settings, rows })
}

impl DeliveryTimer {
    fn new(gigs: &[String]) -> Arc<Self> {
        Arc::new(Self {
            numbers: gigs.iter().cloned().zip(0..).collect(),
            sent_at: std::iter::repeat_with(OnceLock::new).take(gigs.len()).collect(),
            durations: Mutex::default(),
        })
    }

    /// Records that the event of this gig is about to be sent.
    fn start(&self, gig: &str) {
        if let Some(number) = self.numbers.get(gig) {
            self.sent_at[*number].set(Instant::now()).ok();
        }
    }

    /// The callback of the subscribers, which records a delivery.
    fn on_event(self: &Arc<Self>) -> OnEvent {
        let timer = Arc::clone(self);
        Arc::new(move |text: &str| {
            let now = Instant::now();
            let number = text_after(text, GIG_ID).and_then(|gig| timer.numbers.get(gig));
            if let Some(sent_at) = number.and_then(|number| timer.sent_at[*number].get()) {
                let mut durations = timer.durations.lock().unwrap_or_else(PoisonError::into_inner);
                durations.push(now.duration_since(*sent_at));
            }
        })
    }

    /// Removes and returns the recorded times in ascending order.
    fn take_sorted(&self) -> Vec<Duration> {
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        sorted(std::mem::take(&mut *durations))
    }
}

/// Starts the jobs at a fixed interval, whether or not earlier jobs have finished.
async fn run_at_pace(jobs: &[(String, User)], mut start: impl FnMut((String, User))) {
    let mut due = tokio::time::Instant::now();
    for job in jobs {
        tokio::time::sleep_until(due).await;
        start(job.clone());
        due += EVENT_INTERVAL;
    }
}

async fn timed(action: impl Future<Output = Result<()>>) -> Result<Duration> {
    let started_at = Instant::now();
    action.await?;
    Ok(started_at.elapsed())
}

async fn join_all(mut tasks: JoinSet<Result<Duration>>) -> Result<Vec<Duration>> {
    let mut all = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        all.push(task??);
    }
    Ok(all)
}

fn sorted(mut durations: Vec<Duration>) -> Vec<Duration> {
    durations.sort_unstable();
    durations
}

/// The percentile in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
