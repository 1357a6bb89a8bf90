//! The source of a subscription's events, as its root field hands it over to whoever runs the subscription.

use std::sync::Arc;

use async_graphql::Context;
use futures_util::future::BoxFuture;
use futures_util::stream::{Empty, empty};
use uuid::Uuid;

use crate::domain::event::{Event as LogEvent, Topic};
use crate::domain::user::Role;
use crate::events::stream::{self, EventStream};
use crate::graphql::context::Audience;
use crate::graphql::error::Result;
use crate::graphql::subscription::Event;
use crate::service::Services;

/// Shows an event of the log as one of its subscription's; `None` leaves it out.
pub type EventResolver =
    Arc<dyn Fn(Arc<Services>, stream::Delivery, Arc<LogEvent>) -> ResolvedEvent + Send + Sync>;

type ResolvedEvent = BoxFuture<'static, Result<Option<Event>>>;

/// What a subscription's root field has begun. It leaves this to be followed from outside, where many can share what
/// is the same for them, and its own stream is empty.
pub struct SubscriptionSource {
    pub topic: Topic,
    pub stream: EventStream,
    /// What it begins with: a snapshot as of a position.
    pub first: Option<(i64, Event)>,
    pub shared_by: FanoutScope,
    /// Whether the viewer may have it as a reviewer alone.
    pub by_role: bool,
    pub show: Option<EventResolver>,
}

impl SubscriptionSource {
    /// What shows its events.
    pub fn take_show(&mut self) -> EventResolver {
        self.show.take().expect("it is taken once")
    }
}

/// By what subscribers of one topic can be answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FanoutScope {
    All(Audience),
    /// The subscriptions of one session, while its person has one role.
    Session(Uuid, Role),
}

/// Where a root field leaves its source; in the data of each request that runs a subscription.
pub trait SourceSlot: Send + Sync {
    fn put(&self, ctx: &Context<'_>, source: SubscriptionSource);
}

/// Hands the source over. The root field's own stream is empty.
pub fn hand_over<T>(ctx: &Context<'_>, source: SubscriptionSource) -> Empty<Result<T>> {
    ctx.data_unchecked::<Arc<dyn SourceSlot>>().put(ctx, source);
    empty()
}
