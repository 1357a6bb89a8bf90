//! A client over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::socket::Socket;

/// What every request of a test must be answered within.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who talks to one gateway.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    http: reqwest::Client,
    token: Option<String>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        Self { address, http, token: None }
    }

    /// The same client with an access token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same person at another gateway.
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
        self.signed(self.http.get(self.url(path)))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.signed(self.http.post(self.url(path)))
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The whole answer.
    pub async fn answer(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let response = self.post("/graphql").json(&body).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// The data, where nothing went wrong.
    #[track_caller]
    pub fn run(&self, query: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let mut answer = self.execute(query, variables).await;
            assert!(answer.get("errors").is_none(), "{caller}: {answer:#}");
            answer["data"].take()
        }
    }

    /// The one field of the data, where nothing went wrong and nobody got anything wrong.
    #[track_caller]
    pub fn mutate(&self, mutation: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let run = self.run(mutation, variables);
        async move {
            let payload = only(run.await);
            assert_eq!(payload["errors"], json!([]), "{caller}");
            payload
        }
    }

    /// (code, path) of what somebody got wrong, where they did.
    #[track_caller]
    pub fn mutation_errors(&self, mutation: &str, variables: Value) -> impl Future<Output = Vec<(String, String)>> {
        let caller = std::panic::Location::caller();
        let run = self.run(mutation, variables);
        async move {
            let payload = only(run.await);
            let faults = user_errors(&payload);
            assert!(!faults.is_empty(), "{caller}: {payload:#}");
            for (name, value) in payload.as_object().expect("a payload") {
                assert!(name == "errors" || value.is_null(), "{caller}: {payload:#}");
            }
            faults
        }
    }

    /// The codes of the errors that only a program can make.
    pub async fn error_codes(&self, query: &str, variables: Value) -> Vec<String> {
        error_codes(&self.execute(query, variables).await)
    }

    /// Uploads a file as a picture; the payload.
    pub async fn upload(&self, bytes: Vec<u8>) -> Value {
        let response = self.upload_request(bytes).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let mut answer: Value = response.json().await.expect("JSON");
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"]["uploadGigImage"].take()
    }

    /// Uploads a good picture; its id.
    pub async fn upload_picture(&self, bytes: Vec<u8>) -> String {
        let payload = self.upload(bytes).await;
        payload["image"]["id"].as_str().unwrap_or_else(|| panic!("{payload:#}")).to_owned()
    }

    pub fn upload_request(&self, bytes: Vec<u8>) -> RequestBuilder {
        let query = "mutation($file: Upload!) { uploadGigImage(file: $file) {
            image { id url width height byteSize } errors { code field message } } }";
        let operations = json!({ "query": query, "variables": { "file": null } });
        let form = Form::new()
            .text("operations", operations.to_string())
            .text("map", r#"{"0":["variables.file"]}"#)
            .part("0", Part::bytes(bytes).file_name("picture.png"));
        self.post("/graphql").header("apollo-require-preflight", "true").multipart(form)
    }

    /// A socket that has introduced itself with this client's token.
    pub async fn socket(&self) -> Socket {
        Socket::open(self.address, self.token()).await
    }

    /// The status and the body at `path`.
    pub async fn fetch(&self, path: &str) -> (StatusCode, Response) {
        let response = self.get(path).send().await.expect("an answer");
        (response.status(), response)
    }
}

/// (code, path) of a payload's errors.
pub fn user_errors(payload: &Value) -> Vec<(String, String)> {
    let errors = payload["errors"].as_array().expect("a list of errors");
    let path = |error: &Value| {
        let steps = error["field"].as_array().cloned().unwrap_or_default();
        steps.iter().map(|step| step.as_str().expect("text")).collect::<Vec<_>>().join(".")
    };
    errors.iter().map(|error| (text(&error["code"]), path(error))).collect()
}

/// The codes of an answer's errors.
pub fn error_codes(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| text(&error["extensions"]["code"])).collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The value of the only field.
fn only(data: Value) -> Value {
    let Value::Object(fields) = data else { panic!("{data} is no object") };
    assert_eq!(fields.len(), 1);
    fields.into_iter().next().expect("one field").1
}
