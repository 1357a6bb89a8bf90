//! Typed ids in SQL: how they are bound and read. Add every type of id that is stored in a column to
//! `stored_as_uuid!`.

use sea_orm::sea_query::Nullable;
use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable, Value};
use uuid::Uuid;

use crate::domain::id::{
    AttemptId, CategoryId, DataKeyId, DecisionId, DocumentId, GigId, HeldVersionId, ImageId, OpeningId,
    ReviewItemId, SessionId, StreamId, SubjectId, TicketId, UserId,
};

macro_rules! stored_as_uuid {
    ($($id:ident),* $(,)?) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                id.uuid().into()
            }
        }

        impl Nullable for $id {
            fn null() -> Value {
                Uuid::null()
            }
        }

        impl TryGetable for $id {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                Uuid::try_get_by(row, index).map(Self::from_uuid)
            }
        }
    )*};
}

stored_as_uuid!(
    UserId,
    GigId,
    ImageId,
    DocumentId,
    ReviewItemId,
    CategoryId,
    SessionId,
    DecisionId,
    OpeningId,
    AttemptId,
    DataKeyId,
    HeldVersionId,
    TicketId,
    StreamId,
);

/// The column of a subject has only the UUID, not its kind (gig or verification). So a [`SubjectId`] can be
/// bound to a statement, but not read from the column.
impl From<SubjectId> for Value {
    fn from(id: SubjectId) -> Self {
        id.uuid().into()
    }
}
