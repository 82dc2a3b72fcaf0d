//! Texts for people, kept as files, so that all of them can be read in one place.
//!
//! Called by tests of this crate, and of the aggregator, which includes this file by its path.
//! After a change of a text, run the test with `GLOVEBOX_REGENERATE=1` to write the file again.

use std::fs;
use std::path::Path;

/// Asserts that `testdata/{name}` of the crate holds `text`, or writes it there if the environment
/// says so.
pub(crate) fn check(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name);
    if std::env::var_os("GLOVEBOX_REGENERATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap();
    for (i, (committed, made)) in committed.lines().zip(text.lines()).enumerate() {
        assert_eq!(committed, made, "{name}, line {}", i + 1);
    }
    assert_eq!(committed, text, "{name}");
}
