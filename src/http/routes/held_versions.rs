//! `/held-versions`: images that people under a legal hold have replaced or deleted. Each signed URL works only for the
//! administrator it was created for, during the inspection.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use crate::domain::id::{HeldVersionId, PublicId};
use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, service_error};
use crate::http::middleware::request_id;
use crate::http::private_images::{SignatureQuery, response_headers, signed_in_viewer};
use crate::http::state::AppState;
use crate::service::held_inspections::{HeldImageSignature, open_image};

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    version: Result<Path<String>, PathRejection>,
    query: Result<Query<SignatureQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (Ok(Path(version)), Ok(Query(query))) = (version, query) else { return not_found() };
    let Some(version) = HeldVersionId::parse(&version) else { return not_found() };
    let request_id = request_id::text_of(&id);
    let viewer = match signed_in_viewer(&state, &headers, request_id).await {
        Ok(viewer) => viewer,
        Err(refusal) => return refusal,
    };
    let signature = HeldImageSignature { expires: query.expires, signature: query.signature };
    match open_image(&state.services, &viewer, version, &signature, request_id).await {
        Ok(Some(image)) => (response_headers(), image).into_response(),
        Ok(None) => not_found(),
        Err(error) => service_error(&error.into(), request_id),
    }
}

fn not_found() -> Response {
    let message =
        "The image does not exist, the URL was not created for this session, or the inspection is over.";
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}
