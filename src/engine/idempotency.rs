//! Mutations with an `Idempotency-Key`: each is executed once, and has the same response however often it is
//! sent.
//!
//! `service::idempotency` stores keys and responses.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, Value};

use crate::domain::id::UserId;
use crate::engine::operation::SentRequest;
use crate::engine::response::{ResponseBody, error_response, to_json};
use crate::graphql::context::Caller;
use crate::graphql::error::{Error, ErrorCode};
use crate::service::Services;
use crate::service::idempotency;
use crate::service::idempotency::KeyState;

/// The response header that marks a stored response.
pub const REPLAYED_HEADER: &str = "idempotent-replayed";

/// The most characters of a key.
const KEY_MAX_CHARS: usize = 255;

/// The request extension with the key, for WebSockets: their operations have no headers.
pub const IDEMPOTENCY_KEY_EXTENSION: &str = "idempotencyKey";

/// A mutation with a key.
pub struct IdempotentRequest {
    pub key: String,
    /// Identifies the request, to detect that the key is used for another one.
    pub fingerprint: Vec<u8>,
    /// How long the mutation may run.
    pub max_duration: Duration,
}

/// Runs the mutation, or returns its stored response if it has run before.
pub async fn run_once(
    services: &Services,
    caller: &Caller,
    request: IdempotentRequest,
    mutation: impl Future<Output = Response>,
) -> Response {
    let IdempotentRequest { key, fingerprint, max_duration } = request;
    let is_printable = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if key.is_empty() || key.len() > KEY_MAX_CHARS || !is_printable {
        let message =
            format!("An Idempotency-Key must have 1 to {KEY_MAX_CHARS} printable ASCII characters.");
        return error_response(&Error::bad_input(message));
    }
    let user_id = match caller {
        Caller::Viewer(viewer) => viewer.id(),
        Caller::Anonymous | Caller::InvalidCredentials => UserId::nil(),
    };
    let attempt = match idempotency::claim_key(services, user_id, &key, fingerprint, max_duration).await {
        Ok(KeyState::Run(attempt)) => attempt,
        Ok(KeyState::Completed(stored)) => return replay(&stored),
        Ok(KeyState::Running) => {
            let message = "A mutation with this Idempotency-Key is running. Send it again in a second.";
            return error_response(&Error::conflict(ErrorCode::IdempotencyKeyInUse, message));
        }
        Ok(KeyState::OtherRequest) => {
            let message =
                "This Idempotency-Key was used for another request. Use a new key for each request.";
            return error_response(&Error::new(ErrorCode::IdempotencyKeyReused, message));
        }
        Ok(KeyState::ResponseLost) => {
            let message = "The mutation with this Idempotency-Key was executed, but its response was lost. \
                           Read the current state.";
            return error_response(&Error::new(ErrorCode::IdempotentAnswerLost, message));
        }
        Err(error) => return error_response(&error.into()),
    };
    let response = idempotency::run(Arc::clone(&attempt), mutation).await;
    // A mutation that failed before it changed anything can run again. A response without data is incomplete,
    // and is not replayed.
    let is_final = response.data != Value::Null && (attempt.has_committed() || response.errors.is_empty());
    let stored = if is_final {
        idempotency::store_response(services, &attempt, &to_json(&ResponseBody::from(&response))).await
    } else {
        idempotency::release(services, &attempt).await
    };
    if let Err(error) = stored {
        tracing::warn!(%error, "idempotent response not stored");
    }
    response
}

/// The stored response of a mutation that has run before.
fn replay(stored: &str) -> Response {
    match serde_json::from_str::<Response>(stored) {
        Ok(mut response) => {
            response.http_headers.insert(REPLAYED_HEADER, "true".parse().expect("a word is a header value"));
            response
        }
        Err(error) => error_response(&Error::internal(&error)),
    }
}

/// Identifies a request by its document, what the client sent with it, and its files. It is a keyed hash,
/// because it is stored and must not reveal the request.
pub fn fingerprint(
    services: &Services,
    request: &async_graphql::Request,
    SentRequest { operation_name, variables }: &SentRequest,
) -> Vec<u8> {
    let mut text = to_json(&(&request.query, operation_name, variables)).into_bytes();
    for file in &request.uploads {
        let name = file.filename.as_bytes();
        text.extend_from_slice(&name.len().to_be_bytes());
        text.extend_from_slice(name);
        text.extend_from_slice(&file.content.len().to_be_bytes());
        text.extend_from_slice(&file.content);
    }
    services.vault.hash("request with a key", &text)
}
