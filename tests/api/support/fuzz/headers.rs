//! Unusual methods and headers.

/// Methods other than GET and POST.
pub const METHODS: &[&str] = &[
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "QUERY",
    "get",
    "M-SEARCH",
    "A!#$%&'*+.^_`|~",
];

/// The first five are valid; of these, the last two are for subscriptions.
pub const ACCEPTS: &[&str] = &[
    "*/*",
    "application/json",
    "application/graphql-response+json",
    "text/event-stream",
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json",
    "multipart/mixed",
    "text/html",
    "application/json;q=0",
    "application/json;q=NaN, text/event-stream;q=-1",
    "*/*;q=inf",
    ";;;,,,q=",
    "a/b/c, \u{e9}",
];

pub const CONTENT_TYPES: &[&str] = &[
    "application/json; charset=utf-16",
    "application/json;",
    "APPLICATION/JSON",
    "application/graphql",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=\"\r",
    "multipart/form-data; boundary=x; boundary=y",
    "application/x-www-form-urlencoded",
    "",
    ";",
];

/// Headers that the gateway or its libraries read, most with invalid values.
pub const HEADERS: &[(&str, &str)] = &[
    ("x-request-id", "two words"),
    ("x-request-id", "abc-123_x.y"),
    ("x-forwarded-for", "1.1.1.1, ::1, nonsense"),
    ("x-forwarded-for", "999.999.999.999"),
    ("idempotency-key", ""),
    ("idempotency-key", "shared key"),
    ("idempotency-key", "\u{e9}"),
    ("last-event-id", "nonsense"),
    ("last-event-id", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("origin", "null"),
    ("origin", "https://evil.example.com"),
    ("origin", "http://localhost:x"),
    ("if-none-match", "*"),
    ("if-none-match", "W/\"\", \"x"),
    ("range", "bytes=0-0,-1"),
    ("expect", "100-continue"),
    ("expect", "nonsense"),
    ("te", "trailers"),
    ("content-encoding", "gzip"),
    ("accept-encoding", "gzip, br;q=0"),
    ("connection", "close, keep-alive"),
    ("upgrade", "h2c"),
    ("traceparent", "00-00000000000000000000000000000000-0000000000000000-ff"),
    ("cookie", "a=b; c"),
    ("host", ""),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization, \u{7f}"),
    ("x-apollo-operation-name", "\u{1f980}"),
    ("apollo-require-preflight", ""),
];
