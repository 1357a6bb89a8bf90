//! Query plans of `totalCount` and the facets: as long as few gigs match, not all gigs are read to count them.

use gigway::domain::gig_filter::{GigFilter, GigOrder};
use gigway::domain::search::Term;
use gigway::store::gigs::facets::{self, Facet};
use gigway::store::gigs::list;
use gigway::store::gigs::query::{GigQuery, Scope};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::query_plans::{cases, expect_index_on_postgres, expect_index_on_sqlite, fill};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// Whether the filter has a condition on the gig itself that few gigs meet. (For those on its seller, see
/// docs/adr/0028-filters.md.)
fn is_selective(filter: &GigFilter) -> bool {
    let is_rare = |tag: &String| tag == "tag7";
    filter.seller.is_some()
        || filter.categories.as_ref().is_some_and(|categories| !categories.is_empty())
        || filter.tags.as_ref().is_some_and(|tags| !tags.is_empty() && tags.iter().all(is_rare))
        || filter.tags_all.iter().any(is_rare)
}

async fn no_count_of_few_gigs_scans_the_whole_table(app: TestApp) {
    let (category, seller) = fill(&app).await;
    let db = app.services().db.read();
    let backend = db.get_database_backend();
    let mut checked = 0;
    let (singles, pairs) = cases(category, seller);
    for case in singles.iter().chain(&pairs) {
        for word in [None, Some("scarce")] {
            let terms = word.map(|word| vec![Term::prefix(word)]);
            let query = GigQuery {
                scope: Scope::Listed,
                filter: case.filter.clone(),
                terms,
                order: GigOrder::Newest,
            };
            let facets = [Facet::Category, Facet::Price, Facet::Tag];
            let mut statements = vec![("totalCount".to_owned(), list::count_statement(backend, &query))];
            statements.extend(
                facets.map(|facet| (format!("{facet:?}"), facets::statement(backend, &query, facet))),
            );
            for (name, statement) in statements {
                let description = format!("{name} of {}, {word:?}", case.name);
                if !is_selective(&case.filter) && word.is_none() {
                    // All gigs that match are counted, and most of them do: a scan is right. It must be valid.
                    db.query_all_raw(statement)
                        .await
                        .unwrap_or_else(|error| panic!("{description}: {error}"));
                } else if backend == DbBackend::Postgres {
                    expect_index_on_postgres(db, &statement, true, &description).await;
                } else {
                    expect_index_on_sqlite(db, &statement, true, &description).await;
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 700, "{checked}");
}

on_both_back_ends!(no_count_of_few_gigs_scans_the_whole_table);
