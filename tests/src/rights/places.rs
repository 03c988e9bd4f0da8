//! Boxes are opened in the places that the module `restriction` of the key store names, and nowhere else.

use std::path::{Path, PathBuf};

/// Every source file of the libraries and services.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn nothing_opens_boxes_anywhere_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut all = Vec::new();
    for folder in ["crates", "services"] {
        sources(&root.join(folder), &mut all);
    }
    let opens = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.contains(".open_many(") || text.contains(".open_box(")
    };
    let mut places: Vec<String> = all
        .iter()
        .filter(|path| opens(path))
        .map(|path| path.strip_prefix(root).unwrap().display().to_string())
        .collect();
    places.sort();
    let expected = [
        "crates/store/src/keys/boxes.rs",
        "crates/store/src/keys/requests/words.rs",
        "services/daybook/src/quarantine/show.rs",
        "services/daybook/src/show/person.rs",
        "services/ingest/src/redrive.rs",
        "services/privacy/src/inputs.rs",
        "services/privacy/src/person.rs",
    ];
    assert_eq!(places, expected, "a new place must show what is restricted as such, and be named in `restriction.rs`");
}
