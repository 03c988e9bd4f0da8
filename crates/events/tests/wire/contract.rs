//! Every field and enum value of `proto/` against the frozen list beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/CONTRACT.txt");

/// Every `.proto` file below `proto/`, so that a file the build does not know yet is frozen too.
fn proto_files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(proto_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix(PROTO).unwrap().to_str().unwrap().to_owned());
        }
    }
    files.sort();
    files
}

/// `message number name label type` for each field, `enum number name value` for each enum value.
fn declared() -> Vec<String> {
    let mut lines = Vec::new();
    for file in protox::compile(proto_files(Path::new(PROTO)), [PROTO]).unwrap().file {
        let package = file.package();
        for message in &file.message_type {
            // A listing that skipped a nested type would not guard it.
            assert!(message.nested_type.is_empty() && message.enum_type.is_empty(), "declare types at the top level");
            for field in &message.field {
                let label = match (field.label().as_str_name(), field.proto3_optional()) {
                    ("LABEL_REPEATED", _) => "repeated",
                    (_, true) => "optional",
                    _ => "singular",
                };
                let scalar = field.r#type().as_str_name().trim_start_matches("TYPE_").to_ascii_lowercase();
                let of = field.type_name.as_deref().map_or(scalar, |name| name.trim_start_matches('.').to_owned());
                lines.push(format!("{package}.{} {} {} {label} {of}", message.name(), field.number(), field.name()));
            }
        }
        for kind in &file.enum_type {
            let values = kind.value.iter();
            lines.extend(values.map(|v| format!("{package}.{} {} {} value", kind.name(), v.number(), v.name())));
        }
    }
    lines
}

#[test]
fn the_contract_only_grows() {
    let text = fs::read_to_string(FROZEN).unwrap_or_default();
    let frozen: BTreeSet<&str> = text.lines().collect();
    let declared = declared();
    let now: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
    let broken: Vec<_> = frozen.difference(&now).collect();
    assert!(broken.is_empty(), "the contract is append-only, but these no longer hold: {broken:#?}");

    let new: Vec<_> = declared.iter().filter(|line| !frozen.contains(line.as_str())).collect();
    if std::env::var_os("DAYBOOK_WRITE_CONTRACT").is_some() {
        let mut grown = text.clone();
        new.iter().for_each(|line| writeln!(grown, "{line}").unwrap());
        fs::write(FROZEN, grown).unwrap();
    } else {
        assert!(new.is_empty(), "freeze these by running again with DAYBOOK_WRITE_CONTRACT=1: {new:#?}");
    }
}
