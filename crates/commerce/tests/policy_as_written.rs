//! What a tenant writes of its policy is what is read, and what is written back.

use commerce::{CodGateways, Policy, Rate, Rates};
use ledger::Day;

#[test]
fn gateways_are_kept_folded_and_without_empty_ones() {
    let gateways = CodGateways::new(["  Cash on Delivery ", "", "  ", "COD"]);
    assert_eq!(gateways.names(), ["cash on delivery", "cod"]);
    for (name, is_cash) in [("COD", true), (" cod", true), ("cash on delivery", true), ("", false), ("card", false)] {
        assert_eq!(gateways.contains(name), is_cash, "{name}");
    }
}

#[test]
fn a_policy_is_written_as_it_was_read() {
    let written = serde_json::json!({
        "recognition": "fulfilment",
        "costing": "fifo",
        "prices_include_tax": true,
        "output_tax": [{"from": "2025-07-01", "basis_points": 1700}, {"from": "2026-07-01", "basis_points": 1800}],
        "withholding": {"income_tax": [{"from": "2025-07-01", "basis_points": 10_000}], "sales_tax": []},
    });
    let policy: Policy = serde_json::from_value(written.clone()).unwrap();
    let again = serde_json::to_value(&policy).unwrap();
    for (name, said) in written.as_object().unwrap() {
        assert_eq!(&again[name], said, "{name}");
    }
    assert_eq!(serde_json::from_value::<Policy>(again).unwrap(), policy);
}

#[test]
fn a_rate_is_the_whole_at_the_most() {
    let day = Day(20_000);
    let rates = |basis_points| Rates::try_from(vec![Rate { from: day.date(), basis_points }]);
    assert_eq!(rates(10_000).unwrap().of(275, day), 275);
    assert!(rates(10_001).is_err());
}
