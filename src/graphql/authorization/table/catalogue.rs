//! The rows of the root types, of gigs and their parts, and of users.

use crate::graphql::authorization::Access::{
    AdminObject, AdminRequired, Everyone, OwnObject, OwnerAndReviewersElseEmpty, OwnerAndReviewersElseNull,
    OwnerRequired, ReviewerRequired, SessionRequired, SignedInElseNull,
};
use crate::graphql::authorization::table::{TypeAccess, type_access};

pub(super) const CATALOGUE: &[TypeAccess] = &[
    type_access(
        "Query",
        "`gig`, `node` and `nodes` find only what the caller may see. Everybody: categories, users, ACTIVE \
         gigs and their images. The seller and reviewers: other gigs. The user and reviewers: \
         verifications and identity documents. Reviewers: items of the review queue.",
        &[
            (
                Everyone,
                &[
                    "categories",
                    "category",
                    "countries",
                    "eventCursor",
                    "gig",
                    "gigs",
                    "limits",
                    "node",
                    "nodes",
                ],
            ),
            (SignedInElseNull, &["viewer"]),
            (ReviewerRequired, &["reviewQueue", "reviewSummary"]),
            (AdminRequired, &["auditTrail", "userAccount"]),
        ],
    ),
    type_access(
        "Mutation",
        "`saveGigDraft` and `postGig` with the id of an existing draft are for its owner only, like \
         `editGig`. Reviewers cannot claim or decide their own gigs or their own verification. \
         Administrators cannot change their own account.",
        &[
            (Everyone, &["refreshSession", "signIn", "signUp"]),
            (
                SessionRequired,
                &[
                    "cancelErasure",
                    "createDataExport",
                    "createStreamTicket",
                    "postGig",
                    "requestErasure",
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
            (
                AdminRequired,
                &[
                    "blockUser",
                    "inspectVerification",
                    "liftLegalHold",
                    "placeLegalHold",
                    "reopenVerification",
                    "setUserPoints",
                    "setUserRole",
                    "unblockUser",
                ],
            ),
        ],
    ),
    type_access(
        "Subscription",
        "`gigStatusChanged` with `gigId` is for the gig's owner and reviewers, and NOT_FOUND for others. \
         `verificationStatusChanged` is about the caller's own verification.",
        &[
            (Everyone, &["catalogueChanged", "gigPublished"]),
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
            (OwnerAndReviewersElseEmpty, &["reviewReasons", "viewerActions"]),
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
        &[(Everyone, &["altText", "byteSize", "height", "id", "placeholder", "url", "width"])],
    ),
    type_access("Country", "Everybody can read it.", &[(Everyone, &["code", "hasPostalCode", "name"])]),
    type_access("Category", "Everybody can read it.", &[(Everyone, &["id", "minimumPrice", "name", "slug"])]),
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
        &[(OwnObject, &["can", "email", "erasureRequest", "gigs", "id", "role", "user", "verification"])],
    ),
    type_access(
        "UserAccount",
        "Only administrators can reach the accounts of users. Reading one is audited.",
        &[(
            AdminObject,
            &[
                "blockedSince",
                "email",
                "erasedAt",
                "erasureRequest",
                "id",
                "legalHold",
                "points",
                "role",
                "sessionCount",
                "user",
                "verification",
                "viewerCanAdminister",
            ],
        )],
    ),
    type_access(
        "ErasureRequest",
        "The caller's own request; administrators can reach all.",
        &[(OwnObject, &["dueAt", "requestedAt"])],
    ),
    type_access("Permission", "About the caller's own actions.", &[(OwnObject, &["allowed", "reasons"])]),
];
