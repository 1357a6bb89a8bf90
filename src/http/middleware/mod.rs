//! What every request passes through, from the outside in.

pub mod cors;
pub mod origins;
pub mod request_id;
pub mod request_log;
pub mod security_headers;
