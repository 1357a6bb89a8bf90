//! Placeholder of the branch `flags`, replaced when it lands.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlagCode {
    DuplicateDocument,
    DuplicatePicture,
    PreviouslyRejected,
    PreviouslyRevoked,
}
