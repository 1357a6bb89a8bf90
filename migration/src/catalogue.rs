//! The 27 categories of the catalogue, in display order.

/// The names of the categories.
pub const CATEGORIES: [&str; 27] = [
    "Architecture and Interior Design",
    "Artificial Intelligence",
    "Convert Files",
    "Digital Marketing",
    "Digital Writing",
    "E-Learning Content",
    "Financial & Business Consulting",
    "Graphic Design",
    "Legal Consulting",
    "Lifestyle",
    "Marketplace",
    "Mobile Apps",
    "Music",
    "Music Promotion",
    "Online Instruction/Coaching",
    "Packaging & Label Design",
    "Photo & Video",
    "Presentation",
    "Press Releases",
    "Squarespace Templates",
    "Telemarketing",
    "Transcription",
    "Voice over",
    "Web Design",
    "Web Development",
    "Web Programming",
    "White Board & Animated Explainers",
];

/// The minimum price of a gig in every category, in cents.
pub const MINIMUM_PRICE_CENTS: i64 = 100;

/// The slug of a name: lower case, with a hyphen for every run of other characters than ASCII letters and
/// digits.
#[must_use]
pub fn slug(name: &str) -> String {
    name.to_lowercase()
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}
