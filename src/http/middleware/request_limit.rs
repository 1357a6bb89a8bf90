//! Limits how many requests a network sends to this gateway, whatever they ask for. Messages on WebSockets count, too
//! ([`AppState::charge_request`]).

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::future::Either;
use tower::Service;

use crate::engine::response::error_response;
use crate::http::response::respond_as_json;
use crate::http::state::AppState;
use crate::service::rate_limit::RateLimited;

/// Counts a request. If the network of the client has sent too many, [`Refuse`] answers it, or this function if it is a
/// preflight, which gets no further than the layer for CORS.
pub async fn count(state: &AppState, address: IpAddr, mut request: Request, next: Next) -> Response {
    let Err(limited) = state.charge_request(address) else { return next.run(request).await };
    if request.method() != Method::OPTIONS {
        request.extensions_mut().insert(limited);
        return next.run(request).await;
    }
    let mut headers = std::mem::take(next.run(request).await.headers_mut());
    headers.remove(header::CONTENT_LENGTH);
    let mut response = too_many(limited);
    response.headers_mut().extend(headers);
    response
}

/// Answers 429 if the network of the client has sent too many requests. Nothing of the body is read then.
#[derive(Clone)]
pub struct Refuse<S>(pub S);

impl<S: Service<Request, Response = Response>> Service<Request> for Refuse<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match request.extensions().get::<RateLimited>() {
            Some(limited) => Either::Left(ready(Ok(too_many(*limited)))),
            None => Either::Right(self.0.call(request)),
        }
    }
}

fn too_many(limited: RateLimited) -> Response {
    respond_as_json(error_response(&limited.into()))
}
