//! The operations of `authorization_fields` that reach the objects of each type.

use crate::legal_hold;

/// An operation that returns an object of a type. `%` stands for the selected field, and `<name>` for a
/// placeholder of `authorization_fields`.
pub enum Operation {
    Query(&'static str),
    /// A subscription. Its first event is checked.
    Event(&'static str),
    /// An operation in a new session, because it may end the session.
    NewSession(&'static str),
    Upload(&'static str),
}

/// The operations that reach objects of this type.
pub fn operations_for(type_name: &str) -> Vec<Operation> {
    use Operation::{Event, NewSession, Query, Upload};
    match type_name {
        "Query" => vec![Query("{ % }")],
        "Gig" => vec![
            Query("{ gig(id: <listed>) { % } }"),
            Query("{ gig(id: <waiting>) { % } }"),
            Query("{ gig(id: <rejected>) { % } }"),
        ],
        "GigFacets" => vec![Query("{ gigs { facets { % } } }")],
        "CategoryCount" => vec![Query("{ gigs { facets { categories { % } } } }")],
        "PriceRangeCount" => vec![Query("{ gigs { facets { priceRanges { % } } } }")],
        "TagCount" => vec![Query("{ gigs { facets { tags { % } } } }")],
        "GigConnection" => vec![Query("{ gigs { % } }")],
        "GigEdge" => vec![Query("{ gigs { edges { % } } }")],
        "GigImage" => vec![Query("{ gig(id: <listed>) { images { % } } }")],
        "Category" => vec![Query("{ categories { % } }")],
        "Country" => vec![Query("{ countries { % } }")],
        "Money" => vec![Query("{ gig(id: <listed>) { price { % } } }")],
        "PageInfo" => vec![Query("{ gigs { pageInfo { % } } }")],
        "User" => vec![Query("{ gig(id: <listed>) { seller { % } } }")],
        "Viewer" => vec![Query("{ viewer { % } }")],
        "UserAccount" => vec![Query("{ userAccount(by: { id: <administered> }) { % } }")],
        "UserAccountPayload" => vec![Query("mutation { unblockUser(userId: <administered>) { % } }")],
        "Permission" => vec![Query("{ viewer { can(action: POST_GIG) { % } } }")],
        "Verification" => vec![Query("{ node(id: <verification>) { ... on Verification { % } } }")],
        "VerificationStep" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { steps { % } } } }")]
        }
        "Consent" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { consent { % } } } }")]
        }
        "ErasureRequest" => vec![Query("mutation { requestErasure { erasureRequest { % } } }")],
        "ErasureRequestPayload" => vec![Query("mutation { requestErasure { % } }")],
        "DataExport" => vec![Query("mutation { createDataExport { dataExport { % } } }")],
        "DataExportPayload" => vec![Query("mutation { createDataExport { % } }")],
        "PersonalInfo" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { personalInfo { % } } } }")]
        }
        "IdentityDocument" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { documents { % } } } }")]
        }
        "PictureWarning" => {
            vec![Query(
                "{ node(id: <verification>) { ... on Verification { documents { warnings { % } } } } }",
            )]
        }
        "PictureQuality" => {
            vec![Query(
                "{ node(id: <verification>) { ... on Verification { documents { quality { % } } } } }",
            )]
        }
        "ReviewReason" => vec![Query("{ gig(id: <rejected>) { reviewReasons { % } } }")],
        "ReviewItem" => vec![Query("{ reviewQueue(state: CLAIMED) { nodes { % } } }")],
        "ReviewFlag" => vec![Query("{ reviewQueue(kind: VERIFICATION) { nodes { flags { % } } } }")],
        "ReviewDecisionRecord" => vec![Query("{ reviewQueue { nodes { history { % } } } }")],
        "ReviewProposal" => vec![Query("{ reviewQueue { nodes { pendingProposal { % } } } }")],
        "Inspection" => {
            vec![Query("mutation { inspectVerification(input: <inspection>) { inspection { % } } }")]
        }
        "HeldVersion" => vec![Query(legal_hold::HELD_VERSION)],
        "HeldGig" => vec![Query(legal_hold::HELD_GIG)],
        "InspectionPayload" => vec![Query("mutation { inspectVerification(input: <inspection>) { % } }")],
        "ReviewItemConnection" => vec![Query("{ reviewQueue { % } }")],
        "ReviewItemEdge" => vec![Query("{ reviewQueue { edges { % } } }")],
        "AuditEntry" => vec![Query("{ auditTrail { nodes { % } } }")],
        "AuditEntryConnection" => vec![Query("{ auditTrail { % } }")],
        "AuditEntryEdge" => vec![Query("{ auditTrail { edges { % } } }")],
        "ReviewSummary" => vec![Query("{ reviewSummary { % } }")],
        "CatalogueEvent" => vec![Event("subscription { catalogueChanged(after: <start>) { % } }")],
        "GigPublishedEvent" => vec![Event("subscription { gigPublished(after: <start>) { % } }")],
        "GigStatusEvent" => {
            vec![Event("subscription { gigStatusChanged(gigId: <listed>, after: <start>) { % } }")]
        }
        "VerificationStatusEvent" => vec![Event("subscription { verificationStatusChanged { % } }")],
        "ReviewQueueEvent" => vec![Event("subscription { reviewQueueChanged(after: <start>) { % } }")],
        "Session" => vec![Query("mutation { signIn(input: <account>) { session { % } } }")],
        "SessionPayload" => vec![Query("mutation { signIn(input: <account>) { % } }")],
        "SignOutPayload" => vec![NewSession("mutation { signOut { % } }")],
        "StreamTicket" => vec![Query("mutation { createStreamTicket { streamTicket { % } } }")],
        "StreamTicketPayload" => vec![Query("mutation { createStreamTicket { % } }")],
        "GigPayload" => vec![Query("mutation { saveGigDraft(input: { title: \"Song\" }) { % } }")],
        "UploadGigImagePayload" => {
            vec![Upload("mutation($file: Upload!) { uploadGigImage(file: $file) { % } }")]
        }
        "VerificationPayload" => vec![Query("mutation { savePersonalInfo(input: <form>) { % } }")],
        "ReviewItemPayload" => vec![Query("mutation { claimReview(id: <item>) { % } }")],
        "UserError" => vec![Query(
            "mutation { signUp(input: { email: \"\", password: \"\", displayName: \"\" }) { errors { % } } }",
        )],
        "UserErrorParam" => vec![Query(
            "mutation { signUp(input: { email: \"\", password: \"\", displayName: \"\" }) { errors { params { % } } } }",
        )],
        "Limits" => vec![Query("{ limits { % } }")],
        "AccountLimits" => vec![Query("{ limits { account { % } } }")],
        "GigLimits" => vec![Query("{ limits { gig { % } } }")],
        "VerificationLimits" => vec![Query("{ limits { verification { % } } }")],
        "ReviewLimits" => vec![Query("{ limits { review { % } } }")],
        "LevelLimit" => vec![Query("{ limits { levels { % } } }")],
        other => panic!("no operation reaches {other}"),
    }
}
