//! Credentials in every form in which they can be typed, and those that earlier versions have stored.

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHasher, SaltString};
use chrono::TimeDelta;
use entity::user;
use gigway::domain::account::SignUpForm;
use gigway::domain::id::{PublicId, UserId};
use gigway::domain::user::Role;
use gigway::service::{accounts, erasure, user_admin};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::client::user_errors;
use crate::support::documents::SIGN_UP;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;
use crate::text::{COMPOSED, DECOMPOSED, sign_in, sign_up, violation};

async fn credentials_match_in_every_form_in_which_they_can_be_typed(app: TestApp) {
    let forms = [COMPOSED, DECOMPOSED];
    for (number, typed) in forms.into_iter().enumerate() {
        let (email, password) = (format!(" {typed}{number}@Example.com\r\n"), format!("{typed} 123"));
        let payload = app.gateway_a().mutate(SIGN_UP, sign_up(&email, &password, typed)).await;
        let viewer = &payload["session"]["viewer"];
        assert_eq!(viewer["email"], format!("{COMPOSED}{number}@Example.com"));
        assert_eq!(viewer["user"]["displayName"], COMPOSED);
        let id = viewer["user"]["id"].clone();
        for typed in forms {
            for email in [
                format!("{typed}{number}@example.com"),
                format!("\u{feff}{}{number}@EXAMPLE.com\n", typed.to_uppercase()),
                format!("\u{2068}{typed}\u{200b}{number}@example.com\u{2069}\u{200e}"),
            ] {
                assert_eq!(sign_in(&app, &email, &format!("{typed} 123")).await, id, "{email:?}");
                let again = sign_up(&email, PASSWORD, "Another");
                let refused = app.gateway_b().mutation_errors(SIGN_UP, again).await;
                assert_eq!(refused, [violation("EMAIL_TAKEN", "email")], "{email:?}");
            }
            let email = format!("{typed}{number}@example.com");
            for wrong in [format!("{typed} 1234"), format!(" {typed} 123"), "evenement 123".to_owned()] {
                assert_eq!(sign_in(&app, &email, &wrong).await, Value::Null, "{wrong:?}");
            }
        }
    }
}

/// The hash of a password as an earlier version stored it: as it was typed.
fn old_hash(password: &str) -> String {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default().hash_password(password.as_bytes(), &salt).expect("a hash").to_string()
}

async fn change(app: &TestApp, id: &str, column: user::Column, value: &str) {
    user::Entity::update_many()
        .col_expr(column, Expr::value(value))
        .filter(user::Column::Id.eq(UserId::parse(id).expect("an id").uuid()))
        .exec(app.services().db.read())
        .await
        .expect("changed");
}

async fn row(app: &TestApp, id: &str) -> user::Model {
    let id = UserId::parse(id).expect("an id").uuid();
    user::Entity::find_by_id(id).one(app.services().db.read()).await.expect("read").expect("a user")
}

async fn an_old_hash_of_the_typed_password_is_replaced_at_the_first_sign_in(app: TestApp) {
    let ann = app.member("Ann").await;
    let old = old_hash(&format!("{DECOMPOSED} 123"));
    change(&app, &ann.id, user::Column::PasswordHash, &old).await;
    // Nobody can know the form that was typed.
    assert_eq!(sign_in(&app, &ann.email, &format!("{COMPOSED} 123")).await, Value::Null);
    assert_eq!(row(&app, &ann.id).await.password_hash, old);
    assert_eq!(sign_in(&app, &ann.email, &format!("{DECOMPOSED} 123")).await, json!(ann.id));
    let new = row(&app, &ann.id).await.password_hash;
    assert_ne!(new, old);
    for typed in [COMPOSED, DECOMPOSED] {
        assert_eq!(sign_in(&app, &ann.email, &format!("{typed} 123")).await, json!(ann.id));
    }
    assert_eq!(row(&app, &ann.id).await.password_hash, new);
    assert_eq!(sign_in(&app, &ann.email, PASSWORD).await, Value::Null);
}

async fn the_length_of_a_password_is_that_of_its_composed_form(app: TestApp) {
    for (password, expected) in [
        ("e\u{301}".repeat(7), vec![violation("TOO_SHORT", "password")]),
        ("e\u{301}".repeat(8), vec![]),
        ("e\u{301}".repeat(128), vec![]),
        ("\u{958}".repeat(65), vec![violation("TOO_LONG", "password")]),
    ] {
        let email = format!("ann{}@example.com", password.chars().count());
        let response = app.gateway_a().run(SIGN_UP, sign_up(&email, &password, "Ann")).await;
        assert_eq!(user_errors(&response["signUp"]), expected, "{password}");
    }
}

/// Two users whose e-mails are the same in NFC, and one whose e-mail nobody else has.
async fn emails_of_earlier_versions_are_normalized_at_the_start(mut app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    app.advance_clock(TimeDelta::seconds(1));
    let cleo = app.member("Cleo").await;
    let (one, other) = (format!("{DECOMPOSED}@example.com"), format!("other-{DECOMPOSED}@example.com"));
    let mixed = "E\u{301}v\u{ea}nement@example.com".to_owned();
    for (user, email) in [(&ann, &one), (&cleo, &mixed), (&bob, &other)] {
        change(&app, &user.id, user::Column::Email, email).await;
        change(&app, &user.id, user::Column::EmailKey, &email.to_lowercase()).await;
    }
    // Also before the next start.
    for email in [&other, &format!("other-{COMPOSED}@example.com")] {
        assert_eq!(sign_in(&app, email, PASSWORD).await, json!(bob.id));
        let refused = app.gateway_b().mutation_errors(SIGN_UP, sign_up(email, PASSWORD, "Bob")).await;
        assert_eq!(refused, [violation("EMAIL_TAKEN", "email")]);
    }
    for _ in 0..2 {
        app.start_gateway().await;
        // The older of the two has the e-mail now. The other one still signs in with the form that they typed.
        for (email, user) in [
            (&one, &ann),
            (&format!("{COMPOSED}@example.com"), &ann),
            (&mixed, &cleo),
            (&other, &bob),
            (&format!("OTHER-{COMPOSED}@example.com"), &bob),
        ] {
            assert_eq!(sign_in(&app, email, PASSWORD).await, json!(user.id), "{email:?}");
        }
        assert_eq!(row(&app, &ann.id).await.email_key, format!("{COMPOSED}@example.com"));
        assert_eq!(row(&app, &bob.id).await.email, format!("other-{COMPOSED}@example.com"));
        assert_eq!(row(&app, &cleo.id).await.email, mixed);
    }
    let refused = app.gateway_b().mutation_errors(SIGN_UP, sign_up(&mixed, PASSWORD, "Cleo")).await;
    assert_eq!(refused, [violation("EMAIL_TAKEN", "email")]);
    erasure::erase_user(app.services(), &mixed).await.expect("erased");
    assert_eq!(sign_in(&app, &one, PASSWORD).await, json!(ann.id));
    assert_eq!(sign_in(&app, &mixed, PASSWORD).await, json!(ann.id));
}

async fn commands_find_and_normalize_what_they_are_given(app: TestApp) {
    let form = SignUpForm { email: format!("{DECOMPOSED}@example.com"), display_name: DECOMPOSED.into() };
    let password = format!("{DECOMPOSED} 123");
    let id = accounts::add_user(app.services(), form, password.into(), Role::Member).await.expect("added");
    let id = id.to_public();
    let email = format!("\u{200b}{COMPOSED}@example.com ");
    assert_eq!(sign_in(&app, &email, &format!("{COMPOSED} 123")).await, json!(id));
    user_admin::set_display_name(app.services(), &email, " A\u{ad}nne-Zoe\u{308}\u{2060} ")
        .await
        .expect("renamed");
    assert_eq!(row(&app, &id).await.display_name, "Anne-Zo\u{eb}");
    for invalid in ["\u{200d}\u{200d}", "\u{202e}ennA", "\0\0"] {
        user_admin::set_display_name(app.services(), &email, invalid).await.expect_err("refused");
    }
    erasure::erase_user(app.services(), &format!("{DECOMPOSED}@example.com")).await.expect("erased");
    assert_eq!(sign_in(&app, &email, &format!("{COMPOSED} 123")).await, Value::Null);
}

on_both_back_ends!(
    credentials_match_in_every_form_in_which_they_can_be_typed,
    an_old_hash_of_the_typed_password_is_replaced_at_the_first_sign_in,
    the_length_of_a_password_is_that_of_its_composed_form,
    emails_of_earlier_versions_are_normalized_at_the_start,
    commands_find_and_normalize_what_they_are_given,
);
