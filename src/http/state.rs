//! What every handler works with.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request as GraphqlRequest, Response as Answer};
use axum::http::{HeaderMap, header};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::config::{Config, ConnectionLimits, GetRequests};
use crate::domain::id::UserId;
use crate::engine::delivery::{CurrentCaller, SubscriptionStream};
use crate::engine::operation::ValidatedOperation;
use crate::engine::response;
use crate::engine::response_cache::{CachedResponse, Outcome};
use crate::engine::{Admission, Caller, Engine, RequestMeta};
use crate::graphql::error::{Error, ErrorCode};
use crate::http::connection_limit::{ConnectionLimit, Permit};
use crate::http::credentials::Credentials;
use crate::http::metrics::Metrics;
use crate::http::middleware::origins::Origins;
use crate::service::{self, Services, accounts};

/// Requests with files that are read at a time; each keeps up to 16 MiB in memory.
const UPLOADS_AT_ONCE: usize = 16;

/// Who has a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subscriber {
    Person(UserId),
    Strangers(IpAddr),
}

/// What every handler works with.
pub struct AppState {
    pub services: Arc<Services>,
    pub engine: Arc<Engine>,
    pub limits: ConnectionLimits,
    /// Sockets and streams, by the client's address.
    pub connections: Arc<ConnectionLimit<IpAddr>>,
    /// By whose they are.
    pub subscriptions: Arc<ConnectionLimit<Subscriber>>,
    pub origins: Origins,
    /// Proxies in front that each add to X-Forwarded-For.
    pub proxies: usize,
    pub development: bool,
    /// Clients reach it over TLS.
    pub is_over_tls: bool,
    pub metrics: Metrics,
    pub metrics_token: Option<SecretString>,
    pub get_requests: GetRequests,
    /// Operations of one request.
    pub batch: usize,
    /// Requests with files that are read at a time: what they send is kept in memory.
    pub uploads: Semaphore,
    pub sockets: TaskTracker,
    /// The mutations under way.
    pub mutations: TaskTracker,
}

impl AppState {
    pub fn new(
        services: Arc<Services>,
        config: &Config,
        sockets: TaskTracker,
        mutations: TaskTracker,
    ) -> Arc<Self> {
        let development = !config.is_production();
        let engine = Arc::new(Engine::new(Arc::clone(&services), config));
        Arc::new(Self {
            metrics: Metrics::new(services.now(), engine.cache_requests()),
            engine,
            origins: Origins::new(config.allowed_origins.clone(), &services.public_url, development),
            connections: ConnectionLimit::new(config.connections.per_address),
            subscriptions: ConnectionLimit::new(config.connections.subscriptions_per_viewer),
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
            mutations,
        })
    }

    /// Looks at a request: nothing of it is executed.
    ///
    /// # Errors
    /// The answer to one that must not be.
    pub fn admit(&self, request: GraphqlRequest) -> Result<ValidatedOperation, Answer> {
        self.engine.validate(request).inspect_err(|answer| self.metrics.refused(answer))
    }

    /// The same of a stranger's request, whose answer may be there already.
    ///
    /// # Errors
    /// The answer to one that must not be.
    pub fn admit_stranger(&self, request: GraphqlRequest) -> Result<Admission, Answer> {
        self.engine.find_or_validate(request).inspect_err(|answer| self.metrics.refused(answer))
    }

    /// Gives an answer that is there already.
    ///
    /// # Errors
    /// The answer to one who has asked too much.
    pub async fn charge_cached(&self, address: IpAddr, cached: &CachedResponse) -> Result<(), Answer> {
        let given = self.engine.charge_cached(address, cached).await;
        self.metrics.ran(OperationType::Query, cached.cost, given.as_ref().err());
        given
    }

    /// Executes an operation over HTTP, where its answer may be kept.
    pub async fn answer(&self, meta: RequestMeta, admitted: ValidatedOperation) -> Outcome {
        if admitted.kind == OperationType::Mutation {
            return Outcome::Uncached(Arc::new(self.execute(meta, admitted).await));
        }
        let (kind, points) = (admitted.kind, admitted.cost);
        let made = Arc::clone(&self.engine).execute_cacheable(meta, admitted).await;
        let answer = match &made {
            Outcome::Cached(_) => None,
            Outcome::Uncached(answer) => Some(answer.as_ref()),
        };
        self.metrics.ran(kind, points, answer);
        made
    }

    /// Executes an operation. A mutation runs to its end on a task of its own: also where its client goes meanwhile, what
    /// was begun is done and told, and a gateway that stops waits for it.
    pub async fn execute(&self, meta: RequestMeta, admitted: ValidatedOperation) -> Answer {
        let (kind, points) = (admitted.kind, admitted.cost);
        let executing = Arc::clone(&self.engine).execute(meta, admitted);
        let answer = if kind == OperationType::Mutation {
            let executed = self.mutations.spawn(executing.in_current_span()).await;
            executed.unwrap_or_else(|error| response::error_response(&Error::internal(&error)))
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
    pub async fn subscribe(
        &self,
        current_caller: CurrentCaller,
        meta: RequestMeta,
        admitted: ValidatedOperation,
        last_event_id: Option<String>,
    ) -> Result<SubscriptionStream, Answer> {
        let points = admitted.cost;
        let begun = self.engine.subscribe(current_caller, meta, admitted, last_event_id).await;
        self.metrics.ran(OperationType::Subscription, points, begun.as_ref().err());
        begun
    }

    /// Whose credentials `authorization` has.
    ///
    /// # Errors
    /// Where the database is away, so that nobody can tell.
    pub async fn credentials(&self, authorization: Option<&str>) -> service::Result<Credentials> {
        let nobodys = |caller| Ok(Credentials { caller, expire_at: None });
        let Some(authorization) = authorization else { return nobodys(Caller::Anonymous) };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return nobodys(Caller::InvalidCredentials) };
        match accounts::authenticate(&self.services, token.trim()).await {
            Ok((viewer, expire_at)) => {
                Ok(Credentials { caller: Caller::Viewer(Arc::new(viewer)), expire_at: Some(expire_at) })
            }
            Err(service::Error::Unauthenticated) => nobodys(Caller::InvalidCredentials),
            Err(error) => Err(error),
        }
    }

    /// Whose ticket it is: their stream lives as long as their session.
    ///
    /// # Errors
    /// Where the database is away, so that nobody can tell.
    pub async fn ticket_holder(&self, ticket: &str) -> service::Result<Credentials> {
        let caller = match accounts::redeem_stream_ticket(&self.services, ticket).await {
            Ok(viewer) => Caller::Viewer(Arc::new(viewer)),
            Err(service::Error::Unauthenticated) => Caller::InvalidCredentials,
            Err(error) => return Err(error),
        };
        Ok(Credentials { caller, expire_at: None })
    }

    /// A place for one more subscription of theirs.
    ///
    /// # Errors
    /// RATE_LIMITED.
    pub fn subscription_permit(&self, caller: &Caller, address: IpAddr) -> Result<Permit<Subscriber>, Error> {
        let subscriber = match caller {
            Caller::Viewer(viewer) => Subscriber::Person(viewer.id()),
            Caller::Anonymous | Caller::InvalidCredentials => Subscriber::Strangers(address),
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
    pub async fn caller_of(&self, headers: &HeaderMap) -> service::Result<Caller> {
        self.credentials_of(headers).await.map(|credentials| credentials.caller)
    }

    /// Whose credentials the header `Authorization` has.
    pub async fn credentials_of(&self, headers: &HeaderMap) -> service::Result<Credentials> {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        self.credentials(given).await
    }
}
