//! Trusted documents: the GraphQL documents that clients may send, by id.
//!
//! The build tools of a client write them to a manifest, the file that `GIGWAY_TRUSTED_DOCUMENTS` names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::ConfigError;

/// What happens to documents that are not in the manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrustMode {
    /// They run.
    #[default]
    Off,
    /// They run, and are logged.
    Audit,
    /// They are rejected.
    Enforce,
}

/// The content of the manifest, and the mode.
#[derive(Debug, Clone, Default)]
pub struct TrustedDocuments {
    pub mode: TrustMode,
    by_id: Arc<HashMap<String, Arc<str>>>,
    hashes: Arc<HashSet<[u8; 32]>>,
}

/// The formats of a manifest.
#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    /// Apollo's persisted query manifest.
    Operations { operations: Vec<Operation> },
    /// An object of ids and documents, as Relay and GraphQL Code Generator write it.
    ById(HashMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

impl TrustedDocuments {
    /// Loads the manifest.
    ///
    /// # Errors
    /// The file cannot be read or is not a manifest; the mode is unknown, or needs a file and has none.
    pub(super) fn load(file: Option<&str>, mode: Option<&str>) -> Result<Self, ConfigError> {
        let variable = "GIGWAY_TRUSTED_DOCUMENTS_MODE";
        let mode = match (mode, file) {
            (Some("off"), _) | (None, None) => TrustMode::Off,
            (Some("audit"), Some(_)) => TrustMode::Audit,
            (Some("enforce") | None, Some(_)) => TrustMode::Enforce,
            (Some("audit" | "enforce"), None) => {
                let problem = "needs GIGWAY_TRUSTED_DOCUMENTS: expected both or off";
                return Err(ConfigError::new(variable, problem, "off"));
            }
            (Some(other), _) => {
                let problem = format!("is {other:?}: expected off, audit or enforce");
                return Err(ConfigError::new(variable, problem, "enforce"));
            }
        };
        let documents = file.map(read_manifest).transpose()?.unwrap_or_default();
        let hashes = documents.values().map(|document| document_hash(document)).collect();
        let by_id =
            documents.into_iter().map(|(id, document)| (without_prefix(&id).to_owned(), document.into()));
        Ok(Self { mode, by_id: Arc::new(by_id.collect()), hashes: Arc::new(hashes) })
    }

    /// The document with this id, which may have the prefix `sha256:`.
    pub fn get(&self, id: &str) -> Option<Arc<str>> {
        self.by_id.get(without_prefix(id)).cloned()
    }

    /// Whether the manifest contains this document, byte for byte.
    pub fn contains(&self, document: &str) -> bool {
        self.hashes.contains(&document_hash(document))
    }
}

/// The SHA-256 of a document.
pub fn document_hash(document: &str) -> [u8; 32] {
    Sha256::digest(document.as_bytes()).into()
}

/// The id without the prefix `sha256:`.
fn without_prefix(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// The documents in the file, by id.
fn read_manifest(file: &str) -> Result<HashMap<String, String>, ConfigError> {
    let error =
        |problem: String| ConfigError::new("GIGWAY_TRUSTED_DOCUMENTS", problem, "persisted-documents.json");
    let text = std::fs::read_to_string(file)
        .map_err(|cause| error(format!("is a file that cannot be read: {file:?}: {cause}")))?;
    let manifest = serde_json::from_str(&text).map_err(|_| {
        let expected = "a manifest with `operations`, or an object of ids and documents";
        error(format!("is not a manifest: {file:?}: expected {expected}"))
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
    fn both_manifest_formats_are_supported() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("manifest.json");
        let load = |text: &str, mode: Option<&str>| {
            std::fs::write(&file, text).unwrap();
            TrustedDocuments::load(file.to_str(), mode)
        };
        let apollo = r#"{"format":"apollo-persisted-query-manifest","version":1,"operations":[
            {"id":"a","name":"A","type":"query","body":"query A { a }"}]}"#;
        for text in [apollo, r#"{"sha256:a":"query A { a }"}"#] {
            let documents = load(text, None).unwrap();
            assert_eq!(documents.mode, TrustMode::Enforce);
            assert_eq!(documents.get("a").as_deref(), Some("query A { a }"));
            assert_eq!(documents.get("sha256:a").as_deref(), Some("query A { a }"));
            assert!(documents.contains("query A { a }") && !documents.contains("query A {a}"));
        }
        assert_eq!(load("{}", Some("audit")).unwrap().mode, TrustMode::Audit);
        assert!(load("[]", None).is_err());
        assert!(load("{}", Some("always")).is_err());
        assert!(TrustedDocuments::load(None, Some("enforce")).is_err());
        assert!(TrustedDocuments::load(Some("nowhere.json"), None).is_err());
        assert_eq!(TrustedDocuments::load(None, None).unwrap().mode, TrustMode::Off);
    }
}
