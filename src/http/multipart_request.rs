//! Requests with files, by the GraphQL multipart request specification: a part `operations`, a part `map`, and
//! the files.
//!
//! Read here rather than by the library, which counts no parts, opens a file on the disk for each, and writes to
//! it on the async threads.

use std::collections::HashMap;

use async_graphql::{Request, UploadValue};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use multer::{Constraints, Error, Field, Multipart, SizeLimit};

use crate::engine::response::error_response;
use crate::graphql::error::{Error as GraphqlError, ErrorCode};
use crate::http::error_response::reject;
use crate::http::operation_request::{self, invalid_request};
use crate::http::response::answered;

/// The most files of one request, and the most variables that are one.
const FILES_MAX: usize = 5;

/// The most bytes of one file. More than any picture may have, so that a picture somewhat too large is told
/// to its person, beside the form; what is far too large is cut off here.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The most bytes of all: what is kept of a request is as much at most.
const BODY_MAX_BYTES: u64 = FILE_MAX_BYTES + 2 * 1024 * 1024;

/// The most bytes of the part `map`.
const MAP_MAX_BYTES: u64 = 16 * 1024;

/// The request in the body. Of each file the first `cached_bytes` are kept, the rest is read and dropped; `None`: no files
/// are taken.
///
/// # Errors
/// The answer to what is no such request, or too large a one.
pub async fn read(
    content_type: &str,
    body: Body,
    document_max_bytes: usize,
    cached_bytes: Option<usize>,
) -> Result<Request, Response> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| unreadable(&error))?;
    let document_max_bytes = u64::try_from(document_max_bytes).unwrap_or(u64::MAX);
    let limits = SizeLimit::new()
        .whole_stream(BODY_MAX_BYTES)
        .per_field(FILE_MAX_BYTES)
        .for_field("operations", document_max_bytes)
        .for_field("map", MAP_MAX_BYTES);
    let constraints = Constraints::new().size_limit(limits);
    let mut parts = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);

    let (mut operations, mut map, mut files) = (None, None, HashMap::new());
    while let Some(field) = parts.next_field().await.map_err(|error| unreadable(&error))? {
        let Some(name) = field.name().map(str::to_owned) else { return Err(bad("each part needs a name")) };
        let known = match name.as_str() {
            "operations" => operations.replace(whole(field).await?).is_some(),
            "map" => map.replace(whole(field).await?).is_some(),
            _ if files.len() == FILES_MAX => return Err(too_large()),
            _ => {
                let cached_bytes = cached_bytes.ok_or_else(files_take_a_session)?;
                files.insert(name, file(field, cached_bytes).await?).is_some()
            }
        };
        if known {
            return Err(bad("two parts have the same name"));
        }
    }
    let operations = operations.ok_or_else(|| bad("the part `operations` is missing"))?;
    let map = map.ok_or_else(|| bad("the part `map` is missing"))?;
    let operations = serde_json::from_slice(&operations).ok().filter(serde_json::Value::is_object);
    let mut request = operations.and_then(operation_request::from_json).ok_or_else(invalid_request)?;
    let map: HashMap<String, Vec<String>> = serde_json::from_slice(&map)
        .map_err(|_| bad("the part `map` is no JSON object of lists of paths"))?;
    if map.values().map(Vec::len).sum::<usize>() > FILES_MAX {
        return Err(too_large());
    }
    for (name, paths) in map {
        let file = files.remove(&name).ok_or_else(|| bad("a file that `map` names is missing"))?;
        for path in paths {
            let file = file.try_clone().map_err(|_| bad("a file cannot be read"))?;
            let before = request.uploads.len();
            request.set_upload(&path, file);
            if request.uploads.len() == before {
                return Err(bad("the part `map` has a path to where no variable is"));
            }
        }
    }
    Ok(request)
}

async fn whole(field: Field<'_>) -> Result<Bytes, Response> {
    field.bytes().await.map_err(|error| unreadable(&error))
}

async fn file(mut field: Field<'_>, cached_bytes: usize) -> Result<UploadValue, Response> {
    let filename = field.file_name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(ToString::to_string);
    let mut content = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| unreadable(&error))? {
        let room = cached_bytes.saturating_sub(content.len());
        content.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(UploadValue { filename, content_type, content: content.freeze() })
}

fn unreadable(error: &Error) -> Response {
    match error {
        Error::FieldSizeExceeded { .. } | Error::StreamSizeExceeded { .. } => too_large(),
        Error::NoMultipart | Error::NoBoundary => bad("the content type has no boundary"),
        Error::StreamReadFailed(_) | Error::IncompleteStream => bad("the body ends too early"),
        _ => bad("the body is no multipart form"),
    }
}

fn bad(what: &str) -> Response {
    let message = format!("This is no GraphQL multipart request: {what}.");
    reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}

fn too_large() -> Response {
    let message =
        format!("A request may have at most {FILES_MAX} files, of at most {FILE_MAX_BYTES} bytes each.");
    reject(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
}

/// The answer to a stranger's file: what the schema would say, had it been read.
pub fn files_take_a_session() -> Response {
    answered(error_response(&GraphqlError::unauthenticated()))
}
