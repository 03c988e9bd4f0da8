//! The posting table, continued: what an order's money is made of, how it is paid, and what changes when it is edited
//! or partly given back.

use commerce::Fact;
use commerce::ParcelState::PickedUp;

use crate::story::*;
use crate::{DELIVERED, delivered_order, prepaid_order, then};

/// These terms, sent in parcel `postex/111`, without cash to collect, and delivered on 5 March.
fn prepaid(terms: Terms) -> Vec<Fact> {
    vec![
        placed(1, "1001"),
        terms.paid().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "0"),
        delivered("postex/111", "03-05"),
    ]
}

#[test]
fn a_discount_is_not_revenue() {
    expect(
        &prepaid(order(1, "2,250").shipping("250").discounts("500")),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,250.00
            Cr liabilities:customer-deposits  2,250.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,250.00
            Cr income:sales                   2,000.00
            Cr income:shipping                  250.00",
        "postex/111 none",
    );
}

#[test]
fn duties_are_owed_to_customs() {
    expect(
        &prepaid(order(1, "3,100").shipping("250").tip("50").duties("300")),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      3,100.00
            Cr liabilities:customer-deposits  3,100.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  3,100.00
            Cr income:sales                   2,500.00
            Cr income:shipping                  250.00
            Cr income:tips                       50.00
            Cr liabilities:duties-payable       300.00",
        "postex/111 none",
    );
}

#[test]
fn a_gift_card_sold_is_owed_to_whoever_brings_it() {
    expect(
        &prepaid(order(1, "3,000").gift_cards("1,000")),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      3,000.00
            Cr liabilities:customer-deposits  3,000.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  3,000.00
            Cr income:sales                   2,000.00
            Cr liabilities:gift-cards         1,000.00",
        "postex/111 none",
    );
}

#[test]
fn paid_in_part_with_a_gift_card() {
    expect(
        &prepaid(order(1, "2,750").by_gift_card("750")),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,000.00
            Dr liabilities:gift-cards           750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,750.00",
        "postex/111 none",
    );
}

#[test]
fn a_gift_card_and_the_rest_at_the_door() {
    let facts = [
        order(1, "2,750").cash_on_delivery().advance("750").by_gift_card("750").since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "2,000"),
        delivered("postex/111", "03-05"),
    ];
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr liabilities:gift-cards           750.00
            Cr liabilities:customer-deposits    750.00
         2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex   2,000.00
            Dr liabilities:customer-deposits    750.00
            Cr income:sales                   2,750.00",
        "postex/111 collected, expected 2,000.00, outstanding 2,000.00",
    );
}

#[test]
fn the_till_rounds_to_what_coins_there_are() {
    for (rounding, paid, line) in [("0.40", "2,750.00", "Cr income:rounding 0.40"), ("-0.60", "2,749.00", "")] {
        let taken = [
            placed(1, "1001"),
            order(1, "2,749.60").cash_on_delivery().rounding(rounding).paid().since("03-02"),
            sent(1, 11, "03-02", &[]),
        ];
        let lost = if line.is_empty() { "Dr income:rounding 0.60" } else { "" };
        expect(
            &taken,
            &format!(
                "2026-03-02 order/1/captured
                    Dr assets:cash {paid} {lost}
                    {line} Cr liabilities:customer-deposits 2,749.60
                 2026-03-02 order/1/sold
                    Dr liabilities:customer-deposits 2,749.60
                    Cr income:sales                  2,749.60"
            ),
            "",
        );
    }
}

#[test]
fn edited_before_delivery() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").shipping("250").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        scanned("postex/111", PickedUp, "03-03"),
        order(1, "3,250").shipping("250").cash_on_delivery().since("03-04"),
    ];
    expect(
        &facts,
        "2026-03-03 parcel/postex/111/promised
            pending Dr assets:cod-receivable:postex  3,250.00
            pending Cr income:sales                  3,000.00
            pending Cr income:shipping                 250.00",
        "postex/111 expected, on the way 3,250.00",
    );
}

#[test]
fn edited_after_delivery_the_courier_still_owes_what_it_collected() {
    let edited = order(1, "2,200").shipping("200").cash_on_delivery().since("03-09");
    expect(
        &then(delivered_order(), [edited]),
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:sales                  2,500.00
            Cr income:shipping                 250.00",
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn edited_after_a_prepaid_delivery() {
    let sent_and_delivered =
        [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "0"), delivered("postex/111", "03-05")];
    let dearer = order(1, "3,000").shipping("250").advance("2,750").since("03-09");
    let facts = then(then(prepaid_order(), sent_and_delivered), [dearer]);
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-05 order/1/sold
            Dr assets:trade-receivable          250.00
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,750.00
            Cr income:shipping                  250.00",
        "postex/111 none",
    );
}

#[test]
fn partly_refunded_twice_without_a_return() {
    let refund = |number: u64, day: &str| {
        format!(
            "2026-03-{day} order/1/refund/{number}
                Dr income:sales-returns         300.00
                Cr liabilities:refunds-payable  300.00
             2026-03-{day} order/1/refund/{number}/paid
                Dr liabilities:refunds-payable  300.00
                Cr assets:bank                  300.00"
        )
    };
    expect(
        &then(delivered_order(), [refunded(1, 7, "03-12", "300", "0"), refunded(1, 8, "03-14", "300", "0")]),
        &format!("{} {} {DELIVERED}", refund(7, "12"), refund(8, "14")),
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}
