//! The posting table, continued: orders that are paid in more than one piece. Each payment stands on the day on which
//! the shop first said so, and what was paid first stays as it was posted when the rest comes. Refunds go back to where
//! they came from.

use commerce::{Fact, Policy};

use crate::story::*;

/// The journal and the cash, and that nothing which was posted on the way was reversed.
#[track_caller]
fn expect_in_pieces(facts: &[Fact], journal: &str, cash: &str) {
    expect(facts, journal, cash);
    expect_no_reversal(&Policy::default(), facts);
}

/// An order over 2,750 of which 1,000 is paid on 1 March and the rest on this day.
fn partly_paid_then_paid(day: &str) -> Vec<Fact> {
    vec![
        placed(1, "1001"),
        order(1, "2,750").since("02-28"),
        order(1, "2,750").advance("1,000").since("03-01"),
        order(1, "2,750").paid().since(day),
    ]
}

const FIRST: &str = "2026-03-01 order/1/captured
    Dr assets:gateway-receivable      1,000.00
    Cr liabilities:customer-deposits  1,000.00";

#[test]
fn partly_paid_then_paid_before_delivery() {
    expect_in_pieces(
        &crate::then(
            partly_paid_then_paid("03-03"),
            [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "0"), delivered("postex/111", "03-05")],
        ),
        &format!(
            "{FIRST}
             2026-03-03 order/1/captured/2
                Dr assets:gateway-receivable      1,750.00
                Cr liabilities:customer-deposits  1,750.00
             2026-03-05 order/1/sold
                Dr liabilities:customer-deposits  2,750.00
                Cr income:sales                   2,750.00"
        ),
        "postex/111 none",
    );
}

#[test]
fn partly_paid_then_paid_after_delivery() {
    expect(
        &crate::then(partly_paid_then_paid("03-09"), [sent(1, 11, "03-05", &[])]),
        &format!(
            "{FIRST}
             2026-03-09 order/1/captured/2
                Dr assets:gateway-receivable      1,750.00
                Cr assets:trade-receivable        1,750.00
             2026-03-05 order/1/sold
                Dr assets:trade-receivable        1,750.00
                Dr liabilities:customer-deposits  1,000.00
                Cr income:sales                   2,750.00"
        ),
        "",
    );
    expect_no_reversal(&Policy::default(), &crate::then(partly_paid_then_paid("03-09"), [sent(1, 11, "03-05", &[])]));
}

#[test]
fn paid_in_three_pieces_told_again_with_every_snapshot() {
    let mut facts = partly_paid_then_paid("03-06");
    facts.extend([
        order(1, "2,750").advance("1,000").since("03-02"),
        order(1, "2,750").advance("1,600").since("03-04"),
        order(1, "2,750").advance("1,600").since("03-05"),
        order(1, "2,750").paid().since("03-07"),
    ]);
    expect_in_pieces(
        &facts,
        &format!(
            "{FIRST}
             2026-03-04 order/1/captured/2
                Dr assets:gateway-receivable        600.00
                Cr liabilities:customer-deposits    600.00
             2026-03-06 order/1/captured/3
                Dr assets:gateway-receivable      1,150.00
                Cr liabilities:customer-deposits  1,150.00"
        ),
        "",
    );
}

#[test]
fn an_advance_by_card_and_the_rest_over_the_counter() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").cash_on_delivery().advance("1,000").since("03-01"),
        order(1, "2,750").cash_on_delivery().paid().since("03-03"),
        sent(1, 11, "03-03", &[]),
    ];
    expect_in_pieces(
        &facts,
        &format!(
            "{FIRST}
             2026-03-03 order/1/captured/2
                Dr assets:cash                    1,750.00
                Cr liabilities:customer-deposits  1,750.00
             2026-03-03 order/1/sold
                Dr liabilities:customer-deposits  2,750.00
                Cr income:sales                   2,750.00"
        ),
        "",
    );
}

#[test]
fn two_advances_and_the_rest_at_the_door() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").cash_on_delivery().advance("1,000").since("03-01"),
        order(1, "2,750").cash_on_delivery().advance("1,500").since("03-02"),
        sent(1, 11, "03-03", &["postex/111"]),
        booked("postex/111", "1,250"),
        delivered("postex/111", "03-05"),
        order(1, "2,750").cash_on_delivery().paid().since("03-06"),
    ];
    expect(
        &facts,
        &format!(
            "{FIRST}
             2026-03-02 order/1/captured/2
                Dr assets:gateway-receivable        500.00
                Cr liabilities:customer-deposits    500.00
             2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex   1,250.00
                Dr liabilities:customer-deposits  1,500.00
                Cr income:sales                   2,750.00"
        ),
        "postex/111 collected, expected 1,250.00, outstanding 1,250.00",
    );
}

#[test]
fn a_dearer_order_is_paid_by_the_difference() {
    let facts = [placed(1, "1001"), order(1, "2,750").paid().since("03-01"), order(1, "3,250").paid().since("03-04")];
    expect_in_pieces(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-04 order/1/captured/2
            Dr assets:gateway-receivable        500.00
            Cr liabilities:customer-deposits    500.00",
        "",
    );
}

#[test]
fn a_rounding_comes_with_the_piece_that_pays_in_full() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,749.60").rounding("0.40").advance("1,000").since("03-01"),
        order(1, "2,749.60").rounding("0.40").paid().since("03-03"),
    ];
    expect_in_pieces(
        &facts,
        &format!(
            "{FIRST}
             2026-03-03 order/1/captured/2
                Dr assets:gateway-receivable      1,750.00
                Cr income:rounding                    0.40
                Cr liabilities:customer-deposits  1,749.60"
        ),
        "",
    );
}

#[test]
fn what_is_rounded_at_the_door_is_not_rounded_with_the_advance() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,749.60").cash_on_delivery().rounding("0.40").advance("1,000").since("03-01"),
        sent(1, 11, "03-03", &["postex/111"]),
        booked("postex/111", "1,750"),
    ];
    expect_in_pieces(&facts, FIRST, "postex/111 expected, on the way 1,750.00");
}

#[test]
fn an_order_that_was_paid_in_full_by_becoming_cheaper_is_rounded_then() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").advance("1,000").since("03-01"),
        order(1, "1,000").rounding("-0.40").paid().since("03-04"),
        order(1, "1,500").rounding("-0.40").paid().since("03-06"),
    ];
    expect_in_pieces(
        &facts,
        &format!(
            "{FIRST}
             2026-03-04 order/1/captured/2
                Dr income:rounding                    0.40
                Cr assets:gateway-receivable          0.40
             2026-03-06 order/1/captured/3
                Dr assets:gateway-receivable        500.00
                Cr liabilities:customer-deposits    500.00"
        ),
        "",
    );
}

#[test]
fn an_order_that_became_no_dearer_than_what_was_paid_of_it_is_not_paid_again() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").advance("1,000").since("03-01"),
        order(1, "1,000").paid().since("03-04"),
        order(1, "1,500").paid().since("03-06"),
    ];
    expect_in_pieces(
        &facts,
        &format!(
            "{FIRST}
             2026-03-06 order/1/captured/2
                Dr assets:gateway-receivable        500.00
                Cr liabilities:customer-deposits    500.00"
        ),
        "",
    );
}

#[test]
fn a_gift_card_first_and_a_card_for_the_rest() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").advance("750").by_gift_card("750").since("03-01"),
        order(1, "2,750").paid().since("03-02"),
    ];
    expect_in_pieces(
        &facts,
        "2026-03-01 order/1/captured
            Dr liabilities:gift-cards           750.00
            Cr liabilities:customer-deposits    750.00
         2026-03-02 order/1/captured/2
            Dr assets:gateway-receivable      2,000.00
            Cr liabilities:customer-deposits  2,000.00",
        "",
    );
}

/// Sent in `postex/111` on 2 March and delivered on 5 March, without cash.
fn delivered_on_the_fifth() -> [Fact; 3] {
    [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "0"), delivered("postex/111", "03-05")]
}

#[test]
fn refunded_in_full_a_gift_card_is_owed_again() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").paid().by_gift_card("2,750").since("03-01"),
        refunded_onto_gift_card(1, 7, "03-12", "2,750", "2,750"),
    ];
    expect(
        &crate::then(facts.to_vec(), delivered_on_the_fifth()),
        "2026-03-01 order/1/captured
            Dr liabilities:gift-cards         2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-12 order/1/refund/7
            Dr income:sales-returns           2,750.00
            Cr liabilities:refunds-payable    2,750.00
         2026-03-12 order/1/refund/7/paid
            Dr liabilities:refunds-payable    2,750.00
            Cr liabilities:gift-cards         2,750.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,750.00",
        "postex/111 none",
    );
}

#[test]
fn refunded_to_the_gift_card_first_and_the_rest_to_the_card() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").advance("750").by_gift_card("750").since("03-01"),
        order(1, "2,750").paid().since("03-02"),
        refunded_onto_gift_card(1, 7, "03-12", "1,000", "750"),
    ];
    expect_in_pieces(
        &crate::then(facts.to_vec(), delivered_on_the_fifth()),
        "2026-03-01 order/1/captured
            Dr liabilities:gift-cards           750.00
            Cr liabilities:customer-deposits    750.00
         2026-03-02 order/1/captured/2
            Dr assets:gateway-receivable      2,000.00
            Cr liabilities:customer-deposits  2,000.00
         2026-03-12 order/1/refund/7
            Dr income:sales-returns           1,000.00
            Cr liabilities:refunds-payable    1,000.00
         2026-03-12 order/1/refund/7/paid
            Dr liabilities:refunds-payable    1,000.00
            Cr assets:gateway-receivable        250.00
            Cr liabilities:gift-cards           750.00
         2026-03-05 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,750.00",
        "postex/111 none",
    );
}

#[test]
fn a_refund_tells_what_a_gift_card_had_paid() {
    // The order named both ways of payment and no amounts. What went back onto the gift card had come from it.
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").paid().since("03-01"),
        // The shop's snapshot of that day, so the payment is posted anew with what is known now.
        order(1, "2,750").paid().since("03-12"),
        refunded_onto_gift_card(1, 7, "03-12", "2,750", "750"),
    ];
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,000.00
            Dr liabilities:gift-cards           750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-12 order/1/refund/7
            Dr liabilities:customer-deposits  2,750.00
            Cr liabilities:refunds-payable    2,750.00
         2026-03-12 order/1/refund/7/paid
            Dr liabilities:refunds-payable    2,750.00
            Cr assets:gateway-receivable      2,000.00
            Cr liabilities:gift-cards           750.00",
        "",
    );
}

/// Paid by card, delivered, and 750 of it refunded onto a new gift card.
const ONTO_A_NEW_CARD: &str = "2026-03-01 order/1/captured
        Dr assets:gateway-receivable      2,750.00
        Cr liabilities:customer-deposits  2,750.00
     2026-03-12 order/1/refund/7
        Dr income:sales-returns           1,000.00
        Cr liabilities:refunds-payable    1,000.00
     2026-03-12 order/1/refund/7/paid
        Dr liabilities:refunds-payable    1,000.00
        Cr assets:gateway-receivable        250.00
        Cr liabilities:gift-cards           750.00
     2026-03-05 order/1/sold
        Dr liabilities:customer-deposits  2,750.00
        Cr income:sales                   2,750.00";

#[test]
fn a_refund_onto_a_new_gift_card_is_owed_anew_and_the_payment_stays_where_it_was() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").paid().without_gift_card().since("03-01"),
        refunded_onto_gift_card(1, 7, "03-12", "1,000", "750"),
    ];
    let facts = crate::then(facts.to_vec(), delivered_on_the_fifth());
    expect(&facts, ONTO_A_NEW_CARD, "postex/111 none");
    // Later versions name the gift card too: the refund went there.
    let again = order(1, "2,750").paid().since("03-13");
    expect_in_pieces(&crate::then(facts, [again]), ONTO_A_NEW_CARD, "postex/111 none");
}

#[test]
fn an_advance_that_goes_back_onto_a_new_gift_card() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").cash_on_delivery().advance("1,000").without_gift_card().since("03-01"),
        refunded_onto_gift_card(1, 7, "03-03", "1,000", "1,000"),
    ];
    expect(
        &facts,
        &format!(
            "{FIRST}
             2026-03-03 order/1/refund/7
                Dr liabilities:customer-deposits  1,000.00
                Cr liabilities:refunds-payable    1,000.00
             2026-03-03 order/1/refund/7/paid
                Dr liabilities:refunds-payable    1,000.00
                Cr liabilities:gift-cards         1,000.00"
        ),
        "",
    );
}

#[test]
fn a_gift_card_that_pays_the_rest_of_an_advance_had_paid() {
    // The advance came without one; what the order names when all is paid is how all of it was paid.
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").advance("1,000").without_gift_card().since("03-01"),
        order(1, "2,750").paid().since("03-02"),
        refunded_onto_gift_card(1, 7, "03-12", "2,750", "750"),
    ];
    expect(
        &facts,
        &format!(
            "{FIRST}
             2026-03-02 order/1/captured/2
                Dr assets:gateway-receivable      1,000.00
                Dr liabilities:gift-cards           750.00
                Cr liabilities:customer-deposits  1,750.00
             2026-03-12 order/1/refund/7
                Dr liabilities:customer-deposits  2,750.00
                Cr liabilities:refunds-payable    2,750.00
             2026-03-12 order/1/refund/7/paid
                Dr liabilities:refunds-payable    2,750.00
                Cr assets:gateway-receivable      2,000.00
                Cr liabilities:gift-cards           750.00"
        ),
        "",
    );
}

#[test]
fn a_gift_card_that_pays_what_an_order_became_dearer_by_had_paid_no_more_than_that() {
    for given_back in ["500", "800"] {
        let facts = [
            placed(1, "1001"),
            order(1, "1,000").paid().without_gift_card().since("03-01"),
            order(1, "1,500").paid().since("03-02"),
            refunded_onto_gift_card(1, 7, "03-12", given_back, given_back),
        ];
        expect(
            &facts,
            &format!(
                "{FIRST}
                 2026-03-02 order/1/captured/2
                    Dr liabilities:gift-cards           500.00
                    Cr liabilities:customer-deposits    500.00
                 2026-03-12 order/1/refund/7
                    Dr liabilities:customer-deposits  {given_back}.00
                    Cr liabilities:refunds-payable    {given_back}.00
                 2026-03-12 order/1/refund/7/paid
                    Dr liabilities:refunds-payable    {given_back}.00
                    Cr liabilities:gift-cards         {given_back}.00"
            ),
            "",
        );
    }
}

#[test]
fn what_a_gift_card_is_known_to_have_paid_stays_known() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").paid().by_gift_card("750").without_gift_card().since("03-01"),
        refunded_onto_gift_card(1, 7, "03-03", "1,000", "1,000"),
    ];
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,000.00
            Dr liabilities:gift-cards           750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-03 order/1/refund/7
            Dr liabilities:customer-deposits  1,000.00
            Cr liabilities:refunds-payable    1,000.00
         2026-03-03 order/1/refund/7/paid
            Dr liabilities:refunds-payable    1,000.00
            Cr liabilities:gift-cards         1,000.00",
        "",
    );
}
