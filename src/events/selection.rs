//! Which events of a topic a stream yields.

use std::sync::Arc;

use crate::domain::event::Event;
use crate::domain::id::GigId;

/// The events of a topic that a stream yields: all of them, or only those about certain gigs of
/// [`Topic::Catalogue`](crate::domain::event::Topic::Catalogue). Others are dropped before they are queued, so
/// they neither wake the stream nor fill its queue.
#[derive(Debug, Clone, Default)]
pub struct Selection(Option<Arc<[GigId]>>);

impl Selection {
    /// Only events about these gigs.
    pub fn of_gigs(mut ids: Vec<GigId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(Some(ids.into()))
    }

    /// Whether the event is selected.
    pub fn contains(&self, event: &Event) -> bool {
        self.0.as_ref().is_none_or(|ids| {
            event.body.catalogue_change().is_some_and(|(gig_id, ..)| ids.binary_search(&gig_id).is_ok())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::domain::event::EventBody;
    use crate::domain::gig::GigStatus;
    use crate::domain::id::UserId;

    fn gig(number: u128) -> GigId {
        GigId::from_uuid(Uuid::from_u128(number))
    }

    fn event(position: i64, body: EventBody) -> Arc<Event> {
        Arc::new(Event { position, occurred_at: chrono::DateTime::UNIX_EPOCH, body })
    }

    fn updated(position: i64, number: u128) -> Arc<Event> {
        event(position, EventBody::GigUpdated { gig_id: gig(number), seller_id: UserId::nil() })
    }

    #[test]
    fn only_events_about_the_listing_of_the_gigs_are_selected() {
        let selection = Selection::of_gigs(vec![gig(3), gig(1), gig(3)]);
        assert!(selection.contains(&updated(1, 1)) && selection.contains(&updated(1, 3)));
        assert!(!selection.contains(&updated(1, 2)));
        assert!(!Selection::of_gigs(Vec::new()).contains(&updated(1, 1)));
        let other = event(1, EventBody::ProfileChanged { user_id: UserId::nil() });
        assert!(!selection.contains(&other) && Selection::default().contains(&other));
        let status = |previous, status| {
            let (gig_id, seller_id, reason_codes) = (gig(1), UserId::nil(), Vec::new());
            event(1, EventBody::GigStatus { gig_id, seller_id, version: 1, previous, status, reason_codes })
        };
        assert!(selection.contains(&status(Some(GigStatus::Active), GigStatus::Paused)));
        assert!(selection.contains(&status(Some(GigStatus::InReview), GigStatus::Active)));
        assert!(!selection.contains(&status(None, GigStatus::InReview)));
    }
}
