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
fn that_no_gift_card_paid_is_known_once_the_ways_of_payment_are() {
    for (status, gateways, expected) in [
        ("paid", r#"["shopify_payments"]"#, true),
        ("refunded", r#"["shopify_payments","Cash on Delivery (COD)"]"#, true),
        ("partially_paid", r#"["bank deposit"]"#, true),
        ("paid", r#"["shopify_payments"," Gift_Card "]"#, false),
        ("partially_paid", r#"["gift_card"]"#, false),
        ("paid", "[]", false),
        ("paid", "null", false),
        ("pending", r#"["Cash on Delivery (COD)"]"#, false),
    ] {
        let more = format!(r#""financial_status":"{status}","payment_gateway_names":{gateways}"#);
        assert_eq!(terms(&more).unwrap().no_gift_card, expected, "{more}");
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

/// What a refund with these transactions gave back, and what of it onto gift cards.
fn refund(transactions: &str) -> (i64, i64) {
    let lines = r#"[{"line_item_id":1,"quantity":1,"subtotal":"60.00","total_tax":"0.00"}]"#;
    let refund = format!(
        r#""taxes_included":true,"refunds":[{{"id":7,"created_at":"2026-05-02T00:00:00Z","refund_line_items":{lines},
            "transactions":[{transactions}]}}]"#
    );
    let body = format!(
        r#"{{"id":1,"currency":"PKR","created_at":"2026-05-01T00:00:00Z","total_price":"100.00","financial_status":"paid",{refund}}}"#
    );
    let cod_gateways = CodGateways::default();
    let settings = Settings { cod_gateways: &cod_gateways, default_country_code: "92" };
    let drafts = shopify::read("orders/updated", Timestamp(0), body.as_bytes(), &settings).unwrap();
    let issued = drafts.into_iter().find_map(|d| if let Fact::RefundIssued(f) = d.fact { Some(f) } else { None });
    issued.map(|refund| (refund.amount, refund.gift_card)).unwrap()
}

#[test]
fn what_goes_back_onto_a_gift_card_is_told_by_its_gateway() {
    let back = |gateway: &str, amount: &str, currency: &str| {
        format!(
            r#"{{"kind":"refund","status":"success","gateway":"{gateway}","amount":"{amount}","currency":"{currency}"}}"#
        )
    };
    let failed = back("gift_card", "9.00", "PKR").replace("success", "failure");
    for (transactions, told) in [
        (back("gift_card", "60.00", "PKR"), (6_000, 6_000)),
        (format!("{},{}", back("gift_card", "20.00", "PKR"), back("shopify_payments", "40.00", "PKR")), (6_000, 2_000)),
        (back("shopify_payments", "60.00", "PKR"), (6_000, 0)),
        (format!("{},{failed}", back("shopify_payments", "60.00", "PKR")), (6_000, 0)),
        (r#"{"kind":"refund","amount":"60.00","currency":"PKR"}"#.to_owned(), (6_000, 0)),
        // In the buyer's currency only the goods tell the amount: the share of the gift card is known when it is all of it.
        (back("gift_card", "0.20", "USD"), (6_000, 6_000)),
        (format!("{},{}", back("gift_card", "0.10", "USD"), back("bogus", "0.10", "USD")), (6_000, 0)),
    ] {
        assert_eq!(refund(&transactions), told, "{transactions}");
    }
}
