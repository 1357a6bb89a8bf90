//! Countries.

use async_graphql::SimpleObject;

use crate::domain::country;

/// A country or territory, for addresses and identity documents.
#[derive(SimpleObject)]
pub struct Country {
    /// The two-letter code of ISO 3166-1, for example "DE"; "XK" for Kosovo.
    code: &'static str,
    /// The short English name, for example "Germany".
    name: &'static str,
    /// Whether addresses have postal codes. If not, `PersonalInfoInput.postalCode` may be empty.
    has_postal_code: bool,
}

impl From<country::Country> for Country {
    fn from(country: country::Country) -> Self {
        let country::Country { code, name, has_postal_code } = country;
        Self { code, name, has_postal_code }
    }
}
