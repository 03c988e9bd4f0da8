//! Golden vectors: what was written once is written the same today, and reads as the same event.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use events::{Event, Record};

use crate::examples::examples;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/events/v1");

fn path(name: &str, kind: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.{kind}"))
}

fn headers_text(record: &Record) -> String {
    record.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// What a file says. With DAYBOOK_WRITE_VECTORS set, a missing file is written first; an existing one never is.
fn frozen(path: &Path, today: &str) -> String {
    if std::env::var_os("DAYBOOK_WRITE_VECTORS").is_some() && !path.exists() {
        fs::write(path, today).unwrap();
    }
    fs::read_to_string(path)
        .unwrap_or_else(|_| panic!("{} is missing: DAYBOOK_WRITE_VECTORS=1 adds it", path.display()))
}

#[test]
fn every_example_is_its_golden_bytes_and_back() {
    for (name, event) in examples() {
        let today = event.encode();
        let body = frozen(&path(name, "hex"), &format!("{}\n", hex::encode(&today.body)));
        let headers = frozen(&path(name, "headers.txt"), &headers_text(&today));
        assert_eq!(hex::encode(&today.body), body.trim_end(), "{name}: the body is not written as it was");
        assert_eq!(headers_text(&today), headers, "{name}: the headers are not written as they were");

        let headers = headers.lines().map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = hex::decode(body.trim_end()).unwrap();
        let record = Record { topic: event.topic(), tenant: event.tenant.clone(), headers, body };
        assert_eq!(Event::decode(&record).as_ref(), Ok(&event), "{name}: the golden record reads otherwise");
    }
}

#[test]
fn every_vector_has_its_example() {
    let names: BTreeSet<_> = examples().into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names.len(), 38, "two examples have one name, or a type has none");
    for file in fs::read_dir(FOLDER).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.split('.').next().unwrap();
        assert!(name == "README" || names.contains(name), "{file} is of no example: vectors are never removed");
    }
}
