//! What a generator knows of a running gateway, so that what it asks for is there; and what it does not know, so that it
//! must never be told.

use std::net::SocketAddr;

use gigway::domain::account::SignUpForm;
use gigway::domain::user::Role;
use gigway::service::{Services, accounts};
use serde_json::{Value, json};

use super::multipart_forms::multipart;
use super::requests::RequestBuilder;
use super::raw_http::RawClient;

const PASSWORD: &str = "a good password";

/// Who has accounts: a member and a reviewer whose tokens are known, somebody who may be signed out by anybody, and
/// somebody of whom nothing is known but what is everybody's.
const PEOPLE: [(&str, Role); 4] = [
    ("mel@example.com", Role::Member),
    ("rita@example.com", Role::Reviewer),
    ("leo@example.com", Role::Member),
    ("bystander.nora@example.com", Role::Member),
];

/// What somebody writes into the form of their identity, and only reviewers read.
const DOCUMENT_NUMBER: &str = "QX7741093";
const FAMILY_NAME: &str = "Quillfeather";

const SIGN_IN: &str =
    "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken refreshToken } } }";
const POST_GIG: &str =
    "mutation($input: PostGigInput!) { postGig(input: $input) { gig { id version } errors { code } } }";
const APPROVE: &str =
    "mutation($input: DecideGigInput!) { decideGig(input: $input) { gig { id } errors { code } } }";
const SAVE_DRAFT: &str =
    "mutation { saveGigDraft(input: { title: \"A song\" }) { gig { id } errors { code } } }";
const SAVE_INFO: &str = "mutation($input: PersonalInfoInput!) { savePersonalInfo(input: $input) { verification { id } errors { code } } }";
const SUBMIT: &str = "mutation { submitVerification { verification { id } errors { code } } }";
const UPLOAD: &str =
    "mutation($file: Upload!) { uploadGigImage(file: $file) { image { id } errors { code } } }";
const UPLOAD_DOCUMENT: &str = "mutation($file: Upload!) { uploadIdentityDocument(
    input: { type: PASSPORT, side: FRONT, file: $file }) { verification { documents { id } } errors { code } } }";
const EVERYTHING: &str = "{ eventCursor categories { id } viewer { user { id } verification { id } gigs(first: 5) { nodes { id } } }
    gigs(first: 5) { edges { cursor node { id seller { id } images { id } } } }
    cheapest: gigs(first: 1, orderBy: PRICE_LOWEST) { edges { cursor } } }";
const QUEUE: &str = "{ reviewQueue(first: 10) { edges { cursor node { id subject {
    ... on Gig { id } ... on Verification { id documents { id } } } } } } }";

/// SampleImages that are taken.
pub struct SampleImages {
    pub gig_image: Vec<u8>,
    pub identity_document: Vec<u8>,
}

#[derive(Clone)]
pub struct Fixtures {
    pub ids: Vec<String>,
    pub cursors: Vec<String>,
    /// Of the member, the reviewer, and of whom anybody may sign out.
    pub tokens: [String; 3],
    /// Such as anybody may trade.
    pub refresh_tokens: Vec<String>,
    pub emails: Vec<String>,
    /// A good one.
    pub picture: Vec<u8>,
    /// What nobody may be told.
    pub secrets: Vec<String>,
    /// What reviewers alone may be told.
    pub reviewer_secrets: Vec<String>,
}

impl Fixtures {
    /// Furnishes a new installation: people, gigs of which some are listed, and things to review.
    pub async fn furnish(services: &Services, address: SocketAddr, pictures: SampleImages) -> Self {
        for (email, role) in PEOPLE {
            let display_name = format!("Person {}", &email[..3]);
            let form = SignUpForm { email: email.to_owned(), display_name };
            accounts::add_user(services, form, PASSWORD.into(), role).await.expect("a new person");
        }
        let mut desk = Desk { wire: RawClient::new(address), found: Found::default() };
        let tokens = desk.sign_in_all().await;
        let [member, reviewer, _, (bystander, _)] = &tokens;
        let category = desk.ask(None, EVERYTHING, json!({})).await["categories"][9]["id"].clone();
        let picture = desk.upload(&bystander.clone(), UPLOAD, &pictures.gig_image).await["image"]["id"].clone();
        for number in 0..3 {
            let form = json!({
                "title": format!("I will write song number {number}"),
                "description": "Three minutes of music, made for you alone.",
                "category": category, "price": "25.00", "deliveryDays": 3, "revisions": 1, "tags": ["tag 1"],
                "imageIds": if number == 0 { json!([picture]) } else { json!([]) },
            });
            let gig =
                desk.ask(Some(bystander), POST_GIG, json!({ "input": form })).await["postGig"]["gig"].take();
            // The last one waits for its reviewer.
            if number < 2 {
                let approval =
                    json!({ "gigId": gig["id"], "decision": "APPROVE", "expectedVersion": gig["version"] });
                desk.ask(Some(&reviewer.0), APPROVE, json!({ "input": approval })).await;
            }
        }
        let info = json!({
            "firstName": "Nora", "lastName": FAMILY_NAME, "dateOfBirth": "1990-05-17",
            "addressLine1": "1 High Street", "city": "Leeds", "postalCode": "LS1", "countryCode": "GB",
            "documentNumber": DOCUMENT_NUMBER,
        });
        desk.ask(Some(bystander), SAVE_INFO, json!({ "input": info })).await;
        desk.upload(&bystander.clone(), UPLOAD_DOCUMENT, &pictures.identity_document).await;
        desk.ask(Some(bystander), SUBMIT, json!({})).await;
        desk.upload(&member.0.clone(), UPLOAD, &pictures.gig_image).await;
        desk.ask(Some(&member.0), SAVE_DRAFT, json!({})).await;
        desk.ask(Some(&member.0), EVERYTHING, json!({})).await;
        desk.ask(Some(&reviewer.0), QUEUE, json!({})).await;
        let Found { mut ids, mut cursors } = desk.found;
        // In an order that is always the same: that in which they were made.
        ids.sort();
        ids.dedup();
        cursors.dedup();
        Self {
            ids,
            cursors,
            tokens: [0, 1, 2].map(|person: usize| tokens[person].0.clone()),
            refresh_tokens: vec![tokens[2].1.clone()],
            emails: PEOPLE[..3].iter().map(|(email, _)| (*email).to_owned()).collect(),
            picture: pictures.gig_image,
            secrets: vec![PEOPLE[3].0.to_owned()],
            reviewer_secrets: vec![DOCUMENT_NUMBER.to_owned(), FAMILY_NAME.to_owned()],
        }
    }

    /// The same with new sessions: some may have ended, and none lives for long.
    pub async fn with_new_sessions(mut self, address: SocketAddr) -> Self {
        let mut desk = Desk { wire: RawClient::new(address), found: Found::default() };
        let tokens = desk.sign_in_all().await;
        self.tokens = [0, 1, 2].map(|person: usize| tokens[person].0.clone());
        self.refresh_tokens = vec![tokens[2].1.clone()];
        self
    }
}

/// What has been read so far.
#[derive(Default)]
struct Found {
    ids: Vec<String>,
    cursors: Vec<String>,
}

impl Found {
    fn gather(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.gather(name, value)),
            Value::Array(entries) => entries.iter().for_each(|entry| self.gather(name, entry)),
            Value::String(text) if name == "id" => self.ids.push(text.clone()),
            Value::String(text) if name == "cursor" || name == "eventCursor" => {
                self.cursors.push(text.clone());
            }
            _ => {}
        }
    }
}

/// Where things are asked for that are there to be had.
struct Desk {
    wire: RawClient,
    found: Found,
}

impl Desk {
    /// The access and refresh tokens of everybody.
    async fn sign_in_all(&mut self) -> [(String, String); 4] {
        let mut tokens = PEOPLE.map(|_| (String::new(), String::new()));
        for ((email, _), tokens) in PEOPLE.iter().zip(&mut tokens) {
            let input = json!({ "input": { "email": email, "password": PASSWORD } });
            let data = self.ask(None, SIGN_IN, input).await;
            let session = &data["signIn"]["session"];
            let token = |name: &str| session[name].as_str().expect("a session").to_owned();
            *tokens = (token("accessToken"), token("refreshToken"));
        }
        tokens
    }

    /// The data of what must go well.
    async fn ask(&mut self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        self.data_of(RequestBuilder::post("application/json", body.into_bytes()), token).await
    }

    /// The payload of what must go well, and sends a file.
    async fn upload(&mut self, token: &str, query: &str, file: &[u8]) -> Value {
        let operations = json!({ "query": query, "variables": { "file": null } }).to_string();
        let parts: [(&str, &[u8]); 3] =
            [("operations", operations.as_bytes()), ("map", br#"{"0":["variables.file"]}"#), ("0", file)];
        let mut builder = RequestBuilder::post("multipart/form-data; boundary=x", multipart("x", &parts));
        builder.add("apollo-require-preflight", "1");
        let data = self.data_of(builder, Some(token)).await;
        data.as_object().and_then(|fields| fields.values().next()).cloned().expect("one field")
    }

    async fn data_of(&mut self, mut builder: RequestBuilder, token: Option<&str>) -> Value {
        if let Some(token) = token {
            builder.add("authorization", format!("Bearer {token}"));
        }
        let answer = self.wire.exchange(&builder.build()).await.expect("an answer in time");
        let answer = answer.expect("an answer");
        let mut answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert!(answer.get("errors").is_none(), "{answer:#}");
        self.found.gather("", &answer);
        let faults = answer["data"]
            .as_object()
            .into_iter()
            .flatten()
            .find(|(_, payload)| payload["errors"].as_array().is_some_and(|faults| !faults.is_empty()));
        assert!(faults.is_none(), "{answer:#}");
        answer["data"].take()
    }
}
