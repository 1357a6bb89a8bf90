//! The names of headers that `axum::http::header` does not define.

use axum::http::HeaderName;

/// A multipart request must have this header or [`APOLLO_OPERATION_NAME`]. An HTML form on another web site
/// can send a multipart request without its user's knowledge, but it cannot set these headers: a browser
/// sends them only after CORS has allowed it. Apollo's clients set them.
pub const REQUIRE_PREFLIGHT: HeaderName = header_name("apollo-require-preflight");
pub const APOLLO_OPERATION_NAME: HeaderName = header_name("x-apollo-operation-name");

/// A mutation with the same key is executed once, however often it is sent.
pub const IDEMPOTENCY_KEY: HeaderName = header_name("idempotency-key");

/// The id of the request, in the log and in the response.
pub const REQUEST_ID: HeaderName = header_name("x-request-id");

/// The cursor after which a browser's `EventSource` resumes a stream.
pub const LAST_EVENT_ID: HeaderName = header_name("last-event-id");

/// Creates the name of a custom header. `name` must be in lower case.
pub const fn header_name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
