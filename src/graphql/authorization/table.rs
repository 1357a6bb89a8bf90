//! The table of all fields. Add a new field to the row of its type that has the same access, in alphabetical
//! order.

use crate::graphql::authorization::Access;
use crate::graphql::authorization::Access::{
    Everyone, OwnObject, OwnerAndReviewers, OwnerAndReviewersElseEmpty, OwnerAndReviewersElseNull,
    OwnerRequired, ReviewerObject, ReviewerRequired, ReviewersElseNull, SessionRequired, SignedInElseNull,
};

/// The fields of one type.
#[derive(Debug)]
pub struct TypeAccess {
    pub type_name: &'static str,
    /// Which objects of the type a caller can reach.
    pub note: &'static str,
    pub fields: &'static [(Access, &'static [&'static str])],
}

const fn type_access(
    type_name: &'static str,
    note: &'static str,
    fields: &'static [(Access, &'static [&'static str])],
) -> TypeAccess {
    TypeAccess { type_name, note, fields }
}

/// Every field of every object type.
pub const TABLE: &[TypeAccess] = &[
    type_access(
        "Query",
        "`gig`, `node` and `nodes` find only what the caller may see. Everybody: categories, users, ACTIVE \
         gigs and their pictures. The seller and reviewers: other gigs. The user and reviewers: \
         verifications and identity documents. Reviewers: items of the review queue.",
        &[
            (Everyone, &["categories", "eventCursor", "gig", "gigs", "limits", "node", "nodes"]),
            (SignedInElseNull, &["viewer"]),
            (ReviewerRequired, &["reviewQueue"]),
        ],
    ),
    type_access(
        "Mutation",
        "`saveGigDraft` and `postGig` with the id of an existing draft are for its owner only, like \
         `editGig`. Reviewers cannot claim or decide their own gigs or their own verification.",
        &[
            (Everyone, &["refreshSession", "signIn", "signUp"]),
            (
                SessionRequired,
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
            (OwnerRequired, &["archiveGig", "editGig", "pauseGig", "resumeGig"]),
            (ReviewerRequired, &["claimReview", "decideGig", "decideVerification", "releaseReview"]),
        ],
    ),
    type_access(
        "Subscription",
        "`gigStatusChanged` with `gigId` is for the gig's owner and reviewers, and NOT_FOUND for others. \
         `verificationStatusChanged` is about the caller's own verification.",
        &[
            (Everyone, &["gigPublished"]),
            (SessionRequired, &["gigStatusChanged", "verificationStatusChanged"]),
            (ReviewerRequired, &["reviewQueueChanged"]),
        ],
    ),
    type_access(
        "Gig",
        "This table is about an ACTIVE gig. Only its owner and reviewers can reach a gig in another status.",
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
    type_access(
        "GigConnection",
        "Contains only gigs that the caller may see.",
        &[(Everyone, &["edges", "facets", "nodes", "pageInfo", "totalCount"])],
    ),
    type_access(
        "GigFacets",
        "The same as the list that they count.",
        &[(Everyone, &["categories", "priceRanges", "tags"])],
    ),
    type_access("CategoryCount", "The same as the facets.", &[(Everyone, &["category", "count"])]),
    type_access(
        "PriceRangeCount",
        "The same as the facets.",
        &[(Everyone, &["count", "maximum", "minimum"])],
    ),
    type_access("TagCount", "The same as the facets.", &[(Everyone, &["count", "tag"])]),
    type_access("GigEdge", "The same as its gig.", &[(Everyone, &["cursor", "node"])]),
    type_access(
        "GigImage",
        "The same as the gig that it belongs to. Before it belongs to a gig: its owner and reviewers.",
        &[(Everyone, &["byteSize", "height", "id", "url", "width"])],
    ),
    type_access(
        "Category",
        "Everybody can read the catalogue.",
        &[(Everyone, &["id", "minimumPrice", "name", "slug"])],
    ),
    type_access(
        "Money",
        "The same as the object that it belongs to.",
        &[(Everyone, &["amount", "currencyCode"])],
    ),
    type_access(
        "PageInfo",
        "The same as its list.",
        &[(Everyone, &["endCursor", "hasNextPage", "hasPreviousPage", "startCursor"])],
    ),
    type_access(
        "User",
        "The public profile. `gigs` contains the ACTIVE ones.",
        &[(Everyone, &["displayName", "gigs", "id", "level", "memberSince", "verified"])],
    ),
    type_access(
        "Viewer",
        "The caller's own account.",
        &[(OwnObject, &["can", "email", "gigs", "role", "user", "verification"])],
    ),
    type_access("Permission", "About the caller's own actions.", &[(OwnObject, &["allowed", "reasons"])]),
    type_access(
        "Verification",
        "Users can reach their own, reviewers can reach all.",
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
    type_access(
        "VerificationStep",
        "The same as its verification.",
        &[(OwnerAndReviewers, &["done", "doneAt", "label", "step"])],
    ),
    type_access(
        "PersonalInfo",
        "The same as its verification. The audit log records each time that a reviewer reads it.",
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
    type_access(
        "IdentityDocument",
        "The same as its verification. Only reviewers get the picture, and the audit log records each view.",
        &[(OwnerAndReviewers, &["id", "side", "type", "uploadedAt"]), (ReviewersElseNull, &["url"])],
    ),
    type_access(
        "ReviewReason",
        "For the owner of the gig or verification, in words meant for the owner, and for reviewers.",
        &[(OwnerAndReviewers, &["category", "code", "field", "message", "retryable"])],
    ),
    type_access(
        "ReviewItem",
        "Only reviewers can reach the review queue.",
        &[(
            ReviewerObject,
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
    type_access(
        "ReviewItemConnection",
        "Only reviewers can reach the review queue.",
        &[(ReviewerObject, &["edges", "nodes", "pageInfo", "totalCount"])],
    ),
    type_access(
        "ReviewItemEdge",
        "Only reviewers can reach the review queue.",
        &[(ReviewerObject, &["cursor", "node"])],
    ),
    type_access(
        "GigPublishedEvent",
        "Sent to everybody. `gig` is null if the caller may not see the gig any more.",
        &[(Everyone, &["cursor", "delivery", "gig", "gigId", "occurredAt"])],
    ),
    type_access(
        "GigStatusEvent",
        "Sent to the gig's owner and to reviewers.",
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
    type_access(
        "VerificationStatusEvent",
        "Sent to the user whose verification it is.",
        &[(
            OwnObject,
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
    type_access(
        "ReviewQueueEvent",
        "Sent to reviewers.",
        &[(
            ReviewerObject,
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
    type_access(
        "Session",
        "For a client that has the password or a valid refresh token.",
        &[(Everyone, &["accessToken", "accessTokenExpiresAt", "refreshToken", "viewer"])],
    ),
    type_access(
        "SessionPayload",
        "The result of `signUp`, `signIn` and `refreshSession`.",
        &[(Everyone, &["errors", "session"])],
    ),
    type_access("SignOutPayload", "The result of `signOut`.", &[(OwnObject, &["errors", "sessionsEnded"])]),
    type_access(
        "StreamTicket",
        "Opens only streams of the caller's own session.",
        &[(OwnObject, &["expiresAt", "ticket"])],
    ),
    type_access(
        "StreamTicketPayload",
        "The result of `createStreamTicket`.",
        &[(OwnObject, &["errors", "streamTicket"])],
    ),
    type_access("GigPayload", "For callers who may run the mutation.", &[(OwnObject, &["errors", "gig"])]),
    type_access(
        "UploadGigImagePayload",
        "The result of `uploadGigImage`.",
        &[(OwnObject, &["errors", "image"])],
    ),
    type_access(
        "VerificationPayload",
        "For callers who may run the mutation.",
        &[(OwnObject, &["errors", "verification"])],
    ),
    type_access(
        "ReviewItemPayload",
        "The result of `claimReview` and `releaseReview`.",
        &[(ReviewerObject, &["errors", "item"])],
    ),
    type_access(
        "UserError",
        "For the caller who ran the mutation.",
        &[(Everyone, &["code", "field", "message"])],
    ),
    type_access(
        "Limits",
        "Everybody can read the limits.",
        &[(Everyone, &["account", "gig", "levels", "review", "verification"])],
    ),
    type_access(
        "AccountLimits",
        "Everybody can read the limits.",
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
    type_access(
        "GigLimits",
        "Everybody can read the limits.",
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
    type_access(
        "VerificationLimits",
        "Everybody can read the limits.",
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
    type_access(
        "ReviewLimits",
        "Everybody can read the limits.",
        &[(Everyone, &["claimMinutes", "internalNoteMaxChars", "reasonMessageMaxChars", "reasonsMax"])],
    ),
    type_access("LevelLimit", "Everybody can read the limits.", &[(Everyone, &["level", "points"])]),
];
