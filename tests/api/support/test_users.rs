//! Users of a test, and what they commonly do.

use gigway::domain::account::SignUpForm;
use gigway::domain::user::Role;
use gigway::service::accounts;
use serde_json::{Value, json};

use super::client::{Client, text};
use super::documents::{DECIDE_GIG, GIG, POST_GIG, QUEUE, SIGN_IN};
use super::test_app::TestApp;

pub const PASSWORD: &str = "a good password";

/// A user who is signed in at the first gateway.
pub struct TestUser {
    pub client: Client,
    pub id: String,
    pub email: String,
    pub refresh_token: String,
}

impl TestApp {
    pub async fn member(&self, name: &str) -> TestUser {
        self.user(name, Role::Member).await
    }

    pub async fn reviewer(&self, name: &str) -> TestUser {
        self.user(name, Role::Reviewer).await
    }

    pub async fn admin(&self, name: &str) -> TestUser {
        self.user(name, Role::Admin).await
    }

    async fn user(&self, name: &str, role: Role) -> TestUser {
        let email = self.add_user(name, role).await;
        self.sign_in(&email).await
    }

    /// Creates a member who has never signed in. Returns the e-mail address.
    pub async fn member_without_session(&self, name: &str) -> String {
        self.add_user(name, Role::Member).await
    }

    async fn add_user(&self, name: &str, role: Role) -> String {
        let email = format!("{}@example.com", name.to_lowercase());
        let form = SignUpForm { email: email.clone(), display_name: name.to_owned() };
        accounts::add_user(self.services(), form, PASSWORD.into(), role).await.expect("a new user");
        email
    }

    /// Starts a new session of the user with this e-mail address.
    pub async fn sign_in(&self, email: &str) -> TestUser {
        let input = json!({ "input": { "email": email, "password": PASSWORD } });
        let session = self.gateway_a().mutate(SIGN_IN, input).await["session"].take();
        TestUser {
            client: self.gateway_a().with_token(session["accessToken"].as_str().expect("a token")),
            id: text(&session["viewer"]["user"]["id"]),
            email: email.to_owned(),
            refresh_token: text(&session["refreshToken"]),
        }
    }

    /// The id of the category with this name.
    pub async fn category(&self, name: &str) -> String {
        let data = self.gateway_a().run("{ categories { id name } }", json!({})).await;
        let categories = data["categories"].as_array().expect("a list");
        let category = categories.iter().find(|it| it["name"] == name).expect("a category with this name");
        text(&category["id"])
    }

    /// A valid input of `postGig`, in the category Music.
    pub async fn gig_form(&self, title: &str) -> Value {
        json!({
            "title": title,
            "description": "Three minutes of music, made for you alone.",
            "category": self.category("Music").await,
            "price": "25.00",
            "deliveryDays": 3,
            "revisions": 1,
        })
    }
}

impl TestUser {
    /// A client of the same user at another gateway.
    pub fn at(&self, other: &Client) -> Client {
        self.client.at(other)
    }

    /// Posts a gig. Returns its id.
    pub async fn post(&self, form: Value) -> String {
        text(&self.client.mutate(POST_GIG, json!({ "input": form })).await["gig"]["id"])
    }

    /// Decides on the current version of a gig. Returns the gig.
    pub async fn decide(&self, gig_id: &str, decision: &str, reasons: Value) -> Value {
        let gig = self.client.run(GIG, json!({ "id": gig_id })).await;
        let input = json!({
            "gigId": gig_id,
            "decision": decision,
            "expectedVersion": gig["gig"]["version"],
            "reasons": reasons,
        });
        self.client.mutate(DECIDE_GIG, json!({ "input": input })).await["gig"].take()
    }

    pub async fn approve(&self, gig_id: &str) {
        self.decide(gig_id, "APPROVE", json!([])).await;
    }

    /// The gig, as visible to this user.
    pub async fn gig(&self, gig_id: &str) -> Value {
        self.client.run(GIG, json!({ "id": gig_id })).await["gig"].take()
    }

    /// The status of a gig, as visible to this user.
    pub async fn status(&self, gig_id: &str) -> String {
        text(&self.gig(gig_id).await["status"])
    }

    /// The newest item of a gig in the review queue.
    pub async fn queue_item(&self, gig_id: &str) -> Value {
        let queue = self.client.run(QUEUE, json!({})).await;
        let items = queue["reviewQueue"]["nodes"].as_array().expect("a list").clone();
        let item = items.into_iter().rev().find(|item| item["subject"]["id"] == gig_id);
        item.expect("an item of the gig")
    }
}
