//! The setup for fault injection: two gateways, fifty subscribers of every kind, and eight writers. At the
//! end, the event log says which events each subscriber must have received.

use std::time::Duration;

use gigway::domain::event::{Event, EventBody};
use gigway::domain::gig::GigStatus;
use gigway::domain::id::{GigId, PublicId, UserId};
use gigway::store::{Database, event_log};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::text;
use super::gig_writers::{GigWriters, ToggledGig};
use super::subscriber::{Subscriber, SubscriberOptions, Transport};
use super::test_users::TestUser;
use super::two_gateways::TwoGateways;

/// Time limit of a wait.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long to wait for events that must not come.
const SILENCE: Duration = Duration::from_secs(1);

const SELLERS: usize = 4;
const GIGS_PER_SELLER: usize = 4;
const WRITERS: usize = 8;
const SUBSCRIBERS: usize = 50;

const GIG_STATUS: &str = "subscription($id: ID, $after: String) {
    gigStatusChanged(gigId: $id, after: $after) { cursor delivery gigId version } }";

const GIG_PUBLISHED: &str = "subscription($after: String) {
    gigPublished(after: $after) { cursor delivery gigId } }";

/// What a subscription selects.
#[derive(Debug, Clone, Copy)]
enum EventFilter {
    /// All gigs of one seller.
    Seller(UserId),
    Gig(GigId),
    /// All gigs that become ACTIVE.
    Published,
}

impl EventFilter {
    fn matches(self, body: &EventBody) -> bool {
        let EventBody::GigStatus { gig_id, seller_id, status, .. } = body else { return false };
        match self {
            Self::Seller(id) => *seller_id == id,
            Self::Gig(id) => *gig_id == id,
            Self::Published => *status == GigStatus::Active,
        }
    }
}

/// The position, gig and version of an event. The events of `gigPublished` have no version.
type EventKey = (i64, GigId, Option<i64>);

/// A subscriber, and what is needed to say which events it must receive.
struct HarnessSubscription {
    filter: EventFilter,
    gateway: usize,
    transport: Transport,
    /// The position after which it starts. `None` if it starts with a snapshot.
    after: Option<i64>,
    subscriber: Subscriber,
}

impl HarnessSubscription {
    fn describe(&self) -> String {
        let (filter, gateway, transport) = (self.filter, self.gateway, self.transport);
        let state = self.subscriber.state();
        let (events, connections, disconnect, violation) =
            (state.events.len(), state.connections, &state.last_disconnect, &state.violation);
        format!(
            "{filter:?} over {transport:?} at gateway {gateway}: {events} events; {connections} connections; \
             last disconnect: {disconnect:?}; violation: {violation:?}"
        )
    }

    fn has_violation(&self) -> bool {
        self.subscriber.state().violation.is_some()
    }

    /// The events that it must have received by now. `None` if it has not started.
    fn expected(&self, log: &[Event]) -> Option<Vec<EventKey>> {
        let after = self.after.or_else(|| Some(self.subscriber.state().snapshot.as_ref()?.position))?;
        let key = |event: &Event| match event.body {
            EventBody::GigStatus { gig_id, version, .. } if event.position > after => {
                let version = Some(i64::from(version));
                let version = version.filter(|_| !matches!(self.filter, EventFilter::Published));
                self.filter.matches(&event.body).then_some((event.position, gig_id, version))
            }
            _ => None,
        };
        Some(log.iter().filter_map(key).collect())
    }

    fn received(&self) -> Vec<EventKey> {
        let state = self.subscriber.state();
        state.events.iter().map(|event| (event.position, parse_id(&event.gig_id), event.version)).collect()
    }

    /// Whether it has received the last expected event.
    fn is_up_to_date(&self, log: &[Event]) -> bool {
        assert!(!self.has_violation(), "{}", self.describe());
        let last = self.subscriber.state().events.last().map_or(0, |event| event.position);
        self.expected(log).is_some_and(|all| all.last().is_none_or(|(position, ..)| last >= *position))
    }

    /// Asserts that it has received each expected event once and in order, and nothing else.
    fn assert_complete(&self, log: &[Event]) {
        let (received, expected) =
            (self.received(), self.expected(log).expect("a subscription that has started"));
        let difference = received.iter().zip(&expected).find(|(received, expected)| received != expected);
        assert!(
            received == expected,
            "expected {} events, first difference {difference:?}: {}",
            expected.len(),
            self.describe()
        );
        assert!(received.is_sorted_by(|(before, ..), (after, ..)| before < after));
        assert!(!self.has_violation(), "{}", self.describe());
        let state = self.subscriber.state();
        assert_eq!(state.snapshot.is_some(), matches!(self.filter, EventFilter::Gig(_)));
        if let Some(snapshot) = &state.snapshot {
            let until = log.iter().take_while(|event| event.position <= snapshot.position);
            let last = until.filter(|event| self.filter.matches(&event.body)).last();
            let Some(EventBody::GigStatus { gig_id, version, .. }) = last.map(|event| &event.body) else {
                panic!("a snapshot without an event: {snapshot:?}");
            };
            assert_eq!((parse_id(&snapshot.gig_id), snapshot.version), (*gig_id, Some(i64::from(*version))));
        }
    }
}

/// An approved gig, and the number of its seller.
struct ApprovedGig {
    id: String,
    seller: usize,
}

pub struct FaultHarness {
    pub gateways: TwoGateways,
    pub writers: GigWriters,
    database_url: String,
    /// The end of the log before the writers started.
    start_position: i64,
    subscriptions: Vec<HarnessSubscription>,
}

impl FaultHarness {
    /// Starts gateways, subscribers and writers. The writers wait for `writers.allow_changes`.
    pub async fn start(database_url: &str, redis_url: &str) -> Self {
        let gateways = TwoGateways::start(database_url, redis_url);
        let (sellers, gigs) = create_gigs(&gateways).await;
        let start_position = read_log(database_url).await.last().map_or(0, |event| event.position);
        let mut writers: Vec<Vec<ToggledGig>> = (0..WRITERS).map(|_| Vec::new()).collect();
        for (number, gig) in gigs.iter().enumerate() {
            // Each writer uses one gateway.
            let writer = number % WRITERS;
            let client = sellers[gig.seller].at(&gateways.client(writer % 2));
            writers[writer].push(ToggledGig::approved(client, gig.id.clone()));
        }
        let writers = GigWriters::start(writers);
        let database_url = database_url.to_owned();
        let mut harness = Self { gateways, writers, database_url, start_position, subscriptions: Vec::new() };
        let cursors = [harness.cursor(0).await, harness.cursor(1).await];
        for number in 0..SUBSCRIBERS {
            harness.add_subscriber(number, &sellers, &gigs, &cursors);
        }
        harness.wait_until_started().await;
        harness
    }

    /// Adds a subscriber. Gateways, transports and kinds of subscriptions alternate.
    fn add_subscriber(
        &mut self,
        number: usize,
        sellers: &[TestUser],
        gigs: &[ApprovedGig],
        cursors: &[String],
    ) {
        let gateway = number % 2;
        let transport = [Transport::WebSocket, Transport::EventStream][number / 2 % 2];
        let after = json!({ "after": cursors[gateway] });
        match number / 4 % 3 {
            0 => {
                let seller = &sellers[number / 12 % SELLERS];
                let options = self.options(gateway, transport, Some(seller), GIG_STATUS, after);
                self.add(EventFilter::Seller(parse_id(&seller.id)), gateway, options);
            }
            1 => {
                let gig = &gigs[number % gigs.len()];
                let variables = json!({ "id": gig.id });
                let options =
                    self.options(gateway, transport, Some(&sellers[gig.seller]), GIG_STATUS, variables);
                self.add(EventFilter::Gig(parse_id(&gig.id)), gateway, options);
            }
            _ => {
                let options = self.options(gateway, transport, None, GIG_PUBLISHED, after);
                self.add(EventFilter::Published, gateway, options);
            }
        }
    }

    /// Adds a subscriber of `gigPublished` with events so large that a connection buffers few. Returns its
    /// number.
    pub async fn add_large_event_subscriber(&mut self, gateway: usize, transport: Transport) -> usize {
        let fields: Vec<_> = (0..80).map(|number| format!("d{number}: description")).collect();
        let query = format!(
            "subscription($after: String) {{ gigPublished(after: $after) {{ cursor delivery gigId gig {{ {} }} }} }}",
            fields.join(" ")
        );
        let variables = json!({ "after": self.cursor(gateway).await });
        let options = self.options(gateway, transport, None, &query, variables);
        self.add(EventFilter::Published, gateway, options);
        self.wait_until_started().await;
        self.subscriptions.len() - 1
    }

    fn options(
        &self,
        gateway: usize,
        transport: Transport,
        user: Option<&TestUser>,
        query: &str,
        variables: Value,
    ) -> SubscriberOptions {
        let token = user.and_then(|user| user.client.token()).map(str::to_owned);
        let address = self.gateways.client(gateway).address;
        SubscriberOptions { address, transport, token, query: query.to_owned(), variables }
    }

    fn add(&mut self, filter: EventFilter, gateway: usize, options: SubscriberOptions) {
        let after = options.variables["after"].as_str();
        let after = after.map(|it| gigway::events::cursor::Cursor::decode(it).expect("a cursor").position);
        let (transport, subscriber) = (options.transport, Subscriber::start(options));
        self.subscriptions.push(HarnessSubscription { filter, gateway, transport, after, subscriber });
    }

    /// Waits until every subscriber is connected, and has its snapshot if it gets one.
    async fn wait_until_started(&self) {
        self.wait_for_all_except(&[], "started", |subscription| {
            assert!(!subscription.has_violation(), "{}", subscription.describe());
            let state = subscription.subscriber.state();
            state.connections > 0 && (subscription.after.is_some() || state.snapshot.is_some())
        })
        .await;
    }

    /// Waits until the condition holds for all subscribers except these.
    async fn wait_for_all_except(
        &self,
        excluded: &[usize],
        what: &str,
        condition: impl Fn(&HarnessSubscription) -> bool,
    ) {
        let deadline = Instant::now() + TIMEOUT;
        for (_, subscription) in
            self.subscriptions.iter().enumerate().filter(|(number, _)| !excluded.contains(number))
        {
            while !condition(subscription) {
                let is_late = Instant::now() >= deadline;
                assert!(!is_late, "not {what} within {TIMEOUT:?}: {}", subscription.describe());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// The current cursor of a gateway.
    async fn cursor(&self, gateway: usize) -> String {
        let data = self.gateways.client(gateway).run("{ eventCursor }", json!({})).await;
        text(&data["eventCursor"])
    }

    /// Asserts that exactly this many changes have happened, and that each subscriber has received each of
    /// its events once and in order.
    pub async fn expect_exactly_once(&mut self, changes: usize) {
        self.writers.wait_for_changes(changes).await;
        let log = read_log(&self.database_url).await;
        let written = log.iter().filter(|event| event.position > self.start_position);
        let written = written.filter(|event| matches!(event.body, EventBody::GigStatus { .. })).count();
        assert_eq!(written, changes, "each change happens once");
        self.wait_for_all_except(&[], "up to date", |subscription| subscription.is_up_to_date(&log)).await;
        tokio::time::sleep(SILENCE).await;
        for subscription in &self.subscriptions {
            subscription.assert_complete(&log);
        }
    }

    /// Waits until all subscribers except these have received all events so far.
    pub async fn wait_for_delivery_except(&self, excluded: &[usize]) {
        let log = read_log(&self.database_url).await;
        self.wait_for_all_except(excluded, "up to date", |subscription| subscription.is_up_to_date(&log))
            .await;
    }

    /// Whether a subscriber has received all events so far.
    pub async fn has_received_all(&self, number: usize) -> bool {
        self.subscriptions[number].is_up_to_date(&read_log(&self.database_url).await)
    }

    pub fn subscriber(&self, number: usize) -> &Subscriber {
        &self.subscriptions[number].subscriber
    }

    /// How often each subscriber of a gateway has connected.
    pub fn connections(&self, gateway: usize) -> Vec<usize> {
        let subscriptions = self.subscriptions.iter().filter(|subscription| subscription.gateway == gateway);
        subscriptions.map(|subscription| subscription.subscriber.state().connections).collect()
    }
}

/// Creates sellers and approved gigs.
async fn create_gigs(gateways: &TwoGateways) -> (Vec<TestUser>, Vec<ApprovedGig>) {
    let reviewer = gateways.user("rita@example.com", "REVIEWER").await;
    let categories = reviewer.client.run("{ categories { id name } }", json!({})).await["categories"].take();
    let categories = categories.as_array().expect("a list");
    let music = categories.iter().find(|category| category["name"] == "Music").expect("the category Music");
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
        let seller = gateways.user(&format!("seller{number}@example.com"), "MEMBER").await;
        for _ in 0..GIGS_PER_SELLER {
            let id = seller.post(form.clone()).await;
            reviewer.approve(&id).await;
            gigs.push(ApprovedGig { id, seller: number });
        }
        sellers.push(seller);
    }
    (sellers, gigs)
}

/// All events of the log table.
async fn read_log(database_url: &str) -> Vec<Event> {
    let db =
        Database::connect_postgres(database_url, Duration::from_secs(30)).await.expect("PostgreSQL responds");
    let log = event_log::page(db.read(), None, 0, 100_000).await.expect("the log");
    db.close().await.expect("a close");
    log
}

/// Reads a public id of the expected kind.
fn parse_id<T: PublicId>(public_id: &str) -> T {
    T::parse(public_id).expect("an id of this kind")
}
