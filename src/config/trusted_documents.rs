//! The documents that clients may send, by their ids: a manifest that a client's build tools write.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::ConfigError;

/// What is done about documents that are in no manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// They are run.
    #[default]
    Off,
    /// They are run, and logged.
    Audit,
    /// They are refused.
    Enforce,
}

/// A manifest, and what it is for.
#[derive(Debug, Clone, Default)]
pub struct TrustedDocuments {
    pub trust: Trust,
    by_id: Arc<HashMap<String, Arc<str>>>,
    hashes: Arc<HashSet<[u8; 32]>>,
}

/// A manifest as it is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    /// As Apollo's tools write it.
    Operations { operations: Vec<Operation> },
    /// As those of Relay and GraphQL Code Generator do.
    ById(HashMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

impl TrustedDocuments {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it is no manifest; where the mode is none, or has no file.
    pub(super) fn read(file: Option<&str>, mode: Option<&str>) -> Result<Self, ConfigError> {
        let variable = "GIGWAY_TRUSTED_DOCUMENTS_MODE";
        let trust = match (mode, file) {
            (Some("off"), _) | (None, None) => Trust::Off,
            (Some("audit"), Some(_)) => Trust::Audit,
            (Some("enforce") | None, Some(_)) => Trust::Enforce,
            (Some("audit" | "enforce"), None) => {
                let violation = "is set without GIGWAY_TRUSTED_DOCUMENTS";
                return Err(ConfigError::new(variable, violation, "off"));
            }
            (Some(other), _) => {
                let violation = format!("is {other:?}, which is neither off, audit nor enforce");
                return Err(ConfigError::new(variable, violation, "enforce"));
            }
        };
        let documents = file.map(documents).transpose()?.unwrap_or_default();
        let hashes = documents.values().map(|document| hash_of(document)).collect();
        let by_id = documents.into_iter().map(|(id, document)| (bare(&id).to_owned(), document.into()));
        Ok(Self { trust, by_id: Arc::new(by_id.collect()), hashes: Arc::new(hashes) })
    }

    /// The document of that id.
    pub fn get(&self, id: &str) -> Option<Arc<str>> {
        self.by_id.get(bare(id)).cloned()
    }

    /// Whether the manifest has this document.
    pub fn has(&self, document: &str) -> bool {
        self.hashes.contains(&hash_of(document))
    }
}

/// The SHA-256 of a document.
pub fn hash_of(document: &str) -> [u8; 32] {
    Sha256::digest(document.as_bytes()).into()
}

/// An id without the name of the hash that it may be.
fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

fn documents(file: &str) -> Result<HashMap<String, String>, ConfigError> {
    let violation = |violation: String| {
        ConfigError::new("GIGWAY_TRUSTED_DOCUMENTS", violation, "persisted-documents.json")
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| violation(format!("names the file {file:?}, which cannot be read: {error}")))?;
    let manifest = serde_json::from_str(&text).map_err(|_| {
        let expected = "neither a manifest with `operations` nor an object of ids and documents";
        violation(format!("names the file {file:?}, which is {expected}"))
    })?;
    Ok(match manifest {
        Manifest::ById(documents) => documents,
        Manifest::Operations { operations } => {
            operations.into_iter().map(|operation| (operation.id, operation.body)).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_manifests_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("manifest.json");
        let read = |text: &str, mode: Option<&str>| {
            std::fs::write(&file, text).unwrap();
            TrustedDocuments::read(file.to_str(), mode)
        };
        let apollo = r#"{"format":"apollo-persisted-query-manifest","version":1,"operations":[
            {"id":"a","name":"A","type":"query","body":"query A { a }"}]}"#;
        for text in [apollo, r#"{"sha256:a":"query A { a }"}"#] {
            let documents = read(text, None).unwrap();
            assert_eq!(documents.trust, Trust::Enforce);
            assert_eq!(documents.get("a").as_deref(), Some("query A { a }"));
            assert_eq!(documents.get("sha256:a").as_deref(), Some("query A { a }"));
            assert!(documents.has("query A { a }") && !documents.has("query A {a}"));
        }
        assert_eq!(read("{}", Some("audit")).unwrap().trust, Trust::Audit);
        assert!(read("[]", None).is_err());
        assert!(read("{}", Some("always")).is_err());
        assert!(TrustedDocuments::read(None, Some("enforce")).is_err());
        assert!(TrustedDocuments::read(Some("nowhere.json"), None).is_err());
        assert_eq!(TrustedDocuments::read(None, None).unwrap().trust, Trust::Off);
    }
}
