//! What people have agreed to, and what they can ask for about their own data.

use async_graphql::{ComplexObject, Context, SimpleObject};

use crate::clock::seconds_until;
use crate::domain::rights;
use crate::graphql::context::ContextExt;
use crate::graphql::types::scalar::{DateTime, Url};
use crate::service::data_export;

/// That a user has agreed to a text, when they submitted their verification.
#[derive(SimpleObject)]
pub struct Consent {
    /// The version of the text.
    version: String,
    /// When the user has agreed.
    consented_at: DateTime,
}

impl From<rights::Consent> for Consent {
    fn from(consent: rights::Consent) -> Self {
        Self { version: consent.text_version, consented_at: consent.consented_at.into() }
    }
}

/// The request of a user to be erased.
#[derive(SimpleObject)]
pub struct ErasureRequest {
    /// When the user made the request.
    requested_at: DateTime,
    /// The user is erased soon after this time, unless a law forbids it. Until then, they can cancel the request.
    due_at: DateTime,
}

impl From<rights::ErasureRequest> for ErasureRequest {
    fn from(request: rights::ErasureRequest) -> Self {
        Self { requested_at: request.requested_at.into(), due_at: request.due_at.into() }
    }
}

/// An archive of what the viewer has given to the marketplace, and of what they may see about themselves.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DataExport {
    /// The URL of the archive, a TAR file with JSON and pictures. It needs no access token, but works only until it
    /// expires or the session ends. Whoever has it can read the archive.
    url: Url,
    /// When the URL expires. A download that has begun by then continues.
    expires_at: DateTime,
}

#[ComplexObject]
impl DataExport {
    /// Seconds from this response until the URL expires, for clients whose clock is wrong.
    async fn expires_in(&self, ctx: &Context<'_>) -> i32 {
        seconds_until(self.expires_at.0, ctx.services().now())
    }
}

impl From<data_export::DataExport> for DataExport {
    fn from(export: data_export::DataExport) -> Self {
        Self { url: Url(export.url), expires_at: export.expires_at.into() }
    }
}
