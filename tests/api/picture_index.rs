//! The index of pictures in the memory of each gateway: it has what other gateways have stored, and forgets what was
//! erased. What is deleted, and many pictures of one person, hide nobody.

use chrono::TimeDelta;
use entity::fingerprint;
use gigway::domain::id::{DocumentId, PublicId, UserId};
use gigway::media::images::Bounds;
use gigway::media::images::perceptual::Preview;
use gigway::media::images::reencode_document;
use gigway::service::{Services, erasure};
use gigway::store::picture_signatures;
use gigway::store::picture_signatures::StoredSignature;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::flags::{decide, newest_item};
use crate::response_cache::two_gateways;
use crate::support::cards::{crop, draw_card, jpeg};
use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{personal_info, save_mutation, submit_mutation, upload_document};

/// Submits a picture at this gateway.
async fn submit(user: &TestUser, gateway: &Client, number: &str, picture: Vec<u8>) {
    let client = user.at(gateway);
    client.mutate(&save_mutation(), personal_info(number)).await;
    assert_eq!(upload_document(&client, "PASSPORT", "FRONT", picture).await["errors"], json!([]));
    client.mutate(&submit_mutation(), json!({})).await;
}

/// The card of the same person, cropped in another way each time.
fn cropped(person: u32, number: u32) -> Vec<u8> {
    jpeg(&crop(&draw_card(person), [10 + number, 5, 20, 10 + number]), 75)
}

/// The items that the flag of the user's item names: another picture that looks alike. `None` if there is no flag.
async fn related(reviewer: &TestUser, user: &TestUser) -> Option<Vec<Value>> {
    let flags = newest_item(reviewer, user).await["flags"].take();
    assert!(flags.as_array().expect("a list").iter().all(|flag| flag["code"] == "DUPLICATE_PICTURE"));
    flags[0]["related"].as_array().cloned()
}

async fn reload(services: &Services) -> usize {
    services.picture_index.reload(services).await.expect("read")
}

/// Stores a picture of this user without an upload.
async fn insert_picture(services: &Services, user: &TestUser, preview: &Preview) -> DocumentId {
    let (id, vault) = (services.new_id::<DocumentId>(), &services.vault);
    let encrypt = |what: &str, bytes: &[u8]| {
        vault.encrypt_comparable(&format!("{what} {id}"), bytes).expect("encrypted")
    };
    let signature = StoredSignature {
        document_id: id,
        user_id: UserId::parse(&user.id).expect("an id"),
        hash: encrypt("perceptual hash", &preview.hash()),
        cells: encrypt("cells of picture", preview.signature().cells()),
        preview: Vec::new(),
    };
    let tx = services.db.begin().await.expect("a transaction");
    picture_signatures::insert(&tx, signature).await.expect("stored");
    tx.commit().await.expect("committed");
    id
}

async fn pictures_of_other_gateways_are_found_and_erased_ones_forgotten(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let (a, b) = (app.gateway_a(), app.gateway_b());
    let mut users = Vec::new();
    for (number, name) in (0_u32..).zip(["Ann", "Bob", "Cid", "Dan"]) {
        let user = app.member(name).await;
        // In turn, so that each gateway must read what the other one has stored.
        let gateway = if number % 2 == 0 { &a } else { &b };
        submit(&user, gateway, &format!("AB12345{number}"), cropped(1, number)).await;
        let found = related(&rita, &user).await.map_or(0, |items| items.len());
        assert_eq!(found, usize::try_from(number).expect("a small number"), "{name}");
        users.push(user);
    }
    for services in [app.services(), app.services_b()] {
        reload(services).await;
        assert_eq!(reload(services).await, 0, "nothing has changed");
    }
    erasure::erase_user(app.services(), &users[0].email).await.expect("erased");
    assert_eq!(reload(app.services()).await, 0, "the gateway that erases forgets at once");
    // The other one finds nothing that does not exist any more, and forgets it then.
    let eve = app.member("Eve").await;
    submit(&eve, &b, "AB123459", cropped(1, 9)).await;
    assert_eq!(related(&rita, &eve).await.map(|items| items.len()), Some(3));
    assert_eq!(reload(app.services_b()).await, 0, "the search has met what is gone");
    // Or when it reads everything again.
    erasure::erase_user(app.services(), &users[1].email).await.expect("erased");
    assert_eq!(reload(app.services_b()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_other_gateways_are_found_and_erased_ones_forgotten_on_sqlite() {
    pictures_of_other_gateways_are_found_and_erased_ones_forgotten(two_gateways(false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_other_gateways_are_found_and_erased_ones_forgotten_on_postgres() {
    pictures_of_other_gateways_are_found_and_erased_ones_forgotten(two_gateways(true).await).await;
}

async fn frauds_of_other_gateways_are_found_and_withdrawn_ones_forgotten(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let (a, b) = (app.gateway_a(), app.gateway_b());
    let [ann, bob, cid] = [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await];
    let [dan, eve] = [app.member("Dan").await, app.member("Eve").await];
    for services in [app.services(), app.services_b()] {
        reload(services).await;
    }
    // Of an erased submission, only the fingerprint can be found. It names nobody.
    submit(&ann, &a, "AB123451", cropped(1, 0)).await;
    decide(&rita, &ann, "REJECT", "DOCUMENT_TAMPERED").await;
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    submit(&bob, &b, "AB123452", cropped(1, 1)).await;
    assert_eq!(related(&rita, &bob).await, Some(Vec::new()));
    // The fingerprint is deleted. This gateway knows it until a search meets it.
    let tx = app.services().db.begin().await.expect("a transaction");
    fingerprint::Entity::delete_many().exec(&tx).await.expect("deleted");
    tx.commit().await.expect("committed");
    submit(&cid, &b, "AB123453", cropped(1, 2)).await;
    assert_eq!(related(&rita, &cid).await, Some(vec![newest_item(&rita, &bob).await["id"].take()]));
    assert_eq!(reload(app.services_b()).await, 0, "the search has met what is gone");
    // The other way round.
    submit(&dan, &b, "AB123454", cropped(2, 0)).await;
    decide(&rita, &dan, "REJECT", "DOCUMENT_TAMPERED").await;
    erasure::erase_user(app.services_b(), &dan.email).await.expect("erased");
    submit(&eve, &a, "AB123455", cropped(2, 1)).await;
    assert_eq!(related(&rita, &eve).await, Some(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frauds_of_other_gateways_are_found_and_withdrawn_ones_forgotten_on_sqlite() {
    frauds_of_other_gateways_are_found_and_withdrawn_ones_forgotten(two_gateways(false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frauds_of_other_gateways_are_found_and_withdrawn_ones_forgotten_on_postgres() {
    frauds_of_other_gateways_are_found_and_withdrawn_ones_forgotten(two_gateways(true).await).await;
}

async fn deleted_pictures_and_many_of_one_person_hide_nobody(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let [ann, bob, cid] = [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await];
    let (gateway, services) = (app.gateway_a(), app.services());
    submit(&ann, &gateway, "AB123451", cropped(1, 9)).await;
    // Closer than Ann's picture: more that are gone than are compared, and more of Bob's than are people named.
    let picture = cropped(1, 0);
    let preview = reencode_document(&picture, &Bounds::default()).expect("a picture").preview;
    let mut deleted = Vec::new();
    for _ in 0..600 {
        deleted.push(insert_picture(services, &bob, &preview).await);
    }
    for _ in 0..120 {
        insert_picture(services, &bob, &preview).await;
    }
    reload(services).await;
    let tx = services.db.begin().await.expect("a transaction");
    picture_signatures::delete_all(&tx, &deleted).await.expect("deleted");
    tx.commit().await.expect("committed");
    // So that these are not among the newest, which are compared again.
    app.advance_clock(TimeDelta::minutes(2));
    submit(&cid, &gateway, "AB123453", picture).await;
    // Bob has submitted nothing.
    assert_eq!(related(&rita, &cid).await, Some(vec![newest_item(&rita, &ann).await["id"].take()]));
}

async fn the_newest_pictures_of_others_are_read_first(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let services = app.services();
    let preview = reencode_document(&cropped(1, 0), &Bounds::default()).expect("a picture").preview;
    let mut ids = Vec::new();
    for user in [&bob, &bob, &ann, &bob, &bob, &ann] {
        ids.push(insert_picture(services, user, &preview).await);
    }
    let ann = UserId::parse(&ann.id).expect("an id");
    let newest = async |after, limit| {
        let rows = picture_signatures::newest_hashes(services.db.read(), after, ann, limit).await;
        rows.expect("rows").into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(newest(DocumentId::nil(), 3).await, [ids[4], ids[3], ids[1]]);
    assert_eq!(newest(ids[0], 9).await, [ids[4], ids[3], ids[1]]);
}

on_both_back_ends!(
    deleted_pictures_and_many_of_one_person_hide_nobody,
    the_newest_pictures_of_others_are_read_first,
);
