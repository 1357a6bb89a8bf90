//! `/identity-documents`: images of identity documents. Each signed URL works only for the reviewer it was
//! created for, while they may open the image.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tower_http::request_id::RequestId;

use crate::domain::id::{DocumentId, PublicId};
use crate::graphql::error::ErrorCode;
use crate::http::connection_io::ConnectionHandle;
use crate::http::error_response::{reject, service_error};
use crate::http::middleware::request_id;
use crate::http::private_images::{SignatureQuery, response_headers, signed_in_viewer};
use crate::http::state::AppState;
use crate::service;
use crate::service::Services;
use crate::service::identity_access::{DocumentSignature, OpenedDocument, open_document, record_delivery};

/// The most bytes of an image that are handed to the connection at once.
const PART_BYTES: usize = 64 * 1024;

/// The bytes of the last part. The delivery is recorded before it, so a client that has the whole image can clear the
/// verification at once.
const LAST_PART_BYTES: usize = 1;

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    Extension(connection): Extension<ConnectionHandle>,
    document: Result<Path<String>, PathRejection>,
    query: Result<Query<SignatureQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (Ok(Path(document)), Ok(Query(query))) = (document, query) else { return not_found() };
    let Some(document_id) = DocumentId::parse(&document) else { return not_found() };
    let request_id = request_id::text_of(&id);
    let viewer = match signed_in_viewer(&state, &headers, request_id).await {
        Ok(viewer) => viewer,
        Err(refusal) => return refusal,
    };
    let signature = DocumentSignature { expires: query.expires, signature: query.signature };
    match open_document(&state.services, &viewer, document_id, &signature, request_id).await {
        Ok(Some(document)) => {
            connection.use_small_send_buffer();
            let length = [(header::CONTENT_LENGTH, HeaderValue::from(document.image.len()))];
            let body = body(Arc::clone(&state.services), document);
            (response_headers(), length, body).into_response()
        }
        Ok(None) => not_found(),
        Err(error) => service_error(&error.into(), request_id),
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
