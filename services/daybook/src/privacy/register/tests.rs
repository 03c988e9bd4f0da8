use store::keys::{Limit, RetentionClass, RetentionDays};

use super::render::{csv, markdown};
use super::running::{Merchant, Running};
use super::*;

fn merchant(tenant: &str, senders: &[&'static str]) -> Merchant {
    let own = |class: RetentionClass| match class {
        RetentionClass::Accesses => Limit { class, days: RetentionDays::new(365).unwrap(), own: true },
        RetentionClass::Customers | RetentionClass::Quarantine | RetentionClass::Closed | RetentionClass::Financial => {
            Limit { class, days: class.usual(), own: false }
        }
    };
    Merchant {
        tenant: tenant.to_owned(),
        since: "2026-11-01T00:00:00Z".to_owned(),
        closed: None,
        senders: senders.to_vec(),
        limits: RetentionClass::ALL.map(own).to_vec(),
        may_reveal: 1,
    }
}

fn embedded() -> Running {
    Running {
        listen: "127.0.0.1:8377".parse().unwrap(),
        servers: false,
        keys_apart: true,
        key_service: None,
        root_key: "/srv/daybook/root.key".to_owned(),
        keyring: "/srv/daybook/epochs".to_owned(),
        epoch_hours: 24,
        backup_days: 30,
        location: None,
    }
}

fn kohsar() -> Vec<Section> {
    record(&[merchant("kohsar", &[crate::tenant::SHOPIFY, crate::tenant::POSTEX])], &embedded())
}

#[test]
fn the_record_of_a_small_shop_reads_like_this() {
    let text = markdown(&kohsar());
    let expected = include_str!("snapshot.md");
    assert!(text == expected, "the record has changed; if that is meant, snapshot.md becomes:\n{text}");
    assert_eq!(text, markdown(&kohsar()), "and always the same");
}

#[test]
fn what_is_not_protected_or_not_stated_is_said() {
    let exposed = Running {
        listen: "0.0.0.0:8377".parse().unwrap(),
        servers: true,
        keys_apart: false,
        location: Some("Pakistan".to_owned()),
        ..embedded()
    };
    let (here, there) = (markdown(&kohsar()), markdown(&record(&[], &exposed)));
    for (text, says) in [
        (&here, "not stated (setting `servers_in`)"),
        (&here, "| kohsar | accesses | 365 days from each look on | the merchant |"),
        (&there, "WITHOUT TLS"),
        (&there, "its backups go with the books'"),
        (&there, "| this platform and its stores | Pakistan |"),
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn a_spreadsheet_has_every_cell_and_no_formula() {
    let sections = kohsar();
    let cells: usize = sections.iter().map(|section| section.columns.len() * section.rows.len()).sum();
    let text = csv(&sections);
    assert_eq!(text.lines().count(), cells + 1);
    assert!(text.contains("\nPurposes,6,legal basis,consent\n"), "{text}");
}
