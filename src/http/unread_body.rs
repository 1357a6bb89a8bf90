//! Marks the responses after which a connection cannot be used again: the body of the request was not read to
//! its end.
//!
//! The rest of such a body is received when the connection closes: see
//! [`connection_io::close`](crate::http::connection_io::close).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};

/// Knows whether the body of a request was read to its end. `None`: the request has no body.
pub struct BodyTracker(Option<Arc<AtomicBool>>);

impl BodyTracker {
    pub fn track(request: hyper::Request<Incoming>) -> (Request, Self) {
        if request.body().is_end_stream() {
            return (request.map(Body::new), Self(None));
        }
        let is_read = Arc::new(AtomicBool::new(false));
        let tracker = Self(Some(Arc::clone(&is_read)));
        (request.map(|body| Body::new(TrackedBody { body, is_read })), tracker)
    }

    /// Announces in the response that the connection closes, if it does.
    pub fn finish(self, mut response: Response) -> Response {
        let is_unread = self.0.is_some_and(|is_read| !is_read.load(Ordering::Acquire));
        if is_unread && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

struct TrackedBody {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
