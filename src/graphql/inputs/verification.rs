//! Inputs for identity verification.

use async_graphql::InputObject;
use chrono::NaiveDate;

use crate::domain::entered::Entered;
use crate::graphql::types::scalar::Upload;
use crate::graphql::types::verification::{DocumentSide, IdentityDocumentType};

/// The form with the personal information.
#[derive(InputObject)]
pub struct PersonalInfoInput {
    /// The first name, as in the document, at most 100 characters. Empty if there is only a last name.
    pub first_name: String,
    /// The last name, as in the document, at most 100 characters. Empty if there is only a first name.
    pub last_name: String,
    /// The date of birth, as in the document, such as "1990-05-17". It must be at least
    /// `Limits.verification.minimumAge` years ago. INVALID if it is not a date, REQUIRED if it is empty.
    pub date_of_birth: Entered<NaiveDate>,
    /// The street and house number, 1 to 200 characters.
    pub address_line1: String,
    /// The second line of the address, at most 200 characters.
    pub address_line2: Option<String>,
    /// The city or town, 1 to 100 characters.
    pub city: String,
    /// The state or province, at most 100 characters.
    pub region: Option<String>,
    /// The postal code, 1 to 20 characters. It may be empty if `Country.hasPostalCode` is false.
    pub postal_code: String,
    /// The code of one of `Query.countries`, for example "DE".
    pub country_code: String,
    /// The number of the document, as it is printed: 5 to 20 letters and digits of any script, and at most 50
    /// characters with the spaces, dashes, stars, slashes, dots and parentheses between them, which do not count.
    #[graphql(secret)]
    pub document_number: String,
}

/// An image of one side of an identity document, or of the user.
#[derive(InputObject)]
pub struct UploadIdentityDocumentInput {
    /// The kind of document. If it differs from the previous one, the images of the previous document are
    /// removed.
    #[graphql(name = "type")]
    pub document_type: IdentityDocumentType,
    /// What the image shows.
    pub side: DocumentSide,
    /// The file, sent as a GraphQL multipart request: a JPEG, PNG or WebP of at most
    /// `Limits.verification.documentMaxBytes` bytes.
    pub file: Upload,
}
