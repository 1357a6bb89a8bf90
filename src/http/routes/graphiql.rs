//! `/graphiql`: the GraphiQL page, in development only.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Html;

pub async fn get() -> (HeaderMap, Html<String>) {
    let page = async_graphql::http::GraphiQLSource::build();
    // The page loads scripts from a CDN, which the default policy forbids.
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
    let page = page.endpoint("/graphql").subscription_endpoint("/graphql").title("gigway").finish();
    (HeaderMap::from_iter([policy]), Html(page))
}
