//! The source files of src/ and their imports.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::imports::{Imports, Reference, imports};

pub struct File {
    /// Relative to the repository: `src/store/gigs.rs`.
    pub path: String,
    /// `crate::store::gigs`, or `main` for src/main.rs, which is a separate crate.
    pub module: String,
    pub references: Vec<Reference>,
}

pub struct Tree {
    pub files: Vec<File>,
    by_module: HashMap<String, usize>,
}

impl Tree {
    pub fn read(root: &Path) -> Self {
        let sources: Vec<(String, String)> = files_below(root, "src", ".rs")
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(root.join(&path)).expect("source is text");
                (path, text)
            })
            .collect();
        Self::of(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    pub fn of<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tests = Vec::new();
        let mut files: Vec<File> = sources
            .into_iter()
            .map(|(path, text)| {
                let module = module_of(path);
                let Imports { references, test_children } = imports(&module, text);
                tests.extend(test_children.iter().map(|child| format!("{module}::{child}")));
                File { path: path.to_owned(), module, references }
            })
            .collect();
        for file in &mut files {
            if tests.iter().any(|test| is_within(&file.module, test)) {
                file.references.iter_mut().for_each(|reference| reference.in_tests = true);
            }
        }
        let by_module = files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
        Self { files, by_module }
    }

    /// The file of the longest module path that is a prefix of this path. `None` if the path is in another
    /// crate.
    pub fn resolve(&self, path: &str) -> Option<usize> {
        // In main.rs, `gigway` is the crate that is `crate` elsewhere.
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let path = if first == "gigway" { format!("crate::{rest}") } else { path.to_owned() };
        let mut module = path.as_str();
        loop {
            if let Some(file) = self.by_module.get(module) {
                return Some(*file);
            }
            module = module.rsplit_once("::")?.0;
        }
    }
}

/// `crate::store::gigs` for src/store/gigs.rs, and for src/store/gigs/mod.rs.
fn module_of(path: &str) -> String {
    if path == "src/main.rs" {
        return "main".to_owned();
    }
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = path.strip_suffix("/mod").unwrap_or(path);
    if inner == "lib" { "crate".to_owned() } else { format!("crate::{}", inner.replace('/', "::")) }
}

/// Whether the path is this module or an item or module below it.
pub fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The files below the directory whose names have this ending, sorted, as paths relative to the root.
pub fn files_below(root: &Path, dir: &str, ending: &str) -> Vec<String> {
    let mut dirs: Vec<PathBuf> = vec![root.join(dir)];
    let mut files = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let path = entry.expect("a readable directory").path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() {
                // Dependencies and build results.
                if !["node_modules", "target", ".build", "__generated__"]
                    .iter()
                    .any(|results| name == *results)
                {
                    dirs.push(path);
                }
            } else {
                let path = path.strip_prefix(root).expect("a path below the root");
                files.push(path.to_str().expect("file names are text").to_owned());
            }
        }
    }
    files.retain(|path| path.ends_with(ending));
    files.sort();
    files
}
