//! The edge: one router, and what every request passes through.
//!
//! `/graphql` takes POST, GET, WebSockets and streams; `/media` serves pictures; `/livez` and `/readyz` tell how it
//! is doing, `/metrics` by numbers; `/graphiql` is there in development. From the outside in, a request passes
//! [`request_log`] (its id, its one line in the log), [`security_headers`], a layer that turns a panic into an answer,
//! and CORS.

mod answering;
mod client_address;
mod event_stream;
mod graphql;
mod health;
mod identity_documents;
pub mod listener;
mod media;
mod metrics;
mod multipart;
mod multipart_stream;
mod negotiation;
mod origins;
mod presence;
mod quota;
mod reading;
mod refusal;
mod request_log;
mod security_headers;
mod socket;
mod stream;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request as GraphqlRequest, Response as Answer};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{Html, Response};
use axum::routing::get;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use self::metrics::Metrics;
use self::origins::Origins;
use self::presence::Credentials;
use self::quota::{Place, Quota};
use self::refusal::refuse;
use crate::config::{Config, ConnectionLimits, GetRequests};
use crate::graphql::engine::{Asked, Engine};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::following::{Following, Identity};
use crate::graphql::guard::Admitted;
use crate::graphql::idempotent::REPLAYED;
use crate::graphql::kept::{Kept, Made};
use crate::graphql::{Caller, Origin, answer};
use crate::service::{self, Services, accounts};

/// How long a browser may remember what CORS allows.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// Requests with files that are read at a time; each keeps up to 16 MiB in memory.
const UPLOADS_AT_ONCE: usize = 16;

/// Who has a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subscriber {
    Person(Uuid),
    Strangers(IpAddr),
}

/// What every handler works with.
pub struct Edge {
    services: Arc<Services>,
    engine: Arc<Engine>,
    limits: ConnectionLimits,
    /// Sockets and streams, by the client's address.
    connections: Arc<Quota<IpAddr>>,
    /// By whose they are.
    subscriptions: Arc<Quota<Subscriber>>,
    origins: Origins,
    /// Proxies in front that each add to X-Forwarded-For.
    proxies: usize,
    development: bool,
    /// Clients reach it over TLS.
    is_over_tls: bool,
    metrics: Metrics,
    metrics_token: Option<SecretString>,
    get_requests: GetRequests,
    /// Operations of one request.
    batch: usize,
    /// Requests with files that are read at a time: what they send is kept in memory.
    uploads: Semaphore,
    sockets: TaskTracker,
    /// The mutations under way.
    acts: TaskTracker,
}

impl Edge {
    pub fn new(
        services: Arc<Services>,
        config: &Config,
        sockets: TaskTracker,
        acts: TaskTracker,
    ) -> Arc<Self> {
        let development = !config.is_production();
        let engine = Arc::new(Engine::new(Arc::clone(&services), config));
        Arc::new(Self {
            metrics: Metrics::new(services.now(), engine.kept_requests()),
            engine,
            origins: Origins::new(config.allowed_origins.clone(), &services.public_url, development),
            connections: Quota::new(config.connections.per_address),
            subscriptions: Quota::new(config.connections.subscriptions_per_viewer),
            limits: config.connections.clone(),
            is_over_tls: services.public_url.starts_with("https:"),
            metrics_token: config.metrics_token.clone(),
            services,
            proxies: config.proxies,
            development,
            get_requests: config.get_requests,
            batch: config.operations.batch,
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
            sockets,
            acts,
        })
    }

    /// Looks at a request: nothing of it is executed.
    ///
    /// # Errors
    /// The answer to one that must not be.
    fn admit(&self, request: GraphqlRequest) -> Result<Admitted, Answer> {
        self.engine.admit(request).inspect_err(|answer| self.metrics.refused(answer))
    }

    /// The same of a stranger's request, whose answer may be there already.
    ///
    /// # Errors
    /// The answer to one that must not be.
    fn admit_stranger(&self, request: GraphqlRequest) -> Result<Asked, Answer> {
        self.engine.admit_stranger(request).inspect_err(|answer| self.metrics.refused(answer))
    }

    /// Gives an answer that is there already.
    ///
    /// # Errors
    /// The answer to one who has asked too much.
    async fn give(&self, address: IpAddr, kept: &Kept) -> Result<(), Answer> {
        let given = self.engine.give(address, kept).await;
        self.metrics.ran(OperationType::Query, kept.cost, given.as_ref().err());
        given
    }

    /// Executes an operation over HTTP, where its answer may be kept.
    async fn answer(&self, origin: Origin, admitted: Admitted) -> Made {
        if admitted.kind == OperationType::Mutation {
            return Made::Other(Arc::new(self.execute(origin, admitted).await));
        }
        let (kind, points) = (admitted.kind, admitted.cost);
        let made = Arc::clone(&self.engine).answer(origin, admitted).await;
        let answer = match &made {
            Made::Kept(_) => None,
            Made::Other(answer) => Some(answer.as_ref()),
        };
        self.metrics.ran(kind, points, answer);
        made
    }

    /// Executes an operation. A mutation runs to its end on a task of its own: also where its client goes meanwhile, what
    /// was begun is done and told, and a gateway that stops waits for it.
    async fn execute(&self, origin: Origin, admitted: Admitted) -> Answer {
        let (kind, points) = (admitted.kind, admitted.cost);
        let executing = Arc::clone(&self.engine).execute(origin, admitted);
        let answer = if kind == OperationType::Mutation {
            let executed = self.acts.spawn(executing.in_current_span()).await;
            executed.unwrap_or_else(|error| answer::failed(&Error::internal(&error)))
        } else {
            executing.await
        };
        self.metrics.ran(kind, points, Some(&answer));
        answer
    }

    /// Begins a subscription.
    ///
    /// # Errors
    /// The answer to one that cannot begin.
    async fn subscribe(
        &self,
        identity: Identity,
        origin: Origin,
        admitted: Admitted,
        last_event_id: Option<String>,
    ) -> Result<Following, Answer> {
        let points = admitted.cost;
        let begun = self.engine.subscribe(identity, origin, admitted, last_event_id).await;
        self.metrics.ran(OperationType::Subscription, points, begun.as_ref().err());
        begun
    }

    /// Whose credentials `authorization` has.
    ///
    /// # Errors
    /// Where the database is away, so that nobody can tell.
    async fn credentials(&self, authorization: Option<&str>) -> service::Result<Credentials> {
        let nobodys = |caller| Ok(Credentials { caller, expire_at: None });
        let Some(authorization) = authorization else { return nobodys(Caller::Anonymous) };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return nobodys(Caller::Rejected) };
        match accounts::authenticate(&self.services, token.trim()).await {
            Ok((viewer, expire_at)) => {
                Ok(Credentials { caller: Caller::Viewer(Arc::new(viewer)), expire_at: Some(expire_at) })
            }
            Err(service::Error::Unauthenticated) => nobodys(Caller::Rejected),
            Err(error) => Err(error),
        }
    }

    /// Whose ticket it is: their stream lives as long as their session.
    ///
    /// # Errors
    /// Where the database is away, so that nobody can tell.
    async fn ticket_holder(&self, ticket: &str) -> service::Result<Credentials> {
        let caller = match accounts::redeem_stream_ticket(&self.services, ticket).await {
            Ok(viewer) => Caller::Viewer(Arc::new(viewer)),
            Err(service::Error::Unauthenticated) => Caller::Rejected,
            Err(error) => return Err(error),
        };
        Ok(Credentials { caller, expire_at: None })
    }

    /// A place for one more subscription of theirs.
    ///
    /// # Errors
    /// RATE_LIMITED.
    fn subscription_place(&self, caller: &Caller, address: IpAddr) -> Result<Place<Subscriber>, Error> {
        let subscriber = match caller {
            Caller::Viewer(viewer) => Subscriber::Person(viewer.id()),
            Caller::Anonymous | Caller::Rejected => Subscriber::Strangers(address),
        };
        self.subscriptions.take(subscriber).ok_or_else(|| {
            let most = self.subscriptions.most();
            let message = format!(
                "A person, or strangers of one address, may have at most {most} subscriptions at a time."
            );
            Error::new(ErrorCode::RateLimited, message)
        })
    }

    /// Whose request it is, by its header `Authorization`.
    async fn caller_of(&self, headers: &HeaderMap) -> service::Result<Caller> {
        self.credentials_of(headers).await.map(|credentials| credentials.caller)
    }

    /// Whose credentials the header `Authorization` has.
    async fn credentials_of(&self, headers: &HeaderMap) -> service::Result<Credentials> {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        self.credentials(given).await
    }
}

/// Everything that is served.
pub fn router(edge: Arc<Edge>) -> Router {
    let mut routes = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(method_not_allowed))
        .route("/media/{file}", get(media::get))
        .route("/identity-documents/{document}", get(identity_documents::get))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready));
    if edge.development || edge.metrics_token.is_some() {
        routes = routes.route("/metrics", get(metrics::get));
    }
    if edge.development {
        routes = routes.route("/graphiql", get(graphiql));
    }
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(only_get)
        .layer(cors(&edge))
        .layer(CatchPanicLayer::custom(refusal::of_panic))
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), security_headers::add))
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), request_log::log))
        .with_state(edge)
}

fn cors(edge: &Arc<Edge>) -> CorsLayer {
    let allowed = Arc::clone(edge);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| allowed.origins.allow(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::IF_NONE_MATCH,
            reading::REQUIRE_PREFLIGHT,
            reading::APOLLO_OPERATION_NAME,
            graphql::IDEMPOTENCY_KEY,
            request_log::REQUEST_ID,
            stream::LAST_EVENT_ID,
        ])
        .expose_headers([request_log::REQUEST_ID, header::RETRY_AFTER, header::ETAG, header_name(REPLAYED)])
        .max_age(PREFLIGHT_MAX_AGE)
}

async fn not_found(uri: Uri) -> Response {
    let message = format!("There is nothing at {}; the API is at /graphql.", uri.path());
    refuse(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}

async fn only_get(method: Method) -> Response {
    let message = format!("{method} does nothing here; use GET.");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    refusal
}

async fn method_not_allowed(method: Method) -> Response {
    let message = format!("{method} does nothing here; use POST, or GET for queries.");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, graphql::ALLOW);
    refusal
}

async fn graphiql() -> (HeaderMap, Html<String>) {
    let page = async_graphql::http::GraphiQLSource::build();
    // It is a page that loads its scripts from elsewhere.
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
    let page = page.endpoint("/graphql").subscription_endpoint("/graphql").title("gigway").finish();
    (HeaderMap::from_iter([policy]), Html(page))
}

/// A header of our own, or of a client library.
const fn header_name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
