//! Random searches of random texts of many scripts: both databases find what a model of them in Rust finds.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use gigway::domain::gig::Gig;
use gigway::domain::gig_filter::{GigFilter, GigOrder};
use gigway::domain::id::{GigId, PublicId};
use gigway::domain::search::{indexed_words, terms};
use gigway::store::gigs::query::{GigQuery, Scope};
use gigway::store::gigs::rows::{Column, ColumnSet};
use gigway::store::gigs::{self, facets, list};
use gigway::store::pagination::{Direction, PageRequest};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::browse::publish_gig;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// Pieces of texts: words of many scripts, separators, and characters that are special for a database.
const PIECES: [&str; 72] = [
    "logo",
    "Logo",
    "LOGOS",
    "design",
    "café",
    "Cafe\u{301}",
    "İstanbul",
    "ıstanbul",
    "Straße",
    "STRASSE",
    "ΟΔΟΣ",
    "οδός",
    "ёлка",
    "Елка",
    "дизайн",
    "й",
    "и",
    "שָׁלוֹם",
    "שלום",
    "مُحَمَّد",
    "محمد",
    "الأحمد",
    "日本",
    "語",
    "日本語",
    "翻訳",
    "网站设计",
    "ﾃﾞｻﾞｲﾝ",
    "デザイン",
    "でざ",
    "が",
    "か",
    "ภาษาไทย",
    "ไทย",
    "น้ำ",
    "ភាសា",
    "မြန်မာ",
    "ລາວ",
    "한국어",
    "디자인",
    "हिन्दी",
    "मि",
    "C++",
    "c#",
    "F#",
    ".NET",
    "node.js",
    "ASP.NET",
    "e-mail",
    "don't",
    "l’été",
    "A/B",
    "R&D",
    "UTF-8",
    "50%",
    "@angular",
    "１２３",
    "٤٥",
    "ⅷ",
    "½",
    "😀",
    "👩‍👧",
    "\u{202e}",
    "a",
    "s",
    "t",
    "x_y",
    "1,000",
    "Brand™",
    "צה״ל",
    "ᏣᎳᎩ",
    "\u{10400}\u{10428}",
];
const SEPARATORS: [&str; 22] = [
    " ", " ", " ", " ", "", "", "-", ".", ", ", "/", "'", "\"", "*", "(", ")", ":", " & ", " | ", "!", "\\",
    "+", "#",
];

fn random_text(random: &mut StdRng, max_pieces: usize) -> String {
    let pieces = random.random_range(1..=max_pieces);
    let mut text = String::new();
    for _ in 0..pieces {
        text.push_str(PIECES.choose(random).expect("a piece"));
        text.push_str(SEPARATORS.choose(random).expect("a separator"));
    }
    text
}

/// A part of a text, sometimes in another case.
fn random_query(random: &mut StdRng, texts: &[String]) -> String {
    if random.random_bool(0.2) {
        return random_text(random, 3);
    }
    let characters: Vec<char> = texts.choose(random).expect("a text").chars().collect();
    let start = random.random_range(0..characters.len());
    let length = random.random_range(1..=12);
    let part: String = characters[start..].iter().take(length).collect();
    match random.random_range(0..3) {
        0 => part.to_uppercase(),
        1 => part.to_lowercase(),
        _ => part,
    }
}

/// The words by which a model of the database finds a gig, and those of its title.
struct ModelGig {
    id: GigId,
    title: BTreeSet<String>,
    all: BTreeSet<String>,
}

async fn both_databases_find_what_a_model_finds(app: TestApp) {
    const GIGS: usize = 150;
    const QUERIES: usize = 1_500;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = publish_gig(&app, &ann, &rita, "Template of the others", json!({})).await;
    let db = app.services().db.read();
    let template = gigs::find_visible(db, None, GigId::parse(&id).expect("an id")).await.expect("a row");
    let template = template.expect("listed");
    let mut random = StdRng::seed_from_u64(20_261_129);
    let mut listed: Vec<Gig> = Vec::new();
    for number in 0..GIGS {
        let mut gig = template.clone();
        gig.id = app.services().new_id();
        gig.published_at = template
            .published_at
            .map(|at| at - TimeDelta::minutes(1 + i64::try_from(number).expect("small")));
        gig.content.title = random_text(&mut random, 4);
        gig.content.tags = (0..random.random_range(0..3))
            .map(|tag| format!("{} {tag}", random_text(&mut random, 2)))
            .collect();
        gig.content.description = random_text(&mut random, 12);
        listed.push(gig);
    }
    let transaction = app.services().db.begin().await.expect("a transaction");
    gigs::insert_all(&transaction, &listed).await.expect("inserted");
    transaction.commit().await.expect("committed");
    listed.insert(0, template);
    let texts: Vec<String> = listed
        .iter()
        .flat_map(|gig| {
            [gig.content.title.clone(), gig.content.description.clone(), gig.content.tags.join(" ")]
        })
        .filter(|text| !text.is_empty())
        .collect();
    let model: Vec<ModelGig> = listed
        .iter()
        .map(|gig| {
            let title = indexed_words(&gig.content.title);
            let other = [gig.content.description.clone(), gig.content.tags.join("\n")];
            let all = other.iter().flat_map(|text| indexed_words(text)).chain(title.clone()).collect();
            ModelGig { id: gig.id, title, all }
        })
        .collect();
    let mut found_something = 0;
    for number in 0..QUERIES {
        let search = random_query(&mut random, &texts);
        let terms = terms(&search);
        let matches =
            |words: &BTreeSet<String>| !terms.is_empty() && terms.iter().all(|term| term.matches(words));
        let in_title = model.iter().filter(|gig| matches(&gig.title));
        let elsewhere = model.iter().filter(|gig| matches(&gig.all) && !matches(&gig.title));
        let expected: Vec<GigId> = in_title.chain(elsewhere).map(|gig| gig.id).collect();
        let query = GigQuery {
            scope: Scope::Listed,
            filter: GigFilter::default(),
            terms: Some(terms.clone()),
            order: GigOrder::Relevance,
        };
        let request = PageRequest { size: 1_000, direction: Direction::Forward, after: None, before: None };
        let columns = ColumnSet::only(Column::Title);
        let page = list::page(db, &query, &request, columns)
            .await
            .unwrap_or_else(|error| panic!("{search:?}: {error}"));
        let found: Vec<GigId> = page.rows.iter().map(|(_, row)| row.gig.id).collect();
        assert_eq!(found, expected, "{search:?} {terms:?}");
        if number % 10 == 0 {
            let count = list::count(db, &query).await.expect("a count");
            assert_eq!(usize::try_from(count), Ok(expected.len()), "{search:?}");
            let counts = facets::counts(db, &query, facets::Facet::Category).await.expect("counts");
            assert_eq!(counts.iter().map(|(_, count)| *count).sum::<i64>(), i64::from(count), "{search:?}");
        }
        found_something += usize::from(!found.is_empty());
    }
    assert!(found_something > QUERIES / 2, "{found_something}");
}

on_both_back_ends!(both_databases_find_what_a_model_finds);
