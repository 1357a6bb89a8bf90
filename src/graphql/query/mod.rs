//! Everything that reads.

use async_graphql::{Context, ID, Object};
use futures_util::future::join_all;

use crate::domain::id::IdKind;
use crate::domain::search;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::inputs::gig_filter::{GigFilter, GigOrder};
use crate::graphql::inputs::list_length::bounded;
use crate::graphql::loaders::{CategoryId, GigId, UserId};
use crate::graphql::types::account::Viewer;
use crate::graphql::types::gig::{Category, Gig};
use crate::graphql::types::gig_connection::GigConnection;
use crate::graphql::types::limits::Limits;
use crate::graphql::types::node;
use crate::graphql::types::node::{Node, row_id};
use crate::graphql::types::pagination::PageArguments;
use crate::graphql::types::review::{ReviewKind, ReviewState};
use crate::graphql::types::review_connection::ReviewItemConnection;
use crate::graphql::types::user::User;
use crate::store::categories;
use crate::store::gigs::query::{GigQuery, Scope};
use crate::store::gigs::search as gig_search;
use crate::store::reviews::QueueQuery;

/// The gig, where the viewer may see it.
async fn find_gig(ctx: &Context<'_>, id: &ID) -> Result<Option<Gig>> {
    let viewer = ctx.viewer()?;
    let gig = ctx.loader().load_one(GigId(row_id(IdKind::Gig, id))).await?;
    Ok(gig.map(|gig| Gig::seen_by(gig, viewer)))
}

pub struct Query;

/// Everything that reads.
#[Object]
impl Query {
    /// Who is asking; null without a session. A session that has ended is UNAUTHENTICATED.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        nullable(async { Ok(ctx.viewer()?.cloned().map(Viewer::from)) }).await
    }

    /// What has this id; null where nothing that the viewer may see has it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Any id of this API.")] id: ID,
    ) -> Option<Result<Node>> {
        nullable(async { node::load(ctx, &id).await }).await
    }

    /// One entry for each id, in order; null where nothing that the viewer may see has it.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        bounded("ids", Some(&ids))?;
        Ok(join_all(ids.iter().map(|id| nullable(node::load(ctx, id)))).await)
    }

    /// One gig; null where there is none that the viewer may see.
    async fn gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Begins with `gig_`.")] id: ID,
    ) -> Option<Result<Gig>> {
        nullable(find_gig(ctx, &id)).await
    }

    /// The ACTIVE gigs, page by page.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn gigs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.", name = "where")] filter: Option<GigFilter>,
        #[graphql(
            desc = "Up to 10 words, each of which must begin a word of the title, a tag or the description. One of 4 or \
                    more characters that begins no word of any gig stands for the words that are nearest to it."
        )]
        search: Option<String>,
        #[graphql(
            desc = "In which order; the newest first where it is left out.",
            default_with = "Some(GigOrder::Newest)"
        )]
        order_by: Option<GigOrder>,
        #[graphql(desc = "How many from the front, 0 to 100; 20 where neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor.")] before: Option<String>,
    ) -> Result<GigConnection> {
        // A field that holds blanks alone does not search; and without a search all gigs are equally relevant.
        let search = search.filter(|text| !text.trim().is_empty());
        let order = match order_by.unwrap_or(GigOrder::Newest) {
            GigOrder::Relevance if search.is_none() => GigOrder::Newest,
            order => order,
        };
        let terms = match search {
            Some(text) => Some(gig_search::terms(ctx.services().db.read(), search::words(&text)).await?),
            None => None,
        };
        let query = GigQuery {
            scope: Scope::GigRow,
            filter: filter.unwrap_or_default().parse()?,
            terms,
            order: order.into(),
        };
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_query(ctx, ctx.viewer()?, query, arguments).await
    }

    /// The whole catalogue, in its order.
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<Category>> {
        let all = categories::all(ctx.services().db.read()).await?;
        Ok(all.into_iter().map(Category::from).collect())
    }

    /// Every limit that a form needs, so that no client writes one down.
    async fn limits(&self, ctx: &Context<'_>) -> Limits {
        Limits::from(&ctx.services().limits)
    }

    /// A position in the event log that is not newer than anything else in this answer: read it beside a list,
    /// then subscribe with `after:` it, and miss nothing.
    async fn event_cursor(&self, ctx: &Context<'_>) -> String {
        ctx.cursor().encode()
    }

    /// What waits for a reviewer and what was decided, the first due first. REVIEWER or ADMIN.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn review_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Items about this; all where it is left out.")] kind: Option<ReviewKind>,
        #[graphql(desc = "Items in this state; all where it is left out.")] state: Option<ReviewState>,
        #[graphql(desc = "How many from the front, 0 to 100; 20 where neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor.")] before: Option<String>,
    ) -> Result<ReviewItemConnection> {
        ctx.reviewer()?;
        let query = QueueQuery {
            kind: kind.map(Into::into),
            state: state.map(Into::into),
            now: ctx.services().now(),
        };
        let arguments = PageArguments { first, after, last, before };
        ReviewItemConnection::of_query(ctx, query, arguments).await
    }

    // For a router that puts this schema beside others (Apollo Federation): what they mean by a key of ours. Their docs are
    // the router's.

    #[graphql(entity)]
    async fn find_gig_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Gig>> {
        nullable(find_gig(ctx, &id)).await
    }

    #[graphql(entity)]
    async fn find_user_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<User>> {
        let user = UserId(row_id(IdKind::User, &id));
        nullable(async { Ok(ctx.loader().load_one(user).await?.map(User::from)) }).await
    }

    #[graphql(entity)]
    async fn find_category_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Category>> {
        let category = CategoryId(row_id(IdKind::Category, &id));
        nullable(async { Ok(ctx.loader().load_one(category).await?.map(Category::from)) }).await
    }
}
