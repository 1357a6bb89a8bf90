//! Test data of a running gateway: ids, cursors and tokens for the generators, and secrets that no response
//! may contain.

use std::net::SocketAddr;

use gigway::domain::account::SignUpForm;
use gigway::domain::user::Role;
use gigway::service::{Services, accounts};
use serde_json::{Value, json};

use super::multipart_forms::multipart;
use super::raw_http::RawClient;
use super::requests::RequestBuilder;

const PASSWORD: &str = "a good password";

/// A member and a reviewer whose tokens the generators use, a member whose sessions they may end, and a
/// member of whom they know only public data.
const USERS: [(&str, Role); 4] = [
    ("mel@example.com", Role::Member),
    ("rita@example.com", Role::Reviewer),
    ("leo@example.com", Role::Member),
    ("bystander.nora@example.com", Role::Member),
];

/// Personal data of a verification, which only reviewers may read.
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
const CREATE_TICKET: &str = "mutation { createStreamTicket { streamTicket { ticket } } }";
const READ_ALL: &str = "{ eventCursor categories { id } viewer { user { id } verification { id } gigs(first: 5) { nodes { id } } }
    gigs(first: 5) { edges { cursor node { id seller { id } images { id } } } }
    cheapest: gigs(first: 1, orderBy: PRICE_LOWEST) { edges { cursor } } }";
const QUEUE: &str = "{ reviewQueue(first: 10) { edges { cursor node { id subject {
    ... on Gig { id } ... on Verification { id documents { id } } } } } } }";

/// Valid images for uploads.
pub struct SampleImages {
    pub gig_image: Vec<u8>,
    pub identity_document: Vec<u8>,
}

#[derive(Clone)]
pub struct Fixtures {
    pub ids: Vec<String>,
    pub cursors: Vec<String>,
    /// Access tokens of the member, of the reviewer, and of the member whose sessions may end.
    pub tokens: [String; 3],
    /// Refresh tokens that the generators may use up.
    pub refresh_tokens: Vec<String>,
    /// Stream tickets that the generators may use up.
    pub stream_tickets: Vec<String>,
    pub emails: Vec<String>,
    /// A valid gig image.
    pub image: Vec<u8>,
    /// Texts that no response may contain.
    pub secrets: Vec<String>,
    /// Texts that only responses to reviewers may contain.
    pub reviewer_secrets: Vec<String>,
}

impl Fixtures {
    /// Creates users, gigs of which some are listed, and items to review.
    pub async fn create(services: &Services, address: SocketAddr, images: SampleImages) -> Self {
        for (email, role) in USERS {
            let display_name = format!("Person {}", &email[..3]);
            let form = SignUpForm { email: email.to_owned(), display_name };
            accounts::add_user(services, form, PASSWORD.into(), role).await.expect("a new user");
        }
        let mut client = SetupClient { raw_client: RawClient::new(address), collected: Collected::default() };
        let tokens = client.sign_in_all().await;
        let [member, reviewer, _, bystander] = &tokens;
        let category = client.execute(None, READ_ALL, json!({})).await["categories"][9]["id"].clone();
        let image = client.upload(&bystander.access, UPLOAD, &images.gig_image).await["image"]["id"].clone();
        for number in 0..3 {
            let form = json!({
                "title": format!("I will write song number {number}"),
                "description": "Three minutes of music, made for you alone.",
                "category": category, "price": "25.00", "deliveryDays": 3, "revisions": 1, "tags": ["tag 1"],
                "imageIds": if number == 0 { json!([image]) } else { json!([]) },
            });
            let gig =
                client.execute(Some(&bystander.access), POST_GIG, json!({ "input": form })).await["postGig"]
                    ["gig"]
                    .take();
            // The last gig stays in review.
            if number < 2 {
                let approval =
                    json!({ "gigId": gig["id"], "decision": "APPROVE", "expectedVersion": gig["version"] });
                client.execute(Some(&reviewer.access), APPROVE, json!({ "input": approval })).await;
            }
        }
        let info = json!({
            "firstName": "Nora", "lastName": FAMILY_NAME, "dateOfBirth": "1990-05-17",
            "addressLine1": "1 High Street", "city": "Leeds", "postalCode": "LS1", "countryCode": "GB",
            "documentNumber": DOCUMENT_NUMBER,
        });
        client.execute(Some(&bystander.access), SAVE_INFO, json!({ "input": info })).await;
        client.upload(&bystander.access, UPLOAD_DOCUMENT, &images.identity_document).await;
        client.execute(Some(&bystander.access), SUBMIT, json!({})).await;
        client.upload(&member.access, UPLOAD, &images.gig_image).await;
        client.execute(Some(&member.access), SAVE_DRAFT, json!({})).await;
        client.execute(Some(&member.access), READ_ALL, json!({})).await;
        client.execute(Some(&reviewer.access), QUEUE, json!({})).await;
        let stream_tickets = client.create_stream_tickets(&member.access).await;
        let Collected { mut ids, mut cursors } = client.collected;
        // A fixed order: ids sort by their creation.
        ids.sort();
        ids.dedup();
        cursors.dedup();
        Self {
            ids,
            cursors,
            tokens: [0, 1, 2].map(|user: usize| tokens[user].access.clone()),
            refresh_tokens: vec![tokens[2].refresh.clone()],
            stream_tickets,
            emails: USERS[..3].iter().map(|(email, _)| (*email).to_owned()).collect(),
            image: images.gig_image,
            secrets: vec![USERS[3].0.to_owned()],
            reviewer_secrets: vec![DOCUMENT_NUMBER.to_owned(), FAMILY_NAME.to_owned()],
        }
    }

    /// The same test data with new sessions. Sessions are short, and some may have ended.
    pub async fn with_new_sessions(mut self, address: SocketAddr) -> Self {
        let mut client = SetupClient { raw_client: RawClient::new(address), collected: Collected::default() };
        let tokens = client.sign_in_all().await;
        self.tokens = [0, 1, 2].map(|user: usize| tokens[user].access.clone());
        self.refresh_tokens = vec![tokens[2].refresh.clone()];
        self.stream_tickets = client.create_stream_tickets(&self.tokens[0]).await;
        self
    }
}

/// Ids and cursors from the responses so far.
#[derive(Default)]
struct Collected {
    ids: Vec<String>,
    cursors: Vec<String>,
}

impl Collected {
    fn collect(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.collect(name, value)),
            Value::Array(entries) => entries.iter().for_each(|entry| self.collect(name, entry)),
            Value::String(text) if name == "id" => self.ids.push(text.clone()),
            Value::String(text) if name == "cursor" || name == "eventCursor" => {
                self.cursors.push(text.clone());
            }
            _ => {}
        }
    }
}

/// The tokens of a session.
#[derive(Default)]
struct SessionTokens {
    access: String,
    refresh: String,
}

/// Sends the requests that create the test data, and collects ids and cursors.
struct SetupClient {
    raw_client: RawClient,
    collected: Collected,
}

impl SetupClient {
    /// Signs all users in. Returns the tokens of each.
    async fn sign_in_all(&mut self) -> [SessionTokens; 4] {
        let mut tokens = USERS.map(|_| SessionTokens::default());
        for ((email, _), tokens) in USERS.iter().zip(&mut tokens) {
            let input = json!({ "input": { "email": email, "password": PASSWORD } });
            let data = self.execute(None, SIGN_IN, input).await;
            let session = &data["signIn"]["session"];
            let token = |name: &str| session[name].as_str().expect("a session").to_owned();
            *tokens = SessionTokens { access: token("accessToken"), refresh: token("refreshToken") };
        }
        tokens
    }

    async fn create_stream_tickets(&mut self, token: &str) -> Vec<String> {
        let mut tickets = Vec::new();
        for _ in 0..3 {
            let data = self.execute(Some(token), CREATE_TICKET, json!({})).await;
            tickets.push(
                data["createStreamTicket"]["streamTicket"]["ticket"].as_str().expect("a ticket").to_owned(),
            );
        }
        tickets
    }

    /// Executes an operation that must succeed. Returns its data.
    async fn execute(&mut self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        self.send(RequestBuilder::post("application/json", body.into_bytes()), token).await
    }

    /// Executes an upload that must succeed. Returns its payload.
    async fn upload(&mut self, token: &str, query: &str, file: &[u8]) -> Value {
        let operations = json!({ "query": query, "variables": { "file": null } }).to_string();
        let parts: [(&str, &[u8]); 3] =
            [("operations", operations.as_bytes()), ("map", br#"{"0":["variables.file"]}"#), ("0", file)];
        let mut builder = RequestBuilder::post("multipart/form-data; boundary=x", multipart("x", &parts));
        builder.add("apollo-require-preflight", "1");
        let data = self.send(builder, Some(token)).await;
        data.as_object().and_then(|fields| fields.values().next()).cloned().expect("one field")
    }

    /// Sends a request that must succeed. Returns its data.
    async fn send(&mut self, mut builder: RequestBuilder, token: Option<&str>) -> Value {
        if let Some(token) = token {
            builder.add("authorization", format!("Bearer {token}"));
        }
        let response = self.raw_client.exchange(&builder.build()).await.expect("a response in time");
        let response = response.expect("a response");
        let mut body: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert!(body.get("errors").is_none(), "{body:#}");
        self.collected.collect("", &body);
        let failed = body["data"]
            .as_object()
            .into_iter()
            .flatten()
            .find(|(_, payload)| payload["errors"].as_array().is_some_and(|errors| !errors.is_empty()));
        assert!(failed.is_none(), "{body:#}");
        body["data"].take()
    }
}
