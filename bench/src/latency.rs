//! How long a change at one gateway takes to the subscribers of another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use gigway::domain::gig::GigStatus;
use gigway::domain::user::Role;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Subscription, quoted};
use crate::crowd::{Crowd, Hear};
use crate::fanout::RESUME;
use crate::open_files::make_room;
use crate::process::Server;
use crate::table::{Bound, Report, Row};
use crate::world::{Person, World, trigger};

const QUERY: &str = "subscription { gigPublished { cursor delivery occurredAt gigId } }";
const GIG_ID: &str = r#""gigId":""#;

const SUBSCRIBERS: u32 = 1_000;

/// So many turns of each server, one after the other.
const TURNS: usize = 4;

/// Events of one turn: 50 a second for 5 seconds, which are 20 in all.
const EVENTS: usize = 250;
const EVERY: Duration = Duration::from_millis(20);

/// People whose gigs are listed, so that no two changes wait for each other.
const SELLERS: usize = 8;

/// When each event was sent, and how long each delivery took.
struct Watch {
    numbers: HashMap<String, usize>,
    sent: Vec<OnceLock<Instant>>,
    taken: Mutex<Vec<Duration>>,
}

pub async fn run() -> Result<Report> {
    make_room(u64::from(SUBSCRIBERS) * 2)?;
    let world = World::start().await?;
    let sellers = world.people("Seller", Role::Member, SELLERS).await?;
    let seller_ids: Vec<_> = sellers.iter().map(|seller| seller.id).collect();
    let gigs = world.add_gigs(&world.new_ids(TURNS * EVENTS + 1), &seller_ids, GigStatus::Paused).await?;

    let (server, beside) = (world.another_gateway(&[])?, Server::bare()?);
    let (watch, beside_watch) = (Watch::new(&gigs), Watch::new(&gigs));
    let subscription = Subscription::Gigway {
        address: server.address.clone(),
        token: sellers[0].token.clone(),
        query: QUERY,
        variables: json!({}),
        snapshot: false,
    };
    let mut gigway = Crowd::gather(server, SUBSCRIBERS, |_| subscription.clone(), watch.ear()).await?;
    let subscription = Subscription::Bare { address: beside.address.clone(), path: "/shared" };
    let mut bare = Crowd::gather(beside, SUBSCRIBERS, |_| subscription.clone(), beside_watch.ear()).await?;
    let (http, url) = (reqwest::Client::new(), bare.server.url("/shared"));

    // Each with the number of its seller, who come in turn.
    let jobs: Vec<(String, Person)> = gigs.iter().cloned().zip(sellers.iter().cycle().cloned()).collect();
    let (first, measured) = jobs.split_first().ok_or("there is no gig")?;
    // The first event is nobody's: it warms both, and shows what a message looks like.
    watch.send(&first.0);
    first.1.act(RESUME, json!({ "id": first.0 })).await?;
    gigway.told_more(1).await?;
    let sample = gigway.sample()?;
    beside_watch.send(&first.0);
    trigger(&http, &url, sample.clone()).await?;
    bare.told_more(1).await?;
    watch.take();
    beside_watch.take();

    let mut answers = (Vec::new(), Vec::new());
    for (turn, jobs) in (1..).zip(measured.chunks(EVENTS)) {
        eprintln!("turn {turn} of {TURNS}");
        let mut acts = JoinSet::new();
        pace(jobs, |(gig, seller)| {
            watch.send(&gig);
            acts.spawn(timed(async move { seller.act(RESUME, json!({ "id": gig })).await.map(drop) }));
        })
        .await;
        answers.0.append(&mut joined(acts).await?);
        gigway.told_more(u64::try_from(jobs.len())?).await?;

        let mut posts = JoinSet::new();
        pace(jobs, |(gig, _)| {
            let (http, url, text) = (http.clone(), url.clone(), sample.replace(&first.0, &gig));
            beside_watch.send(&gig);
            posts.spawn(timed(async move { trigger(&http, &url, text).await }));
        })
        .await;
        answers.1.append(&mut joined(posts).await?);
        bare.told_more(u64::try_from(jobs.len())?).await?;
    }

    let (taken, beside_taken) = (watch.take(), beside_watch.take());
    let deliveries = TURNS * EVENTS * usize::try_from(SUBSCRIBERS)?;
    if taken.len() != deliveries || beside_taken.len() != deliveries {
        return Err(format!("{deliveries} deliveries were to be timed, not {}", taken.len()).into());
    }
    let row = |name, gigway: &[Duration], other: &[Duration], percent, bound| Row {
        name,
        unit: "ms",
        gigway: percentile(gigway, percent),
        other: percentile(other, percent),
        bound,
    };
    let rows = vec![
        row("change to client: half within", &taken, &beside_taken, 50, Bound::None),
        row("change to client: 99 of 100 within", &taken, &beside_taken, 99, Bound::TimesAnd(1.5, 5.0)),
        row("the change's own answer: half within", &sorted(answers.0), &sorted(answers.1), 50, Bound::None),
    ];
    let settings =
        json!({ "subscribers": SUBSCRIBERS, "eventsASecond": 50, "events": TURNS * EVENTS, "gateways": 2 });
    Ok(Report { name: "latency", other: "bare", settings, rows })
}

impl Watch {
    fn new(gigs: &[String]) -> Arc<Self> {
        Arc::new(Self {
            numbers: gigs.iter().cloned().zip(0..).collect(),
            sent: std::iter::repeat_with(OnceLock::new).take(gigs.len()).collect(),
            taken: Mutex::default(),
        })
    }

    /// The event about this gig is about to be sent.
    fn send(&self, gig: &str) {
        if let Some(number) = self.numbers.get(gig) {
            self.sent[*number].set(Instant::now()).ok();
        }
    }

    /// What subscribers hear with.
    fn ear(self: &Arc<Self>) -> Hear {
        let watch = Arc::clone(self);
        Arc::new(move |text: &str| {
            let now = Instant::now();
            let number = quoted(text, GIG_ID).and_then(|gig| watch.numbers.get(gig));
            if let Some(sent) = number.and_then(|number| watch.sent[*number].get()) {
                let mut taken = watch.taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.push(now.duration_since(*sent));
            }
        })
    }

    /// What was timed so far, the shortest first; from here on it begins anew.
    fn take(&self) -> Vec<Duration> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        sorted(std::mem::take(&mut *taken))
    }
}

/// Does something with each of `jobs`, in a steady rhythm, whatever becomes of those before.
async fn pace(jobs: &[(String, Person)], mut begin: impl FnMut((String, Person))) {
    let mut due = tokio::time::Instant::now();
    for job in jobs {
        tokio::time::sleep_until(due).await;
        begin(job.clone());
        due += EVERY;
    }
}

async fn timed(act: impl Future<Output = Result<()>>) -> Result<Duration> {
    let began = Instant::now();
    act.await?;
    Ok(began.elapsed())
}

async fn joined(mut tasks: JoinSet<Result<Duration>>) -> Result<Vec<Duration>> {
    let mut all = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        all.push(task??);
    }
    Ok(all)
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort_unstable();
    times
}

/// Milliseconds that so many of a hundred are within.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
