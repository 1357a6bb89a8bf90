//! The root type `Query`.

mod administration;

use async_graphql::{Context, ID, MergedObject, Object};
use futures_util::future::join_all;

use crate::domain::country::COUNTRIES;
use crate::domain::id::{CategoryId, GigId, UserId};
use crate::domain::search;
use crate::domain::text::normalize_optional_text;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result, nullable};
use crate::graphql::inputs::gig_filter::{GigFilter, GigOrder};
use crate::graphql::inputs::list_length::check_list_length;
use crate::graphql::loaders::AllCategories;
use crate::graphql::query::administration::AdministrationQueries;
use crate::graphql::types::account::Viewer;
use crate::graphql::types::audit::AuditEntryConnection;
use crate::graphql::types::country::Country;
use crate::graphql::types::gig::{Category, Gig, find_categories_by_slug};
use crate::graphql::types::gig_connection::GigConnection;
use crate::graphql::types::limits::Limits;
use crate::graphql::types::node;
use crate::graphql::types::node::{Node, parse_id_or_nil};
use crate::graphql::types::pagination::PageArguments;
use crate::graphql::types::review::{ReviewKind, ReviewState};
use crate::graphql::types::review_connection::ReviewItemConnection;
use crate::graphql::types::review_summary::ReviewSummary;
use crate::graphql::types::user::User;
use crate::store::audit::TrailQuery;
use crate::store::gigs::query::{GigQuery, Scope};
use crate::store::gigs::search as gig_search;
use crate::store::reviews::QueueQuery;

/// The gig; `None` if it does not exist, or the viewer may not see it.
async fn find_gig(ctx: &Context<'_>, id: &ID) -> Result<Option<Gig>> {
    let viewer = ctx.viewer()?;
    let gig = ctx.loader().load_one(parse_id_or_nil::<GigId>(id)).await?;
    Ok(gig.map(|gig| Gig::for_viewer(gig, viewer)))
}

/// The states of the arguments `state` and `states`; `None` if neither is given.
fn one_of(state: Option<ReviewState>, states: Option<Vec<ReviewState>>) -> Result<Option<Vec<ReviewState>>> {
    match (state, states) {
        (Some(_), Some(_)) => Err(Error::bad_input("Use either `state` or `states`, not both.")),
        (state, states) => Ok(states.or_else(|| state.map(|state| vec![state]))),
    }
}

/// All queries. They change nothing.
#[derive(MergedObject, Default)]
pub struct Query(Queries, AdministrationQueries);

/// All queries, and the entities of Apollo Federation. They change nothing.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct SubgraphQuery(Queries, AdministrationQueries, Entities);

#[derive(Default)]
struct Queries;

#[Object]
impl Queries {
    /// The signed-in user; null for an anonymous client. UNAUTHENTICATED if the credentials are invalid or
    /// expired.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        nullable(async { Ok(ctx.viewer()?.cloned().map(Viewer::from)) }).await
    }

    /// The object with this id; null if it does not exist, or the viewer may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A global id of any type.")] id: ID,
    ) -> Option<Result<Node>> {
        nullable(async { node::load(ctx, &id).await }).await
    }

    /// The objects with these ids, in the same order. An entry is null if the object does not exist, or the
    /// viewer may not see it.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of any types, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        check_list_length("ids", Some(&ids))?;
        Ok(join_all(ids.iter().map(|id| nullable(node::load(ctx, id)))).await)
    }

    /// The gig with this id; null if it does not exist, or the viewer may not see it.
    async fn gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the gig. It starts with `gig_`.")] id: ID,
    ) -> Option<Result<Gig>> {
        nullable(find_gig(ctx, &id)).await
    }

    /// All ACTIVE gigs that match the filter and the search.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn gigs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only gigs that match this filter.", name = "where")] filter: Option<GigFilter>,
        #[graphql(
            desc = "Only gigs that contain the first 10 of these words in the title, the tags or the \
                    description. Each may be the beginning of a longer word. Accents, case, width and vowel \
                    points make no difference. Chinese, Japanese, Korean, Thai and other text without spaces is \
                    found by any part of it. `C++`, `C#` and `.NET` are words. A word of 4 or more characters \
                    that occurs in no ACTIVE gig is replaced by the most similar words that do, unless more \
                    than 3 words occur in none."
        )]
        search: Option<String>,
        #[graphql(
            desc = "The order of the list. Without it, RELEVANCE if `search` is given and not blank, otherwise \
                    NEWEST. A cursor is valid in one order, \
                    with any filter and search."
        )]
        order_by: Option<GigOrder>,
        #[graphql(desc = "How many entries from the start: 0 to 100. 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(
            desc = "Only entries after this cursor. INVALID_CURSOR if it is malformed, or of a list in another order."
        )]
        after: Option<String>,
        #[graphql(desc = "How many entries from the end: 0 to 100. Not with `first`.")] last: Option<i32>,
        #[graphql(
            desc = "Only entries before this cursor. INVALID_CURSOR if it is malformed, or of a list in another order."
        )]
        before: Option<String>,
    ) -> Result<GigConnection> {
        // A blank text does not search. Without a search, all gigs are equally relevant.
        let search = search.filter(|text| normalize_optional_text(Some(text)).is_some());
        let order = match order_by.unwrap_or(GigOrder::Relevance) {
            GigOrder::Relevance if search.is_none() => GigOrder::Newest,
            order => order,
        };
        let terms = match search {
            Some(text) => Some(gig_search::correct(ctx.db(), search::terms(&text)).await?),
            None => None,
        };
        let query = GigQuery {
            scope: Scope::Listed,
            filter: filter.unwrap_or_default().parse(ctx).await?,
            terms,
            order: order.into(),
        };
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_query(ctx, ctx.viewer()?, query, arguments).await
    }

    /// The category with this slug; null if there is none.
    async fn category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name in URLs, for example \"web-design\". Case matters.")] slug: String,
    ) -> Option<Result<Category>> {
        nullable(async {
            let found = find_categories_by_slug(ctx, &[slug]).await?;
            Ok(found.into_iter().next().map(Category::from))
        })
        .await
    }

    /// All categories, always in the same order.
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<Category>> {
        let all = ctx.loader().load_one(AllCategories).await?.unwrap_or_default();
        Ok(all.iter().cloned().map(Category::from).collect())
    }

    /// The countries and territories of ISO 3166-1, and Kosovo, sorted by name. Accents do not matter: Åland
    /// Islands follows Afghanistan.
    async fn countries(&self) -> Vec<Country> {
        COUNTRIES.into_iter().map(Country::from).collect()
    }

    /// The configurable limits of forms. Clients read them here instead of hard-coding them.
    async fn limits(&self, ctx: &Context<'_>) -> Limits {
        let services = ctx.services();
        Limits::new(&services.limits, services.consent_version.clone())
    }

    /// The end of the event log, as a cursor. It is read before everything else in this response. Query it together
    /// with a list, and give it to a subscription as `after`: then the subscription misses no change of the list.
    async fn event_cursor(&self, ctx: &Context<'_>) -> String {
        ctx.cursor().encode()
    }

    /// The review queue, with undecided and decided items, earliest due date first. Requires the role
    /// REVIEWER or ADMIN: for everybody else this field is null and has an error, and the other fields have their
    /// values.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn review_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only items of this kind.")] kind: Option<ReviewKind>,
        #[graphql(desc = "Only items in this state. Not with `states`.")] state: Option<ReviewState>,
        #[graphql(
            desc = "Only items in one of these states. An empty list finds nothing. Not with `state`. \
                    Undecided items are OPEN or CLAIMED."
        )]
        states: Option<Vec<ReviewState>>,
        #[graphql(desc = "With true, only items that the viewer has claimed. With false, all items.")]
        mine: Option<bool>,
        #[graphql(desc = "How many entries from the start: 0 to 100. 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(
            desc = "Only entries after this cursor. INVALID_CURSOR if it is malformed, or of a list in another order."
        )]
        after: Option<String>,
        #[graphql(desc = "How many entries from the end: 0 to 100. Not with `first`.")] last: Option<i32>,
        #[graphql(
            desc = "Only entries before this cursor. INVALID_CURSOR if it is malformed, or of a list in another order."
        )]
        before: Option<String>,
    ) -> Option<Result<ReviewItemConnection>> {
        nullable(async {
            let viewer = ctx.require_reviewer()?;
            check_list_length("states", states.as_deref())?;
            let query = QueueQuery {
                kind: kind.map(Into::into),
                states: one_of(state, states)?.map(|states| states.into_iter().map(Into::into).collect()),
                claimed_by: mine.unwrap_or_default().then(|| viewer.id()),
                now: ctx.services().now(),
            };
            let arguments = PageArguments { first, after, last, before };
            ReviewItemConnection::of_query(ctx, query, arguments).await.map(Some)
        })
        .await
    }

    /// The audit trail: who saw, decided or changed what, and about whom; newest first. Reading it is an entry, too, which
    /// the page does not have yet. Requires the role ADMIN: for everybody else this field is null and has an error, and the
    /// other fields have their values.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn audit_trail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only entries about this user. It starts with `usr_`.")] subject_id: Option<ID>,
        #[graphql(desc = "Only acts of this user. It starts with `usr_`.")] actor_id: Option<ID>,
        #[graphql(desc = "How many entries from the start: 0 to 100. 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor. INVALID_CURSOR if it belongs to another list.")]
        after: Option<String>,
        #[graphql(desc = "How many entries from the end: 0 to 100. Not with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor. INVALID_CURSOR if it belongs to another list.")]
        before: Option<String>,
    ) -> Option<Result<AuditEntryConnection>> {
        nullable(async {
            let viewer = ctx.require_admin()?;
            let query = TrailQuery {
                subject_id: subject_id.as_ref().map(parse_id_or_nil),
                actor_id: actor_id.as_ref().map(parse_id_or_nil),
            };
            let arguments = PageArguments { first, after, last, before };
            AuditEntryConnection::of_query(ctx, viewer, query, arguments).await.map(Some)
        })
        .await
    }

    /// Counts of the review queue now. Requires the role REVIEWER or ADMIN: for everybody else this field is
    /// null and has an error, and the other fields have their values.
    async fn review_summary(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only items of this kind.")] kind: Option<ReviewKind>,
    ) -> Option<Result<ReviewSummary>> {
        nullable(async {
            ctx.require_reviewer()?;
            Ok(Some(ReviewSummary(kind.map(Into::into))))
        })
        .await
    }
}

#[derive(Default)]
struct Entities;

// A router reads entities by their key. They have no descriptions, because they are not fields of the schema.
#[Object]
impl Entities {
    #[graphql(entity)]
    async fn find_gig_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Gig>> {
        nullable(find_gig(ctx, &id)).await
    }

    #[graphql(entity)]
    async fn find_user_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<User>> {
        let user: UserId = parse_id_or_nil(&id);
        nullable(async { Ok(ctx.loader().load_one(user).await?.map(User::from)) }).await
    }

    #[graphql(entity)]
    async fn find_category_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Category>> {
        let category: CategoryId = parse_id_or_nil(&id);
        nullable(async { Ok(ctx.loader().load_one(category).await?.map(Category::from)) }).await
    }
}
