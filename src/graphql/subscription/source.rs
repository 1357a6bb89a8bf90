//! The source of a subscription's events: what a root field hands over to the engine.
//!
//! `graphql` must not import `engine`. A root field therefore puts its [`SubscriptionSource`] into the
//! [`SourceSlot`] of the request, and returns an empty stream. The engine takes the source and delivers its
//! events.

use std::sync::Arc;

use async_graphql::Context;
use futures_util::future::BoxFuture;
use futures_util::stream::{Empty, empty};

use crate::domain::event::{Event as LogEvent, Topic};
use crate::domain::gig_filter::GigFilter;
use crate::domain::id::SessionId;
use crate::domain::user::Role;
use crate::events::stream::{self, EventStream};
use crate::graphql::context::Audience;
use crate::graphql::error::Result;
use crate::graphql::subscription::Event;
use crate::service::Services;

/// Converts an event of the log to the event that the subscription sends; `None` skips it.
pub type EventResolver =
    Arc<dyn Fn(Arc<Services>, stream::Delivery, Arc<LogEvent>) -> ResolvedEvent + Send + Sync>;

type ResolvedEvent = BoxFuture<'static, Result<Option<Event>>>;

/// The events of one subscription.
pub struct SubscriptionSource {
    pub topic: Topic,
    pub stream: EventStream,
    /// The snapshot to send first, and its position in the log.
    pub first: Option<(i64, Event)>,
    /// Which subscribers can share executions with this one.
    pub fanout_scope: FanoutScope,
    /// Whether the subscription ends when the viewer is no longer a reviewer.
    pub requires_reviewer: bool,
    pub resolver: Option<EventResolver>,
}

impl SubscriptionSource {
    /// Takes the resolver. It can be taken once.
    pub fn take_resolver(&mut self) -> EventResolver {
        self.resolver.take().expect("the resolver is taken once")
    }
}

/// Which subscribers of a topic, with the same operation and variables, get the same result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FanoutScope {
    /// All subscribers of the audience, unless an execution is viewer-dependent.
    All(Audience),
    /// The same, with a filter. The same operation and variables can mean two filters: slugs are converted to ids when
    /// a subscription starts, and a category may have come meanwhile.
    Matching(Audience, Arc<GigFilter>),
    /// The subscriptions of one session, as long as its user has this role.
    Session(SessionId, Role),
}

/// Where a root field puts its source. It is in the data of each request that runs a subscription.
pub trait SourceSlot: Send + Sync {
    fn put(&self, ctx: &Context<'_>, source: SubscriptionSource);
}

/// Hands the source over to the engine. Returns the empty stream of the root field.
pub fn hand_over<T>(ctx: &Context<'_>, source: SubscriptionSource) -> Empty<Result<T>> {
    ctx.data_unchecked::<Arc<dyn SourceSlot>>().put(ctx, source);
    empty()
}
