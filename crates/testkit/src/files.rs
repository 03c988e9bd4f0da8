//! Folders a test works in or reads from.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::servers::repository;

/// An empty folder, deleted with the value.
///
/// # Panics
/// When the machine has no room for one.
pub fn scratch() -> TempDir {
    let made = tempfile::Builder::new().prefix("daybook-test-").tempdir();
    made.unwrap_or_else(|error| panic!("no folder for the test: {error}"))
}

/// The folder of real data that some tests read when it is there: `DAYBOOK_REAL_DATA`, or `shared/data` beside the repository.
/// `None`, with a line to standard error, where there is none; the caller then skips.
pub fn real_data() -> Option<PathBuf> {
    let named = std::env::var_os("DAYBOOK_REAL_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| repository().join("../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "a person must see that a test looked at nothing")]
    {
        eprintln!("skipped: no real data here (set DAYBOOK_REAL_DATA)");
    }
    None
}
