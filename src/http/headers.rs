//! The names of headers that are not in the standard list.

use axum::http::HeaderName;

/// A web page can send a form anywhere without its user's knowledge, but not with one of these headers
/// unless CORS lets it: so who sends a form sends one of them. Apollo's clients do.
pub const REQUIRE_PREFLIGHT: HeaderName = header_name("apollo-require-preflight");
pub const APOLLO_OPERATION_NAME: HeaderName = header_name("x-apollo-operation-name");

/// Names an attempt to change something.
pub const IDEMPOTENCY_KEY: HeaderName = header_name("idempotency-key");

/// The id of the request, in the log and in the response.
pub const REQUEST_ID: HeaderName = header_name("x-request-id");

/// What a browser's EventSource resumes by.
pub const LAST_EVENT_ID: HeaderName = header_name("last-event-id");

/// A header of our own, or of a client library.
pub const fn header_name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
