//! The deployment that is measured: a new database, its gateways, users and gigs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gigway::app::CliContext;
use gigway::clock::SystemClock;
use gigway::config::{Config, Settings};
use gigway::domain::account::SignUpForm;
use gigway::domain::gig::{Gig, GigContent, GigStatus};
use gigway::domain::id::{GigId, ImageId, PublicId, SubjectId, UserId};
use gigway::domain::image::{GigImage, VARIANTS_VERSION};
use gigway::domain::money::Money;
use gigway::domain::review::ReviewItem;
use gigway::domain::user::Role;
use gigway::service::{IdGenerator, accounts};
use gigway::store::{categories, gigs, images, reviews};
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Result;
use crate::environment::{postgres_url, redis_url};
use crate::process::Server;

const PASSWORD: &str = "a good password";

const SIGN_IN: &str =
    "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code } } }";

/// All requests come from one address, so there are no rate limits.
const NO_RATE_LIMITS: &str = r#"{
    "anonymous": {"capacity": 0, "perMinute": 0},
    "viewer": {"capacity": 0, "perMinute": 0},
    "requests": {"capacity": 0, "perMinute": 0}
}"#;

/// Images of each gig.
const IMAGES_PER_GIG: usize = 2;

/// A database with test data, and gateways.
pub struct Deployment {
    pub services: CliContext,
    /// The gateway for mutations.
    pub gateway: Server,
    pub database_url: String,
    variables: Vec<(&'static str, String)>,
    http: reqwest::Client,
    // Dropped last, because it contains the files of the gateways.
    _dir: TempDir,
}

/// A user who is signed in at the gateway for mutations.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub token: String,
    email: String,
    http: reqwest::Client,
    url: String,
}

impl Deployment {
    /// Creates a database and starts a gateway.
    pub async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let data_dir = dir.path().display().to_string();
        let database_url = new_database().await?;
        let settings = Settings {
            data_dir: Some(data_dir.clone()),
            database_url: Some(database_url.clone()),
            ..Settings::default()
        };
        // Opened before the gateway starts, because this generates the keys in the data directory.
        let config = Config::from_settings(settings)?;
        let services = Box::pin(CliContext::open(&config, Arc::new(SystemClock))).await?;
        let many = "100000".to_owned();
        let variables = vec![
            ("GIGWAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("GIGWAY_DATA_DIR", data_dir),
            ("DATABASE_URL", database_url.clone()),
            ("REDIS_URL", redis_url()?),
            ("GIGWAY_CONNECTIONS_PER_ADDRESS", many.clone()),
            ("GIGWAY_SUBSCRIPTIONS_PER_VIEWER", many),
            ("GIGWAY_BUDGETS", NO_RATE_LIMITS.to_owned()),
            ("GIGWAY_LOG", "warn".to_owned()),
        ];
        let gateway = Server::gigway(&variables)?;
        let http = reqwest::Client::new();
        Ok(Self { services, gateway, database_url, variables, http, _dir: dir })
    }

    /// Starts another gateway, with changes to the environment variables. If only subscribers use it, its
    /// processor time and memory are those of delivery.
    pub fn start_gateway(&self, changes: &[(&'static str, String)]) -> Result<Server> {
        Server::gigway(&[&self.variables, changes].concat())
    }

    /// Creates numbered users.
    pub async fn users(&self, name: &str, role: Role, count: usize) -> Result<Vec<User>> {
        let mut users = Vec::with_capacity(count);
        for number in 1..=count {
            users.push(self.user(&format!("{name} {number}"), role).await?);
        }
        Ok(users)
    }

    /// Creates a user.
    pub async fn user(&self, name: &str, role: Role) -> Result<User> {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "-"));
        let form = SignUpForm { email: email.clone(), display_name: name.to_owned() };
        let id = accounts::add_user(&self.services, form, PASSWORD.into(), role).await?;
        let url = self.gateway.url("/graphql");
        let mut user = User { id, token: String::new(), email, http: self.http.clone(), url };
        user.sign_in().await?;
        Ok(user)
    }

    /// New ids.
    pub fn new_ids<Id: From<Uuid>>(&self, count: usize) -> Vec<Id> {
        std::iter::repeat_with(|| self.services.new_id()).take(count).collect()
    }

    /// Inserts gigs with images directly into the database. The sellers take turns. Gigs IN_REVIEW also get
    /// an item in the review queue. Returns the public ids.
    pub async fn add_gigs(
        &self,
        ids: &[GigId],
        sellers: &[UserId],
        status: GigStatus,
    ) -> Result<Vec<String>> {
        let (services, now) = (&self.services, self.services.now());
        let category = categories::first(services.db.read()).await?;
        let is_in_review = status == GigStatus::InReview;
        let gig = |(id, seller): (&GigId, &UserId)| {
            let content = GigContent {
                title: "A jingle for your podcast, in two styles".to_owned(),
                description: "Three minutes of music, made for you alone.".to_owned(),
                category_id: category.id,
                price: Money::from_cents(2_500),
                delivery_days: 3,
                revisions: 1,
                tags: vec!["Music".to_owned(), "Podcast".to_owned()],
                links: Vec::new(),
            };
            let mut gig = Gig::new(*id, *seller, content, now);
            gig.status = status;
            gig.version = 1;
            gig.submitted_at = Some(now);
            gig.published_at = (!is_in_review).then_some(now);
            gig.review_due_at = is_in_review.then(|| services.limits.review.due_at(now));
            gig
        };
        let gigs: Vec<_> = ids.iter().zip(sellers.iter().cycle()).map(gig).collect();
        let in_review = gigs.iter().filter(|_| is_in_review);
        let item = |gig: &Gig| {
            let limits = &services.limits.review;
            ReviewItem::new(services.new_id(), SubjectId::Gig(gig.id), limits, now)
        };
        let items: Vec<_> = in_review.map(item).collect();
        let mut images = Vec::with_capacity(gigs.len() * IMAGES_PER_GIG);
        for gig in &gigs {
            images.extend(std::iter::repeat_with(|| image(services.new_id(), gig)).take(IMAGES_PER_GIG));
        }
        let transaction = services.db.begin().await?;
        gigs::insert_all(&transaction, &gigs).await?;
        images::insert_attached(&transaction, &images, now).await?;
        reviews::insert_all(&transaction, &items).await?;
        transaction.commit().await?;
        // Updates the statistics of the query planner, even if autovacuum is off.
        services.db.read().execute_unprepared("ANALYZE").await?;
        Ok(gigs.iter().map(|gig| gig.id.to_public()).collect())
    }
}

impl User {
    /// Gets a new access token, which is valid for 15 minutes.
    pub async fn sign_in(&mut self) -> Result<()> {
        self.token.clear();
        let input = json!({ "input": { "email": self.email, "password": PASSWORD } });
        let payload = self.mutate(SIGN_IN, input).await?;
        let token = payload["session"]["accessToken"].as_str().ok_or("the response has no access token")?;
        token.clone_into(&mut self.token);
        Ok(())
    }

    /// Executes a mutation that must succeed. Returns its payload.
    pub async fn mutate(&self, mutation: &str, variables: Value) -> Result<Value> {
        let mut data = self.execute(mutation, variables).await?;
        let fields = data.as_object_mut().ok_or("the data is not an object")?;
        let payload = fields.values_mut().next().ok_or("the data is empty")?.take();
        if payload["errors"] == json!([]) {
            Ok(payload)
        } else {
            Err(format!("user errors: {payload}").into())
        }
    }

    /// How long this query takes at a gateway.
    pub async fn time_query(&self, gateway: &Server, query: &str) -> Result<Duration> {
        let request = self.http.post(gateway.url("/graphql")).bearer_auth(&self.token);
        let started_at = Instant::now();
        let response = request.json(&json!({ "query": query })).send().await?.error_for_status()?;
        let body: Value = response.json().await?;
        let elapsed = started_at.elapsed();
        if body.get("errors").is_some() { Err(format!("errors: {body}").into()) } else { Ok(elapsed) }
    }

    /// The current cursor of the event log.
    pub async fn cursor(&self) -> Result<String> {
        let data = self.execute("{ eventCursor }", json!({})).await?;
        Ok(data["eventCursor"].as_str().ok_or("the response has no cursor")?.to_owned())
    }

    async fn execute(&self, query: &str, variables: Value) -> Result<Value> {
        let request = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(&self.url).json(&request);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let mut body: Value = request.send().await?.json().await?;
        if body.get("errors").is_some() {
            return Err(format!("errors: {body}").into());
        }
        Ok(body["data"].take())
    }
}

/// Posts a text to the baseline server, and waits for the response.
pub async fn trigger(http: &reqwest::Client, url: &str, text: String) -> Result<()> {
    http.post(url).body(text).send().await?.error_for_status()?;
    Ok(())
}

fn image(id: ImageId, gig: &Gig) -> GigImage {
    let (width, height, byte_size) = (640, 480, 50_000);
    GigImage {
        id,
        owner_id: gig.seller_id,
        gig_id: Some(gig.id),
        width,
        height,
        byte_size,
        alt_text: None,
        placeholder: Some("1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
        variants_version: Some(VARIANTS_VERSION),
    }
}

/// Creates a database. Returns its URL.
async fn new_database() -> Result<String> {
    let server = postgres_url()?;
    let (host, _) = server.rsplit_once('/').ok_or("the URL of PostgreSQL has no database")?;
    let name = format!("b{}", IdGenerator::default().new_id(&SystemClock).simple());
    let connection = Database::connect(&server).await?;
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    connection.close().await?;
    Ok(format!("{host}/{name}"))
}
