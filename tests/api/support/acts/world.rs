//! Acts on a gateway, over HTTP.

use std::collections::BTreeSet;
use std::io::Cursor;

use chrono::{DateTime, TimeDelta, Utc};
use entity::audit_entry;
use gigway::domain::id::{PublicId, SubjectId, UserId, decode};
use gigway::domain::user::Role;
use gigway::service::user_admin;
use gigway::store::reviews;
use image::{ImageFormat, Rgb, RgbImage};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::multipart::{Form, Part};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Model, document_number};
use super::{Act, Answer, PersonNumber, Side, Step};
use crate::support::client::{Client, error_codes, text};
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// How long an access token is valid: the longest time that can be set.
pub const TOKEN_SECONDS: u16 = u16::MAX;

const VERIFICATION: &str = "verification { status version } errors { code }";

/// The people at a gateway.
pub struct World<'a> {
    app: &'a TestApp,
    users: Vec<TestUser>,
    /// When the access token of each ends; the earliest time if they have to sign in again.
    tokens_end: Vec<DateTime<Utc>>,
    /// The newest item of each.
    items: Vec<Option<String>>,
    /// The paths of the pictures whose URLs somebody has got.
    paths: Vec<String>,
    last_entry: i64,
}

impl<'a> World<'a> {
    /// Creates the people of the model.
    pub async fn create(app: &'a TestApp, model: &Model) -> Self {
        let mut users = Vec::new();
        for person in &model.people {
            users.push(match person.role {
                Role::Member => app.member(person.name).await,
                Role::Reviewer => app.reviewer(person.name).await,
                Role::Admin => app.admin(person.name).await,
            });
        }
        let count = users.len();
        let trail = audit_entry::Entity::find().order_by_desc(audit_entry::Column::Number);
        let last = trail.one(app.services().db.read()).await.expect("a trail");
        let last_entry = last.map_or(0, |entry| entry.number);
        let tokens_end = vec![app.now() + TimeDelta::seconds(TOKEN_SECONDS.into()); count];
        Self { app, users, tokens_end, items: vec![None; count], paths: Vec::new(), last_entry }
    }

    /// The UUID of each person.
    pub fn ids(&self) -> Vec<Uuid> {
        self.users.iter().map(|user| decode(&user.id).expect("an id").1).collect()
    }

    /// Moves the clock a little, and signs the actor in if they have no access token any more.
    pub async fn prepare(&mut self, model: &mut Model, actor: PersonNumber) {
        self.app.advance_clock(TimeDelta::seconds(1));
        model.now = self.app.now();
        if self.tokens_end[actor] <= model.now && !model.people[actor].is_blocked {
            let email = self.users[actor].email.clone();
            self.users[actor] = self.app.sign_in(&email).await;
            self.tokens_end[actor] = model.now + TimeDelta::seconds(TOKEN_SECONDS.into());
            model.people[actor].session += 1;
        }
    }

    fn client(&self, step: &Step) -> Client {
        let client = &self.users[step.actor].client;
        if step.is_at_b { client.at(&self.app.gateway_b()) } else { client.clone() }
    }

    fn verification_id(&self, owner: PersonNumber) -> String {
        self.users[owner].id.replace("usr_", "ver_")
    }

    /// Sends the request of an act that is one request.
    pub async fn request(&self, step: &Step) -> Answer {
        let client = self.client(step);
        let item = |owner: PersonNumber| json!({ "id": self.items[owner] });
        match &step.act {
            Act::SaveForm { document_number } => {
                let query = format!(
                    "mutation($input: PersonalInfoInput!) {{ savePersonalInfo(input: $input) {{ {VERIFICATION} }} }}"
                );
                mutate(&client, &query, form(*document_number)).await
            }
            Act::Submit => {
                let query = "mutation { submitVerification {
                    verification { status version attemptsUsed } errors { code } } }";
                mutate(&client, query, json!({})).await
            }
            Act::Claim { owner } => {
                let query = "mutation($id: ID!) { claimReview(id: $id) {
                    item { state claimedBy { displayName } } errors { code } } }";
                mutate(&client, query, item(*owner)).await
            }
            Act::Release { owner } => {
                let query = "mutation($id: ID!) { releaseReview(id: $id) {
                    item { state claimedBy { displayName } } errors { code } } }";
                mutate(&client, query, item(*owner)).await
            }
            Act::OpenForm { owner } => self.read(&client, *owner, "personalInfo { documentNumber }").await,
            Act::Decide { owner, decision, reason, version } => {
                let query = format!(
                    "mutation($input: DecideVerificationInput!) {{ decideVerification(input: $input) {{
                        reviewItem {{ state }} {VERIFICATION} }} }}"
                );
                let field = (*reason == Some("IMAGE_UNREADABLE")).then_some(["documents", "FRONT"]);
                let reasons: Vec<_> =
                    reason.iter().map(|code| json!({ "code": code, "field": field })).collect();
                let input = json!({ "verificationId": self.verification_id(*owner), "decision": decision,
                    "expectedVersion": version, "reasons": reasons, "internalNote": "As the rules say." });
                mutate(&client, &query, json!({ "input": input })).await
            }
            Act::Inspect { owner } => {
                let query = format!(
                    "mutation($input: InspectVerificationInput!) {{ inspectVerification(input: $input) {{
                        inspection {{ expiresIn }} {VERIFICATION} }} }}"
                );
                let input = json!({ "verificationId": self.verification_id(*owner), "reason": "A report." });
                mutate(&client, &query, json!({ "input": input })).await
            }
            Act::Reopen { owner, version } => {
                let query = format!(
                    "mutation($input: ReopenVerificationInput!) {{ reopenVerification(input: $input) {{
                        {VERIFICATION} }} }}"
                );
                let input = json!({ "verificationId": self.verification_id(*owner),
                    "expectedVersion": version, "reason": "A mistake." });
                mutate(&client, &query, json!({ "input": input })).await
            }
            act => panic!("{act:?} is not one request"),
        }
    }

    /// Does any act.
    pub async fn act(&mut self, step: &Step) -> Answer {
        let (client, app) = (self.client(step), self.app);
        let services = if step.is_at_b { app.services_b() } else { app.services() };
        let email = self.users[step.actor].email.as_str();
        match step.act {
            Act::Upload { kind, side, picture } => {
                upload(&client, kind.name(), side, picture_file(picture)).await
            }
            Act::OpenPictures { owner } => self.open_pictures(&client, owner).await,
            Act::FetchPicture { url } => {
                Ok(json!({ "status": fetch_picture(&client, &self.paths[url]).await }))
            }
            Act::OpenWithoutTrail { owner, url } => self.open_without_trail(&client, owner, url).await,
            Act::ReadActions { owner } => self.read(&client, owner, "status version viewerActions").await,
            Act::ReadItem { owner } => {
                let query = "query($id: ID!) { node(id: $id) { ... on ReviewItem {
                    state pendingProposal { decision by { displayName } } } } }";
                read(&client, query, json!({ "id": self.items[owner] })).await
            }
            Act::SetRole(role) => {
                user_admin::set_role(services, email, role).await.expect("another role");
                Ok(Value::Null)
            }
            Act::Block => {
                user_admin::block(services, email).await.expect("blocked");
                self.tokens_end[step.actor] = DateTime::UNIX_EPOCH;
                Ok(Value::Null)
            }
            Act::Unblock => {
                user_admin::unblock(services, email).await.expect("unblocked");
                Ok(Value::Null)
            }
            Act::Wait(minutes) => {
                self.app.advance_clock(TimeDelta::minutes(minutes));
                Ok(Value::Null)
            }
            _ => self.request(step).await,
        }
    }

    /// Remembers the new item after a submission.
    pub async fn remember_item(&mut self, owner: PersonNumber) {
        let subject = SubjectId::Verification(UserId::parse(&self.users[owner].id).expect("an id"));
        let items = reviews::find_undecided(self.app.services().db.read(), &[subject]).await;
        self.items[owner] = Some(items.expect("items")[0].id.to_public());
    }

    async fn read(&self, client: &Client, owner: PersonNumber, fields: &str) -> Answer {
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Verification {{ {fields} }} }} }}");
        read(client, &query, json!({ "id": self.verification_id(owner) })).await
    }

    async fn open_pictures(&mut self, client: &Client, owner: PersonNumber) -> Answer {
        let mut data = self.read(client, owner, "documents { side url }").await?;
        let Value::Array(mut documents) = data["node"]["documents"].take() else {
            return Ok(json!({ "documents": null }));
        };
        documents.sort_by_key(|document| document["side"] != "FRONT");
        let mut shown = Vec::new();
        for document in documents {
            let mut status = Value::Null;
            if let Some(url) = document["url"].as_str() {
                let (_, path) = url.split_once("/identity-documents/").expect("the URL of a picture");
                let path = format!("/identity-documents/{path}");
                status = json!(fetch_picture(client, &path).await);
                self.paths.push(path);
            }
            shown.push(json!({ "side": document["side"], "status": status }));
        }
        Ok(json!({ "documents": shown }))
    }

    async fn open_without_trail(&self, client: &Client, owner: PersonNumber, url: usize) -> Answer {
        let is_postgres = self.app.services().db.backend() == DbBackend::Postgres;
        self.alter_database(if is_postgres {
            "CREATE FUNCTION refuse_entry() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''no entry''; END';
             CREATE TRIGGER refuse_entry BEFORE INSERT ON audit_entry
                FOR EACH ROW EXECUTE FUNCTION refuse_entry()"
        } else {
            "CREATE TRIGGER refuse_entry BEFORE INSERT ON audit_entry
                BEGIN SELECT RAISE(ABORT, 'no entry'); END"
        })
        .await;
        let query = "query($id: ID!) { node(id: $id) { ... on Verification { personalInfo { city } } } }";
        let response = client.execute(query, json!({ "id": self.verification_id(owner) })).await;
        let status = fetch_picture(client, &self.paths[url]).await;
        self.alter_database(if is_postgres {
            "DROP TRIGGER refuse_entry ON audit_entry; DROP FUNCTION refuse_entry()"
        } else {
            "DROP TRIGGER refuse_entry"
        })
        .await;
        let is_shown = response["data"]["node"]["personalInfo"].is_object();
        let form = match (is_shown, response.get("errors").is_some()) {
            (true, _) => "shown",
            (false, true) => "failed",
            (false, false) => "hidden",
        };
        let picture = match status {
            200 => "shown",
            404 => "hidden",
            _ => "failed",
        };
        Ok(json!({ "form": form, "picture": picture }))
    }

    async fn alter_database(&self, sql: &str) {
        let tx = self.app.services().db.begin().await.expect("a transaction");
        tx.execute_unprepared(sql).await.expect("altered");
        tx.commit().await.expect("committed");
    }

    /// The entries that the trail has got since the last call: who, about whom, and what.
    pub async fn new_entries(&mut self) -> Vec<(Option<PersonNumber>, PersonNumber, String)> {
        let rows = audit_entry::Entity::find()
            .filter(audit_entry::Column::Number.gt(self.last_entry))
            .order_by_asc(audit_entry::Column::Number)
            .all(self.app.services().db.read())
            .await
            .expect("a trail");
        let ids = self.ids();
        let person = |id: Uuid| ids.iter().position(|other| *other == id).expect("a person of the test");
        self.last_entry = rows.last().map_or(self.last_entry, |row| row.number);
        let entries = rows.into_iter().map(|row| {
            (row.actor_id.map(person), person(row.subject_id.expect("it is about somebody")), row.action)
        });
        entries.collect()
    }

    /// Compares all verifications and items with the model, as this reviewer, who is in no other act, sees them.
    pub async fn check_all(&mut self, model: &mut Model, reviewer: PersonNumber) {
        self.prepare(model, reviewer).await;
        let query = "query($ids: [ID!]!, $items: [ID!]!) {
            nodes(ids: $ids) { ... on Verification { status version attemptsUsed } }
            items: nodes(ids: $items) { ... on ReviewItem { flags { code } } } }";
        let ids: Vec<_> = (0..reviewer).map(|owner| self.verification_id(owner)).collect();
        let items: Vec<_> = self.items.iter().flatten().collect();
        let client = &self.users[reviewer].client;
        let data = client.run(query, json!({ "ids": ids, "items": items })).await;
        let people = &model.people[..reviewer];
        let expected: Vec<_> = people
            .iter()
            .map(|it| json!({ "status": it.status, "version": it.version, "attemptsUsed": it.attempts }))
            .collect();
        assert_eq!(data["nodes"], json!(expected));
        let seen = data["items"].as_array().expect("a list").iter().map(|item| {
            let flags = item["flags"].as_array().expect("a list").iter();
            flags.map(|flag| text(&flag["code"])).collect::<BTreeSet<_>>()
        });
        let expected = people.iter().filter_map(|person| person.item.as_ref()).map(|item| {
            let flags = item.flags.iter();
            flags.map(|flag| (*flag).to_owned()).collect::<BTreeSet<_>>()
        });
        assert_eq!(seen.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "the flags");
    }
}

fn form(number: u32) -> Value {
    json!({ "input": { "firstName": "Robin", "lastName": "Doe", "dateOfBirth": "1990-05-17",
        "addressLine1": "1 Long Street", "city": "Leeds", "postalCode": "LS1", "countryCode": "GB",
        "documentNumber": document_number(number) } })
}

async fn read(client: &Client, query: &str, variables: Value) -> Answer {
    let mut response = client.execute(query, variables).await;
    let codes = error_codes(&response);
    if codes.is_empty() { Ok(response["data"].take()) } else { Err(codes.into_iter().collect()) }
}

async fn mutate(client: &Client, query: &str, variables: Value) -> Answer {
    payload_of(read(client, query, variables).await?)
}

/// The payload of a mutation, without its errors; their codes if there are any.
fn payload_of(data: Value) -> Answer {
    let Value::Object(fields) = data else { panic!("{data} is not an object") };
    let mut payload = fields.into_iter().next().expect("one field").1;
    let errors = payload.as_object_mut().and_then(|fields| fields.remove("errors")).expect("a list");
    let codes: BTreeSet<_> =
        errors.as_array().expect("a list").iter().map(|error| text(&error["code"])).collect();
    if codes.is_empty() { Ok(payload) } else { Err(codes) }
}

async fn upload(client: &Client, kind: &str, side: Side, file: Vec<u8>) -> Answer {
    let side = side.name();
    let query = format!(
        "mutation($file: Upload!) {{ uploadIdentityDocument(input: {{ type: {kind}, side: {side}, file: $file }}) {{
            {VERIFICATION} }} }}"
    );
    let operations = json!({ "query": query, "variables": { "file": null } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(file).file_name("document.png"));
    let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    let mut response: Value = request.send().await.expect("a response").json().await.expect("JSON");
    let codes = error_codes(&response);
    if codes.is_empty() { payload_of(response["data"].take()) } else { Err(codes.into_iter().collect()) }
}

/// A picture of large squares, which are different for each number.
fn picture_file(number: u32) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(number.into());
    let squares: Vec<u8> = (0..8 * 6).map(|_| rng.random()).collect();
    let picture = RgbImage::from_fn(32, 24, |x, y| Rgb([squares[(y / 4 * 8 + x / 4) as usize]; 3]));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).expect("an image");
    file.into_inner()
}

/// The status of the response to a request for a picture, which is received to its end.
async fn fetch_picture(client: &Client, path: &str) -> u16 {
    let (status, response) = client.fetch(path).await;
    let body = response.bytes().await.expect("a body");
    assert_eq!(status == 200, body.starts_with(&[0xFF, 0xD8]), "a picture is sent with status 200 only");
    status.as_u16()
}
