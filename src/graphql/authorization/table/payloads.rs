//! The rows of the results of mutations, and of limits.

use crate::graphql::authorization::Access::{
    AdminObject, Everyone, OwnObject, PayloadReviewersElseNull, ReviewerObject,
};
use crate::graphql::authorization::table::{TypeAccess, type_access};

pub(super) const PAYLOADS: &[TypeAccess] = &[
    type_access(
        "Session",
        "For a client that has the password or a valid refresh token.",
        &[(
            Everyone,
            &["accessToken", "accessTokenExpiresAt", "accessTokenExpiresIn", "refreshToken", "viewer"],
        )],
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
        &[(OwnObject, &["expiresAt", "expiresIn", "ticket"])],
    ),
    type_access(
        "StreamTicketPayload",
        "The result of `createStreamTicket`.",
        &[(OwnObject, &["errors", "streamTicket"])],
    ),
    type_access(
        "DataExport",
        "Has only what the caller has given and may see. Its URL works only while the session lasts.",
        &[(OwnObject, &["expiresAt", "expiresIn", "url"])],
    ),
    type_access(
        "DataExportPayload",
        "The result of `createDataExport`.",
        &[(OwnObject, &["dataExport", "errors"])],
    ),
    type_access(
        "ErasureRequestPayload",
        "The result of `requestErasure` and `cancelErasure`.",
        &[(OwnObject, &["erasureRequest", "errors"])],
    ),
    type_access(
        "GigPayload",
        "For callers who may run the mutation. Only decisions have a `reviewItem`.",
        &[(OwnObject, &["errors", "gig"]), (PayloadReviewersElseNull, &["reviewItem"])],
    ),
    type_access(
        "UploadGigImagePayload",
        "The result of `uploadGigImage`.",
        &[(OwnObject, &["errors", "image"])],
    ),
    type_access(
        "VerificationPayload",
        "For callers who may run the mutation. Only decisions have a `reviewItem`.",
        &[(OwnObject, &["errors", "verification", "warnings"]), (PayloadReviewersElseNull, &["reviewItem"])],
    ),
    type_access(
        "InspectionPayload",
        "The result of `inspectVerification`.",
        &[(AdminObject, &["errors", "inspection", "verification"])],
    ),
    type_access(
        "UserAccountPayload",
        "The result of changing the account of a user.",
        &[(AdminObject, &["account", "errors"])],
    ),
    type_access(
        "ReviewItemPayload",
        "The result of `claimReview` and `releaseReview`.",
        &[(ReviewerObject, &["errors", "item"])],
    ),
    type_access(
        "UserError",
        "For the caller who ran the mutation.",
        &[(Everyone, &["code", "field", "message", "params"])],
    ),
    type_access("UserErrorParam", "For the caller who ran the mutation.", &[(Everyone, &["name", "value"])]),
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
                "storedBytesMax",
            ],
        )],
    ),
    type_access(
        "GigLimits",
        "Everybody can read the limits.",
        &[(
            Everyone,
            &[
                "altTextMaxChars",
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
                "consentVersion",
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
        &[(
            Everyone,
            &[
                "claimMinutes",
                "claimsMax",
                "gigClaimRequired",
                "inspectionMinutes",
                "internalNoteMaxChars",
                "peoplePerDayMax",
                "reasonMessageMaxChars",
                "reasonsMax",
            ],
        )],
    ),
    type_access("LevelLimit", "Everybody can read the limits.", &[(Everyone, &["level", "points"])]),
];
