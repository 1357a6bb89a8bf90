//! The layers around all routes. `http/mod.rs` puts them in order.

pub mod cors;
pub mod origins;
pub mod request_id;
pub mod request_limit;
pub mod request_log;
pub mod security_headers;
