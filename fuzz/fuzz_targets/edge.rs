//! Sends what the fuzzer makes up to a real gateway over a real connection, and judges the answer as `tests/api/fuzz.rs`
//! does.
//!
//! The first letter of an input says what the rest of it is: `d` a document and, behind a line `---`, its variables; `b`
//! a content type and, behind it, a body; `r` all that goes over the connection; `c`, or any other, the choices that
//! the property test's generator makes by chance. The second says who asks: `m` a member, `r` a reviewer, any other nobody.

#![no_main]

#[expect(dead_code, reason = "the property test talks over sockets, too")]
#[path = "../../tests/api/support/fuzz/mod.rs"]
mod fuzz;
#[path = "../../tests/api/support/pictures.rs"]
mod pictures;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use gigway::app::App;
use gigway::clock::SystemClock;
use gigway::config::{Config, Settings};
use image::ImageFormat;
use libfuzzer_sys::{Corpus, fuzz_target};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use fuzz::random::RandomSource;
use fuzz::response_checker::ResponseChecker;
use fuzz::fixtures::{Fixtures, SampleImages};
use fuzz::requests::{RequestBuilder, RequestGenerator};
use fuzz::schema::Schema;
use fuzz::raw_http::{Ending, Request, RawClient};

/// Sooner than a session ends.
const SIGN_IN_EVERY: Duration = Duration::from_mins(10);

const TOKEN_SECRET: &str = "what-the-gateway-keeps-to-itself-0123456789";

/// However much is asked of it, it is for the rest to bear it.
const BUDGETS: &str = r#"{
    "anonymous": { "capacity": 0, "perMinute": 0 }, "viewer": { "capacity": 0, "perMinute": 0 },
    "signIn": { "capacity": 0, "perMinute": 0 }, "signUp": { "capacity": 0, "perMinute": 0 },
    "upload": { "capacity": 0, "perMinute": 0 } }"#;

static GATEWAY: LazyLock<Mutex<Gateway>> = LazyLock::new(|| Mutex::new(Gateway::start()));

fuzz_target!(|input: &[u8]| -> Corpus {
    // Whatever panics ends the process.
    GATEWAY.lock().expect("nobody has panicked").answer(input)
});

/// A gateway that runs for as long as the process does.
struct Gateway {
    runtime: Runtime,
    address: SocketAddr,
    schema: Schema,
    fixtures: Fixtures,
    checker: ResponseChecker,
    wire: RawClient,
    signed_in: Instant,
    _app: App,
    _folder: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        // What begins in C ends at the first connection that its client has closed, unless somebody has once listened
        // for that.
        drop(runtime.block_on(async { signal(SignalKind::pipe()) }).expect("signals can be listened for"));
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            listen: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(folder.path().display().to_string()),
            token_secret: Some(TOKEN_SECRET.to_owned()),
            budgets: Some(BUDGETS.to_owned()),
            sign_in_failures: Some("4000000000".to_owned()),
            sign_in_failures_per_address: Some("4000000000".to_owned()),
            ..Settings::default()
        };
        let config = Config::from_settings(settings).expect("good settings");
        let app = runtime.block_on(App::start(&config, Arc::new(SystemClock))).expect("the gateway starts");
        let pictures = SampleImages {
            gig_image: pictures::small(),
            identity_document: pictures::picture(900, 640, ImageFormat::Jpeg),
        };
        let known = runtime.block_on(Fixtures::create(&app.services, app.address, pictures));
        let secrets = [TOKEN_SECRET.to_owned(), folder.path().display().to_string()];
        Self {
            address: app.address,
            schema: Schema::parse(&gigway::graphql::sdl()),
            checker: ResponseChecker::new(&known, &secrets),
            known,
            wire: RawClient::new(app.address),
            signed_in: Instant::now(),
            runtime,
            _app: app,
            _folder: folder,
        }
    }

    /// Panics where the answer is not as it should be.
    fn answer(&mut self, input: &[u8]) -> Corpus {
        if self.signed_in.elapsed() > SIGN_IN_EVERY {
            self.fixtures = self.runtime.block_on(self.fixtures.clone().with_new_sessions(self.address));
            self.signed_in = Instant::now();
        }
        let request = self.request(input);
        // The fuzzer learns what is looked for; a gig of that name would be taken for a leak for ever after.
        if self.checker.check_leaks(&request.bytes, b"").is_err() {
            return Corpus::Reject;
        }
        let answer = self.runtime.block_on(self.wire.exchange(&request));
        let summary = answer.as_ref().map_err(Clone::clone);
        let summary = summary.and_then(|answer| self.checker.check(&request, answer.as_ref(), &self.fixtures));
        if let Err(fault) = summary {
            let body = answer.ok().flatten().map(|answer| answer.body).unwrap_or_default();
            panic!(
                "{fault}\n--- request:\n{}\n--- answer:\n{}",
                request.shown(),
                String::from_utf8_lossy(&body)
            );
        }
        Corpus::Keep
    }

    fn request(&self, input: &[u8]) -> Request {
        let (Some(kind), Some(rest)) = (input.first(), input.get(2..)) else { return self.chosen(input) };
        let mut builder = match kind {
            b'd' => RequestBuilder::post("application/json", operation(&self.filled_in(rest))),
            b'b' => {
                let (content_type, body) = divided(rest, "\n");
                let mut builder = RequestBuilder::post(&content_type.replace('\r', ""), body.to_vec());
                builder.add("apollo-require-preflight", "1");
                builder
            }
            b'r' => {
                return Request { bytes: self.filled_in(rest), ending: Ending::Arbitrary, is_valid: false };
            }
            _ => return self.chosen(input),
        };
        let [member, reviewer, _] = &self.fixtures.tokens;
        match input[1] {
            b'm' => builder.add("authorization", format!("Bearer {member}")),
            b'r' => builder.add("authorization", format!("Bearer {reviewer}")),
            _ => {}
        }
        builder.build()
    }

    fn chosen(&self, input: &[u8]) -> Request {
        let choices = Choices { given: input.to_vec(), next: 0, behind: StdRng::seed_from_u64(0) };
        RequestGenerator { schema: &self.schema, known: &self.fixtures }.request(&mut RandomSource::new(choices))
    }

    /// An input cannot know what is different each time: it has names for it.
    fn filled_in(&self, input: &[u8]) -> Vec<u8> {
        let id = |prefix: &str| {
            self.fixtures.ids.iter().find(|id| id.starts_with(prefix)).cloned().unwrap_or_default()
        };
        let [member, reviewer, _] = self.fixtures.tokens.clone();
        let names = [
            ("<member>", member),
            ("<reviewer>", reviewer),
            ("<gig>", id("gig")),
            ("<user>", id("usr")),
            ("<category>", id("cat")),
            ("<review>", id("rev")),
            ("<verification>", id("ver")),
            ("<cursor>", self.fixtures.cursors[0].clone()),
        ];
        let mut filled_in = Vec::with_capacity(input.len());
        let mut rest = input;
        while let Some((byte, behind)) = rest.split_first() {
            if let Some((name, value)) = names.iter().find(|(name, _)| rest.starts_with(name.as_bytes())) {
                filled_in.extend_from_slice(value.as_bytes());
                rest = &rest[name.len()..];
            } else {
                filled_in.push(*byte);
                rest = behind;
            }
        }
        filled_in
    }
}

/// The body that asks for a document with its variables, whatever those are.
fn operation(input: &[u8]) -> Vec<u8> {
    let (document, variables) = divided(input, "\n---\n");
    let document = serde_json::Value::String(document);
    let mut body = format!("{{\"query\":{document}").into_bytes();
    if !variables.is_empty() {
        body.extend_from_slice(b",\"variables\":");
        body.extend_from_slice(variables);
    }
    body.push(b'}');
    body
}

/// What stands in front of the mark, as text, and what behind it.
fn divided<'a>(input: &'a [u8], mark: &str) -> (String, &'a [u8]) {
    let at = input.windows(mark.len()).position(|window| window == mark.as_bytes());
    let at = at.unwrap_or(input.len());
    let behind = input.get(at + mark.len()..).unwrap_or_default();
    (String::from_utf8_lossy(&input[..at]).into_owned(), behind)
}

/// Chance as the fuzzer wants it: a byte of its input for each choice. When there are none left, chance goes on by itself,
/// always in the same way.
struct Choices {
    given: Vec<u8>,
    next: usize,
    behind: StdRng,
}

impl Choices {
    fn byte(&mut self) -> u8 {
        let given = self.given.get(self.next).copied();
        self.next += 1;
        given.unwrap_or_else(|| self.behind.next_u32().to_be_bytes()[0])
    }
}

impl RngCore for Choices {
    fn next_u32(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(); 4])
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_be_bytes([self.byte(); 8])
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.byte());
    }
}
