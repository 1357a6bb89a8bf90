//! The packages of the workspace `web` build, and pass their own tests.

use crate::support::npm::{expect_success, in_web, output};

#[test]
fn the_client_package_builds_and_passes_its_tests() {
    for arguments in [&["run", "build"][..], &["test"]] {
        let mut npm = in_web(arguments);
        expect_success("web/npm", &output(npm.args(["--workspace", "gigway-client"])));
    }
}
