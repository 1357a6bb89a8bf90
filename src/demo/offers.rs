//! What the actors of the demo offer. To add a gig, add it to [`OFFERS`]: the form of every other gig validates it.

use crate::domain::entered::Entered;
use crate::domain::gig_form::GigForm;
use crate::domain::id::{CategoryId, ImageId};
use crate::domain::money::Money;

/// A gig to post.
#[derive(Debug)]
pub(super) struct Offer {
    /// The slug of the category.
    pub category: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub tags: [&'static str; 2],
    pub price_cents: i64,
    pub delivery_days: i32,
}

const fn offer(
    category: &'static str,
    title: &'static str,
    description: &'static str,
    tags: [&'static str; 2],
    price_cents: i64,
    delivery_days: i32,
) -> Offer {
    Offer { category, title, description, tags, price_cents, delivery_days }
}

impl Offer {
    /// The form of the gig.
    pub(super) fn form(&self, category_id: CategoryId, image_ids: Vec<ImageId>) -> GigForm {
        GigForm {
            title: Some(self.title.to_owned()),
            description: Some(self.description.to_owned()),
            category_id: Some(category_id),
            price: Some(Entered::Value(Money::from_cents(self.price_cents).to_decimal())),
            delivery_days: Some(self.delivery_days),
            revisions: Some(1),
            tags: Some(self.tags.map(str::to_owned).into()),
            image_ids: Some(image_ids),
            links: None,
        }
    }
}

pub(super) static OFFERS: [Offer; 10] = [
    offer(
        "graphic-design",
        "I will draw a sticker of your pet from one photo",
        "Send a photo in daylight. You receive a PNG and a file for the printer, with a white border.",
        ["sticker", "pets"],
        1800,
        3,
    ),
    offer(
        "web-design",
        "One page for your workshop, ready to publish",
        "A page with your offer, opening hours and a map. You receive plain HTML and CSS, which every host accepts.",
        ["landing page", "html"],
        12_000,
        6,
    ),
    offer(
        "presentation",
        "I will tidy up ten slides before your talk",
        "Same content, clearer pages: one message each, readable from the last row. Changes are listed at the end.",
        ["slides", "talk"],
        4500,
        2,
    ),
    offer(
        "digital-writing",
        "Product texts for your market stall, five pieces",
        "Tell me what you sell and who buys it. Each text has up to sixty words and one headline.",
        ["product text", "copywriting"],
        3500,
        4,
    ),
    offer(
        "transcription",
        "I will write down an interview of up to one hour",
        "Every word, with speakers and a time for each minute. Dialects are welcome; please name them.",
        ["interview", "transcript"],
        5200,
        3,
    ),
    offer(
        "music",
        "A jingle of seven seconds for your podcast",
        "Two drafts to choose from, then the finished file in WAV and MP3. All instruments are played by hand.",
        ["jingle", "podcast"],
        6000,
        5,
    ),
    offer(
        "voice-over",
        "I will read your story for children, in English",
        "Up to five hundred words, calm and clear, recorded in a quiet room. Breaths are cut, nothing else.",
        ["story", "children"],
        4000,
        2,
    ),
    offer(
        "web-development",
        "I will find out why your page loads slowly",
        "You receive a list of what costs the most time, with the first three repairs explained step by step.",
        ["performance", "audit"],
        7500,
        4,
    ),
    offer(
        "convert-files",
        "Your old spreadsheets as clean CSV, up to twenty files",
        "Dates and numbers in one format, one header row, no merged cells. I list every cell that I had to guess.",
        ["csv", "spreadsheet"],
        2500,
        2,
    ),
    offer(
        "lifestyle",
        "A weekly menu for two with one shopping list",
        "Seven dinners, thirty minutes each, from what your shop has in season. Please name what you do not eat.",
        ["menu", "cooking"],
        2200,
        3,
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::demo::gigs::load_demo_gigs;
    use crate::demo::tests::catalogue;
    use crate::domain::gig::GigContent;
    use crate::domain::gig_form::Completeness;
    use crate::domain::limits::GigLimits;
    use crate::domain::violation::Validator;

    #[test]
    fn every_offer_is_a_valid_gig_with_a_title_of_its_own() {
        let catalogue = catalogue();
        let seeded = load_demo_gigs().unwrap();
        let mut titles: HashSet<_> =
            seeded.iter().flat_map(|group| group.gigs.iter().map(|gig| gig.title.as_str())).collect();
        for offer in &OFFERS {
            let category = catalogue.iter().find(|category| category.slug == offer.category);
            let category = category.unwrap_or_else(|| panic!("there is no {}", offer.category));
            let mut validator = Validator::default();
            offer.form(category.id, Vec::new()).merge_into(
                GigContent::blank(category),
                Some(category),
                &GigLimits::default(),
                Completeness::Complete,
                &mut validator,
            );
            assert_eq!(validator.finish(), Ok(()), "{}", offer.title);
            assert!(titles.insert(offer.title), "{}", offer.title);
        }
    }
}
