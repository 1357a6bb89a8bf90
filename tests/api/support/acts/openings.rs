//! When the form and the pictures of an applicant open, and what the trail gets for it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::PersonNumber;
use super::model::{Model, document_number};

const URL_MINUTES: i64 = 5;

/// The URL of a picture.
#[derive(Debug, Clone)]
pub struct PictureUrl {
    /// Whom it was made for, and in which of their sessions.
    session: (PersonNumber, u32),
    /// In seconds since 1970.
    expires: i64,
    owner: PersonNumber,
    document: u64,
}

impl PictureUrl {
    pub fn issued_to(&self) -> PersonNumber {
        self.session.0
    }
}

impl Model {
    pub(super) fn open_form(&mut self, actor: PersonNumber, owner: PersonNumber) -> Value {
        if actor != owner && !self.can_review(actor) {
            return json!({ "node": null });
        }
        let is_opened = self.may_open(actor, owner);
        if is_opened {
            self.entries.push((Some(actor), owner, "VIEW_PERSONAL_INFO"));
        }
        let number = self.people[owner].document_number.filter(|_| is_opened || actor == owner);
        let form = number.map(|number| json!({ "documentNumber": document_number(number) }));
        json!({ "node": { "personalInfo": form } })
    }

    pub(super) fn open_pictures(&mut self, actor: PersonNumber, owner: PersonNumber) -> Value {
        if actor != owner && !self.can_review(actor) {
            return json!({ "documents": null });
        }
        let is_open = self.may_open(actor, owner);
        let mut documents = self.people[owner].documents.clone();
        documents.sort_by_key(|document| document.side);
        let mut shown = Vec::new();
        for document in documents {
            let mut status = Value::Null;
            if is_open {
                let session = (actor, self.people[actor].session);
                let expires = (self.now + TimeDelta::minutes(URL_MINUTES)).timestamp();
                self.urls.push(PictureUrl { session, expires, owner, document: document.key });
                status = json!(self.fetch(actor, self.urls.len() - 1));
            }
            shown.push(json!({ "side": document.side.name(), "status": status }));
        }
        json!({ "documents": shown })
    }

    /// The status of the response to a request for the picture.
    pub(super) fn fetch(&mut self, actor: PersonNumber, url: usize) -> u16 {
        if !self.is_picture_open(actor, url) {
            return 404;
        }
        let PictureUrl { owner, document, .. } = self.urls[url];
        self.entries.push((Some(actor), owner, "VIEW_DOCUMENT"));
        if let Some(item) = self.people[owner].item.as_mut().filter(|item| !item.is_decided) {
            item.deliveries.insert((document, actor));
        }
        200
    }

    fn is_picture_open(&self, actor: PersonNumber, url: usize) -> bool {
        let PictureUrl { session, expires, owner, document } = self.urls[url];
        session == (actor, self.people[actor].session)
            && self.now.timestamp() < expires
            && self.people[owner].documents.iter().any(|it| it.key == document)
            && self.may_open(actor, owner)
    }

    /// What would be opened is not, because the trail does not get its entry.
    pub(super) fn open_without_trail(
        &mut self,
        actor: PersonNumber,
        owner: PersonNumber,
        url: usize,
    ) -> Value {
        let form = if actor == owner { "shown" } else { "hidden" };
        let form = if self.may_open(actor, owner) { "failed" } else { form };
        let picture = if self.is_picture_open(actor, url) { "failed" } else { "hidden" };
        json!({ "form": form, "picture": picture })
    }
}
