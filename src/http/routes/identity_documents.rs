//! `/identity-documents`: pictures of identity documents, for the reviewer whom the address was made for.

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
use crate::http::error_response::reject;
use crate::http::middleware::request_id;
use crate::http::routes::media::error_response;
use crate::http::state::AppState;
use crate::service::verification_reviews::{DocumentSignature, read_document};

#[derive(Deserialize)]
pub struct Signed {
    expires: i64,
    signature: String,
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    document: Result<Path<String>, PathRejection>,
    signed: Result<Query<Signed>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (Ok(Path(document)), Ok(Query(signed))) = (document, signed) else { return nothing() };
    let Some(document_id) = DocumentId::parse(&document) else { return nothing() };
    let viewer = match state.caller_of(&headers).await {
        Ok(Caller::Viewer(viewer)) => viewer,
        Ok(Caller::Anonymous | Caller::InvalidCredentials) => {
            let message = "This takes the access token of the session that the address was made for.";
            return reject(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message);
        }
        Err(error) => return error_response(&error.into()),
    };
    let given = DocumentSignature { expires: signed.expires, signature: signed.signature };
    match read_document(&state.services, &viewer, document_id, &given, request_id::text_of(&id)).await {
        Ok(Some(picture)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, picture).into_response()
        }
        Ok(None) => nothing(),
        Err(error) => error_response(&error.into()),
    }
}

fn nothing() -> Response {
    let message = "There is no such picture for you, or its address has run out.";
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}
