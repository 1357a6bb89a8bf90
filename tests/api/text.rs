//! Text that people type: one form of it everywhere, whatever keyboard or clipboard it comes from, and what is refused.

use serde_json::{Value, json};

use crate::support::client::{text, user_errors};
use crate::support::documents::{DECIDE_GIG, EDIT_GIG, POST_GIG, SAVE_DRAFT, SIGN_IN, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{personal_info, save_mutation};

/// The same text, composed and decomposed.
pub const COMPOSED: &str = "\u{e9}v\u{ea}nement";
pub const DECOMPOSED: &str = "e\u{301}ve\u{302}nement";

pub fn violation(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

pub fn sign_up(email: &str, password: &str, name: &str) -> Value {
    json!({ "input": { "email": email, "password": password, "displayName": name } })
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "input": { "email": email, "password": password } })
}

/// Signs in. Returns the id of the user; null if that failed.
pub async fn sign_in(app: &TestApp, email: &str, password: &str) -> Value {
    let response = app.gateway_b().run(SIGN_IN, credentials(email, password)).await;
    response["signIn"]["session"]["viewer"]["user"]["id"].clone()
}

/// The input with these fields instead.
fn with(mut form: Value, changes: &Value) -> Value {
    for (field, value) in changes.as_object().expect("an object") {
        form[field] = value.clone();
    }
    form
}

async fn texts_of_gigs_are_normalized(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let form = with(
        app.gig_form("x").await,
        &json!({
            "title": "\u{200e} I will re\u{ad}-master\u{200b} an \u{e9}ve\u{301}nement\u{2028}",
            "description": "\u{feff}one\r\ntwo\u{2028}three\rfour\u{2029}e\u{301} \u{1f469}\u{1f3fd}\u{200d}\u{2695}\u{fe0f} \
                            \u{645}\u{6cc}\u{200c}\u{62e} C++\u{200e} \u{5d1}\n",
            "tags": ["e\u{301}te\u{301}", " lo\u{200b}go\u{a0}"],
            "links": ["HTTPS://M\u{fc}nchen.example.com:443/a/../\u{e4}"],
        }),
    );
    let payload = ann.client.mutate(POST_GIG, json!({ "input": form })).await;
    let (gig, id) = (&payload["gig"], text(&payload["gig"]["id"]));
    assert_eq!(gig["title"], "I will re-master an \u{e9}v\u{e9}nement");
    assert_eq!(gig["tags"], json!(["\u{e9}t\u{e9}", "logo"]));
    assert_eq!(gig["links"], json!(["https://xn--mnchen-3ya.example.com/%C3%A4"]));
    rita.approve(&id).await;
    let description = "query($id: ID!) { gig(id: $id) { description } }";
    let shown = app.gateway_b().run(description, json!({ "id": id })).await;
    assert_eq!(
        shown["gig"]["description"],
        "one\ntwo\nthree\nfour\n\u{e9} \u{1f469}\u{1f3fd}\u{200d}\u{2695}\u{fe0f} \u{645}\u{6cc}\u{200c}\u{62e} C++\u{200e} \u{5d1}"
    );
    let find =
        "query($where: GigFilter, $search: String) { gigs(where: $where, search: $search) { totalCount } }";
    for variables in [
        json!({ "where": { "tags": ["\u{c9}te\u{301}\u{200b}"] } }),
        json!({ "where": { "tags": ["LOGO\r\n"] } }),
        json!({ "search": "e\u{301}ve\u{301}ne\u{ad}ment re-mas\u{200b}ter" }),
        json!({ "search": "\u{feff}\u{200b} \u{2028}" }),
    ] {
        assert_eq!(
            app.gateway_b().run(find, variables.clone()).await["gigs"]["totalCount"],
            1,
            "{variables}"
        );
    }
    let hidden = json!({ "where": { "tags": ["lo\0go"] } });
    assert_eq!(app.gateway_b().run(find, hidden).await["gigs"]["totalCount"], 0);
}

/// Sends the gig with one field changed, as a draft, as a new gig and as an edit. Returns the violations of each.
async fn violations(
    app: &TestApp,
    ann: &TestUser,
    gig: &str,
    field: &str,
    value: &Value,
) -> Vec<(String, String)> {
    let change = json!({ field: value });
    let form = with(app.gig_form("I will write a song for you").await, &change);
    let mut found = Vec::new();
    found.extend(ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await);
    let edit = with(json!({ "id": gig }), &change);
    found.extend(ann.client.mutation_errors(EDIT_GIG, json!({ "input": edit })).await);
    let draft = with(json!({ "title": "A song" }), &change);
    found.extend(ann.client.mutation_errors(SAVE_DRAFT, json!({ "input": draft })).await);
    found
}

async fn a_text_with_too_little_to_see_is_refused_everywhere(app: TestApp) {
    let ann = app.member("Ann").await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let names = ["\u{200d}", "\u{2800}", "\u{301}", "\u{e0061}", "\u{3164}", "\u{fe0f}", "\u{200c}"];
    for nothing in names.map(|c| c.repeat(10)) {
        let found = violations(&app, &ann, &gig, "title", &json!(nothing)).await;
        assert_eq!(found, vec![violation("TOO_SHORT", "title"); 3], "{nothing:?}");
        let found = violations(&app, &ann, &gig, "tags", &json!(["song", nothing])).await;
        assert_eq!(found, vec![violation("TOO_SHORT", "tags.1"); 3], "{nothing:?}");
        let found =
            app.gateway_a().mutation_errors(SIGN_UP, sign_up("e@example.com", PASSWORD, &nothing)).await;
        assert_eq!(found, [violation("TOO_SHORT", "displayName")], "{nothing:?}");
        let changes = json!({ "firstName": nothing, "lastName": nothing, "city": nothing });
        let form = with(personal_info("AB123456")["input"].clone(), &changes);
        let found = ann.client.mutation_errors(&save_mutation(), json!({ "input": form })).await;
        assert_eq!(
            found,
            [violation("REQUIRED", "firstName"), violation("TOO_SHORT", "city")],
            "{nothing:?}"
        );
        // What need not be there is then missing.
        let form = with(
            personal_info("AB123456")["input"].clone(),
            &json!({ "firstName": nothing, "addressLine2": nothing, "region": nothing }),
        );
        ann.client.mutate(&save_mutation(), json!({ "input": form })).await;
    }
    for harmless in
        ["\u{200b}", "\u{feff}", "\u{2060}", "\u{ad}", "\u{200e}", "\u{2028}"].map(|c| c.repeat(10))
    {
        let found = violations(&app, &ann, &gig, "title", &json!(harmless)).await;
        assert_eq!(found, vec![violation("REQUIRED", "title"); 3], "{harmless:?}");
    }
    // Nine that can be seen, however many code points they have.
    let padded = format!("{}\u{200d}\u{2800}\u{301}", "e\u{323}\u{302}".repeat(9));
    let form = with(app.gig_form("x").await, &json!({ "title": padded }));
    let found = ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await;
    assert_eq!(found, [violation("TOO_SHORT", "title")]);
    let form = with(app.gig_form("x").await, &json!({ "title": "\u{1f469}\u{200d}\u{1f467}".repeat(10) }));
    ann.post(form).await;
}

async fn what_reverses_or_breaks_a_text_is_refused_and_named(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    for forbidden in
        ["\u{202a}", "\u{202b}", "\u{202c}", "\u{202d}", "\u{202e}", "\0", "\u{1b}", "\u{7f}", "\u{ffff}"]
    {
        let value = format!("I will write {forbidden}a song for you");
        for (field, path, value) in [
            ("title", "title", json!(value)),
            ("description", "description", json!(format!("Two lines\nof {value}"))),
            ("tags", "tags.1", json!(["song", format!("tag{forbidden}s")])),
            ("links", "links.0", json!([format!("https://example.com/{forbidden}a")])),
        ] {
            let found = violations(&app, &ann, &gig, field, &value).await;
            assert_eq!(found, vec![violation("INVALID", path); 3], "{forbidden:?}");
        }
        let form = with(app.gig_form("x").await, &json!({ "title": value }));
        let payload = ann.client.run(POST_GIG, json!({ "input": form })).await;
        let message = text(&payload["postGig"]["errors"][0]["message"]);
        assert!(message.contains("\"write\"") && message.contains("U+"), "{message}");
        let email = format!("ann{forbidden}@example.com");
        let found = app.gateway_a().mutation_errors(SIGN_UP, sign_up(&email, PASSWORD, "Ann")).await;
        assert!(
            !found.is_empty() && found.iter().all(|one| *one == violation("INVALID", "email")),
            "{found:?}"
        );
        assert_eq!(sign_in(&app, &email, PASSWORD).await, Value::Null);
        let name = format!("Ann{forbidden}a");
        let found = app.gateway_a().mutation_errors(SIGN_UP, sign_up("e@example.com", PASSWORD, &name)).await;
        assert_eq!(found, [violation("INVALID", "displayName")]);
        for field in ["firstName", "lastName", "addressLine1", "addressLine2", "city", "region"] {
            let form = with(personal_info("AB123456")["input"].clone(), &json!({ field: name }));
            let found = ann.client.mutation_errors(&save_mutation(), json!({ "input": form })).await;
            assert_eq!(found, [violation("INVALID", field)], "{forbidden:?}");
        }
        let decision = json!({ "input": { "gigId": gig, "decision": "REJECT", "expectedVersion": 1,
            "reasons": [{ "code": "OTHER", "message": name, "field": [name] }], "internalNote": name } });
        let found = rita.client.mutation_errors(DECIDE_GIG, decision).await;
        let paths = ["reasons.0.message", "reasons.0.field", "internalNote"];
        assert_eq!(found, paths.map(|path| violation("INVALID", path)));
    }
}

async fn messages_and_notes_of_reviewers_are_normalized(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let typed = format!("\u{200b} {DECOMPOSED}\r\nand\u{2028}more\u{200e}\n");
    let input = json!({ "input": { "gigId": gig, "decision": "REJECT", "expectedVersion": 1,
        "reasons": [{ "code": "OTHER", "message": typed }, { "code": "SPAM", "message": "\u{200b}\u{2800}" }],
        "internalNote": typed } });
    let decide = DECIDE_GIG.replace("errors {", "reviewItem { history { internalNote } } errors {");
    let payload = rita.client.mutate(&decide, input).await;
    let reasons = &payload["gig"]["reviewReasons"];
    assert_eq!(reasons[0]["message"], format!("{COMPOSED}\nand\nmore"));
    // The default text.
    assert_eq!(reasons[1]["message"], "The gig is spam.");
    let history = &payload["reviewItem"]["history"];
    assert_eq!(history, &json!([{ "internalNote": format!("{COMPOSED}\nand\nmore") }]));
    let blank = json!({ "input": { "gigId": ann.post(app.gig_form("I will write two songs").await).await,
        "decision": "REJECT", "expectedVersion": 1, "reasons": [{ "code": "OTHER", "message": "\u{200d}\u{301}" }] } });
    let found = rita.client.mutation_errors(DECIDE_GIG, blank).await;
    assert_eq!(found, [violation("REQUIRED", "reasons.0.message")]);
}

async fn links_that_lead_to_no_public_site_are_refused(app: TestApp) {
    let ann = app.member("Ann").await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    for host in [
        "localhost",
        "intranet",
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
        "printer.local",
        "db.internal",
        "a.localhost",
        "a.test",
        "printer.local.",
        "ann@example.com",
        "ann:secret@example.com",
        "example.com:8443",
        "\u{ff11}27.0.0.1",
    ] {
        let links = json!(["https://example.com/", format!("https://{host}/")]);
        let found = violations(&app, &ann, &gig, "links", &links).await;
        assert_eq!(found, vec![violation("INVALID", "links.1"); 3], "{host}");
    }
    for same in [
        "https://EXAMPLE.com",
        "https://example.com:443/",
        "https://ex\u{ad}ample.com/./",
        "https://example\u{3002}com",
        "https://example.com.",
    ] {
        let found = violations(&app, &ann, &gig, "links", &json!(["https://example.com/", same])).await;
        assert_eq!(found, vec![violation("DUPLICATE", "links.1"); 3], "{same}");
    }
    let long = format!("https://example.com/{}", "\u{e4}".repeat(400));
    let found = violations(&app, &ann, &gig, "links", &json!([long])).await;
    assert_eq!(found, vec![violation("TOO_LONG", "links.0"); 3]);
}

async fn what_is_wrong_with_a_link_or_a_document_number_is_named(app: TestApp) {
    let ann = app.member("Ann").await;
    let post = POST_GIG.replace("message }", "message params { name value } }");
    for (link, words) in [
        ("https://example.com/a\u{202e}b", vec!["U+202E", "\"https://example.com/a\""]),
        ("\u{202d}https://example.com/", vec!["U+202D", "beginning"]),
        ("https://example.com/a\0", vec!["U+0000"]),
        ("https://exa mple.com", vec!["spaces"]),
        ("https://example.com/a\tb", vec!["tabs"]),
        ("https://example.com\\@example.org", vec!["backslashes"]),
        ("https://example.com/a\nb", vec!["line breaks"]),
        ("https://xn--a.com", vec!["valid address"]),
        ("https://1.2.3.4.5", vec!["valid address"]),
        ("https://[::1", vec!["valid address"]),
        ("https://example.com:99999", vec!["valid address"]),
        ("http://example.com", vec!["starts with https://"]),
        ("https://192.168.0.1", vec!["public host"]),
    ] {
        let form = with(app.gig_form("I will write a song for you").await, &json!({ "links": [link] }));
        let payload = ann.client.run(&post, json!({ "input": form })).await["postGig"].take();
        assert_eq!(user_errors(&payload), [violation("INVALID", "links.0")], "{link:?}");
        let message = text(&payload["errors"][0]["message"]);
        assert!(words.iter().all(|word| message.contains(word)), "{link:?}: {message}");
    }
    for (number, words) in [
        ("AB12\u{202e}3456", vec!["U+202E", "\"AB12\""]),
        ("\u{202c}AB123456", vec!["U+202C", "beginning"]),
        ("AB 123\u{0}456", vec!["U+0000", "\"123\""]),
        ("AB123456!", vec!["letters, digits"]),
    ] {
        let payload =
            ann.client.run(&save_mutation(), personal_info(number)).await["savePersonalInfo"].take();
        assert_eq!(user_errors(&payload), [violation("INVALID", "documentNumber")], "{number:?}");
        let message = text(&payload["errors"][0]["message"]);
        assert!(words.iter().all(|word| message.contains(word)), "{number:?}: {message}");
    }
}

async fn invisible_characters_that_nothing_needs_are_removed_from_names(app: TestApp) {
    let ann = app.member("Ann").await;
    for (typed, stored) in [
        ("A song \u{1f44d}\u{200d} for you", "A song \u{1f44d} for you"),
        ("A\u{180e}\u{180e} song\u{17b4}\u{17b4} for you", "A song for you"),
        ("A song\u{115f}\u{1160} for\u{180b} you", "A song for you"),
        ("A song \u{1f469}\u{200d}\u{200d}\u{1f467} here", "A song \u{1f469}\u{200d}\u{1f467} here"),
    ] {
        let form = with(app.gig_form("x").await, &json!({ "title": typed }));
        let payload = ann.client.mutate(POST_GIG, json!({ "input": form })).await;
        assert_eq!(payload["gig"]["title"], stored, "{typed:?}");
    }
}

on_both_back_ends!(
    what_is_wrong_with_a_link_or_a_document_number_is_named,
    invisible_characters_that_nothing_needs_are_removed_from_names,
    texts_of_gigs_are_normalized,
    a_text_with_too_little_to_see_is_refused_everywhere,
    what_reverses_or_breaks_a_text_is_refused_and_named,
    messages_and_notes_of_reviewers_are_normalized,
    links_that_lead_to_no_public_site_are_refused,
);
