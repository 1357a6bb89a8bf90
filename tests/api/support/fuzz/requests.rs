//! Whole HTTP requests: most of them good in all but one thing.

use std::fmt::Write;

use async_graphql::parser::types::OperationType;

use super::breakage::broken;
use super::dice::Dice;
use super::documents::{Document, Wish};
use super::forms::{good_form, odd_form};
use super::headers::{ACCEPTS, CONTENT_TYPES, HEADERS, METHODS};
use super::known::Known;
use super::oddities;
use super::schema::Schema;
use super::shapes::{envelope, odd_body, spoiled, with_odd_fields};
use super::wire::{Ending, Request};

/// A request as it is put together.
pub struct Draft {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Draft {
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
    pub fn into_request(self) -> Request {
        let length = self.body.len();
        Request {
            bytes: self.written(&format!("content-length: {length}\r\n")),
            ending: Ending::Whole,
            is_good: false,
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
pub struct Maker<'a> {
    pub schema: &'a Schema,
    pub known: &'a Known,
}

impl Maker<'_> {
    pub fn request(&self, dice: &mut Dice) -> Request {
        match dice.below(100) {
            0..45 => self.good(dice),
            45..67 => {
                let document = self.document(dice, 10);
                let draft = self.plain(&broken(document, dice, self.schema), dice);
                self.dressed(draft, dice)
            }
            67..75 => {
                let fields = with_odd_fields(&self.document(dice, 10), dice);
                let body = serde_json::Value::Object(fields).to_string().into_bytes();
                self.dressed(Draft::post("application/json", body), dice)
            }
            75..83 => {
                let body = odd_body(&self.document(dice, 10), dice);
                self.dressed(Draft::post("application/json", body), dice)
            }
            83..91 => {
                let wish = Wish { kind: OperationType::Mutation, oddity: 10, with_files: true };
                let document = Document::write(dice, self.schema, self.known, wish);
                let form = odd_form("x-y", &document, &self.known.picture, dice);
                let mut draft = Draft::post("multipart/form-data; boundary=x-y", form);
                if dice.percent(90) {
                    draft.add("apollo-require-preflight", "1");
                }
                self.dressed(draft, dice)
            }
            91..97 => {
                let draft = self.elsewhere(dice);
                self.dressed(draft, dice)
            }
            _ => self.misframed(dice),
        }
    }

    /// A document of any kind.
    pub fn document(&self, dice: &mut Dice, oddity: usize) -> Document {
        let kind = match dice.below(10) {
            0..6 => OperationType::Query,
            6..9 => OperationType::Mutation,
            _ => OperationType::Subscription,
        };
        Document::write(dice, self.schema, self.known, Wish { kind, oddity, with_files: false })
    }

    /// One that is to be executed.
    fn good(&self, dice: &mut Dice) -> Request {
        let mut draft = if dice.percent(4) {
            let wish = Wish { kind: OperationType::Mutation, oddity: 2, with_files: true };
            let document = Document::write(dice, self.schema, self.known, wish);
            let form = good_form("x-y", &document, &self.known.picture, dice);
            let mut draft = Draft::post("multipart/form-data; boundary=x-y", form);
            draft.add("apollo-require-preflight", "1");
            draft
        } else {
            self.plain(&self.document(dice, 2), dice)
        };
        if let Some(token) = self.fitting_token(&draft, dice) {
            draft.add("authorization", format!("Bearer {token}"));
        }
        Request { is_good: true, ..draft.into_request() }
    }

    /// The document in one of the ways that it can be sent.
    fn plain(&self, document: &Document, dice: &mut Dice) -> Draft {
        let is_subscription = document.kind == OperationType::Subscription;
        let fields = envelope(document, dice);
        let gets = document.kind != OperationType::Mutation && dice.percent(25);
        let mut draft = if gets {
            let parameters = fields.iter().map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", escaped(value.as_bytes()))
            });
            Draft::get(format!("/graphql?{}", parameters.collect::<Vec<_>>().join("&")))
        } else {
            Draft::post("application/json", serde_json::Value::Object(fields).to_string().into_bytes())
        };
        if is_subscription || dice.percent(5) {
            draft.add("accept", *dice.pick(&[ACCEPTS[3], ACCEPTS[4]]));
            if is_subscription && dice.percent(20) {
                draft.add("last-event-id", self.known.cursors[0].clone());
            }
        } else if dice.percent(50) {
            draft.add("accept", *dice.pick(&ACCEPTS[..3]));
        }
        if document.kind == OperationType::Mutation && dice.percent(10) {
            draft.add("idempotency-key", format!("{:x}", dice.between(0..=i64::MAX)));
        }
        draft
    }

    /// The token of somebody who may do what is asked for.
    fn fitting_token(&self, draft: &Draft, dice: &mut Dice) -> Option<&str> {
        let [member, reviewer, leaver] = &self.known.tokens;
        // Who is signed out is not asked again.
        if draft.says("signOut") {
            return Some(leaver);
        }
        if ["review", "Review", "decide"].iter().any(|word| draft.says(word)) {
            return Some(reviewer);
        }
        match dice.below(10) {
            0 if !draft.says("mutation") && !draft.says("verificationStatusChanged") => None,
            0..4 => Some(reviewer),
            _ => Some(member),
        }
    }

    /// With credentials of any kind, and now and then with headers that nobody has asked for.
    fn dressed(&self, mut draft: Draft, dice: &mut Dice) -> Request {
        if dice.percent(85) {
            if let Some(token) = self.fitting_token(&draft, dice) {
                draft.add("authorization", format!("Bearer {token}"));
            }
        } else {
            draft.add("authorization", self.odd_credentials(dice));
        }
        if dice.percent(25) {
            for _ in 0..=dice.below(3) {
                match dice.below(10) {
                    0 => draft.add("accept", *dice.pick(ACCEPTS)),
                    1 => draft.set("accept", *dice.pick(ACCEPTS)),
                    2 => draft.add("content-type", *dice.pick(CONTENT_TYPES)),
                    3 => draft.set("content-type", *dice.pick(CONTENT_TYPES)),
                    4 => draft.add("x-request-id", "x".repeat(dice.below(200))),
                    5 => draft.add("accept", "a/b;q=0.1,".repeat(dice.below(2_000))),
                    6 => (0..dice.below(120)).for_each(|number| draft.add(&format!("x-{number}"), "1")),
                    7 => draft.set("idempotency-key", vec![0xe9; dice.below(300)]),
                    8 => draft.set("idempotency-key", "one that many use"),
                    _ => {
                        let (name, value) = *dice.pick(HEADERS);
                        draft.add(name, value);
                    }
                }
            }
        }
        if dice.percent(3) {
            (*dice.pick(METHODS)).clone_into(&mut draft.method);
        }
        draft.into_request()
    }

    fn odd_credentials(&self, dice: &mut Dice) -> Vec<u8> {
        let token = &self.known.tokens[0];
        match dice.below(9) {
            0 => b"Bearer".to_vec(),
            1 => b"Bearer ".to_vec(),
            2 => b"Basic YTpi".to_vec(),
            3 => b"Bearer \xff\xfe\xe9".to_vec(),
            4 => format!("bearer   {token}").into_bytes(),
            5 => format!("Bearer {}", oddities::altered(token, dice)).into_bytes(),
            6 => format!("Bearer {}", "a".repeat(dice.below(9_000))).into_bytes(),
            // A token that wants no signature to be checked.
            7 => b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_vec(),
            _ => token.clone().into_bytes(),
        }
    }

    /// What is at other addresses, and what is at none.
    fn elsewhere(&self, dice: &mut Dice) -> Draft {
        let id = dice.pick(&self.known.ids).clone();
        let signed = format!(
            "expires={}&signature={}",
            oddities::number(dice),
            escaped(oddities::text(dice).as_bytes())
        );
        let target = match dice.below(16) {
            0 => format!("/media/{id}.jpg"),
            1 => format!("/media/{id}.jpg?{signed}"),
            2 => format!("/media/{}", escaped(oddities::text(dice).as_bytes())),
            3 => format!("/identity-documents/{id}?{signed}"),
            4 => format!("/identity-documents/{id}?expires=1&signature=1&expires=2"),
            5 => {
                (*dice.pick(&["/livez", "/readyz", "/metrics", "/graphiql", "/", "/favicon.ico"])).to_owned()
            }
            6 => (*dice.pick(&[
                "/graphql/",
                "//graphql",
                "/GraphQL",
                "/graphql%00",
                "/./graphql",
                "/graphql;a=b",
            ]))
            .to_owned(),
            7 => (*dice.pick(&[
                "*",
                "",
                "graphql",
                "http://other/graphql?query={__typename}",
                "other:80",
                "?",
            ]))
            .to_owned(),
            8 => format!("/{}", "a/".repeat(dice.below(5_000))),
            9 => format!("/graphql?query={}", "a".repeat(60_000 + dice.below(12_000))),
            10 => format!("/graphql?query={}&variables=[", escaped(b"{ __typename }")),
            11 => "/graphql?query=%7B%zz%ff%&query&=&&&variables=%00".to_owned(),
            12 => format!(
                "/graphql?ticket={}&query={}",
                escaped(oddities::text(dice).as_bytes()),
                escaped(b"subscription { gigPublished { gigId } }")
            ),
            13 => format!("/graphql?{}", "query=%7B__typename%7D&".repeat(dice.below(500))),
            14 => format!(
                "/graphql?query=mutation%7BsignOut%7BsessionsEnded%7D%7D&extensions={}",
                oddities::number(dice)
            ),
            _ => format!("/graphql?{}", escaped(oddities::text(dice).as_bytes())),
        };
        let mut draft = Draft::get(spoiled(target.into_bytes(), dice));
        if dice.percent(10) {
            (*dice.pick(METHODS)).clone_into(&mut draft.method);
        }
        if dice.percent(10) {
            let upgrade =
                [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
            for (name, value) in upgrade {
                draft.add(name, value);
            }
            draft.add("sec-websocket-key", *dice.pick(&["dGhlIHNhbXBsZSBub25jZQ==", "short", ""]));
        }
        draft
    }

    /// What is no HTTP, or says something else of itself than it is.
    fn misframed(&self, dice: &mut Dice) -> Request {
        let mut draft = self.plain(&self.document(dice, 10), dice);
        if let Some(token) = self.fitting_token(&draft, dice) {
            draft.add("authorization", format!("Bearer {token}"));
        }
        let length = draft.body.len();
        let framing = match dice.below(12) {
            0 => format!("content-length: {}\r\n", length + 1 + dice.below(9)),
            1 => format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1),
            2 => format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            3 => (*dice.pick(&["content-length: -1\r\n", "content-length: 18446744073709551616\r\n"]))
                .to_owned(),
            4 => (*dice.pick(&["transfer-encoding: gzip\r\n", "transfer-encoding: gzip, chunked\r\n"]))
                .to_owned(),
            5 => "transfer-encoding: chunked\r\n".to_owned(),
            6 => "a\u{0}b: c\r\n".to_owned(),
            7 => ": no name\r\n".to_owned(),
            8 => "no colon\r\n".to_owned(),
            9 => " folded\r\n\tlines: 1\r\n".to_owned(),
            _ => format!("content-length: {length}\r\n"),
        };
        let ending = if dice.percent(50) { Ending::CutOff } else { Ending::Unfinished };
        let mut bytes = draft.written(&framing);
        match dice.below(4) {
            0 => bytes.truncate(dice.below(bytes.len())),
            1 => bytes = spoiled(bytes, dice),
            2 => bytes = String::from_utf8_lossy(&bytes).replacen("HTTP/1.1", "HTTP/9.7", 1).into_bytes(),
            _ => {}
        }
        Request { bytes, ending, is_good: false }
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
