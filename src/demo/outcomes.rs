//! The status that each demo gig ends in. Most are ACTIVE, and every other status occurs.

use crate::domain::reason::ReasonForm;

/// The status that a gig ends in, and why.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    Draft,
    InReview,
    Active,
    Paused,
    Archived,
    Rejected(&'static Finding),
    Suspended(&'static Finding),
}

/// The reason of a reviewer's decision.
#[derive(Debug)]
pub(super) struct Finding {
    code: &'static str,
    /// The path of the field, separated by dots.
    field: Option<&'static str>,
    /// For the seller; the default message of the code if `None`.
    message: Option<&'static str>,
    /// For reviewers only.
    pub note: Option<&'static str>,
}

impl Finding {
    /// Returns the reason as a reviewer sends it.
    pub(super) fn reason(&self) -> ReasonForm {
        let steps = |path: &str| path.split('.').map(str::to_owned).collect();
        ReasonForm {
            code: self.code.to_owned(),
            field: self.field.map(steps),
            message: self.message.map(str::to_owned),
        }
    }
}

const fn finding(code: &'static str, field: &'static str) -> Finding {
    Finding { code, field: Some(field), message: None, note: None }
}

const fn finding_with_message(code: &'static str, field: &'static str, message: &'static str) -> Finding {
    Finding { code, field: Some(field), message: Some(message), note: None }
}

/// Problems that a seller fixes, after which the gig is approved.
pub(super) static FIXABLE_FINDINGS: [Finding; 4] = [
    finding("LOW_QUALITY_IMAGE", "imageIds.0"),
    finding("CONTACT_DETAILS", "description"),
    finding("WRONG_CATEGORY", "category"),
    finding_with_message("MISLEADING", "title", "Please say in the title how much is included."),
];

/// The titles of the rejected gigs, and the reasons.
pub(super) static REJECTED: [(&str, Finding); 13] = [
    (
        "Poster for a concert or festival",
        finding_with_message(
            "CONTACT_DETAILS",
            "links.0",
            "The page behind the first link shows a telephone number.",
        ),
    ),
    (
        "Menu design for a restaurant that changes its dishes weekly",
        finding("LOW_QUALITY_IMAGE", "imageIds.0"),
    ),
    (
        "A weekly AI reading list with comments, four weeks",
        finding_with_message(
            "WRONG_CATEGORY",
            "category",
            "A reading list is a text: please post it under Digital Writing.",
        ),
    ),
    (
        "Crisis statement within six hours",
        finding_with_message(
            "MISLEADING",
            "deliveryDays",
            "The title says six hours, the delivery time one day. Please make them agree.",
        ),
    ),
    (
        "Thesis defence slides in twenty-four hours",
        finding_with_message(
            "PROHIBITED_SERVICE",
            "description",
            "Work that is handed in at a university as one's own is not allowed here. Please say \
             that the students write every word on the slides themselves.",
        ),
    ),
    (
        "Sleep routine for shift workers, made with you",
        finding_with_message(
            "MISLEADING",
            "description",
            "Please say in the first paragraph that this is no medical treatment.",
        ),
    ),
    (
        "Song lyrics written down by ear",
        finding_with_message(
            "COPYRIGHT",
            "title",
            "Please say in the title that it is for one's own and for traditional songs.",
        ),
    ),
    (
        "I will make your Squarespace site load faster",
        finding_with_message(
            "LOW_QUALITY_IMAGE",
            "imageIds.0",
            "The first image shows nothing of your work; your measurements would.",
        ),
    ),
    (
        "Letter before action for an unpaid invoice",
        finding_with_message(
            "OTHER",
            "description",
            "Legal work needs an admission: please write where you are admitted.",
        ),
    ),
    ("Voice demo for your pitch by tomorrow evening", finding("DUPLICATE_GIG", "title")),
    (
        "I will colour grade your short film",
        finding_with_message(
            "COPYRIGHT",
            "imageIds.0",
            "This still is from a film in the cinemas. Please show one that you may show.",
        ),
    ),
    (
        "Dog behaviour consultation by video for pulling and barking",
        finding_with_message(
            "WRONG_CATEGORY",
            "category",
            "This is coaching: please post it under Online Instruction/Coaching.",
        ),
    ),
    (
        "I will prepare you for your driving theory test in the UK",
        Finding {
            code: "SPAM",
            field: None,
            message: Some("The same offer was posted many times within one day."),
            note: Some("Eleven copies from four accounts, word for word."),
        },
    ),
];

/// The titles of the suspended gigs, and the reasons.
pub(super) static SUSPENDED: [(&str, Finding); 2] = [
    (
        "Web scraper for public data, polite and documented",
        Finding {
            code: "PROHIBITED_SERVICE",
            field: None,
            message: Some("Buyers received data that can only be seen after signing in."),
            note: Some("Two reports in one week; the seller admitted the second."),
        },
    ),
    (
        "I will clean your call list and check every number",
        Finding {
            code: "MISLEADING",
            field: None,
            message: Some("Numbers were marked as checked that nobody had called."),
            note: Some("Spot check of twenty entries: none was answered on that day."),
        },
    ),
];

/// Returns the outcome of the gig with that title: the gig number `index` of the seller number `seller`.
pub(super) fn outcome_of(title: &str, seller: usize, index: usize) -> Outcome {
    if let Some(finding) = find_in(title, &REJECTED) {
        return Outcome::Rejected(finding);
    }
    if let Some(finding) = find_in(title, &SUSPENDED) {
        return Outcome::Suspended(finding);
    }
    // The four sellers of a trade start at different offsets, so that the statuses spread over the
    // categories.
    match ((index + 4 * (seller % 4)) % 15, seller % 5, seller % 2) {
        (1, _, _) => Outcome::Paused,
        (4, 0..=2, _) => Outcome::InReview,
        (7, 0 | 3, _) => Outcome::Draft,
        (10, _, 0) => Outcome::Archived,
        _ => Outcome::Active,
    }
}

fn find_in(title: &str, findings: &'static [(&'static str, Finding)]) -> Option<&'static Finding> {
    findings.iter().find(|(gig_title, _)| *gig_title == title).map(|(_, finding)| finding)
}
