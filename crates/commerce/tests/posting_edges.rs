//! The posting table at its edges: what is due to the instant, what several parcels promise when one of them is lost,
//! and what of a parcel's money is left when not all of it was told. Read it beside `posting_table`.

mod books;
#[expect(dead_code, reason = "the posting table uses the rest")]
mod story;

use books::{Books, cases, merge_all};
use commerce::ParcelState::{Lost, PickedUp};
use commerce::SettlementPart::{Reserve, Upfront};
use commerce::WriteOffKind::Shortfall;
use commerce::{Fact, Policy, cod_position, cod_positions};
use story::*;

/// Cash on delivery over 2,750, sent in these parcels of whose amounts the courier says nothing.
fn unbooked(parcels: &[&str]) -> Vec<Fact> {
    vec![placed(1, "1001"), order(1, "2,750").cash_on_delivery().since("03-01"), sent(1, 11, "03-02", parcels)]
}

/// The same in parcel `postex/111`, which the courier has delivered and for which it states its fees.
fn delivered_and_charged(charges: Charges) -> Vec<Fact> {
    let facts = [delivered("postex/111", "03-05"), charged("postex/111", charges)];
    [&unbooked(&["postex/111"])[..], &facts].concat()
}

#[expect(clippy::expect_used, reason = "the text is a literal")]
fn policy(json: &str) -> Policy {
    serde_json::from_str(json).expect("a policy")
}

/// What [`delivered_and_charged`] posts of the delivery.
const DELIVERED: &str = "2026-03-05 parcel/postex/111/delivered
    Dr assets:cod-receivable:postex 2,750.00 Cr income:sales 2,750.00";

#[test]
fn a_position_is_found_by_its_parcel() {
    let parts = merge_all(&unbooked(&["postex/111", "postex/112"]));
    for case in cases(&parts) {
        let all = cod_positions(&case, &Policy::default());
        assert_eq!(all.len(), 2);
        for key in case.keys() {
            assert_eq!(cod_position(&case, key, &Policy::default()).as_ref(), all.get(key), "{key}");
        }
    }
}

#[test]
fn fees_of_a_delivered_parcel_wait_for_its_payment() {
    expect(
        &delivered_and_charged(Charges::USUAL),
        DELIVERED,
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn fees_larger_than_the_cash_are_owed() {
    let facts = [
        order(1, "100").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        charged("postex/111", Charges::USUAL),
        delivered("postex/111", "03-05"),
        settled("postex/111", Upfront, "03-10"),
    ];
    expect(
        &facts,
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex 100.00
            Cr income:sales                 100.00
         2026-03-10 parcel/postex/111/settled/upfront
            Dr assets:input-tax              24.00
            Dr expenses:courier-fees        150.00
            Cr assets:cod-receivable:postex 174.00",
        "postex/111 remitted, expected 100.00, fees 174.00, outstanding -74.00",
    );
}

#[test]
fn a_payment_of_which_nothing_was_told_takes_what_is_left() {
    let with = |charges: Charges, more: &[Fact]| [&delivered_and_charged(charges)[..], more].concat();
    let both = [settled("postex/111", Upfront, "03-10"), settled("postex/111", Reserve, "03-20")];
    let upfront = |net: &str, gross: &str| {
        format!(
            "2026-03-10 parcel/postex/111/settled/upfront
                Dr assets:input-tax 24.00 {net} Dr expenses:courier-fees 150.00
                Cr assets:cod-receivable:postex {gross}"
        )
    };
    let reserve = "2026-03-20 parcel/postex/111/settled/reserve
        Dr assets:remittance-clearing    576.00
        Cr assets:cod-receivable:postex  576.00";
    let net = "Dr assets:remittance-clearing 2,000.00";
    expect(
        &with(Charges { upfront: "2,000", ..Charges::USUAL }, &both),
        &format!("{DELIVERED} {reserve} {}", upfront(net, "2,174.00")),
        "postex/111 remitted, expected 2,750.00, remitted 2,576.00, fees 174.00",
    );
    // The second payment corrects the first, which had taken all.
    let books = Books::of(&merge_all(&with(Charges::USUAL, &both)));
    let cash = &books.cash[0];
    assert_eq!((cash.remitted, cash.fees, cash.outstanding), (257_600, 17_400, 0));
    let short =
        [written_off("postex/111", Shortfall, "short-1", "03-08", "50"), settled("postex/111", Upfront, "03-10")];
    let net = "Dr assets:remittance-clearing 2,526.00";
    expect(
        &with(Charges::USUAL, &short),
        &format!(
            "{DELIVERED} {}
             2026-03-08 parcel/postex/111/written-off/short-1
                Dr expenses:cod-shortfall        50.00
                Cr assets:cod-receivable:postex  50.00",
            upfront(net, "2,700.00")
        ),
        "postex/111 remitted, expected 2,750.00, remitted 2,526.00, fees 174.00, written off 50.00",
    );
}

#[test]
fn a_settled_parcel_that_comes_back_owes_the_fee_of_its_return_alone() {
    let facts = [settled("postex/111", Upfront, "03-10"), returned("postex/111", "03-12")];
    expect(
        &[&delivered_and_charged(Charges { upfront: "2,576", ..Charges::USUAL })[..], &facts].concat(),
        &format!(
            "{DELIVERED}
             2026-03-12 parcel/postex/111/fees
                Dr assets:input-tax                    12.00
                Dr expenses:courier-return-fees        75.00
                Cr liabilities:courier-payable:postex  87.00
             2026-03-10 parcel/postex/111/settled/upfront
                Dr assets:input-tax                 24.00
                Dr assets:remittance-clearing    2,576.00
                Dr expenses:courier-fees           150.00
                Cr assets:cod-receivable:postex  2,750.00
             2026-03-12 parcel/postex/111/taken-back
                Dr income:sales-returns          2,750.00
                Cr assets:cod-receivable:postex  2,750.00"
        ),
        "postex/111 returned, remitted 2,576.00, fees 174.00, outstanding -2,750.00",
    );
}

#[test]
fn a_courier_collects_for_an_unpaid_order_whatever_the_shop_calls_it() {
    let sent = [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "2,750"), delivered("postex/111", "03-05")];
    expect(
        &[&[order(1, "2,750").since("03-01")][..], &sent].concat(),
        DELIVERED,
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
    // Paid by card, and booked with cash by mistake: the buyer owes the courier nothing.
    expect(
        &[&[order(1, "2,750").paid().since("03-01")][..], &sent].concat(),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,750.00",
        "postex/111 collected",
    );
}

#[test]
fn a_parcel_lost_after_its_delivery_has_brought_its_cash() {
    let facts = [
        booked("postex/111", "2,750"),
        delivered("postex/111", "03-05"),
        scanned("postex/111", Lost, "03-07"),
        delivered("postex/112", "03-09"),
    ];
    expect(
        &[&unbooked(&["postex/111", "postex/112"])[..], &facts].concat(),
        DELIVERED,
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00 postex/112 none",
    );
}

#[test]
fn a_refund_at_the_instant_of_the_sale_is_a_return() {
    let facts = [
        order(1, "2,750").paid().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "0"),
        delivered("postex/111", "03-05"),
        refunded(1, 7, "03-05", "750", "0"),
    ];
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-05 order/1/refund/7
            Dr income:sales-returns             750.00
            Cr liabilities:refunds-payable      750.00
         2026-03-05 order/1/refund/7/paid
            Dr liabilities:refunds-payable      750.00
            Cr assets:gateway-receivable        750.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,750.00",
        "postex/111 none",
    );
}

const ADVANCE: &str = "2026-03-01 order/1/captured
    Dr assets:gateway-receivable 500.00 Cr liabilities:customer-deposits 500.00";

/// Cash on delivery over 2,750 of which 500 was paid before.
fn with_advance(parcels: &[&str]) -> Vec<Fact> {
    vec![order(1, "2,750").cash_on_delivery().advance("500").since("03-01"), sent(1, 11, "03-02", parcels)]
}

const EARNED: &str = "2026-03-05 parcel/postex/112/delivered
    Dr assets:cod-receivable:postex   2,250.00
    Dr liabilities:customer-deposits    500.00
    Cr income:sales                   2,750.00";

#[test]
fn an_advance_stays_one_when_the_rest_is_collected_and_is_earned_by_what_is_sold() {
    let there = [&with_advance(&["postex/111", "postex/112"])[..], &[delivered("postex/112", "03-05")]].concat();
    let cash = "postex/111 none postex/112 collected, expected 2,250.00, outstanding 2,250.00";
    expect(&there, &format!("{ADVANCE} {EARNED}"), cash);
    let all_paid = order(1, "2,750").cash_on_delivery().paid().since("03-06");
    expect(&[&there[..], &[all_paid]].concat(), &format!("{ADVANCE} {EARNED}"), cash);
}

#[test]
fn an_advance_that_fell_through_is_none() {
    let facts = [order(1, "2,750").cash_on_delivery().since("03-02"), delivered("postex/111", "03-05")];
    expect(
        &[&with_advance(&["postex/111"])[..], &facts].concat(),
        DELIVERED,
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn an_advance_on_an_order_that_has_no_parcel_yet_came_by_a_gateway() {
    expect(&with_advance(&[])[..1], ADVANCE, "");
}

#[test]
fn an_advance_is_earned_at_fulfilment_and_given_back_with_the_goods() {
    let policy = policy(r#"{"recognition": "fulfilment"}"#);
    let sold = "2026-03-02 parcel/postex/111/sold
        Dr assets:trade-receivable        2,250.00
        Dr liabilities:customer-deposits    500.00
        Cr income:sales                   2,750.00";
    expect_under(
        &policy,
        &with_advance(&["postex/111"]),
        &format!("{ADVANCE} {sold}"),
        "postex/111 expected, on the way 2,250.00",
    );
    expect_under(
        &policy,
        &[&with_advance(&["postex/111"])[..], &[returned("postex/111", "03-09")]].concat(),
        &format!(
            "{ADVANCE} {sold}
             2026-03-09 parcel/postex/111/taken-back
                Dr income:sales-returns           2,750.00
                Cr assets:trade-receivable        2,250.00
                Cr liabilities:customer-deposits    500.00"
        ),
        "postex/111 returned",
    );
}

#[test]
fn tips_duties_and_gift_cards_contain_no_tax() {
    let policy =
        policy(r#"{"prices_include_tax": true, "output_tax": [{"from": "2025-07-01", "basis_points": 1800}]}"#);
    let facts = [
        order(1, "1,690").tip("50").duties("160").gift_cards("300").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        delivered("postex/111", "03-05"),
    ];
    expect_under(
        &policy,
        &facts,
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  1,690.00
            Cr income:sales                  1,000.00
            Cr income:tips                      50.00
            Cr liabilities:duties-payable      160.00
            Cr liabilities:gift-cards          300.00
            Cr liabilities:output-tax          180.00",
        "postex/111 collected, expected 1,690.00, outstanding 1,690.00",
    );
}

/// The parcel promised this much when it was picked up.
fn promised(parcel: &str, on: &str, amount: &str) -> String {
    format!(
        "2026-{on} parcel/{parcel}/promised
            pending Dr assets:cod-receivable:postex {amount} pending Cr income:sales {amount}"
    )
}

/// The parcel promised this much, and it came to nothing.
fn promised_and_voided(parcel: &str, on: &str, end: &str, amount: &str) -> String {
    format!(
        "{} 2026-{end} parcel/{parcel}/voided
            pending Dr income:sales {amount} pending Cr assets:cod-receivable:postex {amount}",
        promised(parcel, on, amount)
    )
}

/// [`unbooked`] in two parcels, and what happened to them.
fn two_parcels(happened: &[Fact]) -> Vec<Fact> {
    [&unbooked(&["postex/111", "postex/112"])[..], happened].concat()
}

#[test]
fn of_two_parcels_under_way_the_first_promises_the_cash() {
    let picked_up = [scanned("postex/111", PickedUp, "03-03"), scanned("postex/112", PickedUp, "03-04")];
    let first = promised("postex/111", "03-03", "2,750.00");
    let second_lost = [&picked_up[..], &[scanned("postex/112", Lost, "03-05")]].concat();
    let cash = "postex/111 expected, on the way 2,750.00 postex/112 returned";
    expect(&two_parcels(&second_lost), &first, cash);
    let first_lost = [&picked_up[..], &[scanned("postex/111", Lost, "03-05")]].concat();
    let void = promised_and_voided("postex/111", "03-03", "03-05", "2,750.00");
    let cash = "postex/111 returned postex/112 expected, on the way 2,750.00";
    expect(&two_parcels(&first_lost), &format!("{void} {}", promised("postex/112", "03-04", "2,750.00")), cash);
    for end in ["03-05", "03-06"] {
        let both_lost = [&first_lost[..], &[scanned("postex/112", Lost, end)]].concat();
        let both = format!("{void} {}", promised_and_voided("postex/112", "03-04", end, "2,750.00"));
        expect(&two_parcels(&both_lost), &both, "postex/111 returned postex/112 returned");
    }
}

#[test]
fn a_parcel_that_is_lost_was_to_bring_the_cash_unless_another_had_it() {
    let lost = [scanned("postex/111", PickedUp, "03-05"), scanned("postex/111", Lost, "03-06")];
    let brought = "2026-03-04 parcel/postex/112/delivered
        Dr assets:cod-receivable:postex 2,750.00 Cr income:sales 2,750.00";
    let cash = "postex/111 returned postex/112 collected, expected 2,750.00, outstanding 2,750.00";
    let told = delivered("postex/112", "03-04");
    expect(&two_parcels(&[&[told.clone()][..], &lost].concat()), brought, cash);
    expect(&two_parcels(&[&[booked("postex/112", "2,750"), told][..], &lost].concat()), brought, cash);
    let under_way = scanned("postex/112", PickedUp, "03-03");
    expect(
        &two_parcels(&[&[booked("postex/112", "2,750"), under_way.clone()][..], &lost].concat()),
        &promised("postex/112", "03-03", "2,750.00"),
        "postex/111 returned postex/112 expected, on the way 2,750.00",
    );
    expect(
        &two_parcels(&[&[booked("postex/112", "0"), under_way][..], &lost].concat()),
        &promised_and_voided("postex/111", "03-05", "03-06", "2,750.00"),
        "postex/111 returned postex/112 none",
    );
}

#[test]
fn a_parcel_that_nobody_has_picked_up_carries_nothing() {
    let facts = [scanned("postex/112", PickedUp, "03-03"), scanned("postex/112", Lost, "03-05")];
    expect(
        &two_parcels(&facts),
        &promised_and_voided("postex/112", "03-03", "03-05", "2,750.00"),
        "postex/111 expected, on the way 2,750.00 postex/112 returned",
    );
}

#[test]
fn a_lost_parcel_was_to_bring_what_the_advance_left() {
    let facts = [
        scanned("postex/111", PickedUp, "03-03"),
        scanned("postex/111", Lost, "03-05"),
        sent(1, 12, "03-06", &["postex/112"]),
    ];
    expect(
        &[&with_advance(&["postex/111"])[..], &facts].concat(),
        &format!("{ADVANCE} {}", promised_and_voided("postex/111", "03-03", "03-05", "2,250.00")),
        "postex/111 returned postex/112 expected, on the way 2,250.00",
    );
}
