//! The posting table, continued: what goods cost, and when. Ten pieces at 100 rupees are in stock; order 1 takes three
//! of them for 900 rupees. What goods cost is an expense when their price is revenue: at delivery, or at fulfilment if
//! the tenant sells then.

use commerce::ParcelState::{Cancelled, Lost, PickedUp};
use commerce::{Fact, Policy};

use crate::story::*;

/// Three of ten pieces left in `postex/111`, and the courier has them.
fn dispatched() -> Vec<Fact> {
    vec![
        came_in("grn-1", "02-20", 3, 10, "100"),
        placed(1, "1001"),
        order(1, "900").goods(&[(3, 3)]).cash_on_delivery().since("03-01"),
        sent_goods(1, 11, "03-02", &["postex/111"], &[(1, 3)]),
        booked("postex/111", "900"),
        scanned("postex/111", PickedUp, "03-03"),
    ]
}

/// Dispatched, and then.
fn and(more: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
    crate::then(dispatched(), more)
}

#[expect(clippy::expect_used, reason = "the text is a literal")]
fn at_fulfilment() -> Policy {
    serde_json::from_str(r#"{"recognition": "fulfilment"}"#).expect("a policy")
}

const CAME_IN: &str = "2026-02-20 receipt/grn-1/in
    Dr assets:inventory            1,000.00
    Cr liabilities:goods-received  1,000.00";

/// What three pieces cost, as an expense of a day.
fn issued(day: &str) -> String {
    format!(
        "2026-{day} order/1/cost/11/issued
            Dr expenses:cost-of-goods-sold  300.00
            Cr assets:inventory             300.00"
    )
}

/// Three pieces come back at what they cost when they left.
fn came_back(day: &str) -> String {
    format!(
        "2026-{day} order/1/cost/11/returned
            Dr assets:inventory             300.00
            Cr expenses:cost-of-goods-sold  300.00"
    )
}

/// The sale of a tenant who sells at delivery: what the courier promises with it, and what it becomes.
const PROMISED: &str = "2026-03-03 parcel/postex/111/promised
    pending Dr assets:cod-receivable:postex  900.00
    pending Cr income:sales                  900.00";

const DELIVERED: &str = "2026-03-05 parcel/postex/111/delivered
    Dr assets:cod-receivable:postex          900.00
    Cr income:sales                          900.00
    pending Dr income:sales                  900.00
    pending Cr assets:cod-receivable:postex  900.00";

const TAKEN_BACK: &str = "2026-03-12 parcel/postex/111/taken-back
    Dr income:sales-returns          900.00
    Cr assets:cod-receivable:postex  900.00";

fn voided(day: &str) -> String {
    format!(
        "2026-{day} parcel/postex/111/voided
            pending Dr income:sales                  900.00
            pending Cr assets:cod-receivable:postex  900.00"
    )
}

const COLLECTED: &str = "postex/111 collected, expected 900.00, outstanding 900.00";

#[test]
fn sold_at_delivery_goods_cost_something_at_delivery() {
    expect(&dispatched(), &format!("{PROMISED} {CAME_IN}"), "postex/111 expected, on the way 900.00");
    expect(
        &and([delivered("postex/111", "03-05")]),
        &format!("{} {DELIVERED} {PROMISED} {CAME_IN}", issued("03-05")),
        COLLECTED,
    );
}

#[test]
fn sold_at_delivery_and_returned() {
    expect(
        &and([delivered("postex/111", "03-05"), returned("postex/111", "03-12")]),
        &format!("{} {} {DELIVERED} {PROMISED} {TAKEN_BACK} {CAME_IN}", issued("03-05"), came_back("03-12")),
        "postex/111 returned",
    );
}

#[test]
fn sold_at_delivery_and_never_delivered_goods_never_left_the_stock() {
    for end in [returned("postex/111", "03-09"), scanned("postex/111", Cancelled, "03-09")] {
        let journal = format!("{PROMISED} {} {CAME_IN}", voided("03-09"));
        expect(&and([cancelled(1, "03-04"), end]), &journal, "postex/111 returned");
    }
}

#[test]
fn sold_at_delivery_and_lost_on_the_way() {
    expect(
        &and([scanned("postex/111", Lost, "03-09")]),
        &format!(
            "2026-03-09 order/1/cost/11/lost
                Dr expenses:lost-goods  300.00
                Cr assets:inventory     300.00
             {PROMISED} {} {CAME_IN}",
            voided("03-09")
        ),
        "postex/111 returned",
    );
}

/// The sale of a tenant who sells at fulfilment.
const SOLD: &str = "2026-03-02 parcel/postex/111/sold
    Dr assets:trade-receivable  900.00
    Cr income:sales             900.00";

const PROMISED_OF_SOLD: &str = "2026-03-03 parcel/postex/111/promised
    pending Dr assets:cod-receivable:postex  900.00
    pending Cr assets:trade-receivable       900.00";

const DELIVERED_OF_SOLD: &str = "2026-03-05 parcel/postex/111/delivered
    Dr assets:cod-receivable:postex          900.00
    Cr assets:trade-receivable               900.00
    pending Dr assets:trade-receivable       900.00
    pending Cr assets:cod-receivable:postex  900.00";

/// The sale comes to nothing, and so does the promise.
fn unsold(day: &str) -> String {
    format!(
        "2026-{day} parcel/postex/111/taken-back
            Dr income:sales-returns     900.00
            Cr assets:trade-receivable  900.00
         2026-{day} parcel/postex/111/voided
            pending Dr assets:trade-receivable       900.00
            pending Cr assets:cod-receivable:postex  900.00"
    )
}

#[test]
fn sold_at_fulfilment_goods_cost_something_at_fulfilment() {
    expect_under(
        &at_fulfilment(),
        &dispatched(),
        &format!("{} {PROMISED_OF_SOLD} {SOLD} {CAME_IN}", issued("03-02")),
        "postex/111 expected, on the way 900.00",
    );
    expect_under(
        &at_fulfilment(),
        &and([delivered("postex/111", "03-05")]),
        &format!("{} {DELIVERED_OF_SOLD} {PROMISED_OF_SOLD} {SOLD} {CAME_IN}", issued("03-02")),
        COLLECTED,
    );
}

#[test]
fn sold_at_fulfilment_delivered_and_returned() {
    expect_under(
        &at_fulfilment(),
        &and([delivered("postex/111", "03-05"), returned("postex/111", "03-12")]),
        &format!(
            "{} {} {DELIVERED_OF_SOLD} {PROMISED_OF_SOLD} {SOLD} {TAKEN_BACK} {CAME_IN}",
            issued("03-02"),
            came_back("03-12")
        ),
        "postex/111 returned",
    );
}

#[test]
fn sold_at_fulfilment_and_never_delivered_goods_come_back_at_what_they_cost_when_they_left() {
    // What came in since at another cost does not change what the parcel left with.
    let dearer = "2026-03-06 receipt/grn-2/in
        Dr assets:inventory            1,400.00
        Cr liabilities:goods-received  1,400.00";
    for end in [returned("postex/111", "03-09"), scanned("postex/111", Cancelled, "03-09")] {
        expect_under(
            &at_fulfilment(),
            &and([cancelled(1, "03-04"), came_in("grn-2", "03-06", 3, 7, "200"), end]),
            &format!(
                "{} {} {PROMISED_OF_SOLD} {SOLD} {} {CAME_IN} {dearer}",
                issued("03-02"),
                came_back("03-09"),
                unsold("03-09")
            ),
            "postex/111 returned",
        );
    }
}

#[test]
fn sold_at_fulfilment_and_lost_the_cost_of_the_sale_is_a_loss() {
    expect_under(
        &at_fulfilment(),
        &and([came_in("grn-2", "03-06", 3, 7, "200"), scanned("postex/111", Lost, "03-09")]),
        &format!(
            "{}
             2026-03-09 order/1/cost/11/lost
                Dr expenses:lost-goods          300.00
                Cr expenses:cost-of-goods-sold  300.00
             {PROMISED_OF_SOLD} {SOLD} {} {CAME_IN}
             2026-03-06 receipt/grn-2/in
                Dr assets:inventory            1,400.00
                Cr liabilities:goods-received  1,400.00",
            issued("03-02"),
            unsold("03-09")
        ),
        "postex/111 returned",
    );
}

#[test]
fn sold_at_fulfilment_partly_refunded_and_the_rest_returned() {
    let refund = "2026-03-07 order/1/refund/7
            Dr income:sales-returns         300.00
            Cr liabilities:refunds-payable  300.00
        2026-03-07 order/1/refund/7/paid
            Dr liabilities:refunds-payable  300.00
            Cr assets:bank                  300.00";
    expect_under(
        &at_fulfilment(),
        &and([delivered("postex/111", "03-05"), restocked(1, 7, "03-07", "300", 1), returned("postex/111", "03-12")]),
        &format!(
            "{}
             2026-03-07 order/1/cost/11/refund/7
                Dr assets:inventory             100.00
                Cr expenses:cost-of-goods-sold  100.00
             2026-03-12 order/1/cost/11/returned
                Dr assets:inventory             200.00
                Cr expenses:cost-of-goods-sold  200.00
             {refund} {DELIVERED_OF_SOLD} {PROMISED_OF_SOLD} {SOLD} {TAKEN_BACK} {CAME_IN}",
            issued("03-02")
        ),
        "postex/111 returned",
    );
}

#[test]
fn prepaid_and_sold_at_fulfilment_goods_cost_something_with_the_sale() {
    let facts = [
        came_in("grn-1", "02-20", 3, 10, "100"),
        placed(1, "1001"),
        order(1, "900").goods(&[(3, 3)]).paid().since("03-01"),
        sent_goods(1, 11, "03-02", &["postex/111"], &[(1, 3)]),
        booked("postex/111", "0"),
    ];
    expect_under(
        &at_fulfilment(),
        &facts,
        &format!(
            "2026-03-01 order/1/captured
                Dr assets:gateway-receivable      900.00
                Cr liabilities:customer-deposits  900.00
             {}
             2026-03-02 order/1/sold
                Dr liabilities:customer-deposits  900.00
                Cr income:sales                   900.00
             {CAME_IN}",
            issued("03-02")
        ),
        "postex/111 none",
    );
}

#[test]
fn a_fulfilment_that_is_taken_back_sold_nothing() {
    let Fact::FulfilmentRecorded(sent) = sent_goods(1, 11, "03-02", &[], &[(1, 3)]) else { unreachable!() };
    let undone = commerce::FulfilmentRecorded { version: time("03-04"), stands: false, ..sent };
    let facts = [
        came_in("grn-1", "02-20", 3, 10, "100"),
        order(1, "900").goods(&[(3, 3)]).cash_on_delivery().since("03-01"),
        Fact::FulfilmentRecorded(undone),
    ];
    expect_under(&at_fulfilment(), &facts, CAME_IN, "");
}

#[test]
fn sent_in_two_parcels_of_which_neither_arrives() {
    let facts = [
        came_in("grn-1", "02-20", 3, 10, "100"),
        placed(1, "1001"),
        order(1, "900").goods(&[(3, 3)]).cash_on_delivery().since("03-01"),
        sent_goods(1, 11, "03-02", &["postex/111", "postex/112"], &[(1, 3)]),
        booked("postex/111", "600"),
        booked("postex/112", "300"),
        returned("postex/111", "03-08"),
        scanned("postex/112", Lost, "03-09"),
    ];
    // What lies in which of them nobody tells: they come back as one, as they would have stayed in stock.
    expect_under(
        &at_fulfilment(),
        &facts,
        &format!(
            "{} {}
             2026-03-02 parcel/postex/111/sold
                Dr assets:trade-receivable  600.00
                Cr income:sales             600.00
             2026-03-08 parcel/postex/111/taken-back
                Dr income:sales-returns     600.00
                Cr assets:trade-receivable  600.00
             2026-03-02 parcel/postex/112/sold
                Dr assets:trade-receivable  300.00
                Cr income:sales             300.00
             2026-03-09 parcel/postex/112/taken-back
                Dr income:sales-returns     300.00
                Cr assets:trade-receivable  300.00
             {CAME_IN}",
            issued("03-02"),
            came_back("03-09")
        ),
        "postex/111 returned
         postex/112 returned",
    );
}

#[test]
fn handed_over_by_a_fulfilment_that_names_no_goods() {
    let facts = [
        came_in("grn-1", "02-20", 3, 10, "100"),
        order(1, "900").goods(&[(3, 3)]).cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &[]),
    ];
    expect(
        &facts,
        &format!(
            "2026-03-02 order/1/cost/goods/issued
                Dr expenses:cost-of-goods-sold  300.00
                Cr assets:inventory             300.00
             2026-03-02 order/1/sold
                Dr assets:trade-receivable  900.00
                Cr income:sales             900.00
             {CAME_IN}"
        ),
        "",
    );
}

/// Three of ten pieces left without a number, and the courier booked the parcel under the order's name.
fn booked_by_name(cod: &str, terms: Terms) -> Vec<Fact> {
    vec![
        came_in("grn-1", "02-20", 3, 10, "100"),
        placed(1, "1001"),
        terms.goods(&[(3, 3)]).since("03-01"),
        sent_goods(1, 11, "03-02", &[], &[(1, 3)]),
        booked_for("postex/111", cod, "1001"),
        scanned("postex/111", PickedUp, "03-03"),
    ]
}

#[test]
fn sent_without_a_number_goods_wait_with_the_revenue_for_the_parcel() {
    let facts = booked_by_name("900", order(1, "900").cash_on_delivery());
    let there = crate::then(facts.clone(), [delivered("postex/111", "03-05")]);
    let back = crate::then(there.clone(), [returned("postex/111", "03-12")]);
    expect(&facts, &format!("{PROMISED} {CAME_IN}"), "postex/111 expected, on the way 900.00");
    expect(&there, &format!("{} {DELIVERED} {PROMISED} {CAME_IN}", issued("03-05")), COLLECTED);
    expect(
        &back,
        &format!("{} {} {DELIVERED} {PROMISED} {TAKEN_BACK} {CAME_IN}", issued("03-05"), came_back("03-12")),
        "postex/111 returned",
    );
    let never_arrived = crate::then(facts, [returned("postex/111", "03-09")]);
    expect(&never_arrived, &format!("{PROMISED} {} {CAME_IN}", voided("03-09")), "postex/111 returned");
}

#[test]
fn prepaid_and_sent_without_a_number_goods_come_back_with_the_parcel() {
    let facts = booked_by_name("0", order(1, "900").paid());
    let captured = "2026-03-01 order/1/captured
        Dr assets:gateway-receivable      900.00
        Cr liabilities:customer-deposits  900.00";
    let sold = "2026-03-02 order/1/sold
        Dr liabilities:customer-deposits  900.00
        Cr income:sales                   900.00";
    for policy in [Policy::default(), at_fulfilment()] {
        expect_under(&policy, &facts, &format!("{captured} {} {sold} {CAME_IN}", issued("03-02")), "postex/111 none");
        expect_under(
            &policy,
            &crate::then(facts.clone(), [returned("postex/111", "03-09")]),
            &format!("{captured} {} {} {sold} {CAME_IN}", issued("03-02"), came_back("03-09")),
            "postex/111 returned",
        );
    }
}

#[test]
fn lost_with_one_of_two_parcels_and_refunded_nothing_is_taken_back_of_the_other() {
    let facts = [
        came_in("grn-1", "02-20", 3, 10, "100"),
        placed(1, "1001"),
        order(1, "900").goods(&[(3, 2)]).cash_on_delivery().since("03-01"),
        sent_goods(1, 11, "03-02", &["postex/111"], &[(1, 1)]),
        sent_goods(1, 12, "03-02", &["postex/112"], &[(1, 1)]),
        booked("postex/111", "450"),
        booked("postex/112", "450"),
        delivered("postex/112", "03-05"),
        scanned("postex/111", Lost, "03-06"),
        restocked(1, 7, "03-07", "10", 1),
    ];
    expect(
        &facts,
        &format!(
            "2026-03-06 order/1/cost/11/lost
                Dr expenses:lost-goods  100.00
                Cr assets:inventory     100.00
             2026-03-05 order/1/cost/12/issued
                Dr expenses:cost-of-goods-sold  100.00
                Cr assets:inventory             100.00
             2026-03-07 order/1/refund/7
                Dr income:sales-returns         10.00
                Cr liabilities:refunds-payable  10.00
             2026-03-07 order/1/refund/7/paid
                Dr liabilities:refunds-payable  10.00
                Cr assets:bank                  10.00
             2026-03-05 parcel/postex/112/delivered
                Dr assets:cod-receivable:postex  450.00
                Cr income:sales                  450.00
             {CAME_IN}"
        ),
        "postex/111 returned
         postex/112 collected, expected 450.00, outstanding 450.00",
    );
}
