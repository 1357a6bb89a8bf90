//! `catalogueChanged`.
//!
//! An event has no content of the gig, so a filter is applied to the gig as it is now. What that means for a
//! client that keeps a list up to date is in docs/adr/0025-catalogue-changed.md.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject, Subscription};
use futures_util::Stream;

use crate::domain::event;
use crate::domain::event::Topic;
use crate::domain::gig_filter::GigFilter as Filter;
use crate::domain::id::GigId;
use crate::events::selection::Selection;
use crate::graphql::context::{Audience, ContextExt};
use crate::graphql::error::{Result, nullable};
use crate::graphql::inputs::gig_filter::GigFilter;
use crate::graphql::inputs::list_length::check_list_length;
use crate::graphql::subscription::source::hand_over;
use crate::graphql::subscription::{Delivery, Event, filter_scope, open_selected_source};
use crate::graphql::types::gig::Gig;
use crate::graphql::types::node::{parse_id_or_nil, public_id};
use crate::graphql::types::scalar::DateTime;
use crate::store;
use crate::store::{DatabaseTime, gigs, users};

/// What happened to a gig, as everybody sees it.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "event::CatalogueChange")]
pub enum CatalogueChange {
    /// The gig became ACTIVE, for the first time or again.
    Listed,
    /// What others see of the gig changed while it is ACTIVE: the name, the level or the verification of its
    /// seller.
    Updated,
    /// The gig is no longer ACTIVE.
    Delisted,
}

/// A gig became ACTIVE, changed while ACTIVE, or is no longer ACTIVE.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct CatalogueEvent {
    /// The position of the event in the log. Give it as `after` to resume after this event.
    #[graphql(owned)]
    pub cursor: String,
    /// Whether this is a new event, an earlier one from the log, or a snapshot of the current state.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When the gig changed.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// What happened to the gig.
    change: CatalogueChange,
    /// The id of the gig.
    gig_id: ID,
    #[graphql(skip)]
    gig_row_id: GigId,
    /// Whether the gig does not match the filter of the subscription now.
    #[graphql(skip)]
    is_filtered_out: bool,
}

#[ComplexObject]
impl CatalogueEvent {
    /// The current state of the gig, which may be newer than the event. Null if the gig is no longer ACTIVE or does not
    /// match `where`: then the client removes it from its list. Otherwise the client adds it to the list, or updates
    /// the gig with this id there.
    async fn gig(&self, ctx: &Context<'_>) -> Option<Result<Gig>> {
        if self.is_filtered_out {
            return None;
        }
        nullable(Gig::load_listed(ctx, self.gig_row_id)).await
    }
}

/// How a gig relates to a filter now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// It is ACTIVE and matches.
    Matches,
    /// It is ACTIVE, and would match with another seller. It may have matched before the seller changed.
    OtherSeller,
    /// It is not ACTIVE, or its content does not match. If it matched before, an event says that it was
    /// delisted.
    No,
}

#[derive(Default)]
pub struct CatalogueSubscription;

#[Subscription]
impl CatalogueSubscription {
    /// Gigs that become ACTIVE, change while they are ACTIVE, or are no longer ACTIVE. Everybody can subscribe. With
    /// both `gigIds` and `where`, only events that meet both.
    async fn catalogue_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only gigs that match this filter when the event is sent, with two exceptions: DELISTED is sent \
                    for every gig, and UPDATED with `gig` null if the gig does not match because of its seller. \
                    The client may have such a gig in its list from before.",
            name = "where"
        )]
        filter: Option<GigFilter>,
        #[graphql(desc = "Only these gigs, at most 100 ids. Ids of other objects are ignored.")]
        gig_ids: Option<Vec<ID>>,
        #[graphql(
            desc = "Start with the events after this cursor, from an event or from `Query.eventCursor`. \
                    INVALID_CURSOR if it is malformed, CURSOR_EXPIRED if the event log no longer has the \
                    events after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<CatalogueEvent>>> {
        let audience = if ctx.viewer()?.is_some() { Audience::SignedIn } else { Audience::Anonymous };
        check_list_length("gigIds", gig_ids.as_deref())?;
        let filter = match filter {
            Some(filter) => Some(Arc::new(filter.parse(ctx).await?)),
            None => None,
        };
        let selection = gig_ids.map_or_else(Selection::default, |ids| {
            Selection::of_gigs(ids.iter().map(parse_id_or_nil).collect())
        });
        let fanout = (Topic::Catalogue, filter_scope(audience, filter.as_ref()));
        let after = after.as_deref();
        let source = open_selected_source(ctx, fanout, selection, after, move |services, delivery, event| {
            let filter = filter.clone();
            async move {
                let Some((gig_id, seller_id, change)) = event.body.catalogue_change() else {
                    return Ok(None);
                };
                let relation = match &filter {
                    None => Relation::Matches,
                    Some(filter) if filter.seller.is_some_and(|id| id != seller_id) => Relation::No,
                    Some(filter) => {
                        let db = services.db.reader(audience.reader_kind(), DatabaseTime::default());
                        relation_to(filter, &db, gig_id).await?
                    }
                };
                if !is_sent(change, relation) {
                    return Ok(None);
                }
                Ok(Some(Event::Catalogue(CatalogueEvent {
                    cursor: services.streams.cursor(event.position).encode(),
                    delivery: delivery.into(),
                    occurred_at: event.occurred_at.into(),
                    change: change.into(),
                    gig_id: public_id(gig_id),
                    gig_row_id: gig_id,
                    is_filtered_out: relation != Relation::Matches,
                })))
            }
        });
        Ok(hand_over(ctx, source.await?))
    }
}

/// Whether a subscriber whose filter the gig has this relation to now gets the event.
fn is_sent(change: event::CatalogueChange, relation: Relation) -> bool {
    match change {
        event::CatalogueChange::Listed => relation == Relation::Matches,
        event::CatalogueChange::Updated => relation != Relation::No,
        event::CatalogueChange::Delisted => true,
    }
}

async fn relation_to(filter: &Filter, db: &store::Reader, gig_id: GigId) -> Result<Relation> {
    let Some(gig) = gigs::find_visible(db, None, gig_id).await? else { return Ok(Relation::No) };
    if !filter.matches_content(&gig) {
        return Ok(Relation::No);
    }
    let seller = users::find_all(db, &[gig.seller_id]).await?;
    let matches = seller.first().is_some_and(|seller| filter.matches_seller(seller));
    Ok(if matches { Relation::Matches } else { Relation::OtherSeller })
}
