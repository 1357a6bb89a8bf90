//! What a character is in a text that somebody types, by its Unicode properties.

use icu_properties::props::{
    BidiClass, BidiControl, BinaryProperty, Cased, DefaultIgnorableCodePoint, Emoji, EmojiComponent,
    EmojiModifier, EnumeratedProperty, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup,
    HangulSyllableType, IndicSyllabicCategory, JoinControl, JoiningType, LineBreak, NoncharacterCodePoint,
    PrependedConcatenationMark, Script, UnifiedIdeograph, VariationSelector, WhiteSpace,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Symbols that are drawn as nothing, although no property says so: the empty Braille pattern, the musical null
/// notehead, and two Egyptian blanks.
const BLANK_SYMBOLS: [char; 4] = ['\u{2800}', '\u{1d159}', '\u{13441}', '\u{13442}'];

/// What happens to a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It stays.
    Ordinary,
    /// A space or a tab. It stays, except at the ends.
    Space,
    /// It becomes a line feed.
    LineBreak,
    /// A symbol that is drawn as nothing. It stays, except at the ends.
    Blank,
    /// It shows nothing and changes nothing that a reader needs: it is removed.
    Ignorable,
    /// LRM, RLM or ALM, which right-to-left texts need. It stays, except at the ends.
    DirectionMark,
    /// The start of a part with its own direction. It stays if the part also ends.
    IsolateStart,
    IsolateEnd,
    /// ZWJ. It stays beside a letter whose form it can change, and between emoji.
    Joiner,
    /// ZWNJ. It stays between characters that would join.
    NonJoiner,
    /// It stays after a character that has variants.
    Variation,
    /// It stays in an emoji such as the flag of Scotland.
    Tag,
    /// The combining grapheme joiner. It stays before a mark, whose place it determines.
    MarkJoiner,
    /// An invisible letter or vowel. It stays where its script needs it.
    Filler,
    /// It must not be in a text.
    Forbidden(Forbidden),
}

/// Why a character must not be in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// It changes the direction in which the text around it is shown.
    Override,
    /// A control character that is neither a line break nor a tab.
    Control,
    /// A code point that is never a character.
    Noncharacter,
}

impl Kind {
    pub fn of(character: char) -> Self {
        if matches!(character, ' '..='~') {
            return if character == ' ' { Self::Space } else { Self::Ordinary };
        }
        if is_line_break(character) {
            return Self::LineBreak;
        }
        if has::<WhiteSpace>(character) {
            return Self::Space;
        }
        if has::<NoncharacterCodePoint>(character) {
            return Self::Forbidden(Forbidden::Noncharacter);
        }
        let category = get::<GeneralCategory>(character);
        if category == GeneralCategory::Control {
            return Self::Forbidden(Forbidden::Control);
        }
        if has::<BidiControl>(character) {
            return Self::of_bidi_control(character);
        }
        if has::<DefaultIgnorableCodePoint>(character) {
            return Self::of_default_ignorable(character, category);
        }
        if is_format(character) && is_of_no_script(character) {
            return Self::Ignorable;
        }
        if BLANK_SYMBOLS.contains(&character) { Self::Blank } else { Self::Ordinary }
    }

    fn of_bidi_control(character: char) -> Self {
        match get::<BidiClass>(character) {
            BidiClass::LeftToRight | BidiClass::RightToLeft | BidiClass::ArabicLetter => Self::DirectionMark,
            BidiClass::LeftToRightIsolate | BidiClass::RightToLeftIsolate | BidiClass::FirstStrongIsolate => {
                Self::IsolateStart
            }
            BidiClass::PopDirectionalIsolate => Self::IsolateEnd,
            _ => Self::Forbidden(Forbidden::Override),
        }
    }

    fn of_default_ignorable(character: char, category: GeneralCategory) -> Self {
        if has::<JoinControl>(character) {
            let is_joiner = get::<JoiningType>(character) == JoiningType::JoinCausing;
            return if is_joiner { Self::Joiner } else { Self::NonJoiner };
        }
        if has::<VariationSelector>(character) {
            return Self::Variation;
        }
        if has::<EmojiComponent>(character) {
            return Self::Tag;
        }
        if !is_of_no_script(character) {
            return Self::Filler;
        }
        if is_mark_category(category) { Self::MarkJoiner } else { Self::Ignorable }
    }

    /// Whether the character shows nothing by itself and takes no space.
    pub fn is_ignorable(self) -> bool {
        !matches!(self, Self::Ordinary | Self::Space | Self::LineBreak | Self::Blank | Self::Forbidden(_))
    }
}

fn has<P: BinaryProperty>(character: char) -> bool {
    CodePointSetData::new::<P>().contains(character)
}

fn get<P: EnumeratedProperty>(character: char) -> P {
    CodePointMapData::<P>::new().get(character)
}

/// Whether the character ends a line by the Unicode line breaking algorithm.
fn is_line_break(character: char) -> bool {
    matches!(
        get::<LineBreak>(character),
        LineBreak::MandatoryBreak | LineBreak::CarriageReturn | LineBreak::LineFeed | LineBreak::NextLine
    )
}

fn is_of_no_script(character: char) -> bool {
    matches!(get::<Script>(character), Script::Common | Script::Inherited | Script::Unknown)
}

fn is_mark_category(category: GeneralCategory) -> bool {
    GeneralCategoryGroup::Mark.contains(category)
}

/// Whether the character is a combining mark, such as an accent or a vowel sign.
pub(super) fn is_mark(character: char) -> bool {
    !character.is_ascii() && is_mark_category(get(character))
}

/// Whether the character only controls how others are shown.
fn is_format(character: char) -> bool {
    get::<GeneralCategory>(character) == GeneralCategory::Format
        && !has::<PrependedConcatenationMark>(character)
}

/// Whether the character shows something by itself.
pub(super) fn is_visible(character: char) -> bool {
    Kind::of(character) == Kind::Ordinary && !is_mark(character) && !is_format(character)
}

/// Whether a joiner can change how the letter is shown: it is of a script whose letters join.
pub(super) fn can_join(character: char) -> bool {
    !matches!(get::<JoiningType>(character), JoiningType::NonJoining | JoiningType::Transparent)
        || is_indic(character)
}

/// Whether the mark belongs to one script, such as a point of Hebrew. An accent does not.
pub(super) fn is_mark_of_script(character: char) -> bool {
    is_mark(character) && !is_of_no_script(character)
}

/// Whether an emoji can be made of two others, joined by a ZWJ. The first may end with its tone of skin.
pub(super) fn are_joined_emoji(first: char, second: char) -> bool {
    (has::<ExtendedPictographic>(first) || has::<EmojiModifier>(first)) && has::<ExtendedPictographic>(second)
}

/// Whether the character is of a script of the Indic kind, from Devanagari to Khmer.
pub(super) fn is_indic(character: char) -> bool {
    get::<IndicSyllabicCategory>(character) != IndicSyllabicCategory::Other && !is_of_no_script(character)
}

/// Whether `selector` can choose a variant of `base`.
pub(super) fn has_variant(base: char, selector: char) -> bool {
    match selector {
        '\u{fe0e}' | '\u{fe0f}' => has::<Emoji>(base),
        '\u{e0100}'.. => has::<UnifiedIdeograph>(base),
        _ if Kind::of(base) != Kind::Ordinary => false,
        // Those of Mongolian.
        _ if !is_of_no_script(selector) => get::<Script>(base) == get::<Script>(selector),
        // Digits and other symbols have variants. Of letters, only those of scripts without capitals have some.
        _ => is_of_no_script(base) || !has::<Cased>(base),
    }
}

/// Whether an emoji can be made of the character and tags.
pub(super) fn has_tagged_forms(base: char) -> bool {
    has::<ExtendedPictographic>(base)
}

/// The value of a decimal digit of any script.
pub(super) fn digit_value(character: char) -> Option<u32> {
    let is_digit =
        |code: u32| CodePointMapData::<GeneralCategory>::new().get32(code) == GeneralCategory::DecimalNumber;
    let code = u32::from(character);
    // Unicode has the digits of a script in a row, from 0 to 9.
    let before = (1..=code).take_while(|distance| is_digit(code - distance)).last().unwrap_or_default();
    is_digit(code).then_some(before % 10)
}

/// The letter or digit of a tag character; `None` for other tags, and for the one that ends a sequence.
pub(super) fn tagged_character(tag: char) -> Option<char> {
    let code = u32::from(tag).checked_sub(0xe0000)?;
    char::from_u32(code).filter(|tagged| tagged.is_ascii_lowercase() || tagged.is_ascii_digit())
}

/// Whether the invisible letter or vowel at `index` has an effect there. Another invisible character does not need one.
pub(super) fn is_filler_needed(characters: &[char], index: usize) -> bool {
    let at = |offset| index.checked_add_signed(offset).and_then(|at| characters.get(at)).copied();
    let shown = |offset| at(offset).filter(|other| Kind::of(*other) == Kind::Ordinary);
    let Some(filler) = at(0) else { return false };
    let script = get::<Script>(filler);
    if script != Script::Hangul {
        return [shown(-1), shown(1)].into_iter().flatten().any(|other| get::<Script>(other) == script);
    }
    // A syllable of which one or two parts are missing.
    let jamo = |offset| shown(offset).map(get::<HangulSyllableType>);
    let is_filler = |offset, kind| {
        at(offset).is_some_and(|it| Kind::of(it) == Kind::Filler && get::<HangulSyllableType>(it) == kind)
    };
    match get::<HangulSyllableType>(filler) {
        HangulSyllableType::LeadingJamo => {
            jamo(1) == Some(HangulSyllableType::VowelJamo)
                || (is_filler(1, HangulSyllableType::VowelJamo)
                    && jamo(2) == Some(HangulSyllableType::TrailingJamo))
        }
        HangulSyllableType::VowelJamo => {
            jamo(-1) == Some(HangulSyllableType::LeadingJamo)
                || (is_filler(-1, HangulSyllableType::LeadingJamo)
                    && jamo(1) == Some(HangulSyllableType::TrailingJamo))
        }
        _ => false,
    }
}
