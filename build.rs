//! Makes cargo compile the program again when the console was built again, since the program includes its files.

use std::path::Path;

fn main() {
    // cargo runs this at every build if a path does not exist. Before the console is built for the first time, its
    // directory is watched instead, in which the build creates the other one.
    let existing =
        ["web/console/dist", "web/console", "Cargo.toml"].into_iter().find(|path| Path::new(path).exists());
    println!("cargo::rerun-if-changed={}", existing.unwrap_or("build.rs"));
    println!("cargo::rerun-if-changed=build.rs");
}
