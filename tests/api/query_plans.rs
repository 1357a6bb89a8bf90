//! Query plans of gig lists: with any combination of filter, order and search, both databases use an index
//! instead of scanning all gigs.
//!
//! A new condition of a filter needs a row in `CONDITIONS`. Counts and facets are in `count_query_plans`.

use chrono::{DateTime, Utc};
use gigway::domain::gig_filter::{GigFilter, GigOrder, PriceRange};
use gigway::domain::id::{CategoryId, DataKeyId, UserId};
use gigway::domain::search::Term;
use gigway::domain::wrapped_key::WrappedKey;
use gigway::store::data_keys;
use gigway::store::data_keys::StoredDataKey;
use gigway::store::gigs::list;
use gigway::store::gigs::query::{GigQuery, Scope};
use gigway::store::gigs::rows::{Column, ColumnSet};
use gigway::store::gigs::sql::SearchStrategy;
use gigway::store::pagination::{Direction, PageKey, PageRequest};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use serde_json::Value;
use uuid::Uuid;

use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// Enough gigs that scanning all of them is expensive.
const GIGS: u32 = 60_000;

/// The gigs of the pages.
const PAGE_SIZE: u64 = 20;

/// Inserts sellers, and ten gigs for each.
const POSTGRES: &str = r#"
INSERT INTO "user" (id, email, email_key, display_name, password_hash, role, points, verified_at, created_at, legal_hold)
SELECT md5('seller ' || n)::uuid, n || '@example.com', n || '@example.com', 'Seller ' || n, '', 'MEMBER', n * 4,
    CASE WHEN n % 3 = 0 THEN now() END, now(), false FROM generate_series(1, 6000) AS n;
INSERT INTO gig (id, seller_id, category_id, title, description, price_cents, delivery_days, revisions, tags, links, status,
    version, review_reasons, created_at, submitted_at, published_at, search_folding, search_gig_version, search)
SELECT md5('gig ' || n)::uuid, md5('seller ' || 1 + n % 6000)::uuid,
    (SELECT array_agg(id ORDER BY id) FROM category)[1 + n % 27], 'Common title, number ' || n,
    CASE WHEN n % 2500 = 0 THEN 'scarce' ELSE 'plain' END || ' words of description, which are much the same for all',
    500 + (n * 7919) % 100000, 1 + n % 90, 1, '[]', '[]', 'ACTIVE', 1, '[]', now(), now(), timestamptz '2026-01-01T00:00:00Z' + n * interval '1 minute',
    32767, 1, setweight(to_tsvector('simple', 'common title number ' || n), 'A') || setweight(to_tsvector('simple',
    CASE WHEN n % 2500 = 0 THEN 'scarce' ELSE 'plain' END || ' words of description which are much the same for all'), 'C')
FROM generate_series(1, 60000) AS n;
INSERT INTO gig_tag (gig_id, tag_key) SELECT id, 'tag' || (price_cents % 500) FROM gig;
INSERT INTO gig_tag (gig_id, tag_key) SELECT id, 'everywhere' FROM gig;
"#;

const SQLITE: &str = r#"
CREATE TABLE number AS WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 60000)
    SELECT n, CAST(printf('%016d', n) AS BLOB) AS id, CAST(printf('s%015d', 1 + n % 6000) AS BLOB) AS seller FROM counted;
INSERT INTO "user" (id, email, email_key, display_name, password_hash, role, points, verified_at, created_at, legal_hold)
SELECT CAST(printf('s%015d', n) AS BLOB), n || '@example.com', n || '@example.com', 'Seller ' || n, '', 'MEMBER', n * 4,
    CASE WHEN n % 3 = 0 THEN '2026-01-01T00:00:00+00:00' END, '2026-01-01T00:00:00+00:00', 0 FROM number WHERE n <= 6000;
INSERT INTO gig (id, seller_id, category_id, title, description, price_cents, delivery_days, revisions, tags, links, status,
    version, review_reasons, created_at, submitted_at, published_at, search_folding, search_gig_version)
SELECT id, seller, (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM category) WHERE place = 1 + n % 27),
    'Common title, number ' || n, CASE WHEN n % 2500 = 0 THEN 'scarce' ELSE 'plain' END || ' words of description',
    500 + (n * 7919) % 100000, 1 + n % 90, 1, '[]', '[]', 'ACTIVE', 1, '[]', '2026-01-01T00:00:00+00:00',
    '2026-01-01T00:00:00+00:00', strftime('%Y-%m-%dT%H:%M:%f+00:00', 1767225600 + n * 60, 'unixepoch'), 32767, 1 FROM number;
INSERT INTO gig_search (rowid, title, description)
    SELECT key.id, title, description FROM gig JOIN gig_search_key AS key ON key.gig_id = gig.id;
INSERT INTO gig_tag (gig_id, tag_key) SELECT id, 'tag' || (price_cents % 500) FROM gig;
INSERT INTO gig_tag (gig_id, tag_key) SELECT id, 'everywhere' FROM gig;
DROP TABLE number;
"#;

/// A filter, and whether an index can serve it.
pub struct Case {
    pub name: String,
    pub filter: GigFilter,
    /// For lists by time and for lists by price: whether an index of that order has the matching gigs in order.
    is_in_order: [bool; 2],
}

type Condition = (&'static str, [bool; 2], fn(&mut GigFilter, CategoryId, UserId));

/// Every condition of a filter.
const CONDITIONS: [Condition; 16] = [
    ("a category", [true, true], |filter, category, _| filter.categories = Some(vec![category])),
    ("categories", [false, false], |filter, category, _| {
        filter.categories = Some(vec![category, CategoryId::nil()]);
    }),
    ("a seller", [true, false], |filter, _, seller| filter.seller = Some(seller)),
    ("a lowest price", [false, true], |filter, _, _| filter.min_price_cents = Some(5_000)),
    ("a highest price", [false, true], |filter, _, _| filter.max_price_cents = Some(50_000)),
    ("a price range", [false, true], |filter, _, _| {
        filter.price_ranges = Some(vec![PriceRange { min: 2_000, max: 60_000 }]);
    }),
    ("price ranges", [false, false], |filter, _, _| {
        let ranges = [(i64::MIN, 2_000), (5_000, 9_000), (70_000, i64::MAX)];
        filter.price_ranges = Some(ranges.map(|(min, max)| PriceRange { min, max }).to_vec());
    }),
    ("delivery", [false, false], |filter, _, _| filter.max_delivery_days = Some(3)),
    ("a rare tag", [false, false], |filter, _, _| filter.tags = Some(vec!["tag7".into()])),
    ("a common tag", [false, false], |filter, _, _| filter.tags = Some(vec!["everywhere".into()])),
    ("all tags", [false, false], |filter, _, _| filter.tags_all = vec!["everywhere".into(), "tag7".into()]),
    ("verified", [false, false], |filter, _, _| filter.seller_verified = Some(true)),
    ("not verified", [false, false], |filter, _, _| filter.seller_verified = Some(false)),
    ("a common level", [false, false], |filter, _, _| filter.seller_min_points = Some(1_000)),
    ("a rare level", [false, false], |filter, _, _| filter.seller_min_points = Some(22_627)),
    ("published since", [true, false], |filter, _, _| {
        filter.published_since = DateTime::from_timestamp(1_767_225_600 + 60 * 20_000, 0);
    }),
];

/// No filter, each condition alone, empty lists, and each pair.
pub fn cases(category: CategoryId, seller: UserId) -> (Vec<Case>, Vec<Case>) {
    let case = |conditions: &[Condition]| {
        let mut filter = GigFilter::default();
        let mut is_in_order = [true, true];
        for (_, in_order, set) in conditions {
            set(&mut filter, category, seller);
            is_in_order = [is_in_order[0] && in_order[0], is_in_order[1] && in_order[1]];
        }
        let names: Vec<_> = conditions.iter().map(|(name, ..)| *name).collect();
        Case { name: names.join(" and "), filter, is_in_order }
    };
    let unordered = |name: &str, filter| Case { name: name.to_owned(), filter, is_in_order: [false, false] };
    let many_tags = ["everywhere", "tag4", "tag5", "tag6", "tag7"].map(str::to_owned).to_vec();
    let mut singles = vec![case(&[])];
    singles.extend(CONDITIONS.iter().map(|condition| case(&[*condition])));
    singles.extend([
        unordered("no category", GigFilter { categories: Some(Vec::new()), ..GigFilter::default() }),
        unordered("no price", GigFilter { price_ranges: Some(Vec::new()), ..GigFilter::default() }),
        unordered("many tags", GigFilter { tags_all: many_tags, ..GigFilter::default() }),
        unordered("no tag", GigFilter { tags: Some(Vec::new()), ..GigFilter::default() }),
    ]);
    let mut pairs = Vec::new();
    for (number, first) in CONDITIONS.iter().enumerate() {
        for second in &CONDITIONS[number + 1..] {
            pairs.push(case(&[*first, *second]));
        }
    }
    (singles, pairs)
}

const ORDERS: [GigOrder; 5] =
    [GigOrder::Newest, GigOrder::Oldest, GigOrder::PriceLowest, GigOrder::PriceHighest, GigOrder::Relevance];

/// Inserts the gigs. Returns the category and the seller of one of them.
pub async fn fill(app: &TestApp) -> (CategoryId, UserId) {
    let db = app.services().db.read();
    let backend = db.get_database_backend();
    let fill = if backend == DbBackend::Postgres { POSTGRES } else { SQLITE };
    let transaction = app.services().db.begin().await.expect("a transaction");
    transaction.execute_unprepared(fill).await.expect("many gigs");
    transaction.commit().await.expect("a commit");
    // Autovacuum does this sooner or later.
    let analyze = if backend == DbBackend::Postgres { "VACUUM ANALYZE" } else { "ANALYZE" };
    db.execute_unprepared(analyze).await.expect("analyzed");
    let first_id = async |column: &str| -> Uuid {
        let sql = format!("SELECT {column} FROM gig ORDER BY id LIMIT 1");
        let row = db.query_one_raw(Statement::from_string(backend, sql)).await.expect("a response");
        row.expect("a gig").try_get_by_index(0).expect("an id")
    };
    let category = CategoryId::from_uuid(first_id("category_id").await);
    let seller = UserId::from_uuid(first_id("seller_id").await);
    let count = db
        .query_one_raw(Statement::from_string(backend, "SELECT COUNT(*) FROM gig"))
        .await
        .expect("a response");
    assert_eq!(count.expect("a row").try_get_by_index::<i64>(0).expect("a number"), i64::from(GIGS));
    (category, seller)
}

async fn no_gig_list_scans_the_whole_table(app: TestApp) {
    let (category, seller) = fill(&app).await;
    let db = app.services().db.read();
    let backend = db.get_database_backend();
    let middle = format!("SELECT published_at FROM gig ORDER BY published_at LIMIT 1 OFFSET {}", GIGS / 2);
    let row = db.query_one_raw(Statement::from_string(backend, middle)).await.expect("a response");
    let middle: DateTime<Utc> = row.expect("a gig").try_get_by_index(0).expect("a time");

    let (singles, pairs) = cases(category, seller);
    let plans = Plans { db, middle };
    let mut checked = 0;
    for order in ORDERS {
        for case in &singles {
            for word in [None, Some("common"), Some("scarce")] {
                checked += plans.check(case, order, word).await;
            }
        }
        for case in &pairs {
            checked += plans.check(case, order, None).await;
        }
    }
    assert!(checked > 1_500, "{checked}");
}

/// Checks the plans of statements.
struct Plans<'a> {
    db: &'a DatabaseConnection,
    /// When the gig in the middle of the list was published.
    middle: DateTime<Utc>,
}

impl Plans<'_> {
    /// Checks the statements of the first page and of one in the middle. Returns their number.
    async fn check(&self, case: &Case, order: GigOrder, word: Option<&str>) -> usize {
        let backend = self.db.get_database_backend();
        let terms = word.map(|word| vec![Term::prefix(word)]);
        let query = GigQuery { scope: Scope::Listed, filter: case.filter.clone(), terms, order };
        let mut checked = 0;
        for after in [None, Some(key(&query, self.middle))] {
            let request = PageRequest { size: PAGE_SIZE, direction: Direction::Forward, after, before: None };
            let columns: ColumnSet = Column::Title | Column::Seller | Column::Images;
            for (search, statement) in list::statements(backend, &query, &request, columns) {
                // A common word is looked up in the index only if the first 5,000 gigs of the list have too few
                // matches; then PostgreSQL may rightly prefer a scan.
                let is_common = word == Some("common") && search == SearchStrategy::Index;
                if is_common && backend == DbBackend::Postgres {
                    continue;
                }
                let by_price = matches!(order, GigOrder::PriceLowest | GigOrder::PriceHighest);
                let may_sort = word.is_some() || !case.is_in_order[usize::from(by_price)];
                let is_after = request.after.is_some();
                let description =
                    format!("{}, {order:?}, {word:?}, {search:?}, after: {is_after}", case.name);
                if backend == DbBackend::Postgres {
                    expect_index_on_postgres(self.db, &statement, may_sort, &description).await;
                } else {
                    expect_index_on_sqlite(self.db, &statement, may_sort, &description).await;
                }
                checked += 1;
            }
        }
        checked
    }
}

/// The page key of a row in the middle of the list.
fn key(query: &GigQuery, middle: DateTime<Utc>) -> PageKey {
    let (order, len) = query.key_shape();
    let moment = middle.timestamp_micros();
    let values = match (query.order, len) {
        (GigOrder::PriceLowest | GigOrder::PriceHighest, _) => vec![50_000],
        (_, 1) => vec![moment],
        _ => vec![0, moment],
    };
    PageKey { order, values, id: Uuid::max() }
}

/// Checks the plan for these values, and the generic plan that a prepared statement may get. Unless it may sort,
/// the page is read in order.
pub async fn expect_index_on_postgres(
    db: &DatabaseConnection,
    statement: &Statement,
    may_sort: bool,
    description: &str,
) {
    let transaction = db.begin().await.expect("a transaction");
    let values = statement.values.iter().flat_map(|values| &values.0);
    let literals: Vec<_> = values
        .map(|value| Statement::from_sql_and_values(DbBackend::Postgres, "$1", [value.clone()]).to_string())
        .collect();
    let with_values = if literals.is_empty() { String::new() } else { format!("({})", literals.join(", ")) };
    let prepare = format!("PREPARE page AS {}", statement.sql);
    transaction.execute_unprepared(&prepare).await.unwrap_or_else(|error| panic!("{description}: {error}"));
    for mode in ["force_custom_plan", "force_generic_plan"] {
        transaction
            .execute_unprepared(&format!("SET LOCAL plan_cache_mode = {mode}"))
            .await
            .expect("a setting");
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE page{with_values}");
        let row = transaction.query_one_raw(Statement::from_string(DbBackend::Postgres, explain)).await;
        let plan: Value = row
            .unwrap_or_else(|error| panic!("{description}: {error}"))
            .expect("a row")
            .try_get_by_index(0)
            .expect("a plan");
        let mut scanned = Vec::new();
        collect_scanned_tables(&plan[0]["Plan"], &mut scanned);
        assert!(!scanned.contains(&"gig".to_owned()), "{description}, {mode}: {plan:#}");
        assert!(may_sort || !sorts_before_limit(&plan[0]["Plan"], false), "{description}, {mode}: {plan:#}");
    }
    transaction.execute_unprepared("DEALLOCATE page").await.expect("deallocated");
    transaction.commit().await.expect("a commit");
}

/// Collects the tables that the plan reads by a sequential scan.
fn collect_scanned_tables(plan: &Value, tables: &mut Vec<String>) {
    if plan["Node Type"] == "Seq Scan" {
        tables.extend(plan["Relation Name"].as_str().map(str::to_owned));
    }
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        collect_scanned_tables(inner, tables);
    }
}

/// Whether the plan sorts more gigs than a page has to find the page. To sort the few gigs of one seller can be
/// cheaper than to read them in order. (The rows of the page are sorted again, with their images.)
fn sorts_before_limit(plan: &Value, is_below_limit: bool) -> bool {
    let kind = plan["Node Type"].as_str().unwrap_or_default();
    let rows = plan["Plan Rows"].as_u64().unwrap_or(u64::MAX);
    if is_below_limit && kind.ends_with("Sort") && rows > PAGE_SIZE {
        return true;
    }
    let is_below_limit = is_below_limit || kind == "Limit";
    plan["Plans"].as_array().into_iter().flatten().any(|inner| sorts_before_limit(inner, is_below_limit))
}

pub async fn expect_index_on_sqlite(
    db: &impl ConnectionTrait,
    statement: &Statement,
    may_sort: bool,
    description: &str,
) {
    let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {}", statement.sql), ..statement.clone() };
    let rows = db.query_all_raw(explain).await.unwrap_or_else(|error| panic!("{description}: {error}"));
    let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(3).expect("a line")).collect();
    // The first step is the subquery that finds the page; the next top-level step joins the other tables.
    let parents: Vec<i32> = rows.iter().map(|row| row.try_get_by_index(1).expect("a number")).collect();
    let of_page = parents.iter().skip(1).take_while(|parent| **parent != 0).count();
    let sorts = lines.iter().take(of_page + 1).any(|line| line.contains("USE TEMP B-TREE FOR"));
    assert!(may_sort || !sorts, "{description}: {lines:#?}");
    // A scan of a subquery with the name `gig` is not a scan of the table.
    let subqueries =
        lines.iter().filter(|line| ["CO-ROUTINE gig", "MATERIALIZE gig"].contains(&line.as_str())).count();
    let scanned = lines.iter().filter(|line| line.as_str() == "SCAN gig").count();
    assert!(scanned <= subqueries, "{description}: {lines:#?}");
}

async fn the_ids_of_used_keys_are_found_in_the_index(app: TestApp) {
    let db = app.services().db.read();
    let backend = db.get_database_backend();
    let keys = (0..6000).map(|number| {
        let id = DataKeyId::from_uuid(Uuid::from_u128(number + 1));
        let key_id = if number == 5999 { "other" } else { "key" };
        let wrapped = WrappedKey { key_id: key_id.to_owned(), bytes: vec![0; 72] };
        StoredDataKey { id, user_id: UserId::nil(), wrapped }
    });
    let database = &app.services().db;
    let transaction = database.begin().await.expect("a transaction");
    for key in keys {
        data_keys::insert(database.keys(), &transaction, &key, app.now()).await.expect("a key");
    }
    transaction.commit().await.expect("a commit");
    assert_eq!(data_keys::key_ids(database.keys(), db).await.expect("the keys"), ["key", "other"]);
    let sql = data_keys::key_ids_sql(backend);
    if backend == DbBackend::Postgres {
        db.execute_unprepared("VACUUM ANALYZE gigway_keys.data_key").await.expect("analyzed");
        let explain = format!("EXPLAIN (FORMAT JSON) {sql}");
        let row = db.query_one_raw(Statement::from_string(backend, explain)).await.expect("a response");
        let plan: Value = row.expect("a row").try_get_by_index(0).expect("a plan");
        let mut scanned = Vec::new();
        collect_scanned_tables(&plan[0]["Plan"], &mut scanned);
        assert!(!scanned.contains(&"data_key".to_owned()), "{plan:#}");
    } else {
        let file = app.image_dir().join("../../gigway.keys.sqlite");
        let keys = sea_orm::Database::connect(format!("sqlite:{}", file.display())).await.expect("the file");
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let rows = keys.query_all_raw(Statement::from_string(backend, explain)).await.expect("a response");
        let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(3).expect("a line")).collect();
        let of_table: Vec<_> = lines.iter().filter(|line| line.contains(" data_key")).collect();
        assert_eq!(of_table.len(), 2, "{lines:#?}");
        assert!(of_table.iter().all(|line| line.contains("INDEX data_key_wrapping")), "{lines:#?}");
    }
}

on_both_back_ends!(no_gig_list_scans_the_whole_table, the_ids_of_used_keys_are_found_in_the_index);
