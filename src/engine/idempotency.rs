//! Mutations with an `Idempotency-Key`: each is executed once, however often it is sent. A repetition answers
//! from what the mutation did, for the caller of now: see [`OutcomeLog`].
//!
//! `service::idempotency` stores the keys.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, Value};

use crate::domain::id::UserId;
use crate::engine::operation::{SentRequest, ValidatedOperation};
use crate::engine::response::{error_response, to_json};
use crate::graphql::context::Caller;
use crate::graphql::error::{Error, ErrorCode, Result};
use crate::graphql::outcomes::OutcomeLog;
use crate::service::Services;
use crate::service::idempotency;
use crate::service::idempotency::{KEYS_PER_USER_MAX, KeyState};

/// The response header that marks the response to a repetition.
pub const REPLAYED_HEADER: &str = "idempotent-replayed";

/// The most characters of a key.
const KEY_MAX_CHARS: usize = 255;

/// The request extension with the key, for WebSockets: their operations have no headers.
pub const IDEMPOTENCY_KEY_EXTENSION: &str = "idempotencyKey";

/// The mutations that need no session. Without one there is nobody whom a key could belong to.
const MUTATIONS_WITHOUT_SESSION: [&str; 3] = ["signUp", "signIn", "refreshSession"];

/// A mutation with a key.
pub struct IdempotentRequest {
    user_id: UserId,
    key: String,
    /// Identifies the request, to detect that the key is used for another one.
    fingerprint: Vec<u8>,
    /// How long the mutation may run.
    max_duration: Duration,
}

impl IdempotentRequest {
    /// The request, if the operation is a mutation with a key.
    ///
    /// # Errors
    /// BAD_USER_INPUT if the key is malformed, or the mutation needs no session and has none; UNAUTHENTICATED if
    /// it needs one and has none.
    pub async fn new(
        services: &Arc<Services>,
        caller: &Caller,
        operation: &ValidatedOperation,
        max_duration: Duration,
    ) -> Result<Option<Self>> {
        let Some((key, sent)) = operation.idempotency_key.clone().zip(operation.sent.as_ref()) else {
            return Ok(None);
        };
        let is_printable = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if key.is_empty() || key.len() > KEY_MAX_CHARS || !is_printable {
            let message =
                format!("An Idempotency-Key must have 1 to {KEY_MAX_CHARS} printable ASCII characters.");
            return Err(Error::bad_input(message));
        }
        let Caller::Viewer(viewer) = caller else {
            let names = operation.root_fields.iter();
            return Err(
                match names.into_iter().find(|name| MUTATIONS_WITHOUT_SESSION.contains(&name.as_str())) {
                    Some(name) => Error::bad_input(format!(
                        "An Idempotency-Key belongs to a session. Send `{name}` without the header \
                     `Idempotency-Key` and without `extensions.{IDEMPOTENCY_KEY_EXTENSION}`."
                    )),
                    None => caller.unauthenticated(),
                },
            );
        };
        let fingerprint = fingerprint(services, &operation.request, sent).await?;
        Ok(Some(Self { user_id: viewer.id(), key, fingerprint, max_duration }))
    }
}

/// Runs the mutation, or answers its repetition. `execute` executes the operation with this log.
pub async fn run_once<F: Future<Output = Response>>(
    services: &Services,
    request: IdempotentRequest,
    execute: impl FnOnce(Arc<OutcomeLog>) -> F,
) -> Response {
    let IdempotentRequest { user_id, key, fingerprint, max_duration } = request;
    let attempt = match idempotency::claim_key(services, user_id, &key, fingerprint, max_duration).await {
        Ok(KeyState::Run(attempt)) => attempt,
        Ok(KeyState::Completed(outcomes)) => match OutcomeLog::replaying(&outcomes) {
            Some(log) => return replay(execute(Arc::new(log))).await,
            None => return error_response(&lost()),
        },
        Ok(KeyState::Running) => {
            let message = "A mutation with this Idempotency-Key is running. Send it again in a second.";
            return error_response(&Error::conflict(ErrorCode::IdempotencyKeyInUse, message));
        }
        Ok(KeyState::OtherRequest) => {
            let message =
                "This Idempotency-Key was used for another request. Use a new key for each request.";
            return error_response(&Error::new(ErrorCode::IdempotencyKeyReused, message));
        }
        Ok(KeyState::ResponseLost) => return error_response(&lost()),
        Ok(KeyState::TooManyKeys(wait)) => {
            let message = format!(
                "At most {KEYS_PER_USER_MAX} Idempotency-Keys of a user are stored, each for 24 hours. Send the \
                 mutation without a key, or later."
            );
            return error_response(&Error::too_many(message, wait));
        }
        Err(error) => return error_response(&error.into()),
    };
    let log = Arc::new(OutcomeLog::recording());
    let response = idempotency::run(Arc::clone(&attempt), execute(Arc::clone(&log))).await;
    // A mutation that failed before it changed anything can run again. A response without data is incomplete,
    // and is not replayed.
    let is_final = response.data != Value::Null && (attempt.has_committed() || response.errors.is_empty());
    let stored = if is_final {
        let (outcomes, subjects) = log.recorded();
        idempotency::store_outcomes(services, &attempt, &outcomes, &subjects).await
    } else {
        idempotency::release(services, &attempt).await
    };
    if let Err(error) = stored {
        tracing::warn!(%error, "outcomes of an idempotent mutation not stored");
    }
    response
}

fn lost() -> Error {
    Error::answer_lost("The mutation with this Idempotency-Key was executed, but its response was lost.")
}

/// The response to a repetition.
async fn replay(execution: impl Future<Output = Response>) -> Response {
    let mut response = execution.await;
    response.http_headers.insert(REPLAYED_HEADER, "true".parse().expect("a word is a header value"));
    response
}

/// Identifies a request by its document, what the client sent with it, and its files. It is a keyed hash,
/// because it is stored and must not reveal the request.
async fn fingerprint(
    services: &Arc<Services>,
    request: &async_graphql::Request,
    SentRequest { operation_name, variables }: &SentRequest,
) -> Result<Vec<u8>> {
    let mut text = to_json(&(&request.query, operation_name, variables)).into_bytes();
    let files: Vec<_> = request.uploads.iter().map(|file| file.content.clone()).collect();
    for file in &request.uploads {
        let name = file.filename.as_bytes();
        text.extend_from_slice(&name.len().to_be_bytes());
        text.extend_from_slice(name);
        text.extend_from_slice(&file.content.len().to_be_bytes());
    }
    if files.is_empty() {
        return Ok(services.vault.hash(PURPOSE, &text));
    }
    // Files can have many megabytes, which take too long to hash on a thread that serves other requests.
    let services = Arc::clone(services);
    let hashed = tokio::task::spawn_blocking(move || {
        for file in files {
            text.extend_from_slice(&services.vault.hash(PURPOSE, &file));
        }
        services.vault.hash(PURPOSE, &text)
    });
    hashed.await.map_err(|error| Error::internal(&error))
}

/// The purpose of the keyed hash. Change its number with what [`OutcomeLog`] stores: then a version that cannot
/// read what another has stored refuses the key, instead of giving a wrong answer.
const PURPOSE: &str = "request with a key, 3";
