//! What one delivered event costs the processor, and one idle subscriber the memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use gigway::domain::gig::GigStatus;
use gigway::domain::user::Role;
use serde_json::json;

use crate::Result;
use crate::client::Subscription;
use crate::crowd::{Crowd, Hear};
use crate::open_files::make_room;
use crate::process::Server;
use crate::table::{Bound, Report, Row, float, median};
use crate::world::{Person, World, trigger};

const SCALARS: &str = "subscription { gigPublished { cursor delivery occurredAt gigId } }";

const OBJECTS: &str = "subscription { gigPublished { cursor delivery occurredAt gigId
    gig { title seller { displayName } images { url } } } }";

const OWN: &str =
    "subscription($id: ID!) { gigStatusChanged(gigId: $id) { cursor delivery version status } }";

pub const RESUME: &str = "mutation($id: ID!) { resumeGig(id: $id) { gig { id } errors { code } } }";

const PAUSE: &str = "mutation($id: ID!) { pauseGig(id: $id) { gig { id } errors { code } } }";

/// Events of one round of a shared topic.
const EVENTS: u32 = 20;

/// People that subscribers of a shared topic are, in turn.
const READERS: usize = 20;

/// Mutations under way at a time, where each subscriber has its own event.
const CHANGES_AT_ONCE: usize = 4;

/// How often each case is measured with new processes: where the system puts them makes more of a difference than
/// what they do in a round.
const REPEATS: u32 = 3;

/// One case, of gigway and of the server beside it: of each round, or of each pair of processes.
#[derive(Default)]
struct Measured {
    /// Microseconds of processor time for a delivery.
    costs: (Vec<f64>, Vec<f64>),
    /// KiB for an idle subscriber.
    memories: (Vec<f64>, Vec<f64>),
}

impl Measured {
    fn add(&mut self, more: Self) {
        self.costs.0.extend(more.costs.0);
        self.costs.1.extend(more.costs.1);
        self.memories.0.extend(more.memories.0);
        self.memories.1.extend(more.memories.1);
    }

    fn row(&self, name: &'static str, times: f64) -> Row {
        let (gigway, other) = (median(self.costs.0.clone()), median(self.costs.1.clone()));
        Row { name, unit: "us", gigway, other, bound: Bound::Times(times) }
    }

    fn memory_row(&self, name: &'static str, bound: Bound) -> Row {
        let (gigway, other) = (median(self.memories.0.clone()), median(self.memories.1.clone()));
        Row { name, unit: "KiB", gigway, other, bound }
    }
}

/// One case: subscribers at both servers, and what each round has cost so far.
struct Pair {
    gigway: Crowd,
    bare: Crowd,
    costs: (Vec<f64>, Vec<f64>),
    http: reqwest::Client,
    sockets: u32,
}

pub async fn run(sockets: u32, rounds: u32) -> Result<Report> {
    // This program holds the clients of both servers.
    make_room(u64::from(sockets) * 2)?;
    let (mut scalars, mut objects, mut owns) = <(Measured, Measured, Measured)>::default();
    for _ in 0..REPEATS {
        scalars.add(Box::pin(shared(sockets, rounds, SCALARS)).await?);
        objects.add(Box::pin(shared(sockets, rounds, OBJECTS)).await?);
        owns.add(Box::pin(own(sockets, rounds)).await?);
    }
    let rows = vec![
        scalars.row("processor time of a delivery: shared topic, scalars", 1.25),
        objects.row("processor time of a delivery: shared topic, objects", 1.4),
        owns.row("processor time of a delivery: each its own subject", 2.0),
        scalars.memory_row("memory of an idle subscriber: shared topic", Bound::Times(1.25)),
        owns.memory_row("memory of an idle subscriber: each its own subject", Bound::None),
    ];
    let settings =
        json!({ "sockets": sockets, "repeats": REPEATS, "rounds": rounds, "eventsOfARound": EVENTS });
    Ok(Report { name: "fanout", other: "bare", settings, rows })
}

/// Everybody on one topic.
async fn shared(sockets: u32, rounds: u32, query: &'static str) -> Result<Measured> {
    let world = World::start().await?;
    let seller = world.person("Seller", Role::Member).await?;
    let readers = world.people("Reader", Role::Member, READERS).await?;
    let ids = world.new_ids(usize::try_from(EVENTS * rounds + 1)?);
    let gigs = world.add_gigs(&ids, &[seller.id], GigStatus::Paused).await?;
    let tokens: Vec<_> = readers.into_iter().map(|reader| reader.token).collect();
    let choose = |address: &str, number: usize| Subscription::Gigway {
        address: address.to_owned(),
        token: tokens[number % tokens.len()].clone(),
        query,
        variables: json!({}),
        snapshot: false,
    };
    let mut pair = Pair::gather(&world, sockets, choose, "/shared").await?;
    // The first event is nobody's: it warms both.
    let (first, measured) = gigs.split_first().ok_or("there is no gig")?;
    pair.publish(&seller, std::slice::from_ref(first)).await?;
    let text = pair.gigway.sample()?;
    pair.send_to_all(&text, 1).await?;
    for (number, round) in (1..).zip(measured.chunks(usize::try_from(EVENTS)?)) {
        let cost = pair.publish(&seller, round).await?;
        pair.costs.0.push(cost);
        let cost = pair.send_to_all(&text, EVENTS).await?;
        pair.costs.1.push(cost);
        pair.tell(number, rounds);
    }
    Ok(pair.measured())
}

/// Everybody on a subject of their own.
async fn own(sockets: u32, rounds: u32) -> Result<Measured> {
    let world = World::start().await?;
    let mut seller = world.person("Seller", Role::Member).await?;
    let ids = world.new_ids(usize::try_from(sockets)?);
    let gigs = world.add_gigs(&ids, &[seller.id], GigStatus::Active).await?;
    let token = seller.token.clone();
    let choose = |address: &str, number: usize| Subscription::Gigway {
        address: address.to_owned(),
        token: token.clone(),
        query: OWN,
        variables: json!({ "id": gigs[number] }),
        snapshot: true,
    };
    let mut pair = Pair::gather(&world, sockets, choose, "/each").await?;
    for number in 0..=rounds {
        let mutation = if number % 2 == 0 { PAUSE } else { RESUME };
        seller.sign_in().await?;
        let (cost, took) = pair.change_each(&seller, mutation, &gigs).await?;
        let text = pair.gigway.sample()?;
        let beside = pair.send_to_each(text, took).await?;
        // The first round is nobody's: it warms both.
        if number > 0 {
            pair.costs.0.push(cost);
            pair.costs.1.push(beside);
            pair.tell(number, rounds);
        }
    }
    Ok(pair.measured())
}

impl Pair {
    async fn gather(
        world: &World,
        sockets: u32,
        choose: impl Fn(&str, usize) -> Subscription,
        path: &'static str,
    ) -> Result<Self> {
        let (server, beside) = (world.another_gateway(&[])?, Server::bare()?);
        let (address, beside_address) = (server.address.clone(), beside.address.clone());
        eprintln!("{sockets} subscribers come to each server");
        let hear: Hear = Arc::new(|_: &str| {});
        let chosen = |number| choose(&address, number);
        let gigway = Crowd::gather(server, sockets, chosen, Arc::clone(&hear)).await?;
        let chosen = |_| Subscription::Bare { address: beside_address.clone(), path };
        let bare = Crowd::gather(beside, sockets, chosen, hear).await?;
        let costs = (Vec::new(), Vec::new());
        Ok(Self { gigway, bare, costs, http: reqwest::Client::new(), sockets })
    }

    /// Lists gigs one by one, each told to everybody before the next; what a delivery cost.
    async fn publish(&mut self, seller: &Person, gigs: &[String]) -> Result<f64> {
        let before = self.gigway.server.processor_time()?;
        for gig in gigs {
            seller.act(RESUME, json!({ "id": gig })).await?;
            self.gigway.told_more(1).await?;
        }
        let used = self.gigway.server.processor_time()?.saturating_sub(before);
        Ok(self.per_delivery(used, u32::try_from(gigs.len())?))
    }

    /// The same at the server beside it.
    async fn send_to_all(&mut self, text: &str, events: u32) -> Result<f64> {
        let before = self.bare.server.processor_time()?;
        for _ in 0..events {
            trigger(&self.http, &self.bare.server.url("/shared"), text.to_owned()).await?;
            self.bare.told_more(1).await?;
        }
        let used = self.bare.server.processor_time()?.saturating_sub(before);
        Ok(self.per_delivery(used, events))
    }

    /// Changes each gig once; what a delivery cost, and how long all took.
    async fn change_each(
        &mut self,
        seller: &Person,
        mutation: &str,
        gigs: &[String],
    ) -> Result<(f64, Duration)> {
        let before = self.gigway.server.processor_time()?;
        let began = Instant::now();
        let changes = stream::iter(gigs).map(|gig| seller.act(mutation, json!({ "id": gig })));
        changes.buffer_unordered(CHANGES_AT_ONCE).try_for_each(async |_| Ok(())).await?;
        self.gigway.told_more(1).await?;
        let took = began.elapsed();
        let used = self.gigway.server.processor_time()?.saturating_sub(before);
        Ok((self.per_delivery(used, 1), took))
    }

    /// The same at the server beside it, within the same time.
    async fn send_to_each(&mut self, text: String, within: Duration) -> Result<f64> {
        let before = self.bare.server.processor_time()?;
        let url = self.bare.server.url(&format!("/each/{}", within.as_millis()));
        trigger(&self.http, &url, text).await?;
        self.bare.told_more(1).await?;
        let used = self.bare.server.processor_time()?.saturating_sub(before);
        Ok(self.per_delivery(used, 1))
    }

    /// Microseconds of each delivery.
    fn per_delivery(&self, used: Duration, events: u32) -> f64 {
        let deliveries = u64::from(self.sockets) * u64::from(events);
        used.as_secs_f64() * 1e6 / float(deliveries)
    }

    fn tell(&self, round: u32, rounds: u32) {
        if let (Some(gigway), Some(bare)) = (self.costs.0.last(), self.costs.1.last()) {
            eprintln!("round {round} of {rounds}: gigway {gigway:.2} us, bare {bare:.2} us");
        }
    }

    fn measured(self) -> Measured {
        let memories = (vec![self.gigway.memory], vec![self.bare.memory]);
        Measured { costs: self.costs, memories }
    }
}
