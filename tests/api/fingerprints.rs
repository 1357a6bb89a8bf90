//! The fingerprints of fraud by themselves: when nothing else of the submission is left, and with another key. The
//! flags that they raise are in `flags`.

use std::collections::BTreeMap;

use entity::{fingerprint, verification};
use gigway::domain::id::{PublicId, UserId};
use gigway::service::erasure;
use sea_orm::EntityTrait;

use crate::flags::{card, decide, flag, flags, newest_item, submit};
use crate::support::cards::{crop, draw_card, jpeg};
use crate::support::client::text;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// No account has the picture any more, and the numbers are others.
async fn a_picture_that_looks_like_one_of_an_erased_fraud_is_flagged(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    submit(&ann, ("PASSPORT", "GB", "AN123456"), card(1)).await;
    decide(&rita, &ann, "REJECT", "DOCUMENT_TAMPERED").await;
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let encoded_again = jpeg(&draw_card(1), 45);
    let cropped = jpeg(&crop(&draw_card(1), [20, 0, 0, 15]), 75);
    let hint = || vec![flag("DUPLICATE_PICTURE", &[])];
    for (name, gateway, picture, expected) in [
        ("Bob", app.gateway_a(), encoded_again, hint()),
        ("Cid", app.gateway_b(), cropped, hint()),
        ("Dan", app.gateway_b(), card(2), vec![]),
    ] {
        let user = app.member(name).await;
        let user = TestUser { client: user.at(&gateway), ..user };
        let number = format!("{name}-12345");
        submit(&user, ("PASSPORT", "FR", number.as_str()), picture).await;
        assert_eq!(flags(&rita, &user).await, expected, "{name}");
        if !expected.is_empty() {
            let message = text(&newest_item(&rita, &user).await["flags"][0]["message"]);
            assert!(message.contains("looks like"), "{message}");
        }
        // The next one finds nobody who has it.
        erasure::erase_user(app.services(), &user.email).await.expect("erased");
    }
}

/// Keys of two installations.
const INDEX_KEYS: [&str; 2] =
    ["an index key of at least 32 characters", "the index key of another installation"];

/// The same number and picture with one key, another one, and the first one again.
async fn a_fingerprint_depends_on_the_key_of_the_installation(mut app: TestApp) {
    let (mut seen, mut stored) = (Vec::new(), Vec::new());
    for (name, key) in [("Ann", 0), ("Bob", 1), ("Cid", 0)] {
        app = app.with_settings(|settings| settings.index_key = Some(INDEX_KEYS[key].to_owned())).await;
        let (user, rita) = (app.member(name).await, app.reviewer(&format!("Rita{name}")).await);
        submit(&user, ("PASSPORT", "GB", "AB123456"), card(1)).await;
        let id = UserId::parse(&user.id).expect("an id").uuid();
        let db = app.services().db.read();
        let row = verification::Entity::find_by_id(id).one(db).await.expect("a read").expect("a row");
        decide(&rita, &user, "REJECT", "DOCUMENT_TAMPERED").await;
        let rows = fingerprint::Entity::find().all(db).await.expect("rows");
        let new: Vec<_> = rows.into_iter().filter(|row| !seen.contains(&row.id)).collect();
        seen.extend(new.iter().map(|row| row.id));
        let mut hashes: BTreeMap<_, _> = new.into_iter().map(|row| (row.kind, row.hash)).collect();
        // Encrypted, and another text each time.
        assert!(hashes.remove("SIGNATURE").is_some());
        hashes.insert("the type, the country and the number".to_owned(), row.identity_hash.expect("a hash"));
        stored.push(hashes);
        // What was stored with another key is not recognized.
        let codes: Vec<_> = flags(&rita, &user).await.into_iter().map(|(code, _)| code).collect();
        let is_known = codes.iter().any(|code| code == "PREVIOUSLY_REJECTED");
        assert_eq!(is_known, name == "Cid", "{name}: {codes:?}");
    }
    let [first, other, again] = &stored[..] else { panic!("three submissions") };
    assert_eq!(first.len(), 3, "{first:?}");
    assert_eq!(first, again);
    for (kind, hash) in first {
        assert_ne!(hash, &other[kind], "{kind}");
    }
}

on_both_back_ends!(
    a_picture_that_looks_like_one_of_an_erased_fraud_is_flagged,
    a_fingerprint_depends_on_the_key_of_the_installation,
);
