//! Parses requests with files, by the GraphQL multipart request specification: a part `operations`, a part
//! `map`, and the files.
//!
//! The library's parser is not used: it does not limit the number of parts, and it writes each file to the
//! disk on the threads of the async runtime.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_graphql::{Request, UploadValue};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use multer::{Constraints, Error, Field, Multipart, SizeLimit};

use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;
use crate::http::json;
use crate::http::operation_request;
use crate::http::part_stream::{HEADERS_MAX_BYTES, HeadersTooLarge, PartStream};
use crate::http::upload_permits::UploadPermit;

/// The maximum number of files in a request, and of variables that refer to files.
const FILES_MAX: usize = 5;

/// The maximum size of a file. It is larger than any image may be, so that the mutation can report a slightly
/// too large image as a validation error. Only much larger files are rejected here.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The maximum size of a body.
pub const BODY_MAX_BYTES: u64 = FILE_MAX_BYTES + 2 * 1024 * 1024;

/// The maximum size of the part `map`.
const MAP_MAX_BYTES: u64 = 16 * 1024;

/// Reads a body. The first `retained_bytes` of each file are stored in memory, where they hold `permit`; the
/// rest is read and discarded.
///
/// # Errors
/// The response if the body is invalid or too large.
pub async fn read(
    content_type: &str,
    body: Body,
    operations_max_bytes: usize,
    retained_bytes: usize,
    permit: &Arc<UploadPermit>,
) -> Result<Request, Response> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| multipart_error(&error))?;
    let operations_max_bytes = u64::try_from(operations_max_bytes).unwrap_or(u64::MAX);
    let limits = SizeLimit::new()
        .whole_stream(BODY_MAX_BYTES)
        .per_field(FILE_MAX_BYTES)
        .for_field("operations", operations_max_bytes)
        .for_field("map", MAP_MAX_BYTES);
    let constraints = Constraints::new().size_limit(limits);
    let (bytes, position) = PartStream::new(body.into_data_stream());
    let mut parts = Multipart::with_constraints(bytes, boundary, constraints);

    let (mut operations, mut map, mut files) = (None, None, HashMap::new());
    loop {
        position.leave_data();
        let field = parts.next_field().await.map_err(|error| multipart_error(&error))?;
        let Some(field) = field else { break };
        position.enter_data();
        let Some(name) = field.name().map(str::to_owned) else {
            return Err(invalid("each part must have a name"));
        };
        let is_duplicate = match name.as_str() {
            "operations" => operations.replace(read_text(field).await?).is_some(),
            "map" => map.replace(read_text(field).await?).is_some(),
            _ if files.len() == FILES_MAX => return Err(too_large()),
            _ => files.insert(name, read_file(field, retained_bytes, permit).await?).is_some(),
        };
        if is_duplicate {
            return Err(invalid("two parts have the same name"));
        }
    }
    let operations = operations.ok_or_else(|| invalid("the part `operations` is missing"))?;
    let map = map.ok_or_else(|| invalid("the part `map` is missing"))?;
    let mut request = operation_request::from_object(&operations)
        .map_err(|invalid| invalid.within("The part `operations`: "))?;
    let map = read_map(&map)?;
    if map.values().map(Vec::len).sum::<usize>() > FILES_MAX {
        return Err(too_large());
    }
    for (name, paths) in map {
        let file = files.remove(&name).ok_or_else(|| invalid("a file in `map` is missing"))?;
        for path in paths {
            let file = file.try_clone().map_err(|_| invalid("a file cannot be read"))?;
            let upload_count = request.uploads.len();
            request.set_upload(&path, file);
            if request.uploads.len() == upload_count {
                return Err(invalid("a path in `map` does not lead to a variable"));
            }
        }
    }
    Ok(request)
}

/// Parses the part `map`: the variables of each file, in the order of the names, so that a repetition of the
/// request has its files in the same order.
fn read_map(map: &[u8]) -> Result<BTreeMap<String, Vec<String>>, Response> {
    let map = json::parse(json::without_byte_order_mark(map))
        .map_err(|invalid| invalid.within("The part `map`: "))?;
    serde_json::from_value(map).map_err(|_| invalid("the part `map` must be a JSON object of lists of paths"))
}

async fn read_text(field: Field<'_>) -> Result<Bytes, Response> {
    field.bytes().await.map_err(|error| multipart_error(&error))
}

async fn read_file(
    mut field: Field<'_>,
    retained_bytes: usize,
    permit: &Arc<UploadPermit>,
) -> Result<UploadValue, Response> {
    let filename = field.file_name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(ToString::to_string);
    // Allocated once: growing would take a multiple of what the permit counts.
    let mut content = Vec::with_capacity(retained_bytes.min(permit.bytes()));
    while let Some(chunk) = field.chunk().await.map_err(|error| multipart_error(&error))? {
        let remaining = retained_bytes.saturating_sub(content.len());
        content.extend_from_slice(&chunk[..chunk.len().min(remaining)]);
    }
    content.shrink_to_fit();
    Ok(UploadValue { filename, content_type, content: permit.hold(content) })
}

fn multipart_error(error: &Error) -> Response {
    match error {
        Error::StreamReadFailed(error) if is_headers_too_large(error.as_ref()) => {
            invalid(&format!("the headers of a part may have at most {HEADERS_MAX_BYTES} bytes"))
        }
        Error::FieldSizeExceeded { .. } | Error::StreamSizeExceeded { .. } => too_large(),
        Error::NoMultipart | Error::NoBoundary => invalid("the content type has no boundary"),
        Error::StreamReadFailed(_) | Error::IncompleteStream => invalid("the body is incomplete"),
        _ => invalid("the body is not a multipart form"),
    }
}

fn is_headers_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<HeadersTooLarge>() || error.source().is_some_and(is_headers_too_large)
}

fn invalid(reason: &str) -> Response {
    let message = format!("Not a GraphQL multipart request: {reason}.");
    reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}

pub fn too_large() -> Response {
    let message =
        format!("A request may have at most {FILES_MAX} files, of at most {FILE_MAX_BYTES} bytes each.");
    reject(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
}
