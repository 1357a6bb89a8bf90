//! The greatest lengths of plain lists: those that have neither a page size nor a list argument.
//!
//! To add a plain list of objects to the schema, add it here. A test fails for a list that is missing.

use crate::domain::country::COUNTRIES;
use crate::domain::flag::FLAG_CODES;
use crate::domain::gig_filter::PRICE_RANGE_STARTS;
use crate::domain::held_version;
use crate::domain::limits::{HIGHEST_LEVEL_SHOWN, Limits};
use crate::domain::message::PARAMS_MAX;
use crate::domain::review_record::HISTORY_MAX;

/// The most tags that the facet `tags` counts.
const FACET_TAGS: usize = 20;

/// The form, the documents, the submission and the decision.
const VERIFICATION_STEPS: usize = 4;

/// The front, the back and the selfie.
const DOCUMENTS: usize = 3;

/// Blur, glare and darkness.
const PICTURE_WARNINGS: usize = 3;

/// The most requirements of one action.
const REQUIREMENTS: usize = 10;

/// The fields of a form that are not lists.
const FORM_FIELDS: usize = 15;

/// What the lengths depend on.
#[derive(Debug, Clone)]
pub struct ListLengths {
    limits: Limits,
    categories: usize,
}

impl ListLengths {
    /// `categories` is the size of the catalogue.
    pub fn new(limits: &Limits, categories: usize) -> Self {
        Self { limits: limits.clone(), categories }
    }

    /// The greatest length of a list; `None` if the list is not known.
    pub fn of(&self, type_name: &str, field: &str) -> Option<u64> {
        let Limits { gig, review, .. } = &self.limits;
        let length = match (type_name, field) {
            ("Query" | "GigFacets", "categories") => self.categories,
            ("Query", "countries") => COUNTRIES.len(),
            ("GigFacets", "priceRanges") => PRICE_RANGE_STARTS.len(),
            ("GigFacets", "tags") => FACET_TAGS,
            ("Gig", "images") => gig.images_max,
            ("Limits", "levels") => usize::try_from(HIGHEST_LEVEL_SHOWN).ok()? + 1,
            ("Verification", "steps") => VERIFICATION_STEPS,
            ("Verification", "documents") => DOCUMENTS,
            ("IdentityDocument" | "VerificationPayload", "warnings") => PICTURE_WARNINGS,
            ("Inspection", "heldVersions") => held_version::PAGE_SIZE,
            ("Permission", "reasons") => REQUIREMENTS,
            ("ReviewItem", "flags") => FLAG_CODES,
            ("UserError", "params") => PARAMS_MAX,
            ("ReviewItem", "history") => HISTORY_MAX,
            (_, "reasons" | "reviewReasons") => review.reasons_max,
            // The largest forms are those of a gig, with two mistakes in each tag, and of a decision, with a
            // mistake in each part of each reason.
            (_, "errors") => {
                let gig = 2 * gig.tags_max + gig.links_max + gig.images_max;
                gig.max(4 * review.reasons_max) + FORM_FIELDS
            }
            _ => return None,
        };
        u64::try_from(length).ok()
    }
}
