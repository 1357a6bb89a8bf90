//! The audit trail, for administrators.

use async_graphql::{ComplexObject, Context, Enum, Object, SimpleObject};

use crate::domain::audit;
use crate::domain::audit::ChainedEntry;
use crate::domain::id::UserId;
use crate::domain::user;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::types::list::List;
use crate::graphql::types::pagination::{
    PageArguments, PageInfo, opposite_side, opposite_side_field, page_info,
};
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::service::audit::view;
use crate::store::audit::{CURSOR_FORMAT, TrailQuery, count, exists_on_side};
use crate::store::pagination::{Page, PageRequest};

/// From where an act came.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "audit::AuditSource")]
pub enum AuditSource {
    /// A request of a signed-in user.
    Api,
    /// The command line, by a user of the operating system.
    CommandLine,
    /// A gateway by itself, such as the erasure of data whose retention is over.
    System,
}

#[derive(Clone)]
pub struct AuditEntry(ChainedEntry);

/// An entry of the audit trail: who saw, decided or changed what, and about whom. Entries are never changed.
#[Object]
impl AuditEntry {
    /// The number of the entry, counted from 1.
    async fn number(&self) -> i32 {
        i32::try_from(self.0.number).unwrap_or(i32::MAX)
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.0.entry.at.into()
    }

    /// The user who acted; null for the command line and the system.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        user_of(ctx, self.0.entry.actor_id).await
    }

    /// The user whom the entry is about; null if it is about the installation, such as a rotation of keys.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        user_of(ctx, self.0.entry.subject_id).await
    }

    /// From where the act came.
    async fn source(&self) -> AuditSource {
        self.0.entry.source.into()
    }

    /// The user of the operating system who ran the command; null if `source` is not COMMAND_LINE.
    async fn operator(&self) -> Option<&str> {
        self.0.entry.operator.as_deref()
    }

    /// What was done, for example "VIEW_DOCUMENT". More may be added.
    async fn action(&self) -> &str {
        &self.0.entry.action
    }

    /// Details, such as a decision or the codes of a refusal. Never personal data; may be empty.
    async fn detail(&self) -> &str {
        &self.0.entry.detail
    }

    /// The id that the gateway gave to the request, as in its log; empty for the command line and the system.
    async fn request_id(&self) -> &str {
        &self.0.entry.request_id
    }
}

async fn user_of(ctx: &Context<'_>, id: Option<UserId>) -> Option<Result<User>> {
    nullable(async {
        let Some(id) = id else { return Ok(None) };
        Ok(ctx.loader().load_one(id).await?.map(User::from))
    })
    .await
}

pub struct AuditEntryConnection {
    query: TrailQuery,
    page: Page<ChainedEntry>,
    request: PageRequest,
}

/// An entry of the audit trail, with its cursor.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AuditEntryEdge {
    /// The position in the trail, for `after` and `before`.
    cursor: String,
    #[graphql(skip)]
    node: AuditEntry,
}

#[ComplexObject]
impl AuditEntryEdge {
    /// The entry.
    async fn node(&self) -> &AuditEntry {
        &self.node
    }
}

impl AuditEntryConnection {
    /// A page of the entries that `query` finds. The access is audited.
    ///
    /// # Errors
    /// FORBIDDEN for everybody but administrators. BAD_USER_INPUT or INVALID_CURSOR if the page arguments are invalid.
    pub async fn of_query(
        ctx: &Context<'_>,
        viewer: &user::Viewer,
        query: TrailQuery,
        arguments: PageArguments,
    ) -> Result<Self> {
        let request = arguments.parse(CURSOR_FORMAT)?;
        let page = view(ctx.services(), ctx.db(), viewer, query, &request, ctx.request_id()).await?;
        Ok(Self { query, page, request })
    }
}

/// One page of the audit trail, newest first.
#[Object]
impl AuditEntryConnection {
    /// The entries of the page, each with its cursor.
    async fn edges(&self) -> List<AuditEntryEdge> {
        let rows = self.page.rows.iter();
        rows.map(|(key, entry)| AuditEntryEdge { cursor: key.to_cursor(), node: AuditEntry(entry.clone()) })
            .collect()
    }

    /// The entries of the page, without cursors.
    async fn nodes(&self) -> List<AuditEntry> {
        self.page.rows.iter().map(|(_, entry)| AuditEntry(entry.clone())).collect()
    }

    /// The position of the page in the trail.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        let is_selected = ctx.look_ahead().field(opposite_side_field(&self.request)).exists();
        let has_opposite = match opposite_side(&self.request).filter(|_| is_selected) {
            None => false,
            Some((side, key)) => exists_on_side(ctx.db(), self.query, side, key).await?,
        };
        Ok(page_info(&self.page, &self.request, has_opposite))
    }

    /// The number of entries that match the arguments, on all pages. It is counted only if it is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(count(ctx.db(), self.query).await?)
    }
}
