//! The archive of a person's data.

use std::io::{Cursor, Read};

use serde_json::{Value, json};

use super::client::{Client, text};

/// The files of an archive.
pub struct Archive(Vec<(String, Vec<u8>)>);

impl Archive {
    /// Creates the archive of the client's user. Returns the path of its URL.
    pub async fn create(client: &Client) -> String {
        let create = "mutation { createDataExport { dataExport { url expiresAt expiresIn }
            errors { code field message } } }";
        let url = text(&client.mutate(create, json!({})).await["dataExport"]["url"]);
        format!("/data-exports/{}", url.split_once("/data-exports/").expect("a URL").1)
    }

    /// Reads the archive at this path, without a session.
    pub async fn fetch(gateway: &Client, path: &str) -> Self {
        let (status, response) = gateway.fetch(path).await;
        assert_eq!(status.as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "application/x-tar");
        assert_eq!(response.headers()["cache-control"], "private, no-store");
        let mut archive = tar::Archive::new(Cursor::new(response.bytes().await.expect("a body").to_vec()));
        let files = archive.entries().expect("an archive").map(|entry| {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its content");
            (name, content)
        });
        Self(files.collect())
    }

    /// Creates and reads the archive of the client's user.
    pub async fn of(client: &Client) -> Self {
        Self::fetch(client, &Self::create(client).await).await
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub fn file(&self, name: &str) -> &[u8] {
        let file = self.0.iter().find(|(own, _)| own == name);
        &file.unwrap_or_else(|| panic!("{name} is not one of {:?}", self.names())).1
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(self.file(name)).expect("JSON")
    }

    /// All JSON in the archive, by name, and of the other files the names.
    pub fn to_json(&self) -> Value {
        let content = |name: &str| {
            if name.rsplit_once('.').is_some_and(|(_, kind)| kind == "json") {
                self.json(name)
            } else {
                json!("a picture")
            }
        };
        self.names().into_iter().map(|name| (name.to_owned(), content(name))).collect()
    }
}
