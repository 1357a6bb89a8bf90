//! Tests of the whole demo, without a database.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use migration::catalogue::{CATEGORIES, MINIMUM_PRICE_CENTS, slug};

use crate::demo::*;
use crate::domain::gig::GigStatus;
use crate::domain::id::{CategoryId, SubjectId, UserId};
use crate::domain::money::Money;
use crate::domain::review::ReviewState;

/// The catalogue that the migrations insert.
pub(super) fn catalogue() -> Vec<Category> {
    let category = |(number, name): (u128, &str)| Category {
        id: CategoryId::from_uuid(Uuid::from_u128(number)),
        slug: slug(name),
        name: name.to_owned(),
        minimum_price: Money::from_cents(MINIMUM_PRICE_CENTS),
    };
    (1..).zip(CATEGORIES).map(category).collect()
}

#[test]
fn the_demo_breaks_no_rule_and_has_every_status() {
    let (limits, catalogue) = (Limits::default(), catalogue());
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let last_id = Cell::new(1000_u128);
    let new_id = || {
        last_id.set(last_id.get() + 1);
        Uuid::from_u128(last_id.get())
    };
    let demo = generate(now, &limits, &catalogue, "hash", &new_id).unwrap();
    let history::History { gigs, items, decisions, events } = demo.history;

    let mut count_by_status = HashMap::<GigStatus, usize>::new();
    let mut unarchived = HashMap::<UserId, usize>::new();
    for gig in &gigs {
        *count_by_status.entry(gig.status).or_default() += 1;
        if gig.status != GigStatus::Archived {
            *unarchived.entry(gig.seller_id).or_default() += 1;
        }
        let open = items.iter().filter(|i| i.subject_id == SubjectId::Gig(gig.id) && i.decided_at.is_none());
        assert_eq!(open.count(), usize::from(gig.status == GigStatus::InReview));
    }
    assert!(count_by_status[&GigStatus::Active] > gigs.len() / 2, "{count_by_status:?}");
    assert_eq!(count_by_status[&GigStatus::Rejected], outcomes::REJECTED.len());
    assert_eq!(count_by_status[&GigStatus::Suspended], outcomes::SUSPENDED.len());
    assert!((10..=16).contains(&count_by_status[&GigStatus::InReview]));
    assert_eq!(count_by_status.len(), 7, "{count_by_status:?}");
    assert!(unarchived.values().all(|count| *count <= 18), "{unarchived:?}");

    let overdue = items.iter().filter(|item| item.is_overdue(now)).count();
    assert!((2..=4).contains(&overdue), "{overdue}");
    let claimed = items.iter().filter(|item| item.state(now) == ReviewState::Claimed);
    assert_eq!(claimed.count(), 1);
    let decided = items.iter().filter(|item| item.decided_at.is_some()).count();
    assert_eq!(decisions.len(), decided + outcomes::SUSPENDED.len());

    let oldest = now - TimeDelta::days(120);
    assert!(events.iter().all(|(at, _)| *at >= oldest && *at < now));
    assert!(events.is_sorted_by_key(|(at, _)| *at));
    let created: HashSet<_> = gigs.iter().map(|gig| gig.created_at).collect();
    assert_eq!(created.len(), gigs.len());
    let published: Vec<_> = gigs.iter().filter_map(|gig| gig.published_at).collect();
    let distinct: HashSet<_> = published.iter().collect();
    assert_eq!(distinct.len(), published.len());
    // All are appended in one transaction, for which other writers wait.
    assert!(events.len() < 3000, "{}", events.len());
}
