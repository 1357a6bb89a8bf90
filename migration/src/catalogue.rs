//! The catalogue's 27 categories, in the order people see them.

/// The name of each category.
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

/// The least a gig may cost in any of them, in cents.
pub const MINIMUM_PRICE_CENTS: i64 = 100;

/// The name in lower case, every run of other characters a hyphen.
#[must_use]
pub fn slug(name: &str) -> String {
    name.to_lowercase()
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}
