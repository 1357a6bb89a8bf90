//! Identity data open only to the reviewer who has claimed the review item, while the claim lasts, and each opening is
//! audited first. Clearing needs pictures that were delivered in full. Inspections are in `inspections`.

use chrono::TimeDelta;
use gigway::domain::id::{PublicId, UserId};
use gigway::store::audit;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{CLAIM, RELEASE};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::raw_connection::{RawConnection, head};
use crate::support::reviewing;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, document_image, own_verification, personal_info, save_mutation,
    submit_mutation, submit_verification, upload_document, violation,
};

const OPEN: &str = "query($id: ID!) { node(id: $id) { ... on Verification {
    personalInfo { documentNumber } documents { id side url } } } }";

/// Whether the client can read the form, and whether it gets the URLs of the pictures.
async fn opens(client: &Client, verification: &str) -> (bool, bool) {
    let node = client.run(OPEN, json!({ "id": verification })).await["node"].take();
    let documents = node["documents"].as_array().expect("a list");
    assert!(!documents.is_empty());
    let has_urls = documents.iter().all(|document| document["url"].is_string());
    assert!(has_urls || documents.iter().all(|document| document["url"].is_null()), "{node}");
    (node["personalInfo"].is_object(), has_urls)
}

/// The actions of the audit trail about this user.
async fn audited(app: &TestApp, user: &TestUser) -> Vec<String> {
    let id = UserId::parse(&user.id).expect("an id");
    let entries = audit::find_by_subject(app.services().db.read(), id).await.expect("a trail");
    entries.into_iter().map(|entry| entry.action).collect()
}

async fn identity_data_opens_to_the_claimant_while_the_claim_lasts(app: TestApp) {
    // Shorter than the URL of a picture and an access token are valid.
    let app = app.with_limits(r#"{"review":{"claimMinutes":2}}"#).await;
    let (ann, ada) = (app.member("Ann").await, app.admin("Ada").await);
    let (rita, rob) = (app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let (closed, open) = ((false, false), (true, true));
    let all = async || {
        let mut all = Vec::new();
        for user in [&rita, &rob, &ada] {
            all.push(opens(&user.at(&app.gateway_b()), &id).await);
        }
        all
    };
    assert_eq!(all().await, [closed; 3], "before the claim");
    assert_eq!(audited(&app, &ann).await, [""; 0]);
    let item = reviewing::claim(&rita.client, &id).await;
    assert_eq!(all().await, [open, closed, closed]);
    assert_eq!(audited(&app, &ann).await, ["CLAIM", "VIEW_PERSONAL_INFO"]);
    let path = reviewing::picture_paths(&rita.client, &id).await.remove(0);
    let status = async || rita.client.fetch(&path).await.0.as_u16();
    assert_eq!(status().await, 200);
    rita.client.mutate(RELEASE, json!({ "id": item })).await;
    assert_eq!((all().await, status().await), (vec![closed; 3], 404), "after the release");
    // The signature is still valid: with a new claim, the URL works again.
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    assert_eq!(status().await, 200);
    app.advance_clock(TimeDelta::minutes(2));
    assert_eq!(all().await, [closed; 3], "after the claim has expired");
    rob.client.mutate(CLAIM, json!({ "id": item })).await;
    assert_eq!(all().await, [closed, open, closed], "claimed by another");
    reviewing::open_pictures(&rob.client, &id).await;
    let path = reviewing::picture_paths(&rob.client, &id).await.remove(0);
    rob.client.mutate(&decide_mutation(), decision_input(&id, "CLEAR", version, &json!([]))).await;
    assert_eq!(all().await, [closed; 3], "after the decision");
    assert_eq!(rob.client.fetch(&path).await.0, 404);
    let seen = audited(&app, &ann).await.iter().filter(|action| action.starts_with("VIEW")).count();
    assert_eq!(seen, 5, "nothing was audited that was not opened");
    // The user reads their own form all the time, and no reviewer claims their own.
    assert_eq!(own_verification(&ann.client).await["personalInfo"]["documentNumber"], "AB123456");
}

async fn a_list_opens_no_form_and_no_picture(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, _) = submit_verification(&ann, "AB123456", 1).await;
    let item = reviewing::claim(&rita.client, &id).await;
    let node = rita.client.run(OPEN, json!({ "id": id })).await["node"].take();
    let document = text(&node["documents"][0]["id"]);
    let before = audited(&app, &ann).await;
    let opened = "... on Verification { personalInfo { city } documents { url } }";
    let item_fields = format!("subject {{ {opened} }}");
    let fields = format!("{opened} ... on IdentityDocument {{ url }} ... on ReviewItem {{ {item_fields} }}");
    let queue =
        format!("{{ reviewQueue {{ nodes {{ {item_fields} }} edges {{ node {{ {item_fields} }} }} }} }}");
    let nodes = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}");
    let ids = json!({ "ids": [id, item, document] });
    for (query, variables) in [(queue, json!({})), (nodes.clone(), ids.clone())] {
        let data = rita.client.run(&query, variables).await.to_string();
        assert!(!data.contains("identity-documents") && !data.contains("Leeds"), "{data}");
        assert!(data.contains("\"url\":null") && data.contains("\"personalInfo\":null"), "{data}");
    }
    assert_eq!(audited(&app, &ann).await, before);
    // One by one, the same objects open.
    let node = format!("query($id: ID!) {{ node(id: $id) {{ {fields} }} }}");
    for opened in [&json!(id), &item, &json!(document)] {
        let data = rita.client.run(&node, json!({ "id": opened })).await.to_string();
        assert!(data.contains("identity-documents"), "{data}");
    }
    // A user reads their own form in a list, too.
    let own = ann.client.run(&nodes, json!({ "ids": [id] })).await;
    assert_eq!(own["nodes"][0]["personalInfo"]["city"], "Leeds");
}

async fn clearing_needs_each_required_picture_delivered_in_full(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    for (side, shade) in [("FRONT", 1), ("BACK", 2)] {
        upload_document(&ann.client, "NATIONAL_ID", side, document_image(shade)).await;
    }
    let submitted = ann.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
    let (id, version) = (text(&submitted["id"]), submitted["version"].as_i64().expect("a number"));
    let clear = || decision_input(&id, "CLEAR", version, &json!([]));
    let missing = async |client: &Client| {
        let data = client.run(&decide_mutation(), clear()).await;
        let errors = data["decideVerification"]["errors"].as_array().expect("a list").clone();
        let is_required =
            |error: &Value| error["code"] == "REQUIRED" && error["field"] == json!(["decision"]);
        assert!(errors.iter().all(is_required), "{errors:?}");
        errors.iter().map(|error| text(&error["params"][0]["value"])).collect::<Vec<_>>()
    };
    let item = reviewing::claim(&rita.client, &id).await;
    assert_eq!(missing(&rita.client).await, ["FRONT", "BACK"]);
    // The URLs alone, and a request for the headers alone, deliver nothing.
    let paths = reviewing::picture_paths(&rita.client, &id).await;
    let head = rita.client.http().head(rita.client.url(&paths[0]));
    assert_eq!(rita.client.authorize(head).send().await.expect("a response").status(), 200);
    assert_eq!(missing(&rita.client).await, ["FRONT", "BACK"]);
    rita.client.fetch(&paths[0]).await.1.bytes().await.expect("the whole picture");
    assert_eq!(missing(&rita.client).await, ["BACK"]);
    // What another reviewer has seen does not count.
    rita.client.mutate(RELEASE, json!({ "id": item })).await;
    reviewing::review(&rob.client, &id).await;
    rob.client.mutate(RELEASE, json!({ "id": item })).await;
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    assert_eq!(missing(&rita.client).await, ["BACK"]);
    rita.client.fetch(&paths[1]).await.1.bytes().await.expect("the whole picture");
    // An earlier round of review does not count either.
    let again = json!([{ "code": "DATA_MISMATCH" }]);
    let resubmit = decision_input(&id, "REQUEST_RESUBMISSION", version, &again);
    rita.client.mutate(&decide_mutation(), resubmit).await;
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    let submitted = ann.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
    let version = submitted["version"].as_i64().expect("a number");
    reviewing::claim(&rita.client, &id).await;
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    let refused = rita.client.mutation_errors(&decide_mutation(), clear.clone()).await;
    assert_eq!(refused, vec![violation("REQUIRED", "decision"); 2]);
    reviewing::open_pictures(&rita.client, &id).await;
    let payload = rita.client.mutate(&decide_mutation(), clear).await;
    assert_eq!(payload["verification"]["status"], "CLEARED");
}

/// The picture of the person is required if the setting says so. One that is not required need not be opened.
async fn clearing_needs_a_required_selfie_delivered(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let submit = async |name: &str, number: &str, shade: u32| {
        let user = app.member(name).await;
        user.client.mutate(&save_mutation(), personal_info(number)).await;
        for (side, shade) in [("FRONT", shade), ("SELFIE", shade + 1)] {
            let uploaded = upload_document(&user.client, "PASSPORT", side, document_image(shade)).await;
            assert_eq!(uploaded["errors"], json!([]));
        }
        let submitted = user.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
        (text(&submitted["id"]), submitted["version"].as_i64().expect("a number"))
    };
    let (first, second) = (submit("Ann", "AB123456", 1).await, submit("Bob", "CD123456", 5).await);
    let open = async |client: &Client, id: &str, wanted: &str| {
        let node = client.run(OPEN, json!({ "id": id })).await["node"].take();
        let mut documents = node["documents"].as_array().expect("a list").iter();
        let url = text(&documents.find(|document| document["side"] == wanted).expect("a picture")["url"]);
        let path = url.split_once("/identity-documents/").expect("a URL").1;
        let (status, response) = client.fetch(&format!("/identity-documents/{path}")).await;
        assert_eq!(status, 200);
        response.bytes().await.expect("the whole picture");
    };
    let clear = |(id, version): &(String, i64)| decision_input(id, "CLEAR", *version, &json!([]));
    reviewing::claim(&rita.client, &first.0).await;
    open(&rita.client, &first.0, "FRONT").await;
    let payload = rita.client.mutate(&decide_mutation(), clear(&first)).await;
    assert_eq!(payload["verification"]["status"], "CLEARED", "by default, it is not required");

    let app = app.with_limits(r#"{"verification":{"selfieRequired":true}}"#).await;
    let rita = app.sign_in(&rita.email).await;
    reviewing::claim(&rita.client, &second.0).await;
    open(&rita.client, &second.0, "FRONT").await;
    let refused = rita.client.run(&decide_mutation(), clear(&second)).await["decideVerification"].take();
    let errors = refused["errors"].as_array().expect("a list");
    assert_eq!((errors.len(), &errors[0]["code"]), (1, &json!("REQUIRED")), "{refused}");
    assert_eq!(errors[0]["params"], json!([{ "name": "side", "value": "SELFIE" }]));
    open(&rita.client, &second.0, "SELFIE").await;
    let payload = rita.client.mutate(&decide_mutation(), clear(&second)).await;
    assert_eq!(payload["verification"]["status"], "CLEARED");
}

/// A picture of noise. When it is stored, it is much larger than the buffers of a connection.
fn large_image() -> Vec<u8> {
    let mut pixels = vec![0; 1200 * 900 * 3];
    StdRng::seed_from_u64(7).fill_bytes(&mut pixels);
    let image = RgbImage::from_raw(1200, 900, pixels).expect("an image");
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 70).encode_image(&image).expect("encoded");
    file
}

async fn a_picture_that_is_not_received_to_its_end_is_not_delivered(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    let uploaded = upload_document(&ann.client, "PASSPORT", "FRONT", large_image()).await;
    assert_eq!(uploaded["errors"], json!([]));
    let submitted = ann.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
    let (id, version) = (text(&submitted["id"]), submitted["version"].as_i64().expect("a number"));
    reviewing::claim(&rita.client, &id).await;
    let path = reviewing::picture_paths(&rita.client, &id).await.remove(0);
    let mut connection = RawConnection::open_with_buffer(4096, rita.client.address).await;
    let token = rita.client.token().expect("a token");
    let headers = format!("authorization: Bearer {token}\r\n");
    connection.send(head(&format!("GET {path}"), &headers, 0)).await;
    let response = connection.read_head().await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    wait_until("the opening is audited", async || {
        audited(&app, &ann).await.contains(&"VIEW_DOCUMENT".to_owned())
    })
    .await;
    drop(connection);
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    let refused = rita.client.mutation_errors(&decide_mutation(), clear.clone()).await;
    assert_eq!(refused, [violation("REQUIRED", "decision")]);
    reviewing::open_pictures(&rita.client, &id).await;
    let payload = rita.client.mutate(&decide_mutation(), clear).await;
    assert_eq!(payload["verification"]["status"], "CLEARED");
}

async fn a_reviewer_opens_the_data_of_so_many_people_in_a_day(app: TestApp) {
    let app = app.with_limits(r#"{"review":{"peoplePerDayMax":2}}"#).await;
    let (rita, rob) = (app.reviewer("Rita").await, app.reviewer("Rob").await);
    let mut ids = Vec::new();
    for (number, name) in (1_u32..).zip(["Ann", "Bob", "Cid"]) {
        let applicant = app.member(name).await;
        ids.push(submit_verification(&applicant, &format!("AB12345{number}"), number).await.0);
    }
    for id in &ids {
        reviewing::claim(&rita.client, id).await;
    }
    let read = "query($id: ID!) { node(id: $id) { ... on Verification { personalInfo { city } } } }";
    for id in &ids[..2] {
        assert!(opens(&rita.client, id).await.0);
    }
    let response = rita.client.execute(read, json!({ "id": ids[2] })).await;
    assert_eq!(error_codes(&response), ["RATE_LIMITED"]);
    assert_eq!(response["data"]["node"]["personalInfo"], Value::Null);
    let error = &response["errors"][0];
    assert!(text(&error["message"]).contains("at most 2 people"), "{error}");
    let seconds = error["extensions"]["retryAfterSeconds"].as_i64().expect("a number");
    assert!((80_000..=86_400).contains(&seconds), "{seconds}");
    assert_eq!(error["extensions"]["budget"], "identityData");
    let path = reviewing::picture_paths(&rita.client, &ids[2]).await.remove(0);
    assert_eq!(rita.client.fetch(&path).await.0, 429);
    // Those who were opened stay open, for the pictures too. Others have a limit of their own.
    reviewing::open_pictures(&rita.client, &ids[0]).await;
    let metrics = rita.client.get("/metrics").send().await.expect("a response").text().await.expect("a text");
    assert!(metrics.contains("gigway_identity_openings_refused_total 2"), "{metrics}");
    assert!(metrics.contains("gigway_identity_forms_opened_total 2"), "{metrics}");
    assert!(metrics.contains("gigway_identity_pictures_opened_total 1"), "{metrics}");
    let item = reviewing::item_of(&rita.client, &ids[2]).await;
    rita.client.mutate(RELEASE, json!({ "id": item })).await;
    rob.client.mutate(CLAIM, json!({ "id": item })).await;
    assert!(opens(&rob.client, &ids[2]).await.0);
    // A day later, the first ones do not count any more.
    app.advance_clock(TimeDelta::hours(24));
    let rita = app.sign_in(&rita.email).await;
    reviewing::claim(&rita.client, &ids[2]).await;
    assert!(opens(&rita.client, &ids[2]).await.0);
}

async fn a_reviewer_has_so_many_claims_and_an_administrator_releases_any(app: TestApp) {
    let app = app.with_limits(r#"{"review":{"claimsMax":2}}"#).await;
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (verification, _) = submit_verification(&ann, "AB123456", 1).await;
    let verification = reviewing::claim(&rita.client, &verification).await;
    let mut items = Vec::new();
    for title in ["I will write a song for you", "I will write two songs for you"] {
        let gig = ann.post(app.gig_form(title).await).await;
        items.push(rita.queue_item(&gig).await["id"].take());
    }
    rita.client.mutate(CLAIM, json!({ "id": items[0] })).await;
    let query = format!("{CLAIM} ").replace("code field message", "code field message params { name value }");
    let refused = rita.at(&app.gateway_b()).run(&query, json!({ "id": items[1] })).await;
    let errors = &refused["claimReview"]["errors"];
    assert_eq!((&errors[0]["code"], &errors[0]["field"]), (&json!("LIMIT_REACHED"), &json!(["id"])));
    assert!(
        errors[0]["params"].as_array().expect("a list").contains(&json!({ "name": "max", "value": "2" }))
    );
    // A claim that one has can be extended. One that is decided, released or expired does not count.
    rita.client.mutate(CLAIM, json!({ "id": items[0] })).await;
    let released = ada.client.mutate(RELEASE, json!({ "id": verification })).await["item"].take();
    assert_eq!((&released["state"], &released["claimedBy"]), (&json!("OPEN"), &Value::Null));
    assert_eq!(audited(&app, &ann).await, ["CLAIM", "RELEASE"]);
    // But not when it is about them.
    let (own, _) = submit_verification(&ada, "CD123456", 2).await;
    let rob = app.reviewer("Rob").await;
    let own = reviewing::claim(&rob.client, &own).await;
    let refused = ada.client.mutation_errors(RELEASE, json!({ "id": own })).await;
    assert_eq!(refused, [violation("NOT_ALLOWED", "id")]);
    rita.client.mutate(CLAIM, json!({ "id": items[1] })).await;
    let refused = ada.client.mutation_errors(RELEASE, json!({ "id": verification })).await;
    assert_eq!(refused, [violation("INVALID_TRANSITION", "id")]);
    app.advance_clock(TimeDelta::minutes(15));
    app.sign_in(&rita.email).await.client.mutate(CLAIM, json!({ "id": verification })).await;
}

async fn concurrent_claims_stay_within_the_limit(app: TestApp) {
    let app = app.with_limits(r#"{"review":{"claimsMax":3}}"#).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut claims = tokio::task::JoinSet::new();
    for number in 0..10 {
        let gig = ann.post(app.gig_form(&format!("I will write song number {number}")).await).await;
        let item = rita.queue_item(&gig).await["id"].take();
        let client = if number % 2 == 0 { rita.client.clone() } else { rita.at(&app.gateway_b()) };
        claims.spawn(async move { client.run(CLAIM, json!({ "id": item })).await });
    }
    let responses = claims.join_all().await;
    let claimed = responses.iter().filter(|data| data["claimReview"]["item"].is_object()).count();
    assert_eq!(claimed, 3);
}

async fn deciding_a_gig_needs_a_claim_if_the_setting_says_so(app: TestApp) {
    let app = app.with_limits(r#"{"review":{"gigClaimRequired":true}}"#).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let approve = json!({ "input": { "gigId": gig, "decision": "APPROVE", "expectedVersion": 1 } });
    let decide = crate::support::documents::DECIDE_GIG;
    let actions = async || {
        let query = "query($id: ID!) { gig(id: $id) { viewerActions } }";
        rita.client.run(query, json!({ "id": gig })).await["gig"]["viewerActions"].take()
    };
    assert_eq!(actions().await, json!([]));
    let refused = rita.client.mutation_errors(decide, approve.clone()).await;
    assert_eq!(refused, [violation("CLAIM_REQUIRED", "gigId")]);
    let item = rita.queue_item(&gig).await["id"].take();
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    assert_eq!(actions().await, json!(["APPROVE", "REJECT"]));
    rita.client.mutate(decide, approve).await;
    // A listed gig is in no queue.
    rita.decide(&gig, "SUSPEND", json!([{ "code": "SPAM" }])).await;
}

on_both_back_ends!(
    identity_data_opens_to_the_claimant_while_the_claim_lasts,
    a_list_opens_no_form_and_no_picture,
    clearing_needs_each_required_picture_delivered_in_full,
    clearing_needs_a_required_selfie_delivered,
    a_picture_that_is_not_received_to_its_end_is_not_delivered,
    a_reviewer_opens_the_data_of_so_many_people_in_a_day,
    a_reviewer_has_so_many_claims_and_an_administrator_releases_any,
    concurrent_claims_stay_within_the_limit,
    deciding_a_gig_needs_a_claim_if_the_setting_says_so,
);
