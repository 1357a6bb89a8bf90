//! `/data-exports`: archives of what people have given to the marketplace. Each signed URL works only while the session
//! lasts that it was created in.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower_http::request_id::RequestId;

use crate::domain::id::{PublicId, SessionId, UserId};
use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, service_error};
use crate::http::middleware::request_id;
use crate::http::state::AppState;
use crate::service::data_export;
use crate::service::data_export::ExportSignature;

#[derive(Deserialize)]
pub struct SignatureQuery {
    session: SessionId,
    expires: i64,
    signature: String,
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    file: Result<Path<String>, PathRejection>,
    query: Result<Query<SignatureQuery>, QueryRejection>,
) -> Response {
    let (Ok(Path(file)), Ok(Query(query))) = (file, query) else { return not_found() };
    let Some(user_id) = file.strip_suffix(".tar").and_then(UserId::parse) else { return not_found() };
    let SignatureQuery { session, expires, signature } = query;
    let signature = ExportSignature { session_id: session, expires, signature };
    match data_export::open(&state.services, user_id, &signature, request_id::text_of(&id)).await {
        Ok(Some(archive)) => {
            let disposition = HeaderValue::from_static("attachment; filename=\"gigway-data.tar\"");
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar")),
                (header::CONTENT_DISPOSITION, disposition),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, Body::from_stream(archive)).into_response()
        }
        Ok(None) => not_found(),
        Err(error) => service_error(&error.into(), request_id::text_of(&id)),
    }
}

fn not_found() -> Response {
    let message =
        "The URL of this archive is invalid or has expired, or its session has ended. Create a new one.";
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}
