//! What an applicant hands in.

use async_graphql::InputObject;

use crate::graphql::types::scalar::{Date, Upload};
use crate::graphql::types::verification::{DocumentSide, IdentityDocumentType};

/// The form "Personal identity information".
#[derive(InputObject)]
pub struct PersonalInfoInput {
    /// As in the document, at most 100 characters.
    pub first_name: String,
    /// As in the document, at most 100 characters.
    pub last_name: String,
    /// At least `limits.verification.minimumAge` years ago.
    pub date_of_birth: Date,
    /// Street and number, at most 200 characters.
    pub address_line1: String,
    /// At most 200 characters.
    pub address_line2: Option<String>,
    /// At most 100 characters.
    pub city: String,
    /// State or province, at most 100 characters.
    pub region: Option<String>,
    /// At most 20 characters.
    pub postal_code: String,
    /// ISO 3166-1, two letters, for example "DE".
    pub country_code: String,
    /// 5 to 20 letters A to Z and digits.
    #[graphql(secret)]
    pub document_number: String,
}

/// A picture of one side of an identity document.
#[derive(InputObject)]
pub struct UploadIdentityDocumentInput {
    /// The kind of document. Another kind than before begins the pictures anew.
    #[graphql(name = "type")]
    pub document_type: IdentityDocumentType,
    /// What the picture shows.
    pub side: DocumentSide,
    /// The file, by a GraphQL multipart request: a JPEG, PNG or WebP of up to
    /// `limits.verification.documentMaxBytes`.
    pub file: Upload,
}
