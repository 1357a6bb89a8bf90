//! The table. A new field of the schema gets its name in the row of those that are seen alike.

use crate::graphql::authorization::Access;
use crate::graphql::authorization::Access::{
    Everyone, OfOneself, OfReviewers, Owner, OwnerAndReviewers, OwnerAndReviewersElseEmpty,
    OwnerAndReviewersElseNull, Reviewers, ReviewersElseNull, SignedIn, SignedInElseNull,
};

/// The fields of one type.
#[derive(Debug)]
pub struct Rows {
    pub of: &'static str,
    /// Which objects of the type there are for whom.
    pub note: &'static str,
    pub fields: &'static [(Access, &'static [&'static str])],
}

const fn rows(
    of: &'static str,
    note: &'static str,
    fields: &'static [(Access, &'static [&'static str])],
) -> Rows {
    Rows { of, note, fields }
}

/// Every field of every type with fields.
pub const TABLE: &[Rows] = &[
    rows(
        "Query",
        "`gig`, `node` and `nodes` find what the viewer may see: ACTIVE gigs, their pictures and sellers, and \
         categories are everybody's; other gigs their seller's and reviewers'; verifications and documents their \
         person's and reviewers'; items of the queue reviewers'.",
        &[
            (Everyone, &["categories", "eventCursor", "gig", "gigs", "limits", "node", "nodes"]),
            (SignedInElseNull, &["viewer"]),
            (Reviewers, &["reviewQueue"]),
        ],
    ),
    rows(
        "Mutation",
        "`saveGigDraft` and `postGig` of a draft that is there already are its owner's, as `editGig`. A reviewer \
         decides neither their own gig nor their own verification.",
        &[
            (Everyone, &["refreshSession", "signIn", "signUp"]),
            (
                SignedIn,
                &[
                    "createStreamTicket",
                    "postGig",
                    "saveGigDraft",
                    "savePersonalInfo",
                    "signOut",
                    "submitVerification",
                    "uploadGigImage",
                    "uploadIdentityDocument",
                ],
            ),
            (Owner, &["archiveGig", "editGig", "pauseGig", "resumeGig"]),
            (Reviewers, &["claimReview", "decideGig", "decideVerification", "releaseReview"]),
        ],
    ),
    rows(
        "Subscription",
        "`gigStatusChanged` of one gig is its owner's and reviewers', and NOT_FOUND for others; \
         `verificationStatusChanged` is of one's own.",
        &[
            (Everyone, &["gigPublished"]),
            (SignedIn, &["gigStatusChanged", "verificationStatusChanged"]),
            (Reviewers, &["reviewQueueChanged"]),
        ],
    ),
    rows(
        "Gig",
        "A gig that is not ACTIVE is there for its owner and reviewers alone; this is one that is.",
        &[
            (
                Everyone,
                &[
                    "category",
                    "createdAt",
                    "deliveryDays",
                    "description",
                    "id",
                    "images",
                    "links",
                    "price",
                    "publishedAt",
                    "revisions",
                    "seller",
                    "status",
                    "submittedAt",
                    "tags",
                    "title",
                    "version",
                ],
            ),
            (OwnerAndReviewersElseNull, &["reviewDueAt"]),
            (OwnerAndReviewersElseEmpty, &["reviewReasons"]),
        ],
    ),
    rows(
        "GigConnection",
        "A list of gigs that the viewer may see.",
        &[(Everyone, &["edges", "facets", "nodes", "pageInfo", "totalCount"])],
    ),
    rows("GigFacets", "As the list that they are of.", &[(Everyone, &["categories", "priceRanges", "tags"])]),
    rows("CategoryCount", "As the facets.", &[(Everyone, &["category", "count"])]),
    rows("PriceRangeCount", "As the facets.", &[(Everyone, &["count", "maximum", "minimum"])]),
    rows("TagCount", "As the facets.", &[(Everyone, &["count", "tag"])]),
    rows("GigEdge", "As its gig.", &[(Everyone, &["cursor", "node"])]),
    rows(
        "GigImage",
        "As the gig that it is a picture of.",
        &[(Everyone, &["byteSize", "height", "id", "url", "width"])],
    ),
    rows("Category", "The catalogue is everybody's.", &[(Everyone, &["id", "minimumPrice", "name", "slug"])]),
    rows("Money", "As what it is the price of.", &[(Everyone, &["amount", "currencyCode"])]),
    rows(
        "PageInfo",
        "As its list.",
        &[(Everyone, &["endCursor", "hasNextPage", "hasPreviousPage", "startCursor"])],
    ),
    rows(
        "User",
        "What everybody sees of a person. `gigs` are the ACTIVE ones.",
        &[(Everyone, &["displayName", "gigs", "id", "level", "memberSince", "verified"])],
    ),
    rows(
        "Viewer",
        "One's own account.",
        &[(OfOneself, &["can", "email", "gigs", "role", "user", "verification"])],
    ),
    rows("Permission", "What one may do oneself.", &[(OfOneself, &["allowed", "reasons"])]),
    rows(
        "Verification",
        "Each person's own, and for reviewers everybody's.",
        &[(
            OwnerAndReviewers,
            &[
                "attemptsLeft",
                "attemptsUsed",
                "clearedAt",
                "documents",
                "id",
                "personalInfo",
                "queuePosition",
                "reasons",
                "reviewDueAt",
                "status",
                "steps",
                "submittedAt",
                "version",
            ],
        )],
    ),
    rows(
        "VerificationStep",
        "As its verification.",
        &[(OwnerAndReviewers, &["done", "doneAt", "label", "step"])],
    ),
    rows(
        "PersonalInfo",
        "As its verification; a reviewer's look is kept on record.",
        &[(
            OwnerAndReviewers,
            &[
                "addressLine1",
                "addressLine2",
                "city",
                "countryCode",
                "dateOfBirth",
                "documentNumber",
                "firstName",
                "lastName",
                "postalCode",
                "region",
            ],
        )],
    ),
    rows(
        "IdentityDocument",
        "As its verification. Its picture is shown to reviewers alone, and each look is kept on record.",
        &[(OwnerAndReviewers, &["id", "side", "type", "uploadedAt"]), (ReviewersElseNull, &["url"])],
    ),
    rows(
        "ReviewReason",
        "Why a gig or verification was refused: its owner's, in words that are for the owner, and reviewers'.",
        &[(OwnerAndReviewers, &["category", "code", "field", "message", "retryable"])],
    ),
    rows(
        "ReviewItem",
        "The queue is reviewers'.",
        &[(
            OfReviewers,
            &[
                "claimExpiresAt",
                "claimedBy",
                "dueAt",
                "id",
                "kind",
                "overdue",
                "state",
                "subject",
                "submittedAt",
            ],
        )],
    ),
    rows(
        "ReviewItemConnection",
        "The queue.",
        &[(OfReviewers, &["edges", "nodes", "pageInfo", "totalCount"])],
    ),
    rows("ReviewItemEdge", "The queue.", &[(OfReviewers, &["cursor", "node"])]),
    rows(
        "GigPublishedEvent",
        "Told to everybody; `gig` is null where it is not ACTIVE any more.",
        &[(Everyone, &["cursor", "delivery", "gig", "gigId", "occurredAt"])],
    ),
    rows(
        "GigStatusEvent",
        "Told to the gig's owner and to reviewers.",
        &[(
            OwnerAndReviewers,
            &[
                "cursor",
                "delivery",
                "gig",
                "gigId",
                "occurredAt",
                "previousStatus",
                "reasons",
                "status",
                "version",
            ],
        )],
    ),
    rows(
        "VerificationStatusEvent",
        "Told to the person whose verification it is.",
        &[(
            OfOneself,
            &[
                "cursor",
                "delivery",
                "occurredAt",
                "previousStatus",
                "reasons",
                "status",
                "verification",
                "version",
            ],
        )],
    ),
    rows(
        "ReviewQueueEvent",
        "Told to reviewers.",
        &[(
            OfReviewers,
            &[
                "change",
                "cursor",
                "delivery",
                "item",
                "itemId",
                "kind",
                "occurredAt",
                "openCount",
                "overdueCount",
            ],
        )],
    ),
    rows(
        "Session",
        "Given to whoever knows a password or holds a refresh token.",
        &[(Everyone, &["accessToken", "accessTokenExpiresAt", "refreshToken", "viewer"])],
    ),
    rows(
        "SessionPayload",
        "Answers `signUp`, `signIn`, `refreshSession`.",
        &[(Everyone, &["errors", "session"])],
    ),
    rows("SignOutPayload", "Answers `signOut`.", &[(OfOneself, &["errors", "sessionsEnded"])]),
    rows("StreamTicket", "For one's own streams.", &[(OfOneself, &["expiresAt", "ticket"])]),
    rows("StreamTicketPayload", "Answers `createStreamTicket`.", &[(OfOneself, &["errors", "streamTicket"])]),
    rows("GigPayload", "Answers whoever may do the act.", &[(OfOneself, &["errors", "gig"])]),
    rows("UploadGigImagePayload", "Answers `uploadGigImage`.", &[(OfOneself, &["errors", "image"])]),
    rows(
        "VerificationPayload",
        "Answers whoever may do the act.",
        &[(OfOneself, &["errors", "verification"])],
    ),
    rows("ReviewItemPayload", "Answers reviewers.", &[(OfReviewers, &["errors", "item"])]),
    rows(
        "UserError",
        "Tells whoever has tried an act what was wrong.",
        &[(Everyone, &["code", "field", "message"])],
    ),
    rows(
        "Limits",
        "The limits of every form are everybody's.",
        &[(Everyone, &["account", "gig", "levels", "review", "verification"])],
    ),
    rows(
        "AccountLimits",
        "Everybody's.",
        &[(
            Everyone,
            &[
                "displayNameMaxChars",
                "displayNameMinChars",
                "emailMaxChars",
                "passwordMaxChars",
                "passwordMinChars",
            ],
        )],
    ),
    rows(
        "GigLimits",
        "Everybody's.",
        &[(
            Everyone,
            &[
                "deliveryDaysMax",
                "descriptionMaxChars",
                "imageMaxBytes",
                "imageUploadMaxBytes",
                "imagesMax",
                "linkMaxChars",
                "linksMax",
                "maximumPrice",
                "revisionsMax",
                "tagMaxChars",
                "tagMinChars",
                "tagsMax",
                "titleMaxChars",
                "titleMinChars",
                "unarchivedMax",
            ],
        )],
    ),
    rows(
        "VerificationLimits",
        "Everybody's.",
        &[(
            Everyone,
            &[
                "attemptsMax",
                "documentMaxBytes",
                "documentMinPixels",
                "minimumAge",
                "requiredFromLevel",
                "reviewDays",
                "selfieRequired",
            ],
        )],
    ),
    rows(
        "ReviewLimits",
        "Everybody's.",
        &[(Everyone, &["claimMinutes", "internalNoteMaxChars", "reasonMessageMaxChars", "reasonsMax"])],
    ),
    rows("LevelLimit", "Everybody's.", &[(Everyone, &["level", "points"])]),
];
