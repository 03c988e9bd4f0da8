//! The posting rules as an accountant reads them: what happened, the journal, and where the couriers' cash stands. Each
//! case is one test: the facts, then the whole journal they imply. Amounts are rupees; `pending` entries are promises.
//!
//! | case | where |
//! | --- | --- |
//! | cash on delivery: delivered, returned, settled in parts, short, refunded; prepaid; tests | here |
//! | promised, kept, voided; cancelled after dispatch; lost; exchanged | `riders_cash` |
//! | several parcels, COD split, replacements, advances, limits of amounts | `several_parcels` |
//! | discount, shipping, tip, duties, rounding, gift cards; edits; partial refunds | `what_is_sold` |
//! | shortfall, lost cash, claims, chargebacks | `money_that_does_not_come` |
//! | partly paid, then paid; a dearer order; refunds onto gift cards, old and new | `paid_in_parts` |
//! | what goods cost: at delivery and at fulfilment; returned, lost, cancelled after dispatch, refunded | `goods_at_cost` |
//! | another chart, tax withheld, tax within prices, revenue at fulfilment | `tenants_policy` |

mod books;
mod goods_at_cost;
mod money_that_does_not_come;
mod paid_in_parts;
mod riders_cash;
mod several_parcels;
mod story;
mod tenants_policy;
mod what_is_sold;

use commerce::ParcelState::Lost;
use commerce::SettlementPart::{Reserve, Upfront};
use story::*;

/// A cash-on-delivery order over 2,750, 250 of it shipping, in parcel `postex/111`.
pub(crate) fn cod_order() -> Vec<commerce::Fact> {
    vec![
        placed(1, "1001"),
        order(1, "2,750").shipping("250").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "2,750"),
    ]
}

/// An order over 2,750, 250 of it shipping, paid by card when it was placed.
pub(crate) fn prepaid_order() -> Vec<commerce::Fact> {
    vec![placed(1, "1001"), order(1, "2,750").shipping("250").paid().since("03-01")]
}

/// What happened, and then more.
pub(crate) fn then(
    mut facts: Vec<commerce::Fact>,
    more: impl IntoIterator<Item = commerce::Fact>,
) -> Vec<commerce::Fact> {
    facts.extend(more);
    facts
}

#[test]
fn nothing_is_sold_before_delivery() {
    expect(&cod_order(), "", "postex/111 expected, on the way 2,750.00");
    let lost = then(cod_order(), [scanned("postex/111", Lost, "03-05")]);
    expect(&lost, "", "postex/111 returned");
}

#[test]
fn delivered_cash_on_delivery() {
    expect(
        &then(cod_order(), [delivered("postex/111", "03-05")]),
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:sales                  2,500.00
            Cr income:shipping                 250.00",
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn delivered_cash_on_delivery_with_tax_and_tip() {
    let terms = order(1, "2,950").shipping("250").tax("400").tip("50").cash_on_delivery().since("03-01 13:00");
    expect(
        &then(cod_order(), [terms, booked("postex/111", "2,950"), delivered("postex/111", "03-05")]),
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,950.00
            Cr income:sales                  2,250.00
            Cr income:shipping                 250.00
            Cr income:tips                      50.00
            Cr liabilities:output-tax          400.00",
        "postex/111 collected, expected 2,950.00, outstanding 2,950.00",
    );
}

#[test]
fn the_day_ends_at_midnight_in_karachi() {
    let lines = "Dr assets:cod-receivable:postex 2,750.00 Cr income:sales 2,500.00 Cr income:shipping 250.00";
    for (at, day) in [("03-31 23:59", "2026-03-31"), ("04-01 00:00", "2026-04-01")] {
        expect(
            &then(cod_order(), [delivered("postex/111", at)]),
            &format!("{day} parcel/postex/111/delivered {lines}"),
            "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
        );
    }
}

#[test]
fn prepaid_captured_then_delivered() {
    let facts = [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "0"), delivered("postex/111", "03-05")];
    expect(
        &then(prepaid_order(), facts),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,500.00
            Cr income:shipping                  250.00",
        "postex/111 none",
    );
}

#[test]
fn prepaid_parcels_owe_their_fees_to_the_courier() {
    let facts = [
        order(1, "500").since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "0"),
        charged("postex/111", Charges::USUAL),
        delivered("postex/111", "03-05"),
    ];
    expect(
        &facts,
        "2026-03-05 order/1/sold
            Dr assets:trade-receivable  500.00
            Cr income:sales             500.00
         2026-03-05 parcel/postex/111/fees
            Dr assets:input-tax                     24.00
            Dr expenses:courier-fees               150.00
            Cr liabilities:courier-payable:postex  174.00",
        "postex/111 none",
    );
}

#[test]
fn prepaid_captured_and_never_sent() {
    expect(
        &then(prepaid_order(), [cancelled(1, "03-03")]),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00",
        "",
    );
}

#[test]
fn paid_after_delivery() {
    let facts = [
        order(1, "2,750").since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        delivered("postex/111", "03-05"),
        order(1, "2,750").paid().since("03-09"),
    ];
    expect(
        &facts,
        "2026-03-09 order/1/captured
            Dr assets:gateway-receivable  2,750.00
            Cr assets:trade-receivable    2,750.00
         2026-03-05 order/1/sold
            Dr assets:trade-receivable    2,750.00
            Cr income:sales               2,750.00",
        "postex/111 none",
    );
}

#[test]
fn handed_over_without_a_parcel() {
    let facts = [
        order(1, "2,750").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &[]),
        order(1, "2,750").cash_on_delivery().paid().since("03-03"),
    ];
    expect(
        &facts,
        "2026-03-03 order/1/captured
            Dr assets:cash              2,750.00
            Cr assets:trade-receivable  2,750.00
         2026-03-02 order/1/sold
            Dr assets:trade-receivable  2,750.00
            Cr income:sales             2,750.00",
        "",
    );
}

#[test]
fn returned_cash_on_delivery_costs_both_fees() {
    expect(
        &then(cod_order(), [returned("postex/111", "03-12"), charged("postex/111", Charges::USUAL)]),
        "2026-03-12 parcel/postex/111/fees
            Dr assets:input-tax                     36.00
            Dr expenses:courier-fees               150.00
            Dr expenses:courier-return-fees         75.00
            Cr liabilities:courier-payable:postex  261.00",
        "postex/111 returned",
    );
}

#[test]
fn delivered_then_returned() {
    expect(
        &then(cod_order(), [delivered("postex/111", "03-05"), returned("postex/111", "03-12")]),
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:sales                  2,500.00
            Cr income:shipping                 250.00
         2026-03-12 parcel/postex/111/taken-back
            Dr income:sales-returns          2,500.00
            Dr income:shipping                 250.00
            Cr assets:cod-receivable:postex  2,750.00",
        "postex/111 returned",
    );
}

/// What [`delivered_order`] posts.
pub(crate) const DELIVERED: &str = "2026-03-05 parcel/postex/111/delivered
    Dr assets:cod-receivable:postex 2,750.00 Cr income:sales 2,500.00 Cr income:shipping 250.00";

/// [`cod_order`], delivered on 5 March by a courier who reports no other scan.
pub(crate) fn delivered_order() -> Vec<commerce::Fact> {
    then(cod_order(), [delivered("postex/111", "03-05")])
}

#[test]
fn settled_in_two_parts_with_the_amounts_the_courier_reports() {
    let charges = charged("postex/111", Charges { upfront: "2,000", reserve: "576", ..Charges::USUAL });
    let first = then(delivered_order(), [charges, settled("postex/111", Upfront, "03-10")]);
    let upfront = "2026-03-10 parcel/postex/111/settled/upfront
        Dr assets:input-tax                 24.00
        Dr assets:remittance-clearing    2,000.00
        Dr expenses:courier-fees           150.00
        Cr assets:cod-receivable:postex  2,174.00";
    expect(
        &first,
        &format!("{DELIVERED} {upfront}"),
        "postex/111 partlyremitted, expected 2,750.00, remitted 2,000.00, fees 174.00, outstanding 576.00",
    );
    let reserve = "2026-03-20 parcel/postex/111/settled/reserve
        Dr assets:remittance-clearing    576.00
        Cr assets:cod-receivable:postex  576.00";
    expect(
        &then(first, [settled("postex/111", Reserve, "03-20")]),
        &format!("{DELIVERED} {reserve} {upfront}"),
        "postex/111 remitted, expected 2,750.00, remitted 2,576.00, fees 174.00",
    );
}

#[test]
fn settled_without_reported_amounts() {
    let facts = [charged("postex/111", Charges::USUAL), settled("postex/111", Upfront, "03-10")];
    let journal = "2026-03-10 parcel/postex/111/settled/upfront
        Dr assets:input-tax                 24.00
        Dr assets:remittance-clearing    2,576.00
        Dr expenses:courier-fees           150.00
        Cr assets:cod-receivable:postex  2,750.00";
    expect(
        &then(delivered_order(), facts),
        &format!("{DELIVERED} {journal}"),
        "postex/111 remitted, expected 2,750.00, remitted 2,576.00, fees 174.00",
    );
}

#[test]
fn settled_before_the_charges_are_known() {
    expect(
        &then(delivered_order(), [settled("postex/111", Upfront, "03-07")]),
        &format!(
            "{DELIVERED} 2026-03-07 parcel/postex/111/settled/upfront
                Dr assets:remittance-clearing    2,750.00
                Cr assets:cod-receivable:postex  2,750.00"
        ),
        "postex/111 remitted, expected 2,750.00, remitted 2,750.00",
    );
}

#[test]
fn settled_before_the_delivery_is_known() {
    let charges = charged("postex/111", Charges { upfront: "2,576", ..Charges::USUAL });
    expect(
        &then(cod_order(), [charges, settled("postex/111", Upfront, "03-07")]),
        "2026-03-07 parcel/postex/111/settled/upfront
            Dr assets:input-tax                 24.00
            Dr assets:remittance-clearing    2,576.00
            Dr expenses:courier-fees           150.00
            Cr assets:cod-receivable:postex  2,750.00",
        "postex/111 partlyremitted, on the way 2,750.00, remitted 2,576.00, fees 174.00, outstanding -2,750.00",
    );
}

#[test]
fn a_short_payment_stays_outstanding() {
    let charges = charged("postex/111", Charges { upfront: "1,500", reserve: "500", ..Charges::USUAL });
    let facts = [charges, settled("postex/111", Upfront, "03-10"), settled("postex/111", Reserve, "03-20")];
    expect(
        &then(delivered_order(), facts),
        &format!(
            "{DELIVERED}
             2026-03-20 parcel/postex/111/settled/reserve
                Dr assets:remittance-clearing      500.00
                Cr assets:cod-receivable:postex    500.00
             2026-03-10 parcel/postex/111/settled/upfront
                Dr assets:input-tax                 24.00
                Dr assets:remittance-clearing    1,500.00
                Dr expenses:courier-fees           150.00
                Cr assets:cod-receivable:postex  1,674.00"
        ),
        "postex/111 partlyremitted, expected 2,750.00, remitted 2,000.00, fees 174.00, outstanding 576.00",
    );
}

#[test]
fn a_payout_reaches_the_bank() {
    expect(
        &[banked("postex/CPR-7", "03-11", "1,042,576.50")],
        "2026-03-11 payout/postex/CPR-7/banked
            Dr assets:bank                 1,042,576.50
            Cr assets:remittance-clearing  1,042,576.50",
        "",
    );
}

#[test]
fn a_refund_after_delivery_is_a_sales_return() {
    let refund = "2026-03-12 order/1/refund/7
        Dr income:sales-returns           900.00
        Dr liabilities:output-tax         100.00
        Cr liabilities:refunds-payable  1,000.00
     2026-03-12 order/1/refund/7/paid
        Dr liabilities:refunds-payable  1,000.00
        Cr assets:bank                  1,000.00";
    expect(
        &then(delivered_order(), [refunded(1, 7, "03-12", "1,000", "100")]),
        &format!("{refund} {DELIVERED}"),
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn a_refund_before_delivery_comes_out_of_the_deposit() {
    let facts = [
        refunded(1, 7, "03-03", "750", "0"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "0"),
        delivered("postex/111", "03-05"),
    ];
    let cancelled_in_full = [refunded(1, 7, "03-03", "2,750", "0"), cancelled(1, "03-03")];
    let captured = "2026-03-01 order/1/captured
        Dr assets:gateway-receivable 2,750.00 Cr liabilities:customer-deposits 2,750.00";
    expect(
        &then(prepaid_order(), facts),
        &format!(
            "{captured}
             2026-03-03 order/1/refund/7
                Dr liabilities:customer-deposits    750.00
                Cr liabilities:refunds-payable      750.00
             2026-03-03 order/1/refund/7/paid
                Dr liabilities:refunds-payable      750.00
                Cr assets:gateway-receivable        750.00
             2026-03-05 order/1/sold
                Dr liabilities:customer-deposits  2,000.00
                Cr income:sales                   1,818.19
                Cr income:shipping                  181.81"
        ),
        "postex/111 none",
    );
    expect(
        &then(prepaid_order(), cancelled_in_full),
        &format!(
            "{captured}
             2026-03-03 order/1/refund/7
                Dr liabilities:customer-deposits  2,750.00
                Cr liabilities:refunds-payable    2,750.00
             2026-03-03 order/1/refund/7/paid
                Dr liabilities:refunds-payable    2,750.00
                Cr assets:gateway-receivable      2,750.00"
        ),
        "",
    );
}

#[test]
fn a_refund_without_money_posts_nothing() {
    expect(
        &then(delivered_order(), [refunded(1, 7, "03-12", "0", "0")]),
        DELIVERED,
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn a_test_order_is_never_booked() {
    let terms = order(1, "2,750").cash_on_delivery().test().since("03-02");
    let facts = [
        terms,
        charged("postex/111", Charges::USUAL),
        settled("postex/111", Upfront, "03-10"),
        refunded(1, 7, "03-12", "9", "0"),
    ];
    expect(&then(delivered_order(), facts), "", "");
}
