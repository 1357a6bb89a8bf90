//! Content negotiation: the media type of a response, and its HTTP status.

use async_graphql::{Response, Value};
use axum::http::{HeaderMap, StatusCode, header};

use crate::engine::response::{error_codes, is_request_error};

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// A media type of GraphQL responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status is 400 if nothing was executed.
    GraphqlResponse,
    /// `application/json`, for older clients: the status of every GraphQL response is 200.
    Json,
    /// `text/event-stream`: server-sent events, for any operation.
    EventStream,
    /// `multipart/mixed` with `subscriptionSpec`: the events of a subscription. The response to another
    /// operation is [`Json`](Self::Json).
    MultipartSubscription,
}

impl MediaType {
    /// The content type of a single response.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json | Self::EventStream | Self::MultipartSubscription => "application/json; charset=utf-8",
        }
    }

    /// Returns the media type that the client prefers; `None` if it accepts none of them.
    pub fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let ranges: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let json = quality_of(&ranges, JSON);
        let graphql_response = quality_of(&ranges, GRAPHQL_RESPONSE);
        let acceptable = ranges.into_iter().filter_map(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality = quality(parameters);
            let media_type = match name.trim().to_ascii_lowercase().as_str() {
                GRAPHQL_RESPONSE => Self::GraphqlResponse,
                JSON => Self::Json,
                "text/event-stream" => Self::EventStream,
                "multipart/mixed" if parameters.to_ascii_lowercase().contains("subscriptionspec") => {
                    Self::MultipartSubscription
                }
                // A wildcard is about the types that the client does not name.
                "application/*" | "*/*" if json.is_none() => Self::Json,
                "application/*" | "*/*" if graphql_response.is_none() && json < Some(quality) => {
                    Self::GraphqlResponse
                }
                _ => return None,
            };
            (quality > 0.0).then_some((media_type, quality))
        });
        // The first one of equal quality wins.
        let best = acceptable.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(media_type, _)| media_type)
    }

    /// The HTTP status of a single response.
    pub fn status(self, response: &Response) -> StatusCode {
        let has_failed = response.data == Value::Null && !response.errors.is_empty();
        let by_error = has_failed.then(|| error_codes(response).find_map(status_of)).flatten();
        let by_media_type = match self {
            Self::GraphqlResponse if is_request_error(response) => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        };
        by_error.unwrap_or(by_media_type)
    }
}

/// The status of an error that proxies and retrying clients must notice. It is the same for every media type.
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

/// The `q` among the parameters of an entry of `Accept` or `Accept-Encoding`: 1 if there is none, and 0, which
/// excludes the entry, if it is invalid.
pub fn quality(parameters: &str) -> f32 {
    let mut pairs = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let quality = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let parse = |text: &str| text.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality));
    quality.map_or(1.0, |(_, text)| parse(text).unwrap_or(0.0))
}

/// The quality that the ranges of `Accept` give to this one; `None` if it is not among them.
fn quality_of(ranges: &[&str], wanted: &str) -> Option<f32> {
    ranges.iter().find_map(|range| {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        name.trim().eq_ignore_ascii_case(wanted).then(|| quality(parameters))
    })
}

/// Whether the client accepts WebP, at least as gladly as JPEG. It must name WebP, because clients that do not know it
/// also send wildcards. Of JPEG, the most specific range counts: its name, all images, or everything.
pub fn accepts_webp(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<_> = lines.flat_map(|line| line.split(',')).collect();
    let jpeg = ["image/jpeg", "image/*", "*/*"].into_iter().find_map(|range| quality_of(&ranges, range));
    quality_of(&ranges, "image/webp").is_some_and(|webp| webp > 0.0 && webp >= jpeg.unwrap_or(0.0))
}

/// Whether the client names HTML as acceptable, as browsers do when they open a page.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<_> = lines.flat_map(|line| line.split(',')).collect();
    quality_of(&ranges, "text/html").is_some_and(|quality| quality > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(accept: &'static str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        MediaType::negotiate(&headers)
    }

    #[test]
    fn the_preferred_media_type_is_chosen() {
        use MediaType::{GraphqlResponse, Json};
        assert_eq!(MediaType::negotiate(&HeaderMap::new()), Some(Json));
        assert_eq!(negotiate("*/*"), Some(Json));
        assert_eq!(negotiate("application/graphql-response+json"), Some(GraphqlResponse));
        assert_eq!(negotiate("application/json, application/graphql-response+json"), Some(Json));
        let with_quality = "application/json;q=0.9, application/graphql-response+json; charset=utf-8";
        assert_eq!(negotiate(with_quality), Some(GraphqlResponse));
        let apollo = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
        assert_eq!(negotiate(apollo), Some(MediaType::MultipartSubscription));
        assert_eq!(negotiate("multipart/mixed;deferSpec=20220824,application/json"), Some(Json));
        assert_eq!(negotiate("text/event-stream"), Some(MediaType::EventStream));
        assert_eq!(negotiate("text/html"), None);
        assert_eq!(negotiate("application/json, text/plain, */*"), Some(Json));
        assert_eq!(negotiate("*/*, application/json"), Some(Json));
        assert_eq!(negotiate("application/graphql-response+json;q=0.5, */*"), Some(Json));
        assert_eq!(negotiate("application/json;q=0, */*"), Some(GraphqlResponse));
        assert_eq!(negotiate("application/json;q=0.1, */*;q=0.5"), Some(GraphqlResponse));
        let both = "application/json;q=0.1, application/graphql-response+json;q=0.5, */*";
        assert_eq!(negotiate(both), Some(GraphqlResponse));
        for excluded in ["q=0", "Q=0.0", "q = 0", "q=NaN", "q=-1", "q=2", "q=inf", "q="] {
            assert!(quality(excluded) <= 0.0, "{excluded}");
        }
        assert!(quality("") >= 1.0 && quality("charset=utf-8;Q=0.25") < 0.5);
        assert_eq!(negotiate("application/json;q=0"), None);
    }

    #[test]
    fn webp_is_sent_only_to_clients_that_name_it() {
        let accepts = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            accepts_webp(&headers)
        };
        for accept in [
            "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
            "image/webp",
            "IMAGE/WEBP;q=0.5",
            "image/jpeg, image/webp",
            "image/jpeg;q=0.8, image/webp",
            "image/webp,*/*;q=0.8",
            "image/webp;q=0.8, image/jpeg;q=0.5, */*",
            "image/webp;q=0.5, image/*;q=0.5",
            "image/webp;q=0.5, image/*;q=0.2, */*",
        ] {
            assert!(accepts(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "image/*",
            "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
            "image/webp;q=0",
            "image/jpeg, image/webp;q=0.5",
            "image/webp;q=0.5, image/*",
            "image/webp;q=0.5, IMAGE/*;q=0.6, */*;q=0.1",
            "*/*, image/webp;q=0.9",
            "text/image/webp",
            "",
        ] {
            assert!(!accepts(accept), "{accept}");
        }
        assert!(!accepts_webp(&HeaderMap::new()));
    }
}
