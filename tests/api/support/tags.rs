//! Databases from before rows had tags.

use entity::{integrity_marker, user, verification};
use gigway::service::Services;
use sea_orm::EntityTrait;
use sea_orm::sea_query::Expr;

/// Removes all tags and the marker, as a database is before the first release that has tags.
pub async fn remove_tags(services: &Services) {
    let (db, none) = (services.db.read(), || Expr::value(Option::<Vec<u8>>::None));
    let users = user::Entity::update_many().col_expr(user::Column::AuthorityTag, none());
    users.exec(db).await.expect("changed");
    let verifications = verification::Entity::update_many().col_expr(verification::Column::StateTag, none());
    verifications.exec(db).await.expect("changed");
    integrity_marker::Entity::delete_many().exec(db).await.expect("deleted");
}
