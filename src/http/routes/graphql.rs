//! `/graphql` over HTTP: POST with JSON or multipart, and GET for queries and streams.
//!
//! A request is read ([`request`](crate::http::request)), let in by the engine, executed, and answered
//! ([`answering`](crate::http::response)), or becomes a [`streaming`](crate::http::streaming).

use std::net::SocketAddr;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response as Answer};
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::config::GetRequests;
use crate::engine::Admission;
use crate::engine::RequestMeta;
use crate::engine::cache_policy::CachePolicy;
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::error_response;
use crate::engine::response_cache::{CachedResponse, Outcome};
use crate::graphql::error::ErrorCode;
use crate::http::client_address::client_address;
use crate::http::error_response::reject;
use crate::http::headers::IDEMPOTENCY_KEY;
use crate::http::log_fields::Operation;
use crate::http::media_type::MediaType;
use crate::http::middleware::request_id;
use crate::http::operation_request;
use crate::http::request_body;
use crate::http::request_body::RequestBody;
use crate::http::request_info::RequestInfo;
use crate::http::response::{respond, respond_all, respond_cacheable, respond_kept};
use crate::http::state::AppState;
use crate::http::{streaming, websocket};

pub async fn post(
    State(state): State<Arc<AppState>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(media_type) = MediaType::accepted(&headers) else { return not_acceptable() };
    let asked = match request_body::body(&state, &headers, body).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let info = RequestInfo::new(state, connection, &id, headers, media_type);
    match asked {
        RequestBody::One(request) if info.may_be_given() => match info.state.admit_stranger(*request) {
            Ok(Admission::Cached(cached)) => info.charge_cached(&cached, CachePolicy::Private).await,
            Ok(Admission::Validated(admitted)) => {
                info.answer(Ok(*admitted), CachePolicy::Private).await
            }
            Err(refused) => info.answer(Err(refused), CachePolicy::Private).await,
        },
        RequestBody::One(request) => {
            let admitted = info.admit(*request);
            info.answer(admitted, CachePolicy::Private).await
        }
        RequestBody::Many(requests) => info.answer_all(requests).await,
    }
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    Extension(id): Extension<RequestId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if let Ok(upgrade) = upgrade {
        let address = client_address(&headers, connection.ip(), state.proxies);
        return websocket::open(state, upgrade, &headers, address, request_id::text_of(&id).into());
    }
    let Some(media_type) = MediaType::accepted(&headers) else { return not_acceptable() };
    let parameters = query.unwrap_or_default();
    if parameters.is_empty() {
        let message = "Send a GraphQL request: POST it as JSON, or give ?query=. There is no page here.";
        return reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message);
    }
    let request = match operation_request::from_parameters(&parameters).await {
        Ok(request) => request,
        Err(rejection) => return rejection,
    };
    let streams = matches!(media_type, MediaType::EventStream | MediaType::MultipartSubscription);
    let is_stranger = !headers.contains_key(header::AUTHORIZATION);
    let is_unnamed = state.get_requests == GetRequests::Persisted && !request.query.is_empty();
    let info = RequestInfo::new(state, connection, &id, headers, media_type);
    let admitted = if info.may_be_given() && !is_unnamed {
        match info.state.admit_stranger(request) {
            Ok(Admission::Cached(cached)) => return info.charge_cached(&cached, cached.policy).await,
            Ok(Admission::Validated(admitted)) => Ok(*admitted),
            Err(refused) => Err(refused),
        }
    } else {
        info.admit(request)
    };
    let kind = admitted.as_ref().ok().map(|admitted| admitted.kind);
    // A browser's EventSource can do nothing but GET; all else can name what it asks for.
    if is_unnamed && kind != Some(OperationType::Subscription) {
        return post_this("GET runs queries that it names by hash or id; POST this.");
    }
    let is_safe = match kind {
        None | Some(OperationType::Query) => true,
        Some(OperationType::Subscription) => streams,
        Some(OperationType::Mutation) => false,
    };
    if !is_safe {
        return post_this("GET runs queries, and subscriptions as a stream; POST this.");
    }
    if streams
        && kind.is_none_or(|kind| kind == OperationType::Subscription)
        && let Some(ticket) = operation_request::parameter(&parameters, "ticket")
    {
        let credentials = info.state.ticket_holder(&ticket).await;
        return streaming::open(info, admitted, credentials).await;
    }
    let policy = match &admitted {
        Ok(admitted) if is_stranger => admitted.cache,
        _ => CachePolicy::Private,
    };
    info.answer(admitted, policy).await
}

impl RequestInfo {
    /// Whether an answer that is there already may be given: to a stranger who wants one answer, and changes nothing.
    fn may_be_given(&self) -> bool {
        let is_single = matches!(self.media_type, MediaType::GraphqlResponse | MediaType::Json);
        let has = |name| self.headers.contains_key(name);
        is_single && !has(header::AUTHORIZATION) && !has(IDEMPOTENCY_KEY)
    }

    /// Gives an answer that is there already.
    async fn charge_cached(self, cached: &CachedResponse, policy: CachePolicy) -> Response {
        let mut response = match self.state.charge_cached(self.address, cached).await {
            Ok(()) => respond_kept(cached, self.media_type, policy, &self.headers),
            Err(refused) => respond(refused, self.media_type),
        };
        response.extensions_mut().insert(Operation::named(OperationType::Query, cached.name.as_deref()));
        response
    }

    /// The request as it may be executed, or the answer to it.
    fn admit(&self, request: Request) -> Result<ValidatedOperation, Answer> {
        let mut admitted = self.state.admit(request)?;
        // One that is no text is no good one, and told so.
        let key = self.headers.get(IDEMPOTENCY_KEY).map(|key| key.to_str().unwrap_or_default().to_owned());
        admitted.idempotency_key = key.or(admitted.idempotency_key);
        Ok(admitted)
    }

    /// Runs one operation.
    async fn answer(self, admitted: Result<ValidatedOperation, Answer>, policy: CachePolicy) -> Response {
        let streams = match self.media_type {
            MediaType::EventStream => true,
            MediaType::MultipartSubscription => {
                admitted.as_ref().is_ok_and(|admitted| admitted.kind == OperationType::Subscription)
            }
            MediaType::GraphqlResponse | MediaType::Json => false,
        };
        if streams {
            let credentials = self.state.credentials_of(&self.headers).await;
            return streaming::open(self, admitted, credentials).await;
        }
        let operation = admitted.as_ref().ok().map(Operation::of);
        let mut response = match self.run(admitted).await {
            Outcome::Cached(cached) => respond_kept(&cached, self.media_type, policy, &self.headers),
            Outcome::Uncached(answer) => respond_cacheable(answer, self.media_type, policy, &self.headers),
        };
        if let Some(operation) = operation {
            response.extensions_mut().insert(operation);
        }
        response
    }

    /// Runs operations one after the other, each by itself.
    async fn answer_all(self, requests: Vec<Request>) -> Response {
        let mut answers = Vec::with_capacity(requests.len());
        for (number, request) in requests.into_iter().enumerate() {
            let mut admitted = self.admit(request);
            if let Ok(ValidatedOperation { idempotency_key: Some(key), .. }) = &mut admitted {
                *key = format!("{key}#{number}");
            }
            // Not of the kind that is kept: it was let in as anybody's.
            match self.run(admitted).await {
                Outcome::Uncached(answer) => answers.push(answer),
                Outcome::Cached(_) => unreachable!("what is let in so has no key"),
            }
        }
        respond_all(&answers)
    }

    async fn run(&self, admitted: Result<ValidatedOperation, Answer>) -> Outcome {
        let other = |answer| Outcome::Uncached(Arc::new(answer));
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(answer) => return other(answer),
        };
        let caller = match self.state.caller_of(&self.headers).await {
            Ok(caller) => caller,
            Err(error) => return other(error_response(&error.into())),
        };
        let request_id = Arc::clone(&self.request_id);
        self.state.answer(RequestMeta { caller, address: self.address, request_id }, admitted).await
    }
}

fn post_this(message: &str) -> Response {
    let mut refusal = reject(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    refusal
}

fn not_acceptable() -> Response {
    let message = "Answers are application/graphql-response+json, application/json, text/event-stream or, of \
                   subscriptions, multipart/mixed with subscriptionSpec=1.0.";
    reject(StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, message)
}
