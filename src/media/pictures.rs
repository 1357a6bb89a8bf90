#[derive(Debug, Clone, Copy, Default)] pub struct Bounds {}
#[derive(Debug, Clone)] pub struct Picture { pub bytes: bytes::Bytes, pub width: u32, pub height: u32 }
#[derive(Debug, thiserror::Error)] pub enum Unreadable { #[error("x")] X }
pub fn reencode(_: &[u8], _: &Bounds) -> Result<Picture, Unreadable> { Err(Unreadable::X) }
