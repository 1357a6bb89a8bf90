//! What is measured: a new database, gateways on it, people, gigs.

use std::sync::Arc;

use gigway::app::CliContext;
use gigway::clock::SystemClock;
use gigway::config::{Config, Settings};
use gigway::domain::account::SignUpForm;
use gigway::domain::gig::{Gig, GigContent, GigStatus};
use gigway::domain::id::{GigId, ImageId, PublicId, SubjectId, UserId};
use gigway::domain::image::GigImage;
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
use crate::process::Server;
use crate::surroundings::{postgres_url, redis_url};

const PASSWORD: &str = "a good password";

const SIGN_IN: &str =
    "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code } } }";

/// One machine is many callers here.
const UNCOUNTED: &str = r#"{"anonymous":{"capacity":0,"perMinute":0},"viewer":{"capacity":0,"perMinute":0}}"#;

/// Pictures of each gig.
const PICTURES: usize = 2;

/// An installation of its own.
pub struct World {
    pub services: CliContext,
    /// The gateway at which changes are made.
    pub gateway: Server,
    pub database_url: String,
    variables: Vec<(&'static str, String)>,
    http: reqwest::Client,
    // Dropped last: the gateways' files are in it.
    _folder: TempDir,
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: UserId,
    pub token: String,
    email: String,
    http: reqwest::Client,
    url: String,
}

impl World {
    /// A new database, and one gateway on it.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data_dir = folder.path().display().to_string();
        let database_url = new_database().await?;
        let settings = Settings {
            data_dir: Some(data_dir.clone()),
            database_url: Some(database_url.clone()),
            ..Settings::default()
        };
        // Before the gateways: it makes the keys that they then find in the folder.
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
            ("GIGWAY_BUDGETS", UNCOUNTED.to_owned()),
            ("GIGWAY_LOG", "warn".to_owned()),
        ];
        let gateway = Server::gigway(&variables)?;
        let http = reqwest::Client::new();
        Ok(Self { services, gateway, database_url, variables, http, _folder: folder })
    }

    /// One more gateway: the one that subscribers are at, so that what it uses is theirs alone. These variables are
    /// changed.
    pub fn another_gateway(&self, changes: &[(&'static str, String)]) -> Result<Server> {
        Server::gigway(&[&self.variables, changes].concat())
    }

    /// So many people, signed in at the gateway for changes.
    pub async fn people(&self, name: &str, role: Role, count: usize) -> Result<Vec<Person>> {
        let mut people = Vec::with_capacity(count);
        for number in 1..=count {
            people.push(self.person(&format!("{name} {number}"), role).await?);
        }
        Ok(people)
    }

    /// Somebody, signed in at the gateway for changes.
    pub async fn person(&self, name: &str, role: Role) -> Result<Person> {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "-"));
        let form = SignUpForm { email: email.clone(), display_name: name.to_owned() };
        let id = accounts::add_user(&self.services, form, PASSWORD.into(), role).await?;
        let url = self.gateway.url("/graphql");
        let mut person = Person { id, token: String::new(), email, http: self.http.clone(), url };
        person.sign_in().await?;
        Ok(person)
    }

    /// So many ids that no row has.
    pub fn new_ids<Id: From<Uuid>>(&self, count: usize) -> Vec<Id> {
        std::iter::repeat_with(|| self.services.new_id()).take(count).collect()
    }

    /// A gig with pictures for each of `ids`, offered by each of `sellers` in turn, straight into the
    /// database. One IN_REVIEW has its item in the queue. Their public ids.
    pub async fn add_gigs(
        &self,
        ids: &[GigId],
        sellers: &[UserId],
        status: GigStatus,
    ) -> Result<Vec<String>> {
        let (services, now) = (&self.services, self.services.now());
        let category = categories::first(services.db.read()).await?;
        let waits = status == GigStatus::InReview;
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
            gig.published_at = (!waits).then_some(now);
            gig.review_due_at = waits.then(|| services.limits.review.due_at(now));
            gig
        };
        let made: Vec<_> = ids.iter().zip(sellers.iter().cycle()).map(gig).collect();
        let waiting = made.iter().filter(|_| waits);
        let item = |gig: &Gig| {
            let limits = &services.limits.review;
            ReviewItem::new(services.new_id(), SubjectId::Gig(gig.id), limits, now)
        };
        let items: Vec<_> = waiting.map(item).collect();
        let mut pictures = Vec::with_capacity(made.len() * PICTURES);
        for gig in &made {
            pictures.extend(std::iter::repeat_with(|| picture(services.new_id(), gig)).take(PICTURES));
        }
        let transaction = services.db.begin().await?;
        gigs::insert_all(&transaction, &made).await?;
        images::insert_attached(&transaction, &pictures, now).await?;
        reviews::insert_all(&transaction, &items).await?;
        transaction.commit().await?;
        // The planner must know of them, also where nothing vacuums.
        services.db.read().execute_unprepared("ANALYZE").await?;
        Ok(made.iter().map(|gig| gig.id.to_public()).collect())
    }
}

impl Person {
    /// A new access token: each lives 15 minutes.
    pub async fn sign_in(&mut self) -> Result<()> {
        self.token.clear();
        let input = json!({ "input": { "email": self.email, "password": PASSWORD } });
        let payload = self.act(SIGN_IN, input).await?;
        let token = payload["session"]["accessToken"].as_str().ok_or("the sign-in gave no token")?;
        token.clone_into(&mut self.token);
        Ok(())
    }

    /// Does a mutation; its payload, where nobody got anything wrong.
    pub async fn act(&self, mutation: &str, variables: Value) -> Result<Value> {
        let mut data = self.ask(mutation, variables).await?;
        let fields = data.as_object_mut().ok_or("the data are no object")?;
        let payload = fields.values_mut().next().ok_or("the data are empty")?.take();
        if payload["errors"] == json!([]) { Ok(payload) } else { Err(format!("refused: {payload}").into()) }
    }

    /// The position in the log as of now, for `after:`.
    pub async fn cursor(&self) -> Result<String> {
        let data = self.ask("{ eventCursor }", json!({})).await?;
        Ok(data["eventCursor"].as_str().ok_or("there is no cursor")?.to_owned())
    }

    async fn ask(&self, query: &str, variables: Value) -> Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(&self.url).json(&body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let mut answer: Value = request.send().await?.json().await?;
        if answer.get("errors").is_some() {
            return Err(format!("an error: {answer}").into());
        }
        Ok(answer["data"].take())
    }
}

/// Sends `text` to the bare server; returns once it has done what that asks for.
pub async fn trigger(http: &reqwest::Client, url: &str, text: String) -> Result<()> {
    http.post(url).body(text).send().await?.error_for_status()?;
    Ok(())
}

fn picture(id: ImageId, gig: &Gig) -> GigImage {
    let (width, height, byte_size) = (640, 480, 50_000);
    GigImage { id, owner_id: gig.seller_id, gig_id: Some(gig.id), width, height, byte_size }
}

/// A new database on the run's PostgreSQL; its address.
async fn new_database() -> Result<String> {
    let server = postgres_url()?;
    let (host, _) = server.rsplit_once('/').ok_or("the address of PostgreSQL has no database")?;
    let name = format!("b{}", IdGenerator::default().new_id(&SystemClock).simple());
    let connection = Database::connect(&server).await?;
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    connection.close().await?;
    Ok(format!("{host}/{name}"))
}
