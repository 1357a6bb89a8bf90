//! The form "Post new gig": validation of what a seller writes. All violations are reported at once. Limits:
//! `GigLimits` in `limits.rs`.
//!
//! To add a field: the steps in the header of `src/graphql/mod.rs`.

use std::collections::HashSet;

use rust_decimal::Decimal;

use crate::domain::category::Category;
use crate::domain::entered::{Amount, Entered, read_amount};
use crate::domain::gig::GigContent;
use crate::domain::id::{CategoryId, ImageId};
use crate::domain::limits::GigLimits;
use crate::domain::link::normalize_link;
use crate::domain::message::message;
use crate::domain::money::{CURRENCY, Money};
use crate::domain::text::{compose, normalize_text};
use crate::domain::violation::{Validator, Violation, ViolationCode};

/// The form. A field that is `None` stays as it was.
#[derive(Debug, Clone, Default)]
pub struct GigForm {
    pub title: Option<String>,
    pub description: Option<String>,
    pub category_id: Option<CategoryId>,
    pub price: Option<Entered<Decimal>>,
    pub delivery_days: Option<i32>,
    pub revisions: Option<i32>,
    pub tags: Option<Vec<String>>,
    pub image_ids: Option<Vec<ImageId>>,
    pub links: Option<Vec<String>>,
}

/// How much of the content is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Only a title. Everything else may be missing, but what is there must be within its limits.
    Draft,
    /// Everything that reviewers and buyers need.
    Complete,
}

impl GigForm {
    /// Merges the form into `content` and validates the result; violations go to `validator`.
    /// `category` is the category of the result, or `None` if it does not exist.
    pub fn merge_into(
        self,
        content: GigContent,
        category: Option<&Category>,
        limits: &GigLimits,
        completeness: Completeness,
        validator: &mut Validator,
    ) -> GigContent {
        let price = match self.price {
            Some(entered) => read_amount(entered, "price", "The price", validator),
            None => Some(Amount::Money(kept_price(content.price, category, completeness))),
        };
        let normalize_tags = |tags: Vec<String>| tags.iter().map(|tag| normalize_text(tag)).collect();
        // An invalid link stays as it is, for `check_links`.
        let normalize_link = |link: &String| normalize_link(link).unwrap_or_else(|_| normalize_text(link));
        let links = self.links.unwrap_or(content.links);
        let merged = GigContent {
            title: self.title.map_or(content.title, |text| normalize_text(&text)),
            description: self.description.map_or(content.description, |text| normalize_text(&text)),
            category_id: self.category_id.unwrap_or(content.category_id),
            price: match price {
                Some(Amount::Money(money)) => money,
                Some(Amount::OutOfRange) | None => content.price,
            },
            delivery_days: self.delivery_days.unwrap_or(content.delivery_days),
            revisions: self.revisions.unwrap_or(content.revisions),
            tags: self.tags.map_or(content.tags, normalize_tags),
            links: links.iter().map(normalize_link).collect(),
        };
        check_content(&merged, price, category, limits, completeness, validator);
        if let Some(images) = &self.image_ids {
            check_images(images, limits, validator);
        }
        merged
    }
}

/// The price of a gig whose form sets none. That of a draft is raised to the minimum of its category.
fn kept_price(price: Money, category: Option<&Category>, completeness: Completeness) -> Money {
    match category {
        Some(category) if completeness == Completeness::Draft => price.max(category.minimum_price),
        _ => price,
    }
}

/// `price` is that of the content; `None` if it could not be read.
fn check_content(
    content: &GigContent,
    price: Option<Amount>,
    category: Option<&Category>,
    limits: &GigLimits,
    completeness: Completeness,
    validator: &mut Validator,
) {
    let (title_min, description_min) = match completeness {
        Completeness::Draft => (1, 0),
        Completeness::Complete => (limits.title_min_chars, 1),
    };
    validator.check_line("title", "The title", &content.title, title_min, limits.title_max_chars);
    let max = limits.description_max_chars;
    validator.check_text("description", "The description", &content.description, description_min, max);
    match category {
        Some(category) => check_price(price, category, limits, validator),
        None => validator.push(Violation::not_found("category", "category")),
    }
    validator.check_range(
        "deliveryDays",
        "The delivery time in days",
        content.delivery_days,
        1,
        limits.delivery_days_max,
    );
    validator.check_range("revisions", "The number of revisions", content.revisions, 0, limits.revisions_max);
    check_tags(&content.tags, limits, validator);
    check_links(&content.links, limits, validator);
}

fn check_price(price: Option<Amount>, category: &Category, limits: &GigLimits, validator: &mut Validator) {
    let (min, max) = (category.minimum_price, limits.maximum_price);
    let message = match price {
        Some(Amount::Money(price)) if price < min || price > max => message!(
            "The price in {category} must be between {min} and {max} {unit}; it is {actual}.",
            category = category.name,
            min = min.to_decimal(),
            max = max.to_decimal(),
            unit = CURRENCY,
            actual = price.to_decimal()
        ),
        Some(Amount::OutOfRange) => message!(
            "The price in {category} must be between {min} and {max} {unit}.",
            category = category.name,
            min = min.to_decimal(),
            max = max.to_decimal(),
            unit = CURRENCY
        ),
        Some(Amount::Money(_)) | None => return,
    };
    validator.add("price", ViolationCode::OutOfRange, message);
}

fn check_tags(tags: &[String], limits: &GigLimits, validator: &mut Validator) {
    validator.check_count("tags", "tags", tags.len(), limits.tags_max);
    let mut seen = HashSet::new();
    for (index, tag) in tags.iter().enumerate().take(limits.tags_max) {
        let path = format!("tags.{index}");
        validator.check_line(&path, "A tag", tag, limits.tag_min_chars, limits.tag_max_chars);
        if !seen.insert(tag_key(tag)) {
            let message = message!("The tag \"{tag}\" is a duplicate.", tag = tag);
            validator.add(&path, ViolationCode::Duplicate, message);
        }
    }
}

/// The key that identifies a tag: case does not matter.
pub fn tag_key(tag: &str) -> String {
    compose(&normalize_text(tag).to_lowercase())
}

/// Checks links that are normalized, as far as they are valid.
fn check_links(links: &[String], limits: &GigLimits, validator: &mut Validator) {
    validator.check_count("links", "links", links.len(), limits.links_max);
    let mut seen = HashSet::new();
    for (index, link) in links.iter().enumerate().take(limits.links_max) {
        let path = format!("links.{index}");
        if !validator.check_characters(&path, "A link", link) {
            continue;
        }
        let length = link.chars().count();
        if length > limits.link_max_chars {
            let message = message!(
                "{field} may have at most {max} {unit}; it has {actual}.",
                field = "A link",
                max = limits.link_max_chars,
                unit = "characters",
                actual = length
            );
            validator.add(&path, ViolationCode::TooLong, message);
        } else if let Err(problem) = normalize_link(link) {
            validator.add(&path, ViolationCode::Invalid, problem.message());
        } else if !seen.insert(link) {
            validator.add(&path, ViolationCode::Duplicate, message!("This link is a duplicate."));
        }
    }
}

fn check_images(images: &[ImageId], limits: &GigLimits, validator: &mut Validator) {
    validator.check_count("imageIds", "images", images.len(), limits.images_max);
    let mut seen = HashSet::new();
    for (index, image) in images.iter().enumerate().take(limits.images_max) {
        // A malformed id was parsed as nil. Two of them are not duplicates; neither will be found.
        if !image.is_nil() && !seen.insert(image) {
            let message = message!("This image is a duplicate.");
            validator.add(&format!("imageIds.{index}"), ViolationCode::Duplicate, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn category() -> Category {
        Category {
            id: CategoryId::from_uuid(Uuid::from_u128(1)),
            slug: "music".into(),
            name: "Music".into(),
            minimum_price: Money::from_cents(100),
        }
    }

    fn complete() -> GigForm {
        GigForm {
            title: Some("I will write a song".into()),
            description: Some("A song of three minutes.".into()),
            category_id: Some(CategoryId::from_uuid(Uuid::from_u128(1))),
            price: Some(Entered::read("25.00")),
            delivery_days: Some(3),
            revisions: Some(1),
            tags: Some(vec!["song".into(), "Lyrics".into()]),
            image_ids: None,
            links: Some(vec!["https://example.com/a?b=c#d".into()]),
        }
    }

    /// Code and path of every violation in `form`.
    fn violations(form: GigForm, completeness: Completeness) -> Vec<(ViolationCode, String)> {
        let mut validator = Validator::default();
        let blank = GigContent::blank(&category());
        form.merge_into(blank, Some(&category()), &GigLimits::default(), completeness, &mut validator);
        let violations = validator.finish().err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.code, violation.field.join("."))).collect()
    }

    fn violations_with(change: impl FnOnce(&mut GigForm)) -> Vec<(ViolationCode, String)> {
        let mut form = complete();
        change(&mut form);
        violations(form, Completeness::Complete)
    }

    fn one(code: ViolationCode, path: &str) -> Vec<(ViolationCode, String)> {
        vec![(code, path.to_owned())]
    }

    #[test]
    fn a_complete_form_is_valid() {
        assert_eq!(violations_with(|_| ()), []);
    }

    #[test]
    fn every_limit_is_enforced_exactly() {
        use ViolationCode::{Duplicate, Invalid, OutOfRange, Required, TooLong, TooMany, TooShort};
        let text = |n: usize| Some("é".repeat(n));
        assert_eq!(violations_with(|f| f.title = text(120)), []);
        assert_eq!(violations_with(|f| f.title = text(121)), one(TooLong, "title"));
        assert_eq!(violations_with(|f| f.title = text(10)), []);
        assert_eq!(violations_with(|f| f.title = text(9)), one(TooShort, "title"));
        assert_eq!(violations_with(|f| f.title = Some("  ".into())), one(Required, "title"));
        assert_eq!(violations_with(|f| f.title = Some("two lines\nof title".into())), one(Invalid, "title"));
        assert_eq!(violations_with(|f| f.description = text(2048)), []);
        assert_eq!(violations_with(|f| f.description = text(2049)), one(TooLong, "description"));
        assert_eq!(violations_with(|f| f.description = Some(String::new())), one(Required, "description"));
        assert_eq!(violations_with(|f| f.description = Some("a\0b".into())), one(Invalid, "description"));
        for (cents, ok) in [(100, true), (99, false), (1_000_000, true), (1_000_001, false), (-100, false)] {
            let expected = if ok { vec![] } else { one(OutOfRange, "price") };
            let price = Some(Entered::Value(Decimal::new(cents, 2)));
            assert_eq!(violations_with(|f| f.price = price), expected, "{cents}");
        }
        // One violation each, although the blank content has a price that is too low for other categories.
        for (text, code) in
            [("12.345", Invalid), ("12,50", Invalid), ("", Required), ("9999999999999999999999", OutOfRange)]
        {
            assert_eq!(
                violations_with(|f| f.price = Some(Entered::read(text))),
                one(code, "price"),
                "{text}"
            );
        }
        for (days, ok) in [(0, false), (1, true), (90, true), (91, false)] {
            let expected = if ok { vec![] } else { one(OutOfRange, "deliveryDays") };
            assert_eq!(violations_with(|f| f.delivery_days = Some(days)), expected);
        }
        assert_eq!(violations_with(|f| f.revisions = Some(21)), one(OutOfRange, "revisions"));
        assert_eq!(violations_with(|f| f.revisions = Some(-1)), one(OutOfRange, "revisions"));
        let tags = |n: usize| Some((0..n).map(|i| format!("tag {i}")).collect());
        assert_eq!(violations_with(|f| f.tags = tags(15)), []);
        assert_eq!(violations_with(|f| f.tags = tags(16)), one(TooMany, "tags"));
        assert_eq!(violations_with(|f| f.tags = Some(vec!["C".into(), "R".into()])), []);
        assert_eq!(violations_with(|f| f.tags = Some(vec![" ".into()])), one(Required, "tags.0"));
        assert_eq!(violations_with(|f| f.tags = Some(vec!["x".repeat(30)])), []);
        assert_eq!(violations_with(|f| f.tags = Some(vec!["x".repeat(31)])), one(TooLong, "tags.0"));
        assert_eq!(
            violations_with(|f| f.tags = Some(vec!["c".into(), "C".into()])),
            one(Duplicate, "tags.1")
        );
        let twice = vec!["Logo".into(), " logo ".into()];
        assert_eq!(violations_with(|f| f.tags = Some(twice)), one(Duplicate, "tags.1"));
        let links = |n: usize| Some((0..n).map(|i| format!("https://example.com/{i}")).collect());
        assert_eq!(violations_with(|f| f.links = links(5)), []);
        assert_eq!(violations_with(|f| f.links = links(6)), one(TooMany, "links"));
        let long = |n: usize| Some(vec![format!("https://example.com/{}", "a".repeat(n - 20))]);
        assert_eq!(violations_with(|f| f.links = long(2048)), []);
        assert_eq!(violations_with(|f| f.links = long(2049)), one(TooLong, "links.0"));
        let same = vec!["https://example.com".into(), "HTTPS://ex\u{ad}ample.com:443/".into()];
        assert_eq!(violations_with(|f| f.links = Some(same)), one(Duplicate, "links.1"));
        assert_eq!(violations_with(|f| f.title = Some("\u{200b}".repeat(10))), one(Required, "title"));
        for invisible in ["\u{200d}", "\u{2800}", "\u{301}", "\u{e0041}", "\u{3164}"] {
            let title = Some(invisible.repeat(10));
            assert_eq!(violations_with(|f| f.title = title), one(TooShort, "title"), "{invisible:?}");
        }
        assert_eq!(
            violations_with(|f| f.title = Some("\u{202e}a title reversed".into())),
            one(Invalid, "title")
        );
        assert_eq!(
            violations_with(|f| f.title = Some("a\u{2028}title on lines".into())),
            one(Invalid, "title")
        );
        let twice = vec!["e\u{301}te".into(), "\u{e9}te".into()];
        assert_eq!(violations_with(|f| f.tags = Some(twice)), one(Duplicate, "tags.1"));
        let images =
            |n: u128| Some((1..=n).map(|number| ImageId::from_uuid(Uuid::from_u128(number))).collect());
        assert_eq!(violations_with(|f| f.image_ids = images(5)), []);
        assert_eq!(violations_with(|f| f.image_ids = images(6)), one(TooMany, "imageIds"));
        let same = Some(vec![ImageId::from_uuid(Uuid::max()); 2]);
        assert_eq!(violations_with(|f| f.image_ids = same), one(Duplicate, "imageIds.1"));
    }

    #[test]
    fn the_length_of_a_link_is_that_of_its_stored_form() {
        let link = |n: usize| Some(vec![format!("https://example.com:443/{}", "\u{e4}".repeat(n))]);
        // Each letter is stored as six characters.
        assert_eq!(violations_with(|f| f.links = link(338)), []);
        assert_eq!(violations_with(|f| f.links = link(339)), one(ViolationCode::TooLong, "links.0"));
    }

    #[test]
    fn a_link_must_be_an_absolute_https_url() {
        for bad in [
            "http://example.com",
            "https:example.com",
            "https://",
            "https://user:secret@example.com",
            "example.com",
            "javascript:alert(1)",
            "https://exa mple.com",
            "https://a.com\\@evil.com",
            "https://a\u{202e}b.com",
            "https://localhost/",
            "https://192.168.0.1/",
            "https://example.com:8443/",
            "",
        ] {
            let found = violations_with(|f| f.links = Some(vec![bad.into()]));
            assert_eq!(found, one(ViolationCode::Invalid, "links.0"), "{bad}");
        }
    }

    #[test]
    fn all_violations_are_reported_at_once_in_the_order_of_the_form() {
        let found = violations_with(|f| {
            f.title = None;
            f.description = None;
            f.price = Some(Entered::Value(Decimal::ZERO));
            f.links = Some(vec!["http://example.com".into()]);
        });
        let paths: Vec<_> = found.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["title", "description", "price", "links.0"]);
    }

    #[test]
    fn a_draft_needs_only_a_title_and_must_meet_the_other_limits() {
        let draft = |title: &str| GigForm { title: Some(title.into()), ..GigForm::default() };
        assert_eq!(violations(draft("Song"), Completeness::Draft), []);
        assert_eq!(violations(draft(""), Completeness::Draft), one(ViolationCode::Required, "title"));
        let long = draft(&"x".repeat(121));
        assert_eq!(violations(long, Completeness::Draft), one(ViolationCode::TooLong, "title"));
    }
}
