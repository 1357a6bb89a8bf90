//! What a fault is let loose on: two gateways, fifty subscribers of every kind, and eight writers. In the end the
//! log itself says what each subscriber should have been told.

use std::time::Duration;

use gigway::domain::event::{Event, EventBody};
use gigway::domain::gig::GigStatus;
use gigway::domain::id::{GigId, PublicId, UserId};
use gigway::store::{Database, event_log};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::text;
use super::subscriber::{Subscriber, Transport, Wish};
use super::test_users::TestUser;
use super::two_gateways::TwoGateways;
use super::writers::{Held, Writers};

/// What is waited for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long nothing must come, where nothing is to come.
const SILENCE: Duration = Duration::from_secs(1);

const SELLERS: usize = 4;
const GIGS_EACH: usize = 4;
const WRITERS: usize = 8;
const SUBSCRIBERS: usize = 50;

const GIG_STATUS: &str = "subscription($id: ID, $after: String) {
    gigStatusChanged(gigId: $id, after: $after) { cursor delivery gigId version } }";

const GIG_PUBLISHED: &str = "subscription($after: String) {
    gigPublished(after: $after) { cursor delivery gigId } }";

/// What a subscriber follows.
#[derive(Debug, Clone, Copy)]
enum Interest {
    /// All gigs of one seller.
    Seller(UserId),
    Gig(GigId),
    /// All gigs as they go live.
    Published,
}

impl Interest {
    fn includes(self, body: &EventBody) -> bool {
        let EventBody::GigStatus { gig_id, seller_id, status, .. } = body else { return false };
        match self {
            Self::Seller(id) => *seller_id == id,
            Self::Gig(id) => *gig_id == id,
            Self::Published => *status == GigStatus::Active,
        }
    }
}

/// (position, gig, version); `gigPublished` tells no version.
type Told = (i64, GigId, Option<i64>);

struct SubscriptionStream {
    interest: Interest,
    gateway: usize,
    transport: Transport,
    /// The position that it begins behind; one that follows a gig begins with a snapshot instead.
    after: Option<i64>,
    subscriber: Subscriber,
}

impl SubscriptionStream {
    fn describe(&self) -> String {
        let (interest, gateway, transport) = (self.interest, self.gateway, self.transport);
        let notes = self.subscriber.state();
        let (events, connections, loss, fault) =
            (notes.events.len(), notes.connections, &notes.loss, &notes.fault);
        format!(
            "{interest:?} over {transport:?} at gateway {gateway}: {events} events; connected {connections} times; \
             lost last: {loss:?}; fault: {fault:?}"
        )
    }

    fn has_fault(&self) -> bool {
        self.subscriber.state().fault.is_some()
    }

    /// What it should have been told by now; `None` while it has not begun.
    fn expected(&self, log: &[Event]) -> Option<Vec<Told>> {
        let after = self.after.or_else(|| Some(self.subscriber.state().snapshot.as_ref()?.position))?;
        let told = |event: &Event| match event.body {
            EventBody::GigStatus { gig_id, version, .. } if event.position > after => {
                let version = Some(i64::from(version));
                let version = version.filter(|_| !matches!(self.interest, Interest::Published));
                self.interest.includes(&event.body).then_some((event.position, gig_id, version))
            }
            _ => None,
        };
        Some(log.iter().filter_map(told).collect())
    }

    fn told(&self) -> Vec<Told> {
        let notes = self.subscriber.state();
        notes.events.iter().map(|event| (event.position, parse_id(&event.gig_id), event.version)).collect()
    }

    /// Whether the last event that it should be told has come.
    fn is_through(&self, log: &[Event]) -> bool {
        assert!(!self.has_fault(), "{}", self.describe());
        let last = self.subscriber.state().events.last().map_or(0, |event| event.position);
        self.expected(log).is_some_and(|all| all.last().is_none_or(|(position, ..)| last >= *position))
    }

    /// Each of its events has come, once and in order, and nothing else.
    fn check(&self, log: &[Event]) {
        let (told, expected) = (self.told(), self.expected(log).expect("it has begun"));
        let differ = told.iter().zip(&expected).find(|(told, expected)| told != expected);
        assert!(
            told == expected,
            "{} were expected, and the first that differs is {differ:?}: {}",
            expected.len(),
            self.describe()
        );
        assert!(told.is_sorted_by(|(before, ..), (behind, ..)| before < behind));
        assert!(!self.has_fault(), "{}", self.describe());
        let notes = self.subscriber.state();
        assert_eq!(notes.snapshot.is_some(), matches!(self.interest, Interest::Gig(_)));
        if let Some(snapshot) = &notes.snapshot {
            let until = log.iter().take_while(|event| event.position <= snapshot.position);
            let last = until.filter(|event| self.interest.includes(&event.body)).last();
            let Some(EventBody::GigStatus { gig_id, version, .. }) = last.map(|event| &event.body) else {
                panic!("a snapshot of what was never told: {snapshot:?}");
            };
            assert_eq!((parse_id(&snapshot.gig_id), snapshot.version), (*gig_id, Some(i64::from(*version))));
        }
    }
}

/// A gig as it was approved, and whose it is.
struct GigRow {
    id: String,
    seller: usize,
}

pub struct FaultHarness {
    pub gateways: TwoGateways,
    pub writers: Writers,
    database_url: String,
    /// The log's end before the writers began.
    began: i64,
    followings: Vec<SubscriptionStream>,
}

impl FaultHarness {
    /// Everybody is there, and follows; the writers wait.
    pub async fn set(database_url: &str, redis_url: &str) -> Self {
        let gateways = TwoGateways::start(database_url, redis_url);
        let (sellers, gigs) = list_gigs(&gateways).await;
        let began = log_of(database_url).await.last().map_or(0, |event| event.position);
        let mut writers: Vec<Vec<Held>> = (0..WRITERS).map(|_| Vec::new()).collect();
        for (number, gig) in gigs.iter().enumerate() {
            // Each writer keeps to one gateway.
            let writer = number % WRITERS;
            let client = sellers[gig.seller].at(&gateways.client(writer % 2));
            writers[writer].push(Held::approved(client, gig.id.clone()));
        }
        let writers = Writers::start(writers);
        let database_url = database_url.to_owned();
        let mut harness = Self { gateways, writers, database_url, began, followings: Vec::new() };
        let cursors = [harness.cursor(0).await, harness.cursor(1).await];
        for number in 0..SUBSCRIBERS {
            harness.follow(number, &sellers, &gigs, &cursors);
        }
        harness.all_begin().await;
        harness
    }

    /// One more subscriber: both gateways, both transports and all three kinds have their share.
    fn follow(&mut self, number: usize, sellers: &[TestUser], gigs: &[GigRow], cursors: &[String]) {
        let gateway = number % 2;
        let transport = [Transport::WebSocket, Transport::EventStream][number / 2 % 2];
        let after = json!({ "after": cursors[gateway] });
        match number / 4 % 3 {
            0 => {
                let seller = &sellers[number / 12 % SELLERS];
                let wish = self.wish(gateway, transport, Some(seller), GIG_STATUS, after);
                self.add(Interest::Seller(parse_id(&seller.id)), gateway, wish);
            }
            1 => {
                let gig = &gigs[number % gigs.len()];
                let variables = json!({ "id": gig.id });
                let wish = self.wish(gateway, transport, Some(&sellers[gig.seller]), GIG_STATUS, variables);
                self.add(Interest::Gig(parse_id(&gig.id)), gateway, wish);
            }
            _ => {
                let wish = self.wish(gateway, transport, None, GIG_PUBLISHED, after);
                self.add(Interest::Published, gateway, wish);
            }
        }
    }

    /// One more subscriber of what goes live, whose events are so large that no connection holds many; its number.
    pub async fn add_large_event_subscriber(&mut self, gateway: usize, transport: Transport) -> usize {
        let fields: Vec<_> = (0..80).map(|number| format!("d{number}: description")).collect();
        let query = format!(
            "subscription($after: String) {{ gigPublished(after: $after) {{ cursor delivery gigId gig {{ {} }} }} }}",
            fields.join(" ")
        );
        let variables = json!({ "after": self.cursor(gateway).await });
        let wish = self.wish(gateway, transport, None, &query, variables);
        self.add(Interest::Published, gateway, wish);
        self.all_begin().await;
        self.followings.len() - 1
    }

    fn wish(
        &self,
        gateway: usize,
        transport: Transport,
        person: Option<&TestUser>,
        query: &str,
        variables: Value,
    ) -> Wish {
        let token = person.and_then(|person| person.client.token()).map(str::to_owned);
        let address = self.gateways.client(gateway).address;
        Wish { address, transport, token, query: query.to_owned(), variables }
    }

    fn add(&mut self, interest: Interest, gateway: usize, wish: Wish) {
        let after = wish.variables["after"].as_str();
        let after = after.map(|it| gigway::events::cursor::Cursor::decode(it).expect("a cursor").position);
        let (transport, subscriber) = (wish.transport, Subscriber::start(wish));
        self.followings.push(SubscriptionStream { interest, gateway, transport, after, subscriber });
    }

    /// Waits until every subscriber is connected, and has its snapshot where it gets one.
    async fn all_begin(&self) {
        self.each_but(&[], "begun", |following| {
            assert!(!following.has_fault(), "{}", following.describe());
            let notes = following.subscriber.state();
            notes.connections > 0 && (following.after.is_some() || notes.snapshot.is_some())
        })
        .await;
    }

    /// Waits until each subscriber but those has done something.
    async fn each_but(&self, but: &[usize], what: &str, has_done: impl Fn(&SubscriptionStream) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        for (_, following) in self.followings.iter().enumerate().filter(|(number, _)| !but.contains(number)) {
            while !has_done(following) {
                let late = Instant::now() >= deadline;
                assert!(!late, "not {what} within {PATIENCE:?}: {}", following.describe());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Where the log is, as that gateway says it.
    async fn cursor(&self, gateway: usize) -> String {
        let data = self.gateways.client(gateway).run("{ eventCursor }", json!({})).await;
        text(&data["eventCursor"])
    }

    /// Of so many changes, and of nothing else, each subscriber is told all that it should be, once and in order.
    pub async fn expect_exactly_once(&mut self, changes: usize) {
        self.writers.wait_for_changes(changes).await;
        let log = log_of(&self.database_url).await;
        let made = log.iter().filter(|event| event.position > self.began);
        let made = made.filter(|event| matches!(event.body, EventBody::GigStatus { .. })).count();
        assert_eq!(made, changes, "each change happens once");
        self.each_but(&[], "told all", |following| following.is_through(&log)).await;
        tokio::time::sleep(SILENCE).await;
        for following in &self.followings {
            following.check(&log);
        }
    }

    /// Waits until all but these subscribers have been told all that has happened so far.
    pub async fn wait_for_delivery_except(&self, but: &[usize]) {
        let log = log_of(&self.database_url).await;
        self.each_but(but, "told all", |following| following.is_through(&log)).await;
    }

    /// Whether that subscriber has been told all that has happened so far.
    pub async fn has_received_all(&self, number: usize) -> bool {
        self.followings[number].is_through(&log_of(&self.database_url).await)
    }

    pub fn subscriber(&self, number: usize) -> &Subscriber {
        &self.followings[number].subscriber
    }

    /// How often each subscriber of that gateway was connected.
    pub fn connections(&self, gateway: usize) -> Vec<usize> {
        let gateway_a = self.followings.iter().filter(|following| following.gateway == gateway);
        gateway_a.map(|following| following.subscriber.state().connections).collect()
    }
}

/// Sellers, and gigs of theirs that a reviewer has approved.
async fn list_gigs(gateways: &TwoGateways) -> (Vec<TestUser>, Vec<GigRow>) {
    let reviewer = gateways.person("rita@example.com", "REVIEWER").await;
    let categories = reviewer.client.run("{ categories { id name } }", json!({})).await["categories"].take();
    let categories = categories.as_array().expect("a list");
    let music = categories.iter().find(|category| category["name"] == "Music").expect("such a category");
    let form = json!({
        "title": "I will write a song for you",
        "description": "la ".repeat(600),
        "category": music["id"],
        "price": "25.00",
        "deliveryDays": 3,
        "revisions": 1,
    });
    let (mut sellers, mut gigs) = (Vec::new(), Vec::new());
    for number in 0..SELLERS {
        let seller = gateways.person(&format!("seller{number}@example.com"), "MEMBER").await;
        for _ in 0..GIGS_EACH {
            let id = seller.post(form.clone()).await;
            reviewer.approve(&id).await;
            gigs.push(GigRow { id, seller: number });
        }
        sellers.push(seller);
    }
    (sellers, gigs)
}

/// All that has happened, as the table has it.
async fn log_of(database_url: &str) -> Vec<Event> {
    let db =
        Database::connect_postgres(database_url, Duration::from_secs(30)).await.expect("PostgreSQL answers");
    let log = event_log::page(db.read(), None, 0, 100_000).await.expect("the log");
    db.close().await.expect("a close");
    log
}

/// Reads a public id of the expected kind.
fn parse_id<T: PublicId>(public_id: &str) -> T {
    T::parse(public_id).expect("an id of this kind")
}
