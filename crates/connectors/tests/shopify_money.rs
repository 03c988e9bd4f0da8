//! What an order's body says of duties, rounding and gift cards.
#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use commerce::{CodGateways, Fact, OrderRevised};
use connectors::shopify::{self, Settings};
use ledger::Timestamp;

/// The terms of an order over 100 rupees with more in its body.
fn terms(more: &str) -> Result<OrderRevised, String> {
    let body = format!(
        r#"{{"id":1,"currency":"PKR","created_at":"2026-05-01T00:00:00Z","total_price":"100.00",
            "total_outstanding":"40.00",{more}}}"#
    );
    let cod_gateways = CodGateways::default();
    let settings = Settings { cod_gateways: &cod_gateways, default_country_code: "92" };
    let drafts = shopify::read("orders/updated", Timestamp(0), body.as_bytes(), &settings);
    let drafts = drafts.map_err(|error| error.to_string())?;
    let terms = drafts.into_iter().find_map(|d| if let Fact::OrderRevised(f) = d.fact { Some(f) } else { None });
    Ok(terms.unwrap())
}

fn set(amount: &str) -> String {
    format!(r#"{{"shop_money":{{"amount":"{amount}","currency_code":"PKR"}}}}"#)
}

#[test]
fn duties_are_what_they_are_now() {
    let (now, at_first) = (set("12.00"), set("15.00"));
    for (more, duties) in [
        (format!(r#""current_total_duties_set":{now},"original_total_duties_set":{at_first}"#), 1_200),
        (format!(r#""current_total_duties_set":null,"original_total_duties_set":{at_first}"#), 1_500),
        (r#""current_total_duties_set":null"#.to_owned(), 0),
    ] {
        assert_eq!(terms(&more).unwrap().duties, duties, "{more}");
    }
    let wrong = terms(&format!(r#""current_total_duties_set":{}"#, set("many")));
    assert!(wrong.unwrap_err().starts_with("current_total_duties_set"));
}

#[test]
fn the_till_rounds_up_or_down() {
    for (amount, rounding) in [("0.40", 40), ("-0.30", -30)] {
        let more = format!(r#""total_cash_rounding_payment_adjustment_set":{}"#, set(amount));
        assert_eq!(terms(&more).unwrap().rounding, rounding);
    }
}

#[test]
fn gift_cards_paid_with_are_known_when_nothing_else_paid_yet() {
    for (status, gateways, paid) in [
        ("paid", r#"["gift_card"]"#, 10_000),
        ("partially_paid", r#"["gift_card","Cash on Delivery (COD)"]"#, 6_000),
        ("paid", r#"["gift_card","Cash on Delivery (COD)"]"#, 0),
        ("partially_paid", r#"["gift_card","shopify_payments"]"#, 0),
        ("paid", r#"["shopify_payments"]"#, 0),
        ("pending", r#"["gift_card"]"#, 0),
    ] {
        let more = format!(r#""financial_status":"{status}","payment_gateway_names":{gateways}"#);
        assert_eq!(terms(&more).unwrap().gift_card_paid, paid, "{more}");
    }
}

#[test]
fn gift_cards_sold_are_the_lines_that_are_one() {
    let line = |id: u64, gift_card: bool| {
        format!(r#"{{"id":{id},"quantity":2,"price":"25.00","total_discount":"5.00","gift_card":{gift_card}}}"#)
    };
    let more = format!(r#""line_items":[{},{}]"#, line(1, true), line(2, false));
    assert_eq!(terms(&more).unwrap().gift_cards_sold, 4_500);
}
