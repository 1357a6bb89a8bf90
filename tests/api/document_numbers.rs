//! Numbers of identity documents, as they are printed and as keyboards of all countries type them.

use crate::flags::newest_item;
use crate::support::client::user_errors;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{personal_info, save_mutation, submit_verification, violation};

async fn numbers_are_accepted_as_printed_and_stored_as_typed(app: TestApp) {
    let ann = app.member("Ann").await;
    for number in [
        "A123456(7)",
        "DOE**JM*123AB",
        "AB✱123⋆456",
        "٭١٢٣٤٥٦",
        "ΑΒ 123456",
        "ЖБ№ 123456",
        "İZ-123456",
        "TK1234ー567",
        "123־456789",
        "12‧34・56─78⁃9〜0",
        "[AB]「123」456",
        "أ\u{200e}123456",
        "AB\u{200f}123456",
        "الف\u{200c}123456",
        "ABـ123456",
    ] {
        let saved = ann.client.mutate(&save_mutation(), personal_info(number)).await;
        assert_eq!(saved["verification"]["personalInfo"]["documentNumber"], number);
    }
    for (typed, stored) in
        [("\u{feff}AB\u{200b}123456\u{200e}", "AB123456"), (" AB\u{ad}123456\n", "AB123456")]
    {
        let saved = ann.client.mutate(&save_mutation(), personal_info(typed)).await;
        assert_eq!(saved["verification"]["personalInfo"]["documentNumber"], stored);
    }
    for (number, code) in [
        ("AB123456!", "INVALID"),
        ("AB😀123456", "INVALID"),
        ("AB\n123456", "INVALID"),
        ("ーーー1234", "INVALID"),
        ("AB\u{202e}123456", "INVALID"),
        ("\u{200b}", "REQUIRED"),
    ] {
        let payload =
            ann.client.run(&save_mutation(), personal_info(number)).await["savePersonalInfo"].take();
        assert_eq!(user_errors(&payload), [violation(code, "documentNumber")], "{number:?}");
    }
}

async fn a_duplicate_is_found_in_each_spelling(app: TestApp) {
    let (first, rita) = (app.member("First").await, app.reviewer("Rita").await);
    submit_verification(&first, "TK1234-567", 1).await;
    let is_flagged = async |user: &TestUser| {
        let flags = newest_item(&rita, user).await["flags"].take();
        let mut flags = flags.as_array().expect("a list").iter();
        flags.any(|flag| flag["code"] == "DUPLICATE_DOCUMENT")
    };
    let spellings =
        ["TK1234ー567", "tk1234־567", "ΤΚ1234・567", "TK\u{200e}1234\u{200c}✱567", "ТК〜１２３４ـ۵۶۷"];
    for (shade, number) in (2..).zip(spellings) {
        let other = app.member(&format!("Other{shade}")).await;
        submit_verification(&other, number, shade).await;
        assert!(is_flagged(&other).await, "{number:?}");
    }
    // Another number.
    let other = app.member("Another").await;
    submit_verification(&other, "TK1234-568", 20).await;
    assert!(!is_flagged(&other).await);
}

on_both_back_ends!(
    numbers_are_accepted_as_printed_and_stored_as_typed,
    a_duplicate_is_found_in_each_spelling
);
