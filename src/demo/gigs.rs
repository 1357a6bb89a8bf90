//! The offers of the demo: `gigs.json` holds what sellers wrote, category by category.
//!
//! They go through the form as every other gig does, so that the demo shows nothing that the form
//! would refuse.

use serde::Deserialize;

use crate::domain::category::Category;
use crate::domain::gig::GigContent;
use crate::domain::gig_form::{Completeness, GigForm};
use crate::domain::limits::GigLimits;
use crate::domain::money::Money;
use crate::domain::violation::{Validator, Violation};

/// The offers of one category.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlobKind {
    /// The category's slug.
    pub category: String,
    pub gigs: Vec<Offer>,
}

/// What one seller wrote.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    pub title: String,
    description: String,
    tags: Vec<String>,
    price_cents: i64,
    delivery_days: i32,
    revisions: i32,
    links: Vec<String>,
}

/// All offers.
///
/// # Errors
/// Where the file is not what it should be.
pub(super) fn shelves() -> serde_json::Result<Vec<BlobKind>> {
    serde_json::from_str(include_str!("gigs.json"))
}

impl Offer {
    /// What a gig says whose seller fills in the whole form with this.
    ///
    /// # Errors
    /// Every fault of the form.
    pub(super) fn content(
        self,
        category: &Category,
        limits: &GigLimits,
    ) -> Result<GigContent, Vec<Violation>> {
        let form = GigForm {
            title: Some(self.title),
            description: Some(self.description),
            category_id: Some(category.id),
            price: Some(Money::from_cents(self.price_cents).to_decimal()),
            delivery_days: Some(self.delivery_days),
            revisions: Some(self.revisions),
            tags: Some(self.tags),
            image_ids: None,
            links: Some(self.links),
        };
        let (blank, mut check) = (GigContent::blank(category), Validator::default());
        let complete = Completeness::Complete;
        let content = form.fill(blank, Some(category), limits, complete, &mut check);
        check.finish()?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use migration::catalogue::CATEGORIES;

    use super::*;
    use crate::demo::tests::catalogue;

    #[test]
    fn every_offer_passes_the_form_and_every_category_has_some() {
        let (catalogue, limits) = (catalogue(), GigLimits::default());
        let (mut titles, mut slugs) = (HashSet::new(), HashSet::new());
        for shelf in shelves().unwrap() {
            let found = catalogue.iter().find(|found| found.slug == shelf.category);
            let category = found.unwrap_or_else(|| panic!("there is no {}", shelf.category));
            assert!(shelf.gigs.len() >= 6, "{}", shelf.category);
            for offer in shelf.gigs {
                let title = offer.title.clone();
                let content = offer.content(category, &limits);
                assert!(content.is_ok(), "{title}: {content:?}");
                assert!(titles.insert(title.clone()), "{title} is there twice");
            }
            assert!(slugs.insert(shelf.category));
        }
        assert_eq!(slugs.len(), CATEGORIES.len());
        assert!((300..=400).contains(&titles.len()), "{}", titles.len());
    }
}
