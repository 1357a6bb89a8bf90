//! What becomes of each gig of the demo: most are listed, and of every other status there are some.

use crate::domain::reason::ReasonForm;

/// How far a gig has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Draft,
    InReview,
    Active,
    Paused,
    Archived,
    Rejected(&'static Verdict),
    Suspended(&'static Verdict),
}

/// What a reviewer found.
#[derive(Debug)]
pub(super) struct Verdict {
    code: &'static str,
    /// The path of the faulty field, its steps separated by dots.
    field: Option<&'static str>,
    /// For the seller; the code's own words where there is none.
    message: Option<&'static str>,
    /// For reviewers only.
    pub note: Option<&'static str>,
}

impl Verdict {
    /// As the reviewer sends it.
    pub(super) fn reason(&self) -> ReasonForm {
        let steps = |path: &str| path.split('.').map(str::to_owned).collect();
        ReasonForm {
            code: self.code.to_owned(),
            field: self.field.map(steps),
            message: self.message.map(str::to_owned),
        }
    }
}

const fn plain(code: &'static str, field: &'static str) -> Verdict {
    Verdict { code, field: Some(field), message: None, note: None }
}

const fn said(code: &'static str, field: &'static str, message: &'static str) -> Verdict {
    Verdict { code, field: Some(field), message: Some(message), note: None }
}

/// Small things that sellers mend, after which their gig is approved.
pub(super) static SLIPS: [Verdict; 4] = [
    plain("LOW_QUALITY_IMAGE", "imageIds.0"),
    plain("CONTACT_DETAILS", "description"),
    plain("WRONG_CATEGORY", "category"),
    said("MISLEADING", "title", "Please say in the title how much is included."),
];

/// The titles of the gigs that were rejected, and why.
pub(super) static REJECTED: [(&str, Verdict); 13] = [
    (
        "Poster for a concert or festival",
        said("CONTACT_DETAILS", "links.0", "The page behind the first link shows a telephone number."),
    ),
    ("Menu design for a restaurant that changes its dishes weekly", plain("LOW_QUALITY_IMAGE", "imageIds.0")),
    (
        "A weekly AI reading list with comments, four weeks",
        said("WRONG_CATEGORY", "category", "A reading list is a text: please post it under Digital Writing."),
    ),
    (
        "Crisis statement within six hours",
        said(
            "MISLEADING",
            "deliveryDays",
            "The title says six hours, the delivery time one day. Please make them agree.",
        ),
    ),
    (
        "Thesis defence slides in twenty-four hours",
        said(
            "PROHIBITED_SERVICE",
            "description",
            "Work that is handed in at a university as one's own is not allowed here. Please say \
             that the students write every word on the slides themselves.",
        ),
    ),
    (
        "Sleep routine for shift workers, made with you",
        said(
            "MISLEADING",
            "description",
            "Please say in the first paragraph that this is no medical treatment.",
        ),
    ),
    (
        "Song lyrics written down by ear",
        said(
            "COPYRIGHT",
            "title",
            "Please say in the title that it is for one's own and for traditional songs.",
        ),
    ),
    (
        "I will make your Squarespace site load faster",
        said(
            "LOW_QUALITY_IMAGE",
            "imageIds.0",
            "The first picture shows nothing of your work; your measurements would.",
        ),
    ),
    (
        "Letter before action for an unpaid invoice",
        said("OTHER", "description", "Legal work needs an admission: please write where you are admitted."),
    ),
    ("Voice demo for your pitch by tomorrow evening", plain("DUPLICATE_GIG", "title")),
    (
        "I will colour grade your short film",
        said(
            "COPYRIGHT",
            "imageIds.0",
            "This still is from a film in the cinemas. Please show one that you may show.",
        ),
    ),
    (
        "Dog behaviour consultation by video for pulling and barking",
        said(
            "WRONG_CATEGORY",
            "category",
            "This is coaching: please post it under Online Instruction/Coaching.",
        ),
    ),
    (
        "I will prepare you for your driving theory test in the UK",
        Verdict {
            code: "SPAM",
            field: None,
            message: Some("The same offer was posted many times within one day."),
            note: Some("Eleven copies from four accounts, word for word."),
        },
    ),
];

/// The titles of the gigs that were taken off the list, and why.
pub(super) static SUSPENDED: [(&str, Verdict); 2] = [
    (
        "Web scraper for public data, polite and documented",
        Verdict {
            code: "PROHIBITED_SERVICE",
            field: None,
            message: Some("Buyers received data from behind a log-in."),
            note: Some("Two reports in one week; the seller admitted the second."),
        },
    ),
    (
        "I will clean your call list and check every number",
        Verdict {
            code: "MISLEADING",
            field: None,
            message: Some("Numbers were marked as checked that nobody had called."),
            note: Some("Spot check of twenty entries: none was answered on that day."),
        },
    ),
];

/// The fate of the gig with that title, which is number `turn` of seller number `seller`.
pub(super) fn fate_of(title: &str, seller: usize, turn: usize) -> Fate {
    if let Some(verdict) = verdict_on(title, &REJECTED) {
        return Fate::Rejected(verdict);
    }
    if let Some(verdict) = verdict_on(title, &SUSPENDED) {
        return Fate::Suspended(verdict);
    }
    // The four of a trade begin at different places, so that no category has all of one status.
    match ((turn + 4 * (seller % 4)) % 15, seller % 5, seller % 2) {
        (1, _, _) => Fate::Paused,
        (4, 0..=2, _) => Fate::InReview,
        (7, 0 | 3, _) => Fate::Draft,
        (10, _, 0) => Fate::Archived,
        _ => Fate::Active,
    }
}

fn verdict_on(title: &str, verdicts: &'static [(&'static str, Verdict)]) -> Option<&'static Verdict> {
    let found = verdicts.iter().find(|(found, _)| *found == title);
    found.map(|(_, verdict)| verdict)
}
