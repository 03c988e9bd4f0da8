//! The build graph is part of the design: who may depend on whom, and who alone may name a foreign crate.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// For each of our crates, which of ours it may depend on. Absence is the point: `ledger` reaches nobody.
const DIRECTION: &[(&str, &[&str])] = &[
    ("ledger", &[]),
    ("commerce", &["ledger"]),
    ("subject-keys", &[]),
    ("events", &["ledger", "commerce"]),
    ("event-log", &["commerce", "events"]),
    ("store", &["ledger", "commerce", "events", "subject-keys"]),
    ("root-keys", &["subject-keys", "store"]),
    ("connectors", &["ledger", "commerce", "subject-keys"]),
    ("sample-shop", &["ledger", "commerce"]),
    ("testkit", &[]),
    ("audit", &["ledger", "events"]),
    ("backup", &["ledger", "commerce", "events", "event-log", "store"]),
    ("processor", &["ledger", "commerce", "events", "event-log", "store"]),
    (
        "privacy",
        &["ledger", "commerce", "subject-keys", "events", "event-log", "store", "connectors", "audit", "processor"],
    ),
    ("ingest", &["ledger", "commerce", "subject-keys", "events", "event-log", "store", "connectors"]),
    ("api", &["ledger", "commerce", "subject-keys", "events", "store", "privacy"]),
    (
        "daybook",
        &[
            "ledger",
            "commerce",
            "subject-keys",
            "events",
            "event-log",
            "store",
            "root-keys",
            "connectors",
            "sample-shop",
            "processor",
            "privacy",
            "ingest",
            "api",
            "audit",
            "backup",
        ],
    ),
    ("tests", &[]),
];

/// Foreign crates with one owner, or the few that are named beside it.
const OWNERS: &[(&str, &[&str])] = &[
    ("prost", &["events"]),
    ("prost-build", &["events"]),
    ("protox", &["events"]),
    ("rdkafka", &["event-log"]),
    ("sqlx", &["store", "event-log", "testkit"]),
    ("aes-gcm", &["subject-keys"]),
    ("hkdf", &["subject-keys"]),
    ("ed25519-dalek", &["audit"]),
    ("aws-config", &["root-keys"]),
    ("aws-sdk-kms", &["root-keys"]),
    ("aws-smithy-http-client", &["root-keys"]),
    ("vaultrs", &["root-keys"]),
    ("rustify", &["root-keys"]),
    ("age", &["backup", "privacy"]),
    ("clap", &["daybook", "audit"]),
    ("figment", &["daybook"]),
    ("askama", &["api"]),
    ("csv", &["connectors"]),
    ("zip", &["privacy"]),
    ("iso_currency", &["ledger"]),
    ("chrono-tz", &["ledger"]),
];

/// Crates that decide and never do: no runtime, no database, no wire, no log output.
const PURE: &[&str] = &["ledger", "commerce", "subject-keys"];
const IMPURE: &[&str] = &["tokio", "sqlx", "rdkafka", "prost", "tracing", "axum", "rand", "metrics"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

/// Our crates with what they name outside of tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let named = |package: &cargo_metadata::Package| {
        let outside_tests = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
        outside_tests.map(|d| d.name.clone()).collect::<BTreeSet<_>>()
    };
    metadata().packages.iter().map(|package| (package.name.to_string(), named(package))).collect()
}

#[test]
fn our_crates_depend_in_one_direction() {
    let dependencies = dependencies();
    let allowed: BTreeMap<&str, &[&str]> = DIRECTION.iter().copied().collect();
    for (package, named) in &dependencies {
        let may = allowed.get(package.as_str()).unwrap_or_else(|| panic!("{package} has no place in DIRECTION"));
        for ours in named.iter().filter(|name| dependencies.contains_key(*name)) {
            assert!(may.contains(&ours.as_str()), "{package} must not depend on {ours}");
        }
    }
}

#[test]
fn foreign_crates_have_their_owners() {
    let dependencies = dependencies();
    for (foreign, owners) in OWNERS {
        for (package, named) in &dependencies {
            let excused = owners.contains(&package.as_str()) || package == "tests";
            assert!(excused || !named.contains(*foreign), "{package} must not name {foreign}");
        }
    }
}

#[test]
fn pure_crates_name_nothing_that_does() {
    let dependencies = dependencies();
    for package in PURE {
        for impure in IMPURE {
            assert!(!dependencies[*package].contains(*impure), "{package} must not name {impure}");
        }
    }
}

/// Everything below a crate in the build graph, not only what it names itself.
#[test]
fn the_ledger_cannot_reach_personal_data() {
    let metadata =
        MetadataCommand::new().manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).exec().unwrap();
    let resolve = metadata.resolve.as_ref().unwrap();
    let by_id: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let ledger = metadata.packages.iter().find(|p| p.name.as_str() == "ledger" && p.source.is_none()).unwrap();
    let (mut waiting, mut reached) = (vec![&ledger.id], BTreeSet::new());
    while let Some(id) = waiting.pop() {
        if reached.insert(id) {
            let normal = by_id[id].deps.iter().filter(|d| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal));
            waiting.extend(normal.map(|d| &d.pkg));
        }
    }
    let ours: Vec<_> = metadata.packages.iter().filter(|p| p.source.is_none() && reached.contains(&p.id)).collect();
    assert_eq!(
        ours.len(),
        1,
        "the ledger reaches another crate of ours: {:?}",
        ours.iter().map(|p| &p.name).collect::<Vec<_>>()
    );
}
