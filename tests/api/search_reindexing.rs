//! Gigs that an earlier version of the gateway has indexed for search are indexed again.

use gigway::config::Settings;
use gigway::service::search_index;
use gigway::store::gigs::index;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;

use crate::browse::publish_gig;
use crate::search_folding::find;
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::servers;
use crate::support::test_app::TestApp;

const MIGRATION: &str = "m20261129_000002_search";

/// Makes the words of all gigs those that an earlier version has made.
async fn forget_folding(app: &TestApp) {
    let db = app.services().db.read();
    let statements: &[&str] = if db.get_database_backend() == DbBackend::Postgres {
        &["UPDATE gig SET search_folding = 0, search_gig_version = 0, search =
             setweight(to_tsvector('simple', regexp_replace(title, '[^[:alnum:]]+', ' ', 'g')), 'A') ||
             setweight(to_tsvector('simple', regexp_replace(tags::text, '[^[:alnum:]]+', ' ', 'g')), 'B') ||
             setweight(to_tsvector('simple', regexp_replace(description, '[^[:alnum:]]+', ' ', 'g')), 'C')"]
    } else {
        &[
            "UPDATE gig SET search_folding = 0, search_gig_version = 0",
            "UPDATE gig_search SET (title, tags, description) = (SELECT title, tags, description FROM gig
             JOIN gig_search_key AS key ON key.gig_id = gig.id WHERE key.id = gig_search.rowid)",
        ]
    };
    for statement in statements {
        db.execute_unprepared(statement).await.expect("changed");
    }
}

async fn gigs_of_an_earlier_version_are_indexed_again(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let titles = ["Café number one", "Café number two", "Café number three", "Café number four"];
    for title in titles {
        publish_gig(&app, &ann, &rita, title, json!({})).await;
    }
    let gateway_b = app.gateway_b();
    let newest: Vec<_> = titles.iter().rev().map(|title| (*title).to_owned()).collect();
    assert_eq!(find(&gateway_b, "cafe").await, newest);
    forget_folding(&app).await;
    // Meanwhile they are found as they are written.
    assert_eq!(find(&gateway_b, "Café four").await, ["Café number four"]);
    assert_eq!(find(&gateway_b, "one").await, ["Café number one"]);
    let (a, b) = (app.services(), app.services_b());
    assert!(index::has_outdated(a.db.read()).await.expect("a row"));
    // A gateway that dies in a transaction leaves its gigs to others.
    let transaction = a.db.begin().await.expect("a transaction");
    assert_eq!(index::update_outdated(&transaction, 2).await.expect("indexed"), 2);
    drop(transaction);
    let transaction = a.db.begin().await.expect("a transaction");
    assert_eq!(index::update_outdated(&transaction, 1).await.expect("indexed"), 1);
    transaction.commit().await.expect("committed");
    assert_eq!(find(&gateway_b, "Café").await, newest, "old and new rows");
    let (of_a, of_b) = tokio::join!(search_index::update_outdated(a), search_index::update_outdated(b));
    let updated = of_a.expect("indexed") + of_b.expect("indexed");
    assert_eq!(updated, 3, "each gig once");
    assert!(!index::has_outdated(a.db.read()).await.expect("a row"));
    for search in ["cafe", "CAFÉ", "café", "cafa"] {
        assert_eq!(find(&gateway_b, search).await, newest, "{search}");
    }
    assert_eq!(search_index::update_outdated(a).await.expect("nothing to do"), 0);
}

async fn a_gig_that_an_earlier_version_changes_is_indexed_again(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    publish_gig(&app, &ann, &rita, "A naïve drawing", json!({})).await;
    publish_gig(&app, &ann, &rita, "Another gig", json!({})).await;
    let db = app.services().db.read();
    let change = "UPDATE gig SET title = 'Une soirée', version = version + 1 WHERE title = 'A naïve drawing'";
    db.execute_unprepared(change).await.expect("changed");
    assert_eq!(search_index::update_outdated(app.services()).await.expect("indexed"), 1);
    let gateway_b = app.gateway_b();
    assert_eq!(find(&gateway_b, "soiree").await, ["Une soirée"]);
    assert_eq!(find(&gateway_b, "naive").await, [""; 0]);
    // A column that the search does not depend on.
    db.execute_unprepared("UPDATE gig SET paused_by_block = TRUE").await.expect("changed");
    assert_eq!(search_index::update_outdated(app.services()).await.expect("nothing to do"), 0);
    // A gig with tags that cannot be read does not keep others from being indexed.
    db.execute_unprepared("UPDATE gig SET tags = '7', version = version + 1").await.expect("changed");
    assert_eq!(search_index::update_outdated(app.services()).await.expect("indexed"), 2);
    assert!(!index::has_outdated(db).await.expect("a row"));
}

const OLD_SELLER: &str = r#"INSERT INTO "user" (id, email, email_key, display_name, password_hash, role, points, created_at,
    legal_hold) VALUES ($id, 'o@example.com', 'o@example.com', 'Olga', '', 'MEMBER', 0, '2026-01-01T00:00:00+00:00', false)"#;
const OLD_GIG: &str = "INSERT INTO gig (id, seller_id, category_id, title, description, price_cents, delivery_days, revisions,
    tags, links, status, version, review_reasons, created_at, submitted_at, published_at)
    VALUES ($id, $id, (SELECT MIN($category) FROM category), 'Crème brûlée', 'Ein Gruß.', 500, 1, 1, '[\"Größe\"]', '[]',
    'ACTIVE', 1, '[]', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')";

/// A database of the version before is migrated with its gigs, which the job of the gateway then indexes.
async fn gigs_are_found_after_an_update(url: &str, settings: Settings) {
    let before =
        Migrator::migrations().iter().position(|migration| migration.name() == MIGRATION).expect("listed");
    let after = u32::try_from(Migrator::migrations().len() - before).expect("small");
    let connection = sea_orm::Database::connect(url).await.expect("opened");
    Migrator::up(&connection, Some(u32::try_from(before).expect("small"))).await.expect("migrated");
    let (id, category) = if connection.get_database_backend() == DbBackend::Postgres {
        ("'018f0000-0000-7000-8000-000000000001'", "id::text")
    } else {
        ("x'018f0000000070008000000000000001'", "id")
    };
    let category = format!("({category})");
    for statement in [OLD_SELLER, OLD_GIG] {
        let statement = statement.replace("$id", id).replace("($category)", &category);
        let statement = statement
            .replace("(SELECT MIN(id::text) FROM category)", "(SELECT MIN(id::text) FROM category)::uuid");
        connection.execute_unprepared(&statement).await.expect("inserted");
    }
    // Up, back, and up again.
    Migrator::up(&connection, None).await.expect("migrated");
    Migrator::down(&connection, Some(after)).await.expect("migrated back");
    Migrator::up(&connection, None).await.expect("migrated again");
    connection.close().await.expect("closed");
    let app = TestApp::start(settings, 1).await;
    let gateway = app.gateway_a();
    wait_until("the gig is indexed", async || find(&gateway, "creme brulee").await == ["Crème brûlée"]).await;
    for search in ["CRÈME", "gruss", "GROSSE", "größe", "Brulee-Creme"] {
        assert_eq!(find(&gateway, search).await, ["Crème brûlée"], "{search}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gigs_are_found_after_an_update_on_sqlite() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}?mode=rwc", dir.path().join("gigway.sqlite").display());
    let data_dir = Some(dir.path().display().to_string());
    Box::pin(gigs_are_found_after_an_update(&url, Settings { data_dir, ..Settings::default() })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gigs_are_found_after_an_update_on_postgres() {
    let url = servers::new_postgres_database().await;
    let settings = Settings {
        database_url: Some(url.clone()),
        redis_url: Some(servers::redis_url()),
        ..Settings::default()
    };
    Box::pin(gigs_are_found_after_an_update(&url, settings)).await;
}

on_both_back_ends!(
    gigs_of_an_earlier_version_are_indexed_again,
    a_gig_that_an_earlier_version_changes_is_indexed_again,
);
