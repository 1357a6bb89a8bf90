//! The gigs of the demo. `gigs.json` holds their texts, by category.
//!
//! To add a gig, add it to `gigs.json`. It is validated by the same form as every other gig.

use serde::Deserialize;

use crate::domain::category::Category;
use crate::domain::entered::Entered;
use crate::domain::gig::GigContent;
use crate::domain::gig_form::{Completeness, GigForm};
use crate::domain::limits::GigLimits;
use crate::domain::money::Money;
use crate::domain::violation::{Validator, Violation};

/// The demo gigs of one category.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoCategory {
    /// The category's slug.
    pub category: String,
    pub gigs: Vec<DemoGig>,
}

/// The content of one demo gig.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoGig {
    pub title: String,
    description: String,
    tags: Vec<String>,
    price_cents: i64,
    delivery_days: i32,
    revisions: i32,
    links: Vec<String>,
}

/// Parses `gigs.json`.
pub(super) fn load_demo_gigs() -> serde_json::Result<Vec<DemoCategory>> {
    serde_json::from_str(include_str!("gigs.json"))
}

impl DemoGig {
    /// Validates the content by the form of a gig.
    ///
    /// # Errors
    /// The violations of the form.
    pub(super) fn content(
        self,
        category: &Category,
        limits: &GigLimits,
    ) -> Result<GigContent, Vec<Violation>> {
        let form = GigForm {
            title: Some(self.title),
            description: Some(self.description),
            category_id: Some(category.id),
            price: Some(Entered::Value(Money::from_cents(self.price_cents).to_decimal())),
            delivery_days: Some(self.delivery_days),
            revisions: Some(self.revisions),
            tags: Some(self.tags),
            image_ids: None,
            links: Some(self.links),
        };
        let (blank, mut validator) = (GigContent::blank(category), Validator::default());
        let complete = Completeness::Complete;
        let content = form.merge_into(blank, Some(category), limits, complete, &mut validator);
        validator.finish()?;
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
    fn every_gig_is_valid_and_every_category_has_gigs() {
        let (catalogue, limits) = (catalogue(), GigLimits::default());
        let (mut titles, mut slugs) = (HashSet::new(), HashSet::new());
        for group in load_demo_gigs().unwrap() {
            let category = catalogue.iter().find(|category| category.slug == group.category);
            let category = category.unwrap_or_else(|| panic!("there is no {}", group.category));
            assert!(group.gigs.len() >= 6, "{}", group.category);
            for demo_gig in group.gigs {
                let title = demo_gig.title.clone();
                let content = demo_gig.content(category, &limits);
                assert!(content.is_ok(), "{title}: {content:?}");
                assert!(titles.insert(title.clone()), "{title} occurs twice");
            }
            assert!(slugs.insert(group.category));
        }
        assert_eq!(slugs.len(), CATEGORIES.len());
        assert!((300..=400).contains(&titles.len()), "{}", titles.len());
    }
}
