//! The rows of verifications, reviews and events.

use crate::graphql::authorization::Access::{
    AdminObject, Everyone, IdentityData, IdentityDataUrl, OpenIdentityData, OwnObject, OwnerAndReviewers,
    ReviewerObject, ReviewersElseNull,
};
use crate::graphql::authorization::table::{TypeAccess, type_access};

pub(super) const REVIEWS: &[TypeAccess] = &[
    type_access(
        "Verification",
        "Users can reach their own, reviewers can reach all.",
        &[
            (
                OwnerAndReviewers,
                &[
                    "attemptsLeft",
                    "attemptsUsed",
                    "clearedAt",
                    "consent",
                    "documents",
                    "id",
                    "queuePosition",
                    "reasons",
                    "reviewDueAt",
                    "status",
                    "steps",
                    "submittedAt",
                    "version",
                    "viewerActions",
                ],
            ),
            (IdentityData, &["personalInfo"]),
        ],
    ),
    type_access(
        "VerificationStep",
        "The same as its verification.",
        &[(OwnerAndReviewers, &["done", "doneAt", "label", "step"])],
    ),
    type_access(
        "Consent",
        "The same as its verification.",
        &[(OwnerAndReviewers, &["consentedAt", "version"])],
    ),
    type_access(
        "PersonalInfo",
        "For the user, and for reviewers who may open it. The audit trail records each time that a reviewer reads it.",
        &[(
            OpenIdentityData,
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
        "The same as its verification. Only reviewers who may open it get the image, and the audit trail records each view.",
        &[
            (OwnerAndReviewers, &["id", "side", "type", "uploadedAt", "warnings"]),
            (ReviewersElseNull, &["quality"]),
            (IdentityDataUrl, &["url"]),
        ],
    ),
    type_access("PictureWarning", "The same as its image.", &[(OwnerAndReviewers, &["code", "message"])]),
    type_access(
        "PictureQuality",
        "For reviewers.",
        &[(ReviewerObject, &["brightnessPercent", "glarePercent", "sharpness"])],
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
                "flags",
                "history",
                "id",
                "kind",
                "overdue",
                "pendingProposal",
                "state",
                "subject",
                "submittedAt",
            ],
        )],
    ),
    type_access(
        "ReviewFlag",
        "Only reviewers can reach the review queue. A reviewer does not get flags about their own verification.",
        &[(ReviewerObject, &["code", "message", "related"])],
    ),
    type_access(
        "ReviewDecisionRecord",
        "For reviewers, except about themselves.",
        &[(ReviewerObject, &["at", "by", "decision", "internalNote", "kind", "reasons"])],
    ),
    type_access(
        "ReviewProposal",
        "For reviewers, except about themselves.",
        &[(ReviewerObject, &["at", "by", "decision", "expiresAt", "internalNote", "reasons"])],
    ),
    type_access(
        "Inspection",
        "For the administrator who inspects.",
        &[(AdminObject, &["expiresAt", "expiresIn", "heldVersions", "startedAt"])],
    ),
    type_access(
        "HeldVersion",
        "For the administrator who inspects. The audit trail records each time that it is read.",
        &[(
            AdminObject,
            &["altText", "cursor", "gig", "kind", "personalInfo", "replacedAt", "subjectId", "url"],
        )],
    ),
    type_access(
        "HeldGig",
        "For the administrator who inspects.",
        &[(
            AdminObject,
            &[
                "categoryId",
                "deliveryDays",
                "description",
                "imageIds",
                "links",
                "price",
                "revisions",
                "tags",
                "title",
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
        "ReviewSummary",
        "Only reviewers can reach the review queue.",
        &[(
            ReviewerObject,
            &["claimedCount", "medianDecisionMinutes", "oldestDueAt", "openCount", "overdueCount"],
        )],
    ),
    type_access(
        "AuditEntry",
        "Only administrators can reach the audit trail. Reading it is audited.",
        &[(
            AdminObject,
            &["action", "actor", "at", "detail", "number", "operator", "requestId", "source", "subject"],
        )],
    ),
    type_access(
        "AuditEntryConnection",
        "Only administrators can reach the audit trail.",
        &[(AdminObject, &["edges", "nodes", "pageInfo", "totalCount"])],
    ),
    type_access(
        "AuditEntryEdge",
        "Only administrators can reach the audit trail.",
        &[(AdminObject, &["cursor", "node"])],
    ),
    type_access(
        "CatalogueEvent",
        "Sent to everybody. `gig` is null if the gig is not ACTIVE any more, for its owner and reviewers, too.",
        &[(Everyone, &["change", "cursor", "delivery", "gig", "gigId", "occurredAt"])],
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
                "summary",
            ],
        )],
    ),
];
