//! In which media type an answer goes out, and with which HTTP status.

use async_graphql::{Response, Value};
use axum::http::{HeaderMap, StatusCode, header};

use crate::engine::response::{error_codes, is_request_error};

/// A media type that answers can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status says whether the request could be executed.
    GraphqlResponse,
    /// `application/json`: for clients from before that; the status is 200 for whatever is GraphQL.
    Json,
    /// `text/event-stream`: answers as they come, of any operation.
    EventStream,
    /// `multipart/mixed` with a `subscriptionSpec`: what a subscription tells, as it comes. Any other operation is
    /// answered as [`Json`](Self::Json).
    MultipartSubscription,
}

impl MediaType {
    /// Of one whole answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json | Self::EventStream | Self::MultipartSubscription => "application/json; charset=utf-8",
        }
    }

    /// The one that the client likes best; `None` where it accepts neither.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let ranges: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let liked = ranges.into_iter().filter_map(|range| {
            let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
            let offered = match media_type.trim().to_ascii_lowercase().as_str() {
                "application/graphql-response+json" => Self::GraphqlResponse,
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/event-stream" => Self::EventStream,
                "multipart/mixed" if parameters.to_ascii_lowercase().contains("subscriptionspec") => {
                    Self::MultipartSubscription
                }
                _ => return None,
            };
            let quality = quality(parameters);
            (quality > 0.0).then_some((offered, quality))
        });
        // Of equals, the first.
        let best = liked.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(media_type, _)| media_type)
    }

    /// The status of an answer.
    pub fn status(self, response: &Response) -> StatusCode {
        let failed = response.data == Value::Null && !response.errors.is_empty();
        let told = failed.then(|| error_codes(response).find_map(status_of)).flatten();
        let by_type = match self {
            Self::GraphqlResponse if is_request_error(response) => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        };
        told.unwrap_or(by_type)
    }
}

/// The status of what is told to whatever stands between, too: proxies, and clients that try again.
fn status_of(code: &str) -> Option<StatusCode> {
    Some(match code {
        "SERVICE_UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        "TIMED_OUT" => StatusCode::GATEWAY_TIMEOUT,
        "RATE_LIMITED" => StatusCode::TOO_MANY_REQUESTS,
        "IDEMPOTENCY_KEY_IN_USE" | "IDEMPOTENT_ANSWER_LOST" => StatusCode::CONFLICT,
        "IDEMPOTENCY_KEY_REUSED" => StatusCode::UNPROCESSABLE_ENTITY,
        _ => return None,
    })
}

fn quality(parameters: &str) -> f32 {
    let given = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    given.map_or(1.0, |text| text.parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &'static str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        MediaType::accepted(&headers)
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        use MediaType::{GraphqlResponse, Json};
        assert_eq!(MediaType::accepted(&HeaderMap::new()), Some(Json));
        assert_eq!(accepted("*/*"), Some(Json));
        assert_eq!(accepted("application/graphql-response+json"), Some(GraphqlResponse));
        assert_eq!(accepted("application/json, application/graphql-response+json"), Some(Json));
        let preferring = "application/json;q=0.9, application/graphql-response+json; charset=utf-8";
        assert_eq!(accepted(preferring), Some(GraphqlResponse));
        let apollo = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
        assert_eq!(accepted(apollo), Some(MediaType::MultipartSubscription));
        assert_eq!(accepted("multipart/mixed;deferSpec=20220824,application/json"), Some(Json));
        assert_eq!(accepted("text/event-stream"), Some(MediaType::EventStream));
        assert_eq!(accepted("text/html"), None);
        assert_eq!(accepted("application/json;q=0"), None);
    }
}
