//! A category that the migration of a newer gateway adds while older gateways run.

use entity::category;
use gigway::domain::id::{CategoryId, PublicId};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::browse::{browse, publish_gig};
use crate::support::client::text;
use crate::support::documents::{CATALOGUE_CHANGED, GIG_PUBLISHED};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::test_app::TestApp;

/// Adds a category. Returns its public id.
async fn add_category(app: &TestApp) -> String {
    let row = category::Model {
        id: Uuid::max(),
        slug: "kite-building".into(),
        name: "Kites".into(),
        minimum_price_cents: 500,
    };
    let row: category::ActiveModel = row.into_active_model();
    let db = app.services().db.read();
    category::Entity::insert(row).exec_without_returning(db).await.expect("inserted");
    CategoryId::from_uuid(Uuid::max()).to_public()
}

async fn a_new_category_is_found_by_its_slug_everywhere(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let subscriptions = [("published", GIG_PUBLISHED), ("changed", CATALOGUE_CHANGED)];
    let kites = |slug: &str| json!({ "where": { "categorySlug": [slug, "web-design"] } });
    // Those who subscribe before the category exists ask for another list than those who do afterwards.
    let mut early = app.gateway_b().socket().await;
    let before = app.services_b().streams.dispatcher().subscriber_count();
    for (id, subscription) in subscriptions {
        early.subscribe(id, subscription, kites("kite-building")).await;
    }
    wait_until("both are attached", async || {
        app.services_b().streams.dispatcher().subscriber_count() >= before + 2
    })
    .await;
    let category = add_category(&app).await;
    let mut socket = app.gateway_b().socket().await;
    for (id, subscription) in subscriptions {
        socket.subscribe(id, subscription, kites("kite-building")).await;
    }
    wait_until("all are attached", async || {
        app.services_b().streams.dispatcher().subscriber_count() >= before + 4
    })
    .await;

    publish_gig(&app, &ann, &rita, "A red kite for the beach", json!({ "category": category })).await;
    for (id, _) in subscriptions {
        assert_eq!(socket.next_event(id).await["gig"]["title"], "A red kite for the beach", "{id}");
        early.expect_silence(id).await;
    }
    publish_gig(&app, &ann, &rita, "Three minutes of music", json!({})).await;
    for (id, _) in subscriptions {
        socket.expect_silence(id).await;
    }
    early.close().await;
    socket.close().await;
    for client in [app.gateway_a(), app.gateway_b(), ann.client.clone()] {
        let query = r#"{ category(slug: "kite-building") { id name } }"#;
        let found = client.run(query, json!({})).await["category"].take();
        assert_eq!(found, json!({ "id": category, "name": "Kites" }));
        for (slugs, expected) in [
            (json!(["kite-building"]), &["A red kite for the beach"][..]),
            (json!(["unknown", "kite-building", "kite-building"]), &["A red kite for the beach"]),
            (json!(["music", "kite-building"]), &["Three minutes of music", "A red kite for the beach"]),
            (json!(["music"]), &["Three minutes of music"]),
            (json!(["Kite-building", "unknown"]), &[]),
        ] {
            let (titles, page) = browse(&client, json!({ "where": { "categorySlug": slugs } })).await;
            assert_eq!(titles, expected, "{slugs}");
            assert_eq!(page["totalCount"], expected.len());
        }
        let facets = r#"{ gigs(where: { categorySlug: ["kite-building"] }) {
            facets { categories { category { slug } count } } } }"#;
        let found = client.run(facets, json!({})).await;
        let bucket = &found["gigs"]["facets"]["categories"][0];
        assert_eq!(
            (text(&bucket["category"]["slug"]).as_str(), &bucket["count"]),
            ("kite-building", &json!(1))
        );
        let both = json!({ "where": { "categorySlug": ["kite-building"], "category": [Value::from(category.clone())] } });
        assert_eq!(browse(&client, both).await.0, ["A red kite for the beach"]);
    }
}

on_both_back_ends!(a_new_category_is_found_by_its_slug_everywhere);
