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

/// Headers that clients and their monitoring add by themselves: the name and version of the client, and the
/// contexts of W3C Trace Context, Sentry and Datadog. The gateway does not read them, but without permission a
/// browser would not send the request.
pub const CLIENT_HEADERS: [HeaderName; 11] = [
    header_name("apollographql-client-name"),
    header_name("apollographql-client-version"),
    header_name("traceparent"),
    header_name("tracestate"),
    header_name("baggage"),
    header_name("sentry-trace"),
    header_name("x-datadog-trace-id"),
    header_name("x-datadog-parent-id"),
    header_name("x-datadog-origin"),
    header_name("x-datadog-sampling-priority"),
    header_name("x-datadog-tags"),
];

/// Creates the name of a custom header. `name` must be in lower case.
pub const fn header_name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
