//! Pictures that look alike: the same picture is recognized after another encoding, another size or a light crop, and
//! the cards of different people, which have one template, are told apart.

use gigway::media::images::Bounds;
use gigway::media::images::perceptual::{Comparison, Preview, look_alike};
use gigway::media::images::reencode_document;
use image::RgbImage;

use crate::support::cards::{crop, draw_card, jpeg, resize};

/// The preview of an upload of this file.
fn preview(file: &[u8]) -> Preview {
    reencode_document(file, &Bounds::default()).expect("an image").preview
}

fn is_same(first: &Preview, second: &Preview) -> bool {
    look_alike(first.hash(), second.hash()) && Comparison::new(second).matches(&first.signature())
}

#[test]
fn of_200_cards_of_different_people_at_most_one_percent_look_the_same() {
    let cards: Vec<_> = (0..200).map(|person| preview(&jpeg(&draw_card(person), 88))).collect();
    let signatures: Vec<_> = cards.iter().map(|card| (card.hash(), card.signature())).collect();
    let is_flagged = |index: &usize| {
        let (hash, comparison) = (cards[*index].hash(), Comparison::new(&cards[*index]));
        let earlier = &signatures[..*index];
        earlier.iter().any(|(other, signature)| look_alike(hash, *other) && comparison.matches(signature))
    };
    let flagged = (0..cards.len()).filter(is_flagged).count();
    assert!(flagged <= 2, "{flagged} of 200 cards");
}

#[test]
fn a_picture_is_recognized_after_another_encoding_and_a_light_crop() {
    type Change = fn(&RgbImage) -> RgbImage;
    let variations: [(&str, Change, u8); 10] = [
        ("low quality", RgbImage::clone, 45),
        ("smaller", |card| resize(card, 70), 80),
        ("larger", |card| resize(card, 130), 80),
        ("cropped everywhere", |card| crop(card, [30, 30, 30, 30]), 75),
        ("cropped a little", |card| crop(card, [8, 12, 5, 9]), 75),
        ("cropped at the left", |card| crop(card, [50, 0, 0, 0]), 75),
        ("cropped at the top", |card| crop(card, [0, 45, 0, 0]), 75),
        ("cropped at the right and the bottom", |card| crop(card, [0, 0, 40, 25]), 75),
        ("cropped unevenly", |card| crop(card, [12, 40, 33, 5]), 75),
        ("cropped and smaller", |card| resize(&crop(card, [20, 35, 25, 10]), 72), 70),
    ];
    let mut missed = Vec::new();
    for person in 0..12 {
        let card = draw_card(person);
        let original = preview(&jpeg(&card, 88));
        for (name, change, quality) in variations {
            let changed = preview(&jpeg(&change(&card), quality));
            // Whichever of the two was there first.
            for (first, second, order) in [(&original, &changed, "after"), (&changed, &original, "before")] {
                if !is_same(first, second) {
                    missed.push(format!("{person} {name} {order}"));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}
