//! `/identity-documents`: images of identity documents. Each signed URL works only for the reviewer it was
//! created for, while they may open the image.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tower_http::request_id::RequestId;

use crate::domain::id::{DocumentId, PublicId};
use crate::engine::Caller;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, service_error};
use crate::http::middleware::request_id;
use crate::http::state::AppState;
use crate::service;
use crate::service::Services;
use crate::service::identity_access::{DocumentSignature, OpenedDocument, open_document, record_delivery};

/// The most bytes of an image that are handed to the connection at once.
const PART_BYTES: usize = 64 * 1024;

/// The bytes of the last part. The delivery is recorded before it, so a client that has the whole image can clear the
/// verification at once.
const LAST_PART_BYTES: usize = 1;

#[derive(Deserialize)]
pub struct SignatureQuery {
    expires: i64,
    signature: String,
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    document: Result<Path<String>, PathRejection>,
    query: Result<Query<SignatureQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (Ok(Path(document)), Ok(Query(query))) = (document, query) else { return not_found() };
    let Some(document_id) = DocumentId::parse(&document) else { return not_found() };
    let viewer = match state.caller(&headers).await {
        Ok(Caller::Viewer(viewer)) => viewer,
        Ok(Caller::Anonymous | Caller::InvalidCredentials { .. }) => {
            let message = "Send the access token of the session that this URL was created for.";
            return reject(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message);
        }
        Err(error) => return service_error(&error.into(), request_id::text_of(&id)),
    };
    let signature = DocumentSignature { expires: query.expires, signature: query.signature };
    match open_document(&state.services, &viewer, document_id, &signature, request_id::text_of(&id)).await {
        Ok(Some(document)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                (header::CONTENT_LENGTH, document.image.len().into()),
            ];
            (headers, body(Arc::clone(&state.services), document)).into_response()
        }
        Ok(None) => not_found(),
        Err(error) => service_error(&error.into(), request_id::text_of(&id)),
    }
}

/// The body with the image. The delivery is recorded when the connection has taken all but the last part. If that
/// fails, the body ends early, and the client sees that the image is incomplete.
fn body(services: Arc<Services>, document: OpenedDocument) -> Body {
    let remaining = document.image.clone();
    let parts =
        stream::try_unfold((services, document, remaining), async |(services, document, mut rest)| {
            if rest.is_empty() {
                return Ok(None);
            }
            let until_last = rest.len().saturating_sub(LAST_PART_BYTES);
            if until_last == 0 {
                record_delivery(&services, &document).await.inspect_err(|error| {
                    tracing::warn!(%error, "recording the delivery of a document failed");
                })?;
            }
            let part = rest.split_to(if until_last == 0 { rest.len() } else { until_last.min(PART_BYTES) });
            Ok::<_, service::Error>(Some((part, (services, document, rest))))
        });
    Body::from_stream(parts)
}

fn not_found() -> Response {
    let message = "The document does not exist, the URL was not created for this session or has expired, or you have \
                   not claimed its review.";
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}
