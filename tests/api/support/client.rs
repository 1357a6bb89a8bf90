//! An HTTP client of one gateway.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::message_params::check_message;
use super::socket::Socket;

/// Time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one gateway, anonymous or with an access token.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    http: reqwest::Client,
    token: Option<String>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().expect("a client");
        Self { address, http, token: None }
    }

    /// The same client with an access token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A client of another gateway with the same credentials.
    pub fn at(&self, other: &Self) -> Self {
        Self { address: other.address, ..self.clone() }
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.authorize(self.http.get(self.url(path)))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.authorize(self.http.post(self.url(path)))
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Adds the credentials to a request.
    pub fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Executes an operation. Returns the complete response.
    pub async fn execute(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let response = self.post("/graphql").json(&body).send().await.expect("a response");
        response.json().await.expect("JSON")
    }

    /// Executes an operation that must succeed. Returns its data.
    #[track_caller]
    pub fn run(&self, query: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let mut response = self.execute(query, variables).await;
            assert!(response.get("errors").is_none(), "{caller}: {response:#}");
            response["data"].take()
        }
    }

    /// Executes a mutation that must succeed without user errors. Returns its payload.
    #[track_caller]
    pub fn mutate(&self, mutation: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let run = self.run(mutation, variables);
        async move {
            let payload = only_field(run.await);
            assert_eq!(payload["errors"], json!([]), "{caller}");
            payload
        }
    }

    /// Executes a mutation that must fail with user errors. Returns their codes and paths.
    #[track_caller]
    pub fn mutation_errors(
        &self,
        mutation: &str,
        variables: Value,
    ) -> impl Future<Output = Vec<(String, String)>> {
        let caller = std::panic::Location::caller();
        // The tests of mutations that succeed do not pay for the parameters.
        let mutation = mutation
            .replace("errors { code field message }", "errors { code field message params { name value } }");
        let client = self.clone();
        async move {
            let payload = only_field(client.run(&mutation, variables).await);
            let errors = user_errors(&payload);
            assert!(!errors.is_empty(), "{caller}: {payload:#}");
            for (name, value) in payload.as_object().expect("a payload") {
                assert!(name == "errors" || value.is_null(), "{caller}: {payload:#}");
            }
            errors
        }
    }

    /// Executes an operation. Returns the codes of its `errors`.
    pub async fn error_codes(&self, query: &str, variables: Value) -> Vec<String> {
        error_codes(&self.execute(query, variables).await)
    }

    /// Uploads a file as a gig image. Returns the payload.
    pub async fn upload(&self, bytes: Vec<u8>) -> Value {
        let http_response = self.upload_request(bytes).send().await.expect("a response");
        assert_eq!(http_response.status(), StatusCode::OK);
        let mut response: Value = http_response.json().await.expect("JSON");
        assert!(response.get("errors").is_none(), "{response:#}");
        response["data"]["uploadGigImage"].take()
    }

    /// Uploads a valid gig image. Returns its id.
    pub async fn upload_image(&self, bytes: Vec<u8>) -> String {
        let payload = self.upload(bytes).await;
        payload["image"]["id"].as_str().unwrap_or_else(|| panic!("{payload:#}")).to_owned()
    }

    pub fn upload_request(&self, bytes: Vec<u8>) -> RequestBuilder {
        let query = "mutation($file: Upload!) { uploadGigImage(file: $file, altText: \"A picture\") {
            image { id url width height byteSize } errors { code field message params { name value } } } }";
        let operations = json!({ "query": query, "variables": { "file": null } });
        let form = Form::new()
            .text("operations", operations.to_string())
            .text("map", r#"{"0":["variables.file"]}"#)
            .part("0", Part::bytes(bytes).file_name("image.png"));
        self.post("/graphql").header("apollo-require-preflight", "true").multipart(form)
    }

    /// A WebSocket that is initialized with the credentials of this client.
    pub async fn socket(&self) -> Socket {
        Socket::open(self.address, self.token()).await
    }

    /// Requests a path. Returns the status and the response.
    pub async fn fetch(&self, path: &str) -> (StatusCode, Response) {
        let response = self.get(path).send().await.expect("a response");
        (response.status(), response)
    }
}

/// The code and the path of each user error of a payload. Their messages are checked.
pub fn user_errors(payload: &Value) -> Vec<(String, String)> {
    let errors = payload["errors"].as_array().expect("a list of errors");
    errors.iter().for_each(check_message);
    let path = |error: &Value| {
        let segments = error["field"].as_array().cloned().unwrap_or_default();
        segments.iter().map(|segment| segment.as_str().expect("text")).collect::<Vec<_>>().join(".")
    };
    errors.iter().map(|error| (text(&error["code"]), path(error))).collect()
}

/// The codes of the `errors` of a response.
pub fn error_codes(response: &Value) -> Vec<String> {
    let errors = response["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| text(&error["extensions"]["code"])).collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// The value of the only field.
fn only_field(data: Value) -> Value {
    let Value::Object(fields) = data else { panic!("{data} is not an object") };
    assert_eq!(fields.len(), 1);
    fields.into_iter().next().expect("one field").1
}
