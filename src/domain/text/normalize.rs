//! The one form of a text that somebody types: see [`normalize`].

use unicode_normalization::UnicodeNormalization;

use crate::domain::text::properties::{
    Kind, are_joined_emoji, can_join, has_tagged_forms, has_variant, is_filler_needed, is_indic, is_mark,
    is_mark_of_script, tagged_character,
};

/// The most passes over a text. What one pass removes can let characters compose, which the next one sees. No text is
/// known that needs more than three.
const PASSES_MAX: usize = 5;

/// Ends a sequence of tags.
const CANCEL_TAG: char = '\u{e007f}';

/// The number of tags in the name of a flag, such as `gbsct`.
const TAGS: std::ops::RangeInclusive<usize> = 3..=6;

/// The text in Unicode's composed form (NFC), with LF for every line end, without invisible characters that nothing
/// needs, and without spaces at its ends. Characters that are forbidden stay. A text that shows nothing, such as a
/// lone joiner, loses only what is harmless, so that a check can refuse it.
pub(super) fn normalize(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.trim().to_owned();
    }
    let mut text = normalize_once(text);
    for _ in 1..PASSES_MAX {
        let again = normalize_once(&text);
        if again == text {
            break;
        }
        text = again;
    }
    text
}

fn normalize_once(text: &str) -> String {
    let needed = text.chars().filter(|character| Kind::of(*character) != Kind::Ignorable);
    let characters = with_line_feeds(needed.nfc());
    let cleaned = Cleaner::new(&characters).run();
    if !cleaned.is_empty() {
        return cleaned.nfc().collect();
    }
    let is_edge = |c: char| matches!(Kind::of(c), Kind::Space | Kind::LineBreak | Kind::DirectionMark);
    String::from_iter(characters).trim_matches(is_edge).to_owned()
}

/// The characters, with one LF for every line end.
fn with_line_feeds(text: impl Iterator<Item = char>) -> Vec<char> {
    let (mut characters, mut previous) = (Vec::new(), None);
    for character in text {
        if Kind::of(character) != Kind::LineBreak {
            characters.push(character);
        } else if (previous, character) != (Some('\r'), '\n') {
            characters.push('\n');
        }
        previous = Some(character);
    }
    characters
}

/// Chooses the characters that stay, of those that are not always removed.
struct Cleaner<'a> {
    characters: &'a [char],
    kinds: Vec<Kind>,
    is_kept: Vec<bool>,
    /// The end of the isolate that starts at an index.
    isolate_ends: Vec<Option<usize>>,
}

impl<'a> Cleaner<'a> {
    fn new(characters: &'a [char]) -> Self {
        let kinds: Vec<_> = characters.iter().map(|character| Kind::of(*character)).collect();
        let (is_kept, isolate_ends) = (vec![true; kinds.len()], vec![None; kinds.len()]);
        Self { characters, kinds, is_kept, isolate_ends }
    }

    fn run(mut self) -> String {
        self.match_isolates();
        self.check_contexts();
        self.trimmed()
    }

    /// Removes starts and ends of isolates that have no counterpart in their line.
    fn match_isolates(&mut self) {
        let mut open = Vec::new();
        for index in 0..=self.kinds.len() {
            match self.kinds.get(index) {
                Some(Kind::IsolateStart) => open.push(index),
                Some(Kind::IsolateEnd) => match open.pop() {
                    Some(start) => self.isolate_ends[start] = Some(index),
                    None => self.is_kept[index] = false,
                },
                Some(Kind::LineBreak) | None => {
                    for start in open.drain(..) {
                        self.is_kept[start] = false;
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Removes joiners, variation selectors, tags and fillers that have no effect where they are.
    fn check_contexts(&mut self) {
        let following = self.following();
        let mut before = Before::default();
        let mut index = 0;
        while let (Some(&character), Some(&kind)) = (self.characters.get(index), self.kinds.get(index)) {
            if kind == Kind::Tag {
                let count = self.kinds[index..].iter().take_while(|kind| **kind == Kind::Tag).count();
                let is_emoji = before.kept.is_some_and(has_tagged_forms)
                    && is_tag_sequence(&self.characters[index..index + count]);
                self.is_kept[index..index + count].fill(is_emoji);
                if is_emoji {
                    before.kept = Some(CANCEL_TAG);
                }
                index += count;
                continue;
            }
            let after = following[index];
            let is_needed = match kind {
                // A second one changes nothing.
                Kind::Joiner | Kind::NonJoiner | Kind::MarkJoiner if before.kept == Some(character) => false,
                Kind::Joiner => before.needs_joiner(after),
                Kind::NonJoiner => before.needs_non_joiner(after),
                Kind::Variation => before.kept.is_some_and(|base| has_variant(base, character)),
                Kind::MarkJoiner => after.is_some_and(is_mark),
                Kind::Filler => is_filler_needed(self.characters, index),
                _ => true,
            };
            self.is_kept[index] &= is_needed;
            if self.is_kept[index] {
                before.kept = Some(character);
            }
            if !kind.is_ignorable() {
                before.shown = Some(character);
                if !is_mark(character) {
                    before.base = Some(character);
                }
            }
            index += 1;
        }
    }

    /// For each character, the next one that is not invisible.
    fn following(&self) -> Vec<Option<char>> {
        let mut following = vec![None; self.characters.len()];
        let mut next = None;
        for index in (0..following.len()).rev() {
            following[index] = next;
            if !self.kinds[index].is_ignorable() {
                next = Some(self.characters[index]);
            }
        }
        following
    }

    /// What is kept, without spaces, direction marks and blanks at the ends, and without an isolate around all of it.
    fn trimmed(&self) -> String {
        let kept: Vec<_> = (0..self.characters.len()).filter(|index| self.is_kept[*index]).collect();
        let is_edge = |index: usize| {
            matches!(self.kinds[index], Kind::Space | Kind::LineBreak | Kind::DirectionMark | Kind::Blank)
        };
        let mut rest = kept.as_slice();
        loop {
            rest = match rest {
                [first, others @ ..] if is_edge(*first) => others,
                [others @ .., last] if is_edge(*last) => others,
                [first, others @ .., last] if self.isolate_ends[*first] == Some(*last) => others,
                _ => break,
            };
        }
        rest.iter().map(|index| self.characters[*index]).collect()
    }
}

/// What precedes a character.
#[derive(Default)]
struct Before {
    /// The last character that is kept.
    kept: Option<char>,
    /// The last one that is not invisible.
    shown: Option<char>,
    /// The last one that is neither invisible nor a mark.
    base: Option<char>,
}

impl Before {
    /// Whether a ZWJ has an effect here: beside a letter that can join, in front of a mark of its script, or between
    /// emoji.
    fn needs_joiner(&self, after: Option<char>) -> bool {
        after.is_some_and(|after| is_mark_of_script(after) || can_join(after))
            || self.base.is_some_and(can_join)
            || self.base.zip(after).is_some_and(|(base, after)| are_joined_emoji(base, after))
    }

    /// Whether a ZWNJ has an effect here: after an Indic letter or sign, whose form it can choose, or between letters
    /// that would join.
    fn needs_non_joiner(&self, after: Option<char>) -> bool {
        let (Some(shown), Some(base)) = (self.shown, self.base) else { return false };
        if is_indic(shown) {
            return true;
        }
        let is_apart = |character: char| matches!(Kind::of(character), Kind::Space | Kind::LineBreak);
        let Some(after) = after.filter(|after| !is_apart(*after) && !is_apart(shown)) else { return false };
        can_join(base) || can_join(after) || is_mark_of_script(after)
    }
}

/// Whether the tags are those of a flag: letters and digits, and the tag that ends them.
fn is_tag_sequence(tags: &[char]) -> bool {
    let Some((end, name)) = tags.split_last() else { return false };
    *end == CANCEL_TAG
        && TAGS.contains(&name.len())
        && name.iter().all(|tag| tagged_character(*tag).is_some())
}
