//! `/identity-documents`: images of identity documents. Each signed URL works only for the reviewer it was
//! created for.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower_http::request_id::RequestId;

use crate::domain::id::{DocumentId, PublicId};
use crate::engine::Caller;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, service_error};
use crate::http::middleware::request_id;
use crate::http::state::AppState;
use crate::service::verification_reviews::{DocumentSignature, read_document};

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
    match read_document(&state.services, &viewer, document_id, &signature, request_id::text_of(&id)).await {
        Ok(Some(image)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, image).into_response()
        }
        Ok(None) => not_found(),
        Err(error) => service_error(&error.into(), request_id::text_of(&id)),
    }
}

fn not_found() -> Response {
    let message = "The document does not exist, the URL was not created for this session, or it has expired.";
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}
