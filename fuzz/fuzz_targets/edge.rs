//! Sends requests that libFuzzer generates to a gateway, and checks the responses as `tests/api/fuzz.rs`
//! does.
//!
//! The first byte of an input says what it contains: `d` a document and, after a line `---`, its variables;
//! `b` a content type and, after a line break, a body; `r` the raw bytes of a request; any other byte the
//! random choices of the request generator. The second byte says who sends it: `m` a member, `r` a reviewer,
//! any other byte an anonymous client.

#![no_main]

#[expect(dead_code, reason = "only the tests use WebSockets")]
#[path = "../../tests/api/support/fuzz/mod.rs"]
mod fuzz;
#[path = "../../tests/api/support/sample_images.rs"]
mod sample_images;

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

use fuzz::fixtures::{Fixtures, SampleImages};
use fuzz::random::RandomSource;
use fuzz::raw_http::{Ending, RawClient, Request};
use fuzz::requests::{RequestBuilder, RequestGenerator};
use fuzz::response_checker::ResponseChecker;
use fuzz::schema::Schema;

/// Shorter than the lifetime of a session.
const SIGN_IN_INTERVAL: Duration = Duration::from_mins(10);

const TOKEN_SECRET: &str = "what-the-gateway-keeps-to-itself-0123456789";

/// No rate limits.
const NO_RATE_LIMITS: &str = r#"{
    "anonymous": { "capacity": 0, "perMinute": 0 }, "viewer": { "capacity": 0, "perMinute": 0 },
    "signIn": { "capacity": 0, "perMinute": 0 },
    "refresh": { "capacity": 0, "perMinute": 0 }, "signUp": { "capacity": 0, "perMinute": 0 },
    "upload": { "capacity": 0, "perMinute": 0 } }"#;

static GATEWAY: LazyLock<Mutex<Gateway>> = LazyLock::new(|| Mutex::new(Gateway::start()));

fuzz_target!(|input: &[u8]| -> Corpus {
    // A panic ends the process.
    GATEWAY.lock().expect("never poisoned").send(input)
});

/// A gateway over SQLite, which runs until the process ends.
struct Gateway {
    runtime: Runtime,
    address: SocketAddr,
    schema: Schema,
    fixtures: Fixtures,
    checker: ResponseChecker,
    client: RawClient,
    signed_in_at: Instant,
    _app: App,
    _dir: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        // libFuzzer has its own `main`, which does not ignore SIGPIPE. Without a handler, writing to a closed
        // connection would end the process.
        drop(runtime.block_on(async { signal(SignalKind::pipe()) }).expect("a signal handler"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let settings = Settings {
            listen: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(dir.path().display().to_string()),
            token_secret: Some(TOKEN_SECRET.to_owned()),
            federation: Some("on".to_owned()),
            budgets: Some(NO_RATE_LIMITS.to_owned()),
            sign_in_failures: Some("4000000000".to_owned()),
            sign_in_failures_per_account: Some("4000000000".to_owned()),
            sign_in_failures_per_address: Some("4000000000".to_owned()),
            ..Settings::default()
        };
        let config = Config::from_settings(settings).expect("valid settings");
        let app = runtime.block_on(App::start(&config, Arc::new(SystemClock))).expect("the gateway starts");
        let images = SampleImages {
            gig_image: sample_images::small_png(),
            identity_document: sample_images::sample_image(900, 640, ImageFormat::Jpeg),
        };
        let fixtures = runtime.block_on(Fixtures::create(&app.services, app.address, images));
        let secrets = [TOKEN_SECRET.to_owned(), dir.path().display().to_string()];
        Self {
            address: app.address,
            schema: Schema::parse(&gigway::graphql::Schema::new(true).sdl()),
            checker: ResponseChecker::new(&fixtures, &secrets),
            fixtures,
            client: RawClient::new(app.address),
            signed_in_at: Instant::now(),
            runtime,
            _app: app,
            _dir: dir,
        }
    }

    /// Sends the request of an input. Panics if the response is invalid.
    fn send(&mut self, input: &[u8]) -> Corpus {
        if self.signed_in_at.elapsed() > SIGN_IN_INTERVAL {
            self.fixtures = self.runtime.block_on(self.fixtures.clone().with_new_sessions(self.address));
            self.signed_in_at = Instant::now();
        }
        let request = self.request(input);
        // The fuzzer learns the forbidden texts. A gig with one in its title would look like a leak in later
        // responses.
        if self.checker.check_leaks(&request.bytes, b"").is_err() {
            return Corpus::Reject;
        }
        let response = self.runtime.block_on(self.client.exchange(&request));
        let result = response.as_ref().map_err(Clone::clone);
        let result =
            result.and_then(|response| self.checker.check(&request, response.as_ref(), &self.fixtures));
        if let Err(fault) = result {
            let body = response.ok().flatten().map(|response| response.body).unwrap_or_default();
            panic!(
                "{fault}\n--- request:\n{}\n--- response:\n{}",
                request.summary(),
                String::from_utf8_lossy(&body)
            );
        }
        Corpus::Keep
    }

    fn request(&self, input: &[u8]) -> Request {
        let (Some(kind), Some(rest)) = (input.first(), input.get(2..)) else { return self.generated(input) };
        let mut builder = match kind {
            b'd' => RequestBuilder::post("application/json", operation_body(&self.fill_placeholders(rest))),
            b'b' => {
                let (content_type, body) = split(rest, "\n");
                let mut builder = RequestBuilder::post(&content_type.replace('\r', ""), body.to_vec());
                builder.add("apollo-require-preflight", "1");
                builder
            }
            b'r' => {
                return Request {
                    bytes: self.fill_placeholders(rest),
                    ending: Ending::Arbitrary,
                    is_valid: false,
                };
            }
            _ => return self.generated(input),
        };
        let [member, reviewer, _] = &self.fixtures.tokens;
        match input[1] {
            b'm' => builder.add("authorization", format!("Bearer {member}")),
            b'r' => builder.add("authorization", format!("Bearer {reviewer}")),
            _ => {}
        }
        builder.build()
    }

    fn generated(&self, input: &[u8]) -> Request {
        let choices = InputRng { input: input.to_vec(), next: 0, fallback: StdRng::seed_from_u64(0) };
        let generator = RequestGenerator { schema: &self.schema, fixtures: &self.fixtures };
        generator.request(&mut RandomSource::new(choices))
    }

    /// Replaces placeholders such as `<member>` by values that differ in each run.
    fn fill_placeholders(&self, input: &[u8]) -> Vec<u8> {
        let id = |prefix: &str| {
            self.fixtures.ids.iter().find(|id| id.starts_with(prefix)).cloned().unwrap_or_default()
        };
        let [member, reviewer, _] = self.fixtures.tokens.clone();
        let placeholders = [
            ("<member>", member),
            ("<reviewer>", reviewer),
            ("<gig>", id("gig")),
            ("<user>", id("usr")),
            ("<category>", id("cat")),
            ("<review>", id("rev")),
            ("<verification>", id("ver")),
            ("<cursor>", self.fixtures.cursors[0].clone()),
        ];
        let mut filled = Vec::with_capacity(input.len());
        let mut rest = input;
        while let Some((byte, after)) = rest.split_first() {
            if let Some((name, value)) =
                placeholders.iter().find(|(name, _)| rest.starts_with(name.as_bytes()))
            {
                filled.extend_from_slice(value.as_bytes());
                rest = &rest[name.len()..];
            } else {
                filled.push(*byte);
                rest = after;
            }
        }
        filled
    }
}

/// The JSON body of a document and its variables, which may be invalid JSON.
fn operation_body(input: &[u8]) -> Vec<u8> {
    let (document, variables) = split(input, "\n---\n");
    let document = serde_json::Value::String(document);
    let mut body = format!("{{\"query\":{document}").into_bytes();
    if !variables.is_empty() {
        body.extend_from_slice(b",\"variables\":");
        body.extend_from_slice(variables);
    }
    body.push(b'}');
    body
}

/// The text before the separator, and the bytes after it.
fn split<'a>(input: &'a [u8], separator: &str) -> (String, &'a [u8]) {
    let at = input.windows(separator.len()).position(|window| window == separator.as_bytes());
    let at = at.unwrap_or(input.len());
    let after = input.get(at + separator.len()..).unwrap_or_default();
    (String::from_utf8_lossy(&input[..at]).into_owned(), after)
}

/// A random number generator that returns the bytes of an input, and then those of a generator with a fixed
/// seed.
struct InputRng {
    input: Vec<u8>,
    next: usize,
    fallback: StdRng,
}

impl InputRng {
    fn byte(&mut self) -> u8 {
        let byte = self.input.get(self.next).copied();
        self.next += 1;
        byte.unwrap_or_else(|| self.fallback.next_u32().to_be_bytes()[0])
    }
}

impl RngCore for InputRng {
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
