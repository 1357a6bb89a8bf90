//! Whole HTTP requests: most of them good in all but one thing.

use std::fmt::Write;

use async_graphql::parser::types::OperationType;

use super::broken_documents::break_document;
use super::random::RandomSource;
use super::documents::{Document, DocumentOptions};
use super::multipart_forms::{valid_form, malformed_form};
use super::headers::{ACCEPTS, CONTENT_TYPES, HEADERS, METHODS};
use super::fixtures::Fixtures;
use super::edge_cases;
use super::schema::Schema;
use super::json_bodies::{envelope, malformed_body, corrupt_sometimes, with_invalid_fields};
use super::raw_http::{Ending, Request};

/// A request as it is put together.
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

    /// In the place of what it has of that name.
    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.retain(|(known, _)| known != name);
        self.add(name, value);
    }

    /// All of it, as HTTP has it.
    pub fn build(self) -> Request {
        let length = self.body.len();
        Request {
            bytes: self.written(&format!("content-length: {length}\r\n")),
            ending: Ending::Complete,
            is_valid: false,
        }
    }

    fn written(self, framing: &str) -> Vec<u8> {
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

    /// Whether it says anything of that kind.
    fn says(&self, text: &str) -> bool {
        let says = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        says(&self.body) || says(&self.target)
    }
}

/// Makes requests.
pub struct RequestGenerator<'a> {
    pub schema: &'a Schema,
    pub fixtures: &'a Fixtures,
}

impl RequestGenerator<'_> {
    pub fn request(&self, random: &mut RandomSource) -> Request {
        match random.below(100) {
            0..45 => self.good(random),
            45..67 => {
                let document = self.document(random, 10);
                let builder = self.plain(&break_document(document, random, self.schema), random);
                self.dressed(builder, random)
            }
            67..75 => {
                let fields = with_invalid_fields(&self.document(random, 10), random);
                let body = serde_json::Value::Object(fields).to_string().into_bytes();
                self.dressed(RequestBuilder::post("application/json", body), random)
            }
            75..83 => {
                let body = malformed_body(&self.document(random, 10), random);
                self.dressed(RequestBuilder::post("application/json", body), random)
            }
            83..91 => {
                let options = DocumentOptions { kind: OperationType::Mutation, odd_percent: 10, with_files: true };
                let document = Document::generate(random, self.schema, self.fixtures, options);
                let form = malformed_form("x-y", &document, &self.fixtures.picture, random);
                let mut builder = RequestBuilder::post("multipart/form-data; boundary=x-y", form);
                if random.chance(90) {
                    builder.add("apollo-require-preflight", "1");
                }
                self.dressed(builder, random)
            }
            91..97 => {
                let builder = self.elsewhere(random);
                self.dressed(builder, random)
            }
            _ => self.misframed(random),
        }
    }

    /// A document of any kind.
    pub fn document(&self, random: &mut RandomSource, odd_percent: usize) -> Document {
        let kind = match random.below(10) {
            0..6 => OperationType::Query,
            6..9 => OperationType::Mutation,
            _ => OperationType::Subscription,
        };
        Document::generate(random, self.schema, self.fixtures, DocumentOptions { kind, odd_percent, with_files: false })
    }

    /// One that is to be executed.
    fn good(&self, random: &mut RandomSource) -> Request {
        let mut builder = if random.chance(4) {
            let options = DocumentOptions { kind: OperationType::Mutation, odd_percent: 2, with_files: true };
            let document = Document::generate(random, self.schema, self.fixtures, options);
            let form = valid_form("x-y", &document, &self.fixtures.picture, random);
            let mut builder = RequestBuilder::post("multipart/form-data; boundary=x-y", form);
            builder.add("apollo-require-preflight", "1");
            builder
        } else {
            self.plain(&self.document(random, 2), random)
        };
        if let Some(token) = self.fitting_token(&builder, random) {
            builder.add("authorization", format!("Bearer {token}"));
        }
        Request { is_valid: true, ..builder.build() }
    }

    /// The document in one of the ways that it can be sent.
    fn plain(&self, document: &Document, random: &mut RandomSource) -> RequestBuilder {
        let is_subscription = document.kind == OperationType::Subscription;
        let fields = envelope(document, random);
        let gets = document.kind != OperationType::Mutation && random.chance(25);
        let mut builder = if gets {
            let parameters = fields.iter().map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", escaped(value.as_bytes()))
            });
            RequestBuilder::get(format!("/graphql?{}", parameters.collect::<Vec<_>>().join("&")))
        } else {
            RequestBuilder::post("application/json", serde_json::Value::Object(fields).to_string().into_bytes())
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

    /// The token of somebody who may do what is asked for.
    fn fitting_token(&self, builder: &RequestBuilder, random: &mut RandomSource) -> Option<&str> {
        let [member, reviewer, leaver] = &self.fixtures.tokens;
        // Who is signed out is not asked again.
        if builder.says("signOut") {
            return Some(leaver);
        }
        if ["review", "Review", "decide"].iter().any(|word| builder.says(word)) {
            return Some(reviewer);
        }
        match random.below(10) {
            0 if !builder.says("mutation") && !builder.says("verificationStatusChanged") => None,
            0..4 => Some(reviewer),
            _ => Some(member),
        }
    }

    /// With credentials of any kind, and now and then with headers that nobody has asked for.
    fn dressed(&self, mut builder: RequestBuilder, random: &mut RandomSource) -> Request {
        if random.chance(85) {
            if let Some(token) = self.fitting_token(&builder, random) {
                builder.add("authorization", format!("Bearer {token}"));
            }
        } else {
            builder.add("authorization", self.odd_credentials(random));
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
                    8 => builder.set("idempotency-key", "one that many use"),
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

    fn odd_credentials(&self, random: &mut RandomSource) -> Vec<u8> {
        let token = &self.fixtures.tokens[0];
        match random.below(9) {
            0 => b"Bearer".to_vec(),
            1 => b"Bearer ".to_vec(),
            2 => b"Basic YTpi".to_vec(),
            3 => b"Bearer \xff\xfe\xe9".to_vec(),
            4 => format!("bearer   {token}").into_bytes(),
            5 => format!("Bearer {}", edge_cases::corrupt_base64(token, random)).into_bytes(),
            6 => format!("Bearer {}", "a".repeat(random.below(9_000))).into_bytes(),
            // A token that wants no signature to be checked.
            7 => b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_vec(),
            _ => token.clone().into_bytes(),
        }
    }

    /// What is at other addresses, and what is at none.
    fn elsewhere(&self, random: &mut RandomSource) -> RequestBuilder {
        let id = random.pick(&self.fixtures.ids).clone();
        let signed = format!(
            "expires={}&signature={}",
            edge_cases::number(random),
            escaped(edge_cases::text(random).as_bytes())
        );
        let target = match random.below(16) {
            0 => format!("/media/{id}.jpg"),
            1 => format!("/media/{id}.jpg?{signed}"),
            2 => format!("/media/{}", escaped(edge_cases::text(random).as_bytes())),
            3 => format!("/identity-documents/{id}?{signed}"),
            4 => format!("/identity-documents/{id}?expires=1&signature=1&expires=2"),
            5 => {
                (*random.pick(&["/livez", "/readyz", "/metrics", "/graphiql", "/", "/favicon.ico"])).to_owned()
            }
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
            10 => format!("/graphql?query={}&variables=[", escaped(b"{ __typename }")),
            11 => "/graphql?query=%7B%zz%ff%&query&=&&&variables=%00".to_owned(),
            12 => format!(
                "/graphql?ticket={}&query={}",
                escaped(edge_cases::text(random).as_bytes()),
                escaped(b"subscription { gigPublished { gigId } }")
            ),
            13 => format!("/graphql?{}", "query=%7B__typename%7D&".repeat(random.below(500))),
            14 => format!(
                "/graphql?query=mutation%7BsignOut%7BsessionsEnded%7D%7D&extensions={}",
                edge_cases::number(random)
            ),
            _ => format!("/graphql?{}", escaped(edge_cases::text(random).as_bytes())),
        };
        let mut builder = RequestBuilder::get(corrupt_sometimes(target.into_bytes(), random));
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

    /// What is no HTTP, or says something else of itself than it is.
    fn misframed(&self, random: &mut RandomSource) -> Request {
        let mut builder = self.plain(&self.document(random, 10), random);
        if let Some(token) = self.fitting_token(&builder, random) {
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
        let mut bytes = builder.written(&framing);
        match random.below(4) {
            0 => bytes.truncate(random.below(bytes.len())),
            1 => bytes = corrupt_sometimes(bytes, random),
            2 => bytes = String::from_utf8_lossy(&bytes).replacen("HTTP/1.1", "HTTP/9.7", 1).into_bytes(),
            _ => {}
        }
        Request { bytes, ending, is_valid: false }
    }
}

/// As a parameter of an address.
fn escaped(text: &[u8]) -> String {
    text.iter().fold(String::with_capacity(text.len()), |mut written, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            written.push(char::from(*byte));
        } else {
            write!(written, "%{byte:02X}").expect("a text takes whatever is written");
        }
        written
    })
}
