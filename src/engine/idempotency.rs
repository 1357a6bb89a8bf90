//! A mutation with a key: run once, and answered alike however often it is sent.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, Value};

use crate::domain::id::UserId;
use crate::engine::response::{ResponseBody, error_response, to_json};
use crate::graphql::context::Caller;
use crate::graphql::error::{Error, ErrorCode};
use crate::service::Services;
use crate::service::idempotency;
use crate::service::idempotency::KeyState;

/// Says, among an answer's headers, that it was given before.
pub const REPLAYED_HEADER: &str = "idempotent-replayed";

/// The most characters of a key.
const KEY_MAX_CHARS: usize = 255;

/// The extension that a key comes in over a socket, which has no headers.
pub const IDEMPOTENCY_KEY_EXTENSION: &str = "idempotencyKey";

/// What is known again.
pub struct Request {
    pub key: String,
    pub fingerprint: Vec<u8>,
    /// How long it may run.
    pub within: Duration,
}

/// Runs `acting`, which is what the request asks for, unless it was run before.
pub async fn run_once(
    services: &Services,
    caller: &Caller,
    request: Request,
    acting: impl Future<Output = Response>,
) -> Response {
    let Request { key, fingerprint, within } = request;
    let plain = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if key.is_empty() || key.len() > KEY_MAX_CHARS || !plain {
        let message =
            format!("An Idempotency-Key has 1 to {KEY_MAX_CHARS} characters, all of them printable ASCII.");
        return error_response(&Error::bad_input(message));
    }
    let user_id = match caller {
        Caller::Viewer(viewer) => viewer.id(),
        Caller::Anonymous | Caller::InvalidCredentials => UserId::nil(),
    };
    let attempt = match idempotency::claim_key(services, user_id, &key, fingerprint, within).await {
        Ok(KeyState::Run(attempt)) => attempt,
        Ok(KeyState::Completed(answer)) => return replay(&answer),
        Ok(KeyState::Running) => {
            let message = "The mutation with this Idempotency-Key is running; ask again in a second.";
            return error_response(&Error::conflict(ErrorCode::IdempotencyKeyInUse, message));
        }
        Ok(KeyState::OtherRequest) => {
            let message = "This Idempotency-Key was used for another request; use a new key for each.";
            return error_response(&Error::new(ErrorCode::IdempotencyKeyReused, message));
        }
        Ok(KeyState::ResponseLost) => {
            let message = "The mutation with this Idempotency-Key was done, but its answer was lost; read what it \
                           has become.";
            return error_response(&Error::new(ErrorCode::IdempotentAnswerLost, message));
        }
        Err(error) => return error_response(&error.into()),
    };
    let response = idempotency::run(Arc::clone(&attempt), acting).await;
    // What was not done may be sent anew, and what was only half told cannot be told again.
    let is_final = response.data != Value::Null && (attempt.has_committed() || response.errors.is_empty());
    let kept = if is_final {
        idempotency::store_response(services, &attempt, &to_json(&ResponseBody::from(&response))).await
    } else {
        idempotency::release(services, &attempt).await
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the answer to a mutation with a key could not be kept");
    }
    response
}

/// What the same request answered before.
fn replay(answer: &str) -> Response {
    match serde_json::from_str::<Response>(answer) {
        Ok(mut response) => {
            response.http_headers.insert(REPLAYED_HEADER, "true".parse().expect("a word is a header value"));
            response
        }
        Err(error) => error_response(&Error::internal(&error)),
    }
}

/// What a request is known again by. It is kept, so it must tell nothing of the request.
pub fn fingerprint(services: &Services, request: &async_graphql::Request) -> Vec<u8> {
    let mut text = to_json(&(&request.query, &request.operation_name, &request.variables)).into_bytes();
    for file in &request.uploads {
        let name = file.filename.as_bytes();
        text.extend_from_slice(&name.len().to_be_bytes());
        text.extend_from_slice(name);
        text.extend_from_slice(&file.content.len().to_be_bytes());
        text.extend_from_slice(&file.content);
    }
    services.vault.hash("request with a key", &text)
}
