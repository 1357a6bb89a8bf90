//! HTTP requests: valid ones, and ones with a single defect.

use std::fmt::Write;

use async_graphql::parser::types::OperationType;

use super::broken_documents::break_document;
use super::documents::{Document, DocumentOptions};
use super::edge_cases;
use super::fixtures::Fixtures;
use super::headers::{ACCEPTS, CONTENT_TYPES, HEADERS, METHODS};
use super::json_bodies::{corrupt_sometimes, malformed_body, request_fields, with_invalid_fields};
use super::multipart_forms::{malformed_form, valid_form};
use super::random::RandomSource;
use super::raw_http::{Ending, Request};
use super::schema::Schema;

/// Builds a request.
pub struct RequestBuilder {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl RequestBuilder {
    pub fn get(target: impl Into<Vec<u8>>) -> Self {
        Self { method: "GET".to_owned(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn post(content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.into())];
        Self { method: "POST".to_owned(), target: b"/graphql".to_vec(), headers, body }
    }

    pub fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Replaces all headers of that name.
    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.retain(|(other, _)| other != name);
        self.add(name, value);
    }

    /// The complete request with its content-length.
    pub fn build(self) -> Request {
        let length = self.body.len();
        Request {
            bytes: self.serialize(&format!("content-length: {length}\r\n")),
            ending: Ending::Complete,
            is_valid: false,
        }
    }

    fn serialize(self, framing: &str) -> Vec<u8> {
        let mut bytes =
            [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\nhost: gateway\r\n"].concat();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(framing.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Whether the body or the target contains the text.
    fn contains(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        has(&self.body) || has(&self.target)
    }
}

/// Generates random requests.
pub struct RequestGenerator<'a> {
    pub schema: &'a Schema,
    pub fixtures: &'a Fixtures,
}

impl RequestGenerator<'_> {
    pub fn request(&self, random: &mut RandomSource) -> Request {
        match random.below(100) {
            0..45 => self.valid(random),
            45..67 => {
                let document = self.document(random, 10);
                let builder = self.document_request(&break_document(document, random, self.schema), random);
                self.finish(builder, random)
            }
            67..75 => {
                let fields = with_invalid_fields(&self.document(random, 10), random);
                let body = serde_json::Value::Object(fields).to_string().into_bytes();
                self.finish(RequestBuilder::post("application/json", body), random)
            }
            75..83 => {
                let body = malformed_body(&self.document(random, 10), random);
                self.finish(RequestBuilder::post("application/json", body), random)
            }
            83..91 => {
                let options = DocumentOptions {
                    kind: OperationType::Mutation,
                    edge_case_percent: 10,
                    with_files: true,
                };
                let document = Document::generate(random, self.schema, self.fixtures, options);
                let form = malformed_form("x-y", &document, &self.fixtures.image, random);
                let mut builder = RequestBuilder::post("multipart/form-data; boundary=x-y", form);
                if random.chance(90) {
                    builder.add("apollo-require-preflight", "1");
                }
                self.finish(builder, random)
            }
            91..97 => {
                let builder = self.other_target(random);
                self.finish(builder, random)
            }
            _ => self.malformed_http(random),
        }
    }

    /// A document of any kind.
    pub fn document(&self, random: &mut RandomSource, edge_case_percent: usize) -> Document {
        let kind = match random.below(10) {
            0..6 => OperationType::Query,
            6..9 => OperationType::Mutation,
            _ => OperationType::Subscription,
        };
        Document::generate(
            random,
            self.schema,
            self.fixtures,
            DocumentOptions { kind, edge_case_percent, with_files: false },
        )
    }

    /// A valid request, which should be executed.
    fn valid(&self, random: &mut RandomSource) -> Request {
        let mut builder = if random.chance(4) {
            let options =
                DocumentOptions { kind: OperationType::Mutation, edge_case_percent: 2, with_files: true };
            let document = Document::generate(random, self.schema, self.fixtures, options);
            let form = valid_form("x-y", &document, &self.fixtures.image, random);
            let mut builder = RequestBuilder::post("multipart/form-data; boundary=x-y", form);
            builder.add("apollo-require-preflight", "1");
            builder
        } else {
            self.document_request(&self.document(random, 2), random)
        };
        if let Some(token) = self.suitable_token(&builder, random) {
            builder.add("authorization", format!("Bearer {token}"));
        }
        Request { is_valid: true, ..builder.build() }
    }

    /// Sends the document in one of the ways that HTTP allows.
    fn document_request(&self, document: &Document, random: &mut RandomSource) -> RequestBuilder {
        let is_subscription = document.kind == OperationType::Subscription;
        let fields = request_fields(document, random);
        let uses_get = document.kind != OperationType::Mutation && random.chance(25);
        let mut builder = if uses_get {
            let parameters = fields.iter().map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", percent_encoded(value.as_bytes()))
            });
            RequestBuilder::get(format!("/graphql?{}", parameters.collect::<Vec<_>>().join("&")))
        } else {
            RequestBuilder::post(
                "application/json",
                serde_json::Value::Object(fields).to_string().into_bytes(),
            )
        };
        if is_subscription || random.chance(5) {
            builder.add("accept", *random.pick(&[ACCEPTS[3], ACCEPTS[4]]));
            if is_subscription && random.chance(20) {
                builder.add("last-event-id", self.fixtures.cursors[0].clone());
            }
        } else if random.chance(50) {
            builder.add("accept", *random.pick(&ACCEPTS[..3]));
        }
        if document.kind == OperationType::Mutation && random.chance(10) {
            builder.add("idempotency-key", format!("{:x}", random.between(0..=i64::MAX)));
        }
        builder
    }

    /// The token of a user who is probably authorized.
    fn suitable_token(&self, builder: &RequestBuilder, random: &mut RandomSource) -> Option<&str> {
        let [member, reviewer, disposable] = &self.fixtures.tokens;
        // Signing out ends the session of the token.
        if builder.contains("signOut") {
            return Some(disposable);
        }
        if ["review", "Review", "decide"].iter().any(|word| builder.contains(word)) {
            return Some(reviewer);
        }
        match random.below(10) {
            0 if !builder.contains("mutation") && !builder.contains("verificationStatusChanged") => None,
            0..4 => Some(reviewer),
            _ => Some(member),
        }
    }

    /// Adds credentials, valid or invalid, and sometimes unusual headers or another method.
    fn finish(&self, mut builder: RequestBuilder, random: &mut RandomSource) -> Request {
        if random.chance(85) {
            if let Some(token) = self.suitable_token(&builder, random) {
                builder.add("authorization", format!("Bearer {token}"));
            }
        } else {
            builder.add("authorization", self.invalid_credentials(random));
        }
        if random.chance(25) {
            for _ in 0..=random.below(3) {
                match random.below(10) {
                    0 => builder.add("accept", *random.pick(ACCEPTS)),
                    1 => builder.set("accept", *random.pick(ACCEPTS)),
                    2 => builder.add("content-type", *random.pick(CONTENT_TYPES)),
                    3 => builder.set("content-type", *random.pick(CONTENT_TYPES)),
                    4 => builder.add("x-request-id", "x".repeat(random.below(200))),
                    5 => builder.add("accept", "a/b;q=0.1,".repeat(random.below(2_000))),
                    6 => (0..random.below(120)).for_each(|number| builder.add(&format!("x-{number}"), "1")),
                    7 => builder.set("idempotency-key", vec![0xe9; random.below(300)]),
                    8 => builder.set("idempotency-key", "shared key"),
                    _ => {
                        let (name, value) = *random.pick(HEADERS);
                        builder.add(name, value);
                    }
                }
            }
        }
        if random.chance(3) {
            (*random.pick(METHODS)).clone_into(&mut builder.method);
        }
        builder.build()
    }

    fn invalid_credentials(&self, random: &mut RandomSource) -> Vec<u8> {
        let token = &self.fixtures.tokens[0];
        match random.below(12) {
            0 => b"Bearer".to_vec(),
            1 => b"Bearer ".to_vec(),
            // These are no credentials at all.
            9 => Vec::new(),
            10 => b" \t ".to_vec(),
            11 => format!("Bearer {token} {token}").into_bytes(),
            2 => b"Basic YTpi".to_vec(),
            3 => b"Bearer \xff\xfe\xe9".to_vec(),
            4 => format!("bearer   {token}").into_bytes(),
            5 => format!("Bearer {}", edge_cases::corrupt_base64(token, random)).into_bytes(),
            6 => format!("Bearer {}", "a".repeat(random.below(9_000))).into_bytes(),
            // A token with the algorithm `none`.
            7 => b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_vec(),
            _ => token.clone().into_bytes(),
        }
    }

    /// A request for another path, which may not exist.
    fn other_target(&self, random: &mut RandomSource) -> RequestBuilder {
        let id = random.pick(&self.fixtures.ids).clone();
        let signed = format!(
            "expires={}&signature={}",
            edge_cases::number(random),
            percent_encoded(edge_cases::text(random).as_bytes())
        );
        let ticket = random.pick(&self.fixtures.stream_tickets).clone();
        let is_ticket_request = random.chance(15);
        let target = match random.below(16) {
            _ if is_ticket_request => {
                let document = Document { variables: serde_json::Map::new(), ..self.document(random, 5) };
                format!("/graphql?ticket={ticket}&query={}", percent_encoded(document.text.as_bytes()))
            }
            0 => format!("/media/{id}.jpg"),
            1 => format!("/media/{id}.jpg?{signed}"),
            2 => format!("/media/{}", percent_encoded(edge_cases::text(random).as_bytes())),
            3 => format!("/identity-documents/{id}?{signed}"),
            4 => format!("/identity-documents/{id}?expires=1&signature=1&expires=2"),
            5 => (*random.pick(&["/livez", "/readyz", "/metrics", "/graphiql", "/", "/favicon.ico"]))
                .to_owned(),
            6 => (*random.pick(&[
                "/graphql/",
                "//graphql",
                "/GraphQL",
                "/graphql%00",
                "/./graphql",
                "/graphql;a=b",
            ]))
            .to_owned(),
            7 => (*random.pick(&[
                "*",
                "",
                "graphql",
                "http://other/graphql?query={__typename}",
                "other:80",
                "?",
            ]))
            .to_owned(),
            8 => format!("/{}", "a/".repeat(random.below(5_000))),
            9 => format!("/graphql?query={}", "a".repeat(60_000 + random.below(12_000))),
            10 => format!("/graphql?query={}&variables=[", percent_encoded(b"{ __typename }")),
            11 => "/graphql?query=%7B%zz%ff%&query&=&&&variables=%00".to_owned(),
            12 => format!(
                "/graphql?ticket={}&query={}",
                percent_encoded(edge_cases::text(random).as_bytes()),
                percent_encoded(b"subscription { gigPublished { gigId } }")
            ),
            13 => format!("/graphql?{}", "query=%7B__typename%7D&".repeat(random.below(500))),
            14 => format!(
                "/graphql?query=mutation%7BsignOut%7BsessionsEnded%7D%7D&extensions={}",
                edge_cases::number(random)
            ),
            _ => format!("/graphql?{}", percent_encoded(edge_cases::text(random).as_bytes())),
        };
        let mut builder = RequestBuilder::get(corrupt_sometimes(target.into_bytes(), random));
        if is_ticket_request {
            builder.add("accept", "text/event-stream");
            if random.chance(50) {
                builder.add("last-event-id", self.fixtures.cursors[0].clone());
            }
        }
        if random.chance(10) {
            (*random.pick(METHODS)).clone_into(&mut builder.method);
        }
        if random.chance(10) {
            let upgrade =
                [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
            for (name, value) in upgrade {
                builder.add(name, value);
            }
            builder.add("sec-websocket-key", *random.pick(&["dGhlIHNhbXBsZSBub25jZQ==", "short", ""]));
        }
        builder
    }

    /// A request with invalid HTTP or wrong framing.
    fn malformed_http(&self, random: &mut RandomSource) -> Request {
        let mut builder = self.document_request(&self.document(random, 10), random);
        if let Some(token) = self.suitable_token(&builder, random) {
            builder.add("authorization", format!("Bearer {token}"));
        }
        let length = builder.body.len();
        let framing = match random.below(12) {
            0 => format!("content-length: {}\r\n", length + 1 + random.below(9)),
            1 => format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1),
            2 => format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            3 => (*random.pick(&["content-length: -1\r\n", "content-length: 18446744073709551616\r\n"]))
                .to_owned(),
            4 => (*random.pick(&["transfer-encoding: gzip\r\n", "transfer-encoding: gzip, chunked\r\n"]))
                .to_owned(),
            5 => "transfer-encoding: chunked\r\n".to_owned(),
            6 => "a\u{0}b: c\r\n".to_owned(),
            7 => ": no name\r\n".to_owned(),
            8 => "no colon\r\n".to_owned(),
            9 => " folded\r\n\tlines: 1\r\n".to_owned(),
            _ => format!("content-length: {length}\r\n"),
        };
        let ending = if random.chance(50) { Ending::CutOff } else { Ending::Arbitrary };
        let mut bytes = builder.serialize(&framing);
        match random.below(4) {
            0 => bytes.truncate(random.below(bytes.len())),
            1 => bytes = corrupt_sometimes(bytes, random),
            2 => bytes = String::from_utf8_lossy(&bytes).replacen("HTTP/1.1", "HTTP/9.7", 1).into_bytes(),
            _ => {}
        }
        Request { bytes, ending, is_valid: false }
    }
}

/// Percent-encodes a URL parameter.
fn percent_encoded(text: &[u8]) -> String {
    text.iter().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string never fails");
        }
        encoded
    })
}
