//! The copies of pictures that an earlier version has stored, that are lost, or that are left over.

use std::fs;

use chrono::TimeDelta;
use entity::{gig_image, unreferenced_blob};
use gigway::domain::id::{ImageId, PublicId};
use gigway::service::erasure;
use gigway::service::image_variants::{self, Round};
use image::ImageFormat;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, IntoActiveModel, QuerySelect};
use serde_json::{Value, json};

use crate::image_variants::{BROWSER, URLS, copies, get, path_of, picture, publish, upload};
use crate::support::client::{Client, text};
use crate::support::on_both_back_ends;
use crate::support::sample_images::sample_image;
use crate::support::test_app::TestApp;

const SUBSTITUTE: &str = "public, max-age=10, must-revalidate";

/// Makes the pictures look as an earlier version has stored them.
async fn forget_copies(app: &TestApp) {
    gig_image::Entity::update_many()
        .col_expr(gig_image::Column::VariantsVersion, Expr::value(Option::<i32>::None))
        .col_expr(gig_image::Column::Placeholder, Expr::value(Option::<String>::None))
        .exec(app.services().db.read())
        .await
        .expect("changed");
    for name in copies(app) {
        fs::remove_file(app.image_dir().with_file_name("gig-image-variants").join(name)).expect("deleted");
    }
}

async fn run_job(app: &TestApp) -> Round {
    image_variants::make_missing(app.services()).await.expect("a run")
}

async fn versions(app: &TestApp) -> Vec<Option<i32>> {
    let rows = gig_image::Entity::find().select_only().column(gig_image::Column::VariantsVersion);
    let mut versions: Vec<Option<i32>> = rows.into_tuple().all(app.services().db.read()).await.expect("rows");
    versions.sort_unstable();
    versions
}

async fn pictures_of_earlier_versions_get_their_widths_in_the_background(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut images = Vec::new();
    for number in 0..3 {
        images.push(upload(&ann.client, sample_image(1000 + number, 500, ImageFormat::Jpeg), json!(null)).await["image"].take());
    }
    let gig = publish(&app, &ann, &[images[0]["id"].clone()]).await;
    let query = format!("query($id: ID!) {{ gig(id: $id) {{ images {{ id placeholder {URLS} }} }} }}");
    let read = async || ann.client.run(&query, json!({ "id": gig })).await["gig"]["images"][0].take();
    let before = read().await;
    forget_copies(&app).await;

    // Until then, every width is the stored picture, and the placeholder is grey.
    let old = read().await;
    assert_eq!(old["w160"], old["url"]);
    assert_ne!(old["placeholder"], before["placeholder"]);
    assert!(old["placeholder"].is_string());
    assert_eq!(picture(get(&app.gateway_a(), &path_of(&old["w160"]), Some(BROWSER)).await).await.0, 1000);
    assert_eq!(picture(get(&app.gateway_a(), &path_of(&before["w160"]), None).await).await.0, 1000);

    // The file of the second picture is missing, and nothing can be written at first.
    let file = app.image_dir().join(format!("{}.jpg", text(&images[1]["id"])));
    let aside = app.image_dir().with_file_name("aside.jpg");
    fs::rename(&file, &aside).expect("moved");
    let dir = app.image_dir().with_file_name("gig-image-variants");
    fs::remove_dir(&dir).expect("deleted");
    fs::write(&dir, "a file in place of the directory").expect("written");
    image_variants::make_missing(app.services()).await.expect_err("nothing can be written");
    assert_eq!(versions(&app).await, [None, None, None]);
    fs::remove_file(&dir).expect("deleted");
    fs::create_dir(&dir).expect("created");
    // Two gateways at the same time.
    let (first, second) = tokio::join!(
        image_variants::make_missing(app.services()),
        image_variants::make_missing(app.services())
    );
    let made = first.expect("a run").made + second.expect("a run").made;
    assert!(made <= 2, "{made}");
    assert_eq!(versions(&app).await, [None, Some(2), Some(2)]);
    assert_eq!(run_job(&app).await, Round { made: 0, missing: 1 });
    // It is only missing for now.
    fs::rename(&aside, &file).expect("moved");
    assert_eq!(run_job(&app).await, Round { made: 1, missing: 0 });
    assert_eq!(versions(&app).await, [Some(2); 3]);
    assert_eq!(run_job(&app).await, Round::default());

    let after = read().await;
    assert_eq!(after["w160"], before["w160"]);
    for (field, width) in [("w160", 160), ("w640", 640), ("w1000", 1000), ("w2048", 1000)] {
        for accept in [Some(BROWSER), None] {
            assert_eq!(picture(get(&app.gateway_b(), &path_of(&after[field]), accept).await).await.0, width);
        }
    }
    let grey = old["placeholder"].as_str().expect("text");
    assert_ne!(after["placeholder"], grey);
}

async fn a_picture_that_is_deleted_meanwhile_gets_no_copies(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for user in [&ann, &bob] {
        upload(&user.client, sample_image(700, 200, ImageFormat::Png), json!(null)).await;
    }
    forget_copies(&app).await;
    let (made, erased) = tokio::join!(
        image_variants::make_missing(app.services()),
        erasure::erase_user(app.services(), &bob.email)
    );
    made.expect("a run");
    erased.expect("erased");
    let of_ann = gig_image::Entity::find().all(app.services().db.read()).await.expect("rows");
    assert_eq!(of_ann.len(), 1);
    assert_eq!(copies(&app).len(), 8, "three widths and the full width, in two formats");
}

async fn a_damaged_picture_has_no_copies_and_is_not_tried_again(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(700, 200, ImageFormat::Png), json!(null)).await["image"].take();
    forget_copies(&app).await;
    let id = text(&image["id"]);
    fs::write(app.image_dir().join(format!("{id}.jpg")), "not a picture").expect("written");
    assert_eq!(run_job(&app).await, Round { made: 1, missing: 0 });
    assert_eq!(versions(&app).await, [Some(0)]);
    assert_eq!(run_job(&app).await, Round::default());
}

/// Records that the copies have this version.
async fn set_version(app: &TestApp, version: i32) {
    gig_image::Entity::update_many()
        .col_expr(gig_image::Column::VariantsVersion, Expr::value(version))
        .exec(app.services().db.read())
        .await
        .expect("changed");
}

/// The file of a copy, such as `640.webp`.
fn copy_file(app: &TestApp, image: &Value, name: &str) -> std::path::PathBuf {
    let dir = app.image_dir().with_file_name("gig-image-variants");
    dir.join(format!("{}-{name}", text(&image["id"])))
}

async fn copies_of_a_lower_version_are_made_again(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(700, 200, ImageFormat::Png), json!(null)).await["image"].take();
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on GigImage {{ {URLS} }} }} }}");
    let read = async || ann.client.run(&query, json!({ "id": image["id"] })).await["node"].take();
    set_version(&app, 1).await;
    let narrow = sample_image(100, 30, ImageFormat::Jpeg);
    fs::write(copy_file(&app, &image, "640.jpg"), narrow).expect("written");
    fs::remove_file(copy_file(&app, &image, "full.jpg")).expect("deleted");
    let old = read().await;
    assert!(path_of(&old["w640"]).contains("-v1-640."), "{old}");
    assert_eq!(picture(get(&ann.client, &path_of(&old["w640"]), None).await).await.0, 100);
    // There was no copy of this kind.
    let full = get(&ann.client, &path_of(&old["w1000"]), None).await;
    assert_eq!(full.headers()[CACHE_CONTROL], "private, max-age=10");
    assert_eq!(picture(full).await.0, 700);
    assert_eq!(versions(&app).await, [Some(1)]);

    assert_eq!(run_job(&app).await, Round { made: 1, missing: 0 });
    assert_eq!(versions(&app).await, [Some(2)]);
    let new = read().await;
    assert!(path_of(&new["w640"]).contains("-v2-640."), "{new}");
    for urls in [&old, &new] {
        for (field, width) in [("w640", 640), ("w1000", 700)] {
            let response = get(&ann.client, &path_of(&urls[field]), None).await;
            assert_eq!(response.headers()[CACHE_CONTROL], "private, max-age=3600");
            assert_eq!(picture(response).await.0, width, "{urls}");
        }
    }
    assert_eq!(run_job(&app).await, Round::default());
}

/// The status, the format, the tag and the caching of a picture that is asked for with a tag.
async fn ask(client: &Client, path: &str, accept: &str, tag: &str) -> (u16, String, String, String) {
    let request = client.get(path).header(ACCEPT, accept).header(IF_NONE_MATCH, tag);
    let response = request.send().await.expect("a response");
    assert!(response.status() == 404 || response.headers().get_all(VARY).iter().any(|it| it == "accept"));
    let header = |name| response.headers().get(name).map_or("", |value| value.to_str().expect("text"));
    let (format, tag, caching) = (header(CONTENT_TYPE), header(ETAG), header(CACHE_CONTROL));
    (response.status().as_u16(), format.to_owned(), tag.to_owned(), caching.to_owned())
}

async fn a_lost_copy_is_replaced_and_made_again(app: TestApp) {
    let ann = app.member("Ann").await;
    let image =
        upload(&ann.client, sample_image(1500, 700, ImageFormat::Png), json!(null)).await["image"].take();
    let id = text(&image["id"]);
    publish(&app, &ann, &[image["id"].clone()]).await;
    let path = path_of(&image["w640"]);
    let path = path.split('?').next().expect("a path");
    let tags = [format!("\"{id}-v2-640.webp\""), format!("\"{id}-v2-640.jpg\""), format!("\"{id}\"")];
    let [webp, jpeg, stored] = tags.each_ref().map(String::as_str);
    let [client, other] = [app.gateway_a(), app.gateway_b()];
    let usual = "public, max-age=300, must-revalidate";
    let sent =
        |format: &str, tag: &str, caching: &str| (200, format.to_owned(), tag.to_owned(), caching.to_owned());
    assert_eq!(ask(&client, path, BROWSER, jpeg).await, sent("image/webp", webp, usual));
    assert_eq!(ask(&client, path, BROWSER, webp).await.0, 304);

    // Instead of the WebP, the JPEG; instead of both, the stored picture.
    fs::remove_file(copy_file(&app, &image, "640.webp")).expect("deleted");
    assert_eq!(ask(&client, path, BROWSER, webp).await, sent("image/jpeg", jpeg, SUBSTITUTE));
    assert_eq!(versions(&app).await, [None]);
    // The job may make it again at any time: keep that from happening.
    set_version(&app, 2).await;
    fs::remove_file(copy_file(&app, &image, "640.jpg")).expect("deleted");
    for accept in [BROWSER, "image/jpeg"] {
        assert_eq!(ask(&other, path, accept, jpeg).await, sent("image/jpeg", stored, SUBSTITUTE));
    }
    assert_eq!(picture(get(&other, path, Some(BROWSER)).await).await.0, 1500);
    assert_eq!(ask(&other, path, BROWSER, stored).await.0, 304);
    // A path that has never existed does not exist now.
    assert_eq!(get(&other, &path.replace("-640.", "-639."), None).await.status(), 404);

    assert_eq!(run_job(&app).await, Round { made: 1, missing: 0 });
    for (accept, format, tag) in [(BROWSER, "image/webp", webp), ("image/jpeg", "image/jpeg", jpeg)] {
        assert_eq!(ask(&other, path, accept, stored).await, sent(format, tag, usual));
    }
    assert_eq!(picture(get(&other, path, Some(BROWSER)).await).await.0, 640);

    // Nothing is left.
    for name in copies(&app) {
        fs::remove_file(app.image_dir().with_file_name("gig-image-variants").join(name)).expect("deleted");
    }
    fs::remove_file(app.image_dir().join(format!("{id}.jpg"))).expect("deleted");
    for accept in [BROWSER, "image/jpeg"] {
        let (status, _, _, caching) = ask(&client, path, accept, webp).await;
        assert_eq!((status, caching.as_str()), (404, "no-store"));
    }
    assert_eq!(versions(&app).await, [Some(2)], "nothing can be made again");
}

async fn copies_of_pictures_that_do_not_exist_are_deleted(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let image = upload(&ann.client, sample_image(200, 90, ImageFormat::Png), json!(null)).await;
        ids.push(text(&image["image"]["id"]));
    }
    // Two widths in two formats.
    assert_eq!(copies(&app).len(), 4 * 4);
    // A gateway of a version without copies has deleted the first two, and is deleting the third.
    let db = app.services().db.read();
    for id in &ids[..3] {
        let image_id = ImageId::parse(id).expect("an id");
        let row =
            gig_image::Entity::find_by_id(image_id.uuid()).one(db).await.expect("a row").expect("a row");
        gig_image::Entity::delete_by_id(image_id.uuid()).exec(db).await.expect("deleted");
        if *id == ids[2] {
            let record = unreferenced_blob::Model {
                id: row.id,
                kind: "GIG_IMAGE".into(),
                owner_id: row.owner_id,
                delete_after: app.now() + TimeDelta::days(9),
            };
            let record: unreferenced_blob::ActiveModel = record.into_active_model();
            unreferenced_blob::Entity::insert(record).exec_without_returning(db).await.expect("inserted");
        } else {
            fs::remove_file(app.image_dir().join(format!("{id}.jpg"))).expect("deleted");
        }
    }
    fs::write(app.image_dir().with_file_name("gig-image-variants").join("notes.txt"), "").expect("written");
    // What was just written may be that of an upload.
    assert_eq!(image_variants::delete_orphans(app.services()).await.expect("a run"), 0);
    app.advance_clock(TimeDelta::hours(2));
    assert_eq!(image_variants::delete_orphans(app.services()).await.expect("a run"), 2);
    let left = copies(&app);
    assert_eq!(left.len(), 2 * 4 + 1, "{left:?}");
    assert!(!left.iter().any(|name| name.starts_with(&ids[0]) || name.starts_with(&ids[1])), "{left:?}");
    assert_eq!(image_variants::delete_orphans(app.services()).await.expect("a run"), 0);
    assert!(app.image_dir().join(format!("{}.jpg", ids[3])).exists());
}

on_both_back_ends!(
    pictures_of_earlier_versions_get_their_widths_in_the_background,
    a_picture_that_is_deleted_meanwhile_gets_no_copies,
    a_damaged_picture_has_no_copies_and_is_not_tried_again,
    copies_of_a_lower_version_are_made_again,
    a_lost_copy_is_replaced_and_made_again,
    copies_of_pictures_that_do_not_exist_are_deleted,
);
