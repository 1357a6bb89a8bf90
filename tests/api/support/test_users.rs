//! People of a test, and what they commonly do.

use gigway::domain::account::SignUpForm;
use gigway::domain::user::Role;
use gigway::service::accounts;
use serde_json::{Value, json};

use super::client::{Client, text};
use super::documents::{DECIDE_GIG, GIG, POST_GIG, QUEUE, SIGN_IN};
use super::test_app::TestApp;

pub const PASSWORD: &str = "a good password";

/// Somebody who has signed in at the first gateway.
pub struct TestUser {
    pub client: Client,
    pub id: String,
    pub email: String,
    pub refresh_token: String,
}

impl TestApp {
    pub async fn member(&self, name: &str) -> TestUser {
        self.person(name, Role::Member).await
    }

    pub async fn reviewer(&self, name: &str) -> TestUser {
        self.person(name, Role::Reviewer).await
    }

    pub async fn admin(&self, name: &str) -> TestUser {
        self.person(name, Role::Admin).await
    }

    async fn person(&self, name: &str, role: Role) -> TestUser {
        let email = format!("{}@example.com", name.to_lowercase());
        let form = SignUpForm { email: email.clone(), display_name: name.to_owned() };
        accounts::add_user(self.services(), form, PASSWORD.into(), role).await.expect("a new person");
        self.sign_in(&email).await
    }

    /// A new session of the person with that e-mail.
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

    /// The id of the category of that name.
    pub async fn category(&self, name: &str) -> String {
        let data = self.gateway_a().run("{ categories { id name } }", json!({})).await;
        let all = data["categories"].as_array().expect("a list");
        let found = all.iter().find(|category| category["name"] == name).expect("such a category");
        text(&found["id"])
    }

    /// A good form in the category Music.
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
    /// The same person at another gateway.
    pub fn at(&self, other: &Client) -> Client {
        self.client.at(other)
    }

    /// Sends a gig for approval; its id.
    pub async fn post(&self, form: Value) -> String {
        text(&self.client.mutate(POST_GIG, json!({ "input": form })).await["gig"]["id"])
    }

    /// Decides a gig as it stands now.
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

    /// The gig, as this person sees it.
    pub async fn gig(&self, gig_id: &str) -> Value {
        self.client.run(GIG, json!({ "id": gig_id })).await["gig"].take()
    }

    /// The status of a gig, as this person sees it.
    pub async fn status(&self, gig_id: &str) -> String {
        text(&self.gig(gig_id).await["status"])
    }

    /// The queue's item about a gig.
    pub async fn queue_item(&self, gig_id: &str) -> Value {
        let queue = self.client.run(QUEUE, json!({})).await;
        let items = queue["reviewQueue"]["nodes"].as_array().expect("a list").clone();
        // The newest round, where there were several.
        let found = items.into_iter().rev().find(|item| item["subject"]["id"] == gig_id);
        found.expect("an item about the gig")
    }
}
