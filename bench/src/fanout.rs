//! Processor time of a delivered event, and memory of an idle subscriber.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use gigway::domain::gig::GigStatus;
use gigway::domain::user::Role;
use serde_json::json;

use crate::Result;
use crate::client::Subscription;
use crate::deployment::{Deployment, User, trigger};
use crate::open_files::ensure_open_files;
use crate::process::Server;
use crate::subscribers::{OnEvent, Subscribers};
use crate::table::{Bound, Report, Row, float, median};

const SCALARS: &str = "subscription { gigPublished { cursor delivery occurredAt gigId } }";

const OBJECTS: &str = "subscription { gigPublished { cursor delivery occurredAt gigId
    gig { title seller { displayName } images { url } } } }";

const OWN_SUBJECT: &str =
    "subscription($id: ID!) { gigStatusChanged(gigId: $id) { cursor delivery version status } }";

pub const RESUME: &str = "mutation($id: ID!) { resumeGig(id: $id) { gig { id } errors { code } } }";

const PAUSE: &str = "mutation($id: ID!) { pauseGig(id: $id) { gig { id } errors { code } } }";

/// Events of a round with a shared topic.
const EVENTS: u32 = 20;

/// The subscribers of a shared topic sign in as this many users, in turn.
const READERS: usize = 20;

/// Concurrent mutations if each subscriber has its own events.
const CONCURRENT_CHANGES: usize = 4;

/// Longer than a run. The baseline sends no pings either, and their cost depends on how long a round takes, not
/// on its deliveries.
const PING_SECONDS: &str = "3600";

/// How often each case is measured with new processes. Which processor a process runs on makes more
/// difference than what it does in a round.
const REPEATS: u32 = 3;

/// Results of one case: pairs of gigway and the baseline.
#[derive(Default)]
struct Measurements {
    /// Microseconds of processor time for a delivery, for each round.
    costs: (Vec<f64>, Vec<f64>),
    /// KiB for an idle subscriber, one value for each repeat.
    memories: (Vec<f64>, Vec<f64>),
}

impl Measurements {
    fn add(&mut self, other: Self) {
        self.costs.0.extend(other.costs.0);
        self.costs.1.extend(other.costs.1);
        self.memories.0.extend(other.memories.0);
        self.memories.1.extend(other.memories.1);
    }

    fn cost_row(&self, name: &'static str, times: f64) -> Row {
        let (gigway, other) = (median(self.costs.0.clone()), median(self.costs.1.clone()));
        Row { name, unit: "us", gigway, other, bound: Bound::AtMostTimes(times) }
    }

    fn memory_row(&self, name: &'static str, bound: Bound) -> Row {
        let (gigway, other) = (median(self.memories.0.clone()), median(self.memories.1.clone()));
        Row { name, unit: "KiB", gigway, other, bound }
    }
}

/// Subscribers of gigway and of the baseline, and the costs of the rounds so far.
struct Comparison {
    gigway: Subscribers,
    baseline: Subscribers,
    costs: (Vec<f64>, Vec<f64>),
    http: reqwest::Client,
    sockets: u32,
}

pub async fn run(sockets: u32, rounds: u32) -> Result<Report> {
    // This process has the clients of both servers.
    ensure_open_files(u64::from(sockets) * 2)?;
    let (mut scalars, mut objects, mut own) = <(Measurements, Measurements, Measurements)>::default();
    for _ in 0..REPEATS {
        scalars.add(Box::pin(shared_topic(sockets, rounds, SCALARS)).await?);
        objects.add(Box::pin(shared_topic(sockets, rounds, OBJECTS)).await?);
        own.add(Box::pin(own_subjects(sockets, rounds)).await?);
    }
    let rows = vec![
        scalars.cost_row("processor time of a delivery: shared topic, scalars", 1.25),
        objects.cost_row("processor time of a delivery: shared topic, objects", 1.4),
        own.cost_row("processor time of a delivery: each its own subject", 2.0),
        scalars.memory_row("memory of an idle subscriber: shared topic", Bound::AtMostTimes(1.25)),
        own.memory_row("memory of an idle subscriber: each its own subject", Bound::None),
    ];
    let settings =
        json!({ "sockets": sockets, "repeats": REPEATS, "rounds": rounds, "eventsOfARound": EVENTS });
    Ok(Report { name: "fanout", other: "baseline", settings, rows })
}

/// All subscribers share a topic.
async fn shared_topic(sockets: u32, rounds: u32, query: &'static str) -> Result<Measurements> {
    let deployment = Deployment::start().await?;
    let seller = deployment.user("Seller", Role::Member).await?;
    let readers = deployment.users("Reader", Role::Member, READERS).await?;
    let ids = deployment.new_ids(usize::try_from(EVENTS * rounds + 1)?);
    let gigs = deployment.add_gigs(&ids, &[seller.id], GigStatus::Paused).await?;
    let tokens: Vec<_> = readers.into_iter().map(|reader| reader.token).collect();
    let choose = |address: &str, number: usize| Subscription::Gigway {
        address: address.to_owned(),
        token: tokens[number % tokens.len()].clone(),
        query,
        variables: json!({}),
        has_snapshot: false,
    };
    let mut comparison = Comparison::connect(&deployment, sockets, choose, "/shared").await?;
    // The first event is a warm-up and is not measured.
    let (first, measured) = gigs.split_first().ok_or("no gigs")?;
    comparison.publish(&seller, std::slice::from_ref(first)).await?;
    let text = comparison.gigway.sample()?;
    comparison.send_to_all(&text, 1).await?;
    for (number, round) in (1..).zip(measured.chunks(usize::try_from(EVENTS)?)) {
        let cost = comparison.publish(&seller, round).await?;
        comparison.costs.0.push(cost);
        let cost = comparison.send_to_all(&text, EVENTS).await?;
        comparison.costs.1.push(cost);
        comparison.log_round(number, rounds);
    }
    Ok(comparison.finish())
}

/// Each subscriber has its own gig.
async fn own_subjects(sockets: u32, rounds: u32) -> Result<Measurements> {
    let deployment = Deployment::start().await?;
    let mut seller = deployment.user("Seller", Role::Member).await?;
    let ids = deployment.new_ids(usize::try_from(sockets)?);
    let gigs = deployment.add_gigs(&ids, &[seller.id], GigStatus::Active).await?;
    let token = seller.token.clone();
    let choose = |address: &str, number: usize| Subscription::Gigway {
        address: address.to_owned(),
        token: token.clone(),
        query: OWN_SUBJECT,
        variables: json!({ "id": gigs[number] }),
        has_snapshot: true,
    };
    let mut comparison = Comparison::connect(&deployment, sockets, choose, "/each").await?;
    for number in 0..=rounds {
        let mutation = if number % 2 == 0 { PAUSE } else { RESUME };
        seller.sign_in().await?;
        let (cost, duration) = comparison.change_each(&seller, mutation, &gigs).await?;
        let text = comparison.gigway.sample()?;
        let baseline_cost = comparison.send_to_each(text, duration).await?;
        // The first round is a warm-up and is not measured.
        if number > 0 {
            comparison.costs.0.push(cost);
            comparison.costs.1.push(baseline_cost);
            comparison.log_round(number, rounds);
            eprintln!("all gigs were changed in {duration:.1?}");
        }
    }
    Ok(comparison.finish())
}

impl Comparison {
    async fn connect(
        deployment: &Deployment,
        sockets: u32,
        choose: impl Fn(&str, usize) -> Subscription,
        path: &'static str,
    ) -> Result<Self> {
        let without_pings = ("GIGWAY_SOCKET_PING_SECONDS", PING_SECONDS.to_owned());
        let (server, baseline) = (deployment.start_gateway(&[without_pings])?, Server::baseline()?);
        let (address, baseline_address) = (server.address.clone(), baseline.address.clone());
        eprintln!("connecting {sockets} subscribers to each server");
        let ignore: OnEvent = Arc::new(|_: &str| {});
        let subscription = |number| choose(&address, number);
        let gigway = Subscribers::connect(server, sockets, subscription, Arc::clone(&ignore)).await?;
        let subscription = |_| Subscription::Baseline { address: baseline_address.clone(), path };
        let baseline = Subscribers::connect(baseline, sockets, subscription, ignore).await?;
        let costs = (Vec::new(), Vec::new());
        Ok(Self { gigway, baseline, costs, http: reqwest::Client::new(), sockets })
    }

    /// Publishes gigs one by one, and waits for all subscribers after each. Returns the cost of a delivery.
    async fn publish(&mut self, seller: &User, gigs: &[String]) -> Result<f64> {
        let before = self.gigway.server.processor_time()?;
        for gig in gigs {
            seller.mutate(RESUME, json!({ "id": gig })).await?;
            self.gigway.expect_events(1).await?;
        }
        let used = self.gigway.server.processor_time()?.saturating_sub(before);
        Ok(self.per_delivery(used, u32::try_from(gigs.len())?))
    }

    /// The same at the baseline server.
    async fn send_to_all(&mut self, text: &str, events: u32) -> Result<f64> {
        let before = self.baseline.server.processor_time()?;
        for _ in 0..events {
            trigger(&self.http, &self.baseline.server.url("/shared"), text.to_owned()).await?;
            self.baseline.expect_events(1).await?;
        }
        let used = self.baseline.server.processor_time()?.saturating_sub(before);
        Ok(self.per_delivery(used, events))
    }

    /// Changes each gig once. Returns the cost of a delivery, and how long all changes took.
    async fn change_each(
        &mut self,
        seller: &User,
        mutation: &str,
        gigs: &[String],
    ) -> Result<(f64, Duration)> {
        let before = self.gigway.server.processor_time()?;
        let started_at = Instant::now();
        let changes = stream::iter(gigs).map(|gig| seller.mutate(mutation, json!({ "id": gig })));
        changes.buffer_unordered(CONCURRENT_CHANGES).try_for_each(async |_| Ok(())).await?;
        self.gigway.expect_events(1).await?;
        let duration = started_at.elapsed();
        let used = self.gigway.server.processor_time()?.saturating_sub(before);
        Ok((self.per_delivery(used, 1), duration))
    }

    /// The same at the baseline server, spread over the same time.
    async fn send_to_each(&mut self, text: String, duration: Duration) -> Result<f64> {
        let before = self.baseline.server.processor_time()?;
        let url = self.baseline.server.url(&format!("/each/{}", duration.as_millis()));
        trigger(&self.http, &url, text).await?;
        self.baseline.expect_events(1).await?;
        let used = self.baseline.server.processor_time()?.saturating_sub(before);
        Ok(self.per_delivery(used, 1))
    }

    /// Microseconds of processor time for each delivery.
    fn per_delivery(&self, used: Duration, events: u32) -> f64 {
        let deliveries = u64::from(self.sockets) * u64::from(events);
        used.as_secs_f64() * 1e6 / float(deliveries)
    }

    fn log_round(&self, round: u32, rounds: u32) {
        if let (Some(gigway), Some(baseline)) = (self.costs.0.last(), self.costs.1.last()) {
            eprintln!("round {round} of {rounds}: gigway {gigway:.2} us, baseline {baseline:.2} us");
        }
    }

    fn finish(self) -> Measurements {
        let memories = (vec![self.gigway.memory], vec![self.baseline.memory]);
        Measurements { costs: self.costs, memories }
    }
}
