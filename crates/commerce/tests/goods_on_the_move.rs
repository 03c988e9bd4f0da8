//! Goods as the warehouse sees them: what happened, which goods moved when, and what that posts at cost.
//!
//! Order 1 is of two pieces of item 7 (line 1) and one of item 8 (line 2) unless a case says otherwise.

#![expect(clippy::expect_used, reason = "stories are written by hand: a word that cannot be read fails its test")]

#[expect(dead_code, reason = "the posting table uses the rest")]
mod books;
#[expect(dead_code, reason = "the posting table uses the rest")]
mod story;

mod goods_astray;
mod warehouse;

use commerce::ParcelState::{Lost, PickedUp};
use commerce::{Fact, FulfilmentRecorded, OrderRevised};
use story::{booked_for, delivered, placed, returned, scanned, sent, shop_says_delivered};
use warehouse::*;

const OUT_7: &str = "03-05 item 7 out 2 (out/order/1/11/1/issued)";
const OUT_8: &str = "03-05 item 8 out 1 (out/order/1/11/2/issued)";

#[test]
fn goods_on_their_way_have_not_moved() {
    moves(&[ordered(), left_in(&["postex/111"])], &[]);
    moves(&[ordered(), left_in(&["postex/111"]), scanned("postex/111", PickedUp, "03-03")], &[]);
}

#[test]
fn a_sending_is_sold_with_its_first_parcel() {
    let facts = [
        ordered(),
        left_in(&["postex/111", "postex/112"]),
        delivered("postex/112", "03-05"),
        delivered("postex/111", "03-07"),
    ];
    moves(&facts, &[OUT_7, OUT_8]);
    moves(&facts[..3], &[OUT_7, OUT_8]);
}

#[test]
fn each_sending_is_sold_by_its_own_parcels() {
    let first = with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 2)]);
    let second = with_lines(sent(1, 12, "03-02", &["postex/112"]), &[(2, 1)]);
    let facts = [ordered(), first, second, delivered("postex/111", "03-05"), delivered("postex/112", "03-06")];
    moves(&facts[..4], &[OUT_7]);
    moves(&facts, &[OUT_7, "03-06 item 8 out 1 (out/order/1/12/2/issued)"]);
}

#[test]
fn a_sending_is_back_with_its_last_parcel() {
    let facts = [
        ordered(),
        left_in(&["postex/111", "postex/112"]),
        delivered("postex/111", "03-05"),
        returned("postex/112", "03-09"),
        returned("postex/111", "03-08"),
    ];
    moves(&facts[..4], &[OUT_7, OUT_8]);
    moves(
        &facts,
        &[
            OUT_7,
            "03-09 item 7 back 2 after 0 of out/order/1/11/1/issued (out/order/1/11/1/returned)",
            OUT_8,
            "03-09 item 8 back 1 after 0 of out/order/1/11/2/issued (out/order/1/11/2/returned)",
        ],
    );
}

#[test]
fn what_came_back_undelivered_was_never_out_of_stock() {
    moves(&[ordered(), left_in(&["postex/111"]), returned("postex/111", "03-08")], &[]);
}

#[test]
fn a_sending_is_lost_with_its_last_parcel() {
    let facts = [
        ordered(),
        left_in(&["postex/111", "postex/112"]),
        scanned("postex/111", PickedUp, "03-03"),
        scanned("postex/111", Lost, "03-06"),
        scanned("postex/112", PickedUp, "03-03"),
        scanned("postex/112", Lost, "03-07"),
        scanned("postex/111", Lost, "03-08"),
    ];
    moves(&facts[..4], &[]);
    moves(&facts, &["03-08 item 7 lost 2 (out/order/1/11/1/lost)", "03-08 item 8 lost 1 (out/order/1/11/2/lost)"]);
    let one_arrived = [&facts[..4], &[delivered("postex/112", "03-05")]].concat();
    moves(&one_arrived, &[OUT_7, OUT_8]);
    let lost_after_all = [&facts[..], &[delivered("postex/112", "03-05")]].concat();
    moves(&lost_after_all, &[OUT_7, OUT_8]);
}

#[test]
fn goods_that_no_courier_tracks_are_sold_when_they_are_handed_over() {
    let handed_over = "03-02 item 7 out 2 (out/order/1/11/1/issued)";
    moves(&[ordered(), left_in(&[])], &[handed_over, "03-02 item 8 out 1 (out/order/1/11/2/issued)"]);
}

#[test]
fn of_a_parcel_that_is_another_orders_only_the_shop_can_tell() {
    let second = ordered_lines(2, &[(1, 7, 1)]);
    let (way, there) = (sent(2, 21, "03-02", &["postex/111"]), shop_says_delivered(2, 21, "03-06", &["postex/111"]));
    let (way, there) = (with_lines(way, &[(1, 1)]), with_lines(there, &[(1, 1)]));
    let facts = [ordered(), left_in(&["postex/111"]), second, way, delivered("postex/111", "03-05"), there];
    moves(&facts[..5], &[OUT_7, OUT_8]);
    moves(&facts, &[OUT_7, "03-06 item 7 out 1 (out/order/2/21/1/issued)", OUT_8]);
}

#[test]
fn the_shop_is_believed_where_the_courier_is_silent() {
    let there = with_lines(shop_says_delivered(1, 11, "03-05", &["postex/111"]), &[(1, 2), (2, 1)]);
    moves(&[ordered(), there.clone()], &[OUT_7, OUT_8]);
    moves(&[ordered(), there, scanned("postex/111", PickedUp, "03-03")], &[]);
}

#[test]
fn an_order_without_a_fulfilment_is_sold_as_a_whole() {
    let parcel = [placed(1, "1001"), ordered(), booked_for("postex/111", "3,000", "1001")];
    let whole = ["03-05 item 7 out 2 (out/order/1/goods/1/issued)", "03-05 item 8 out 1 (out/order/1/goods/2/issued)"];
    moves(&parcel, &[]);
    let there = [&parcel[..], &[delivered("postex/111", "03-05")]].concat();
    moves(&there, &whole);
    // A fulfilment that says nothing of its goods, or that was called off, is none.
    let silent = sent(1, 11, "03-02", &["postex/111"]);
    moves(&[&there[..], &[silent]].concat(), &whole);
    let Fact::FulfilmentRecorded(stands) = left_in(&["postex/111"]) else { unreachable!() };
    let called_off = Fact::FulfilmentRecorded(FulfilmentRecorded { stands: false, ..stands });
    moves(&[&there[..], &[called_off]].concat(), &whole);
    moves(&[&there[..], &[left_in(&["postex/111"])]].concat(), &[OUT_7, OUT_8]);
    // Nor does it move twice: what has left as one sending is not waiting to leave as another.
    let late = with_lines(sent(1, 11, "03-02", &["postex/112"]), &[(1, 2)]);
    moves(&[&there[..], &[late]].concat(), &[]);
}

#[test]
fn only_pieces_of_known_items_move() {
    let lines = [(1, 7, 2), (2, 0, 4), (3, 8, 0), (4, 9, -1), (5, 10, 1)];
    let parcel = [placed(1, "1001"), booked_for("postex/111", "3,000", "1001"), delivered("postex/111", "03-05")];
    let whole = ["03-05 item 7 out 2 (out/order/1/goods/1/issued)", "03-05 item 10 out 1 (out/order/1/goods/5/issued)"];
    moves(&[&parcel[..], &[ordered_lines(1, &lines)]].concat(), &whole);
    let told_twice = with_lines(sent(1, 11, "03-05", &[]), &[(1, 2), (1, 3), (9, 1)]);
    moves(&[ordered(), told_twice], &["03-05 item 7 out 5 (out/order/1/11/1/issued)"]);
    let Fact::OrderRevised(terms) = ordered() else { unreachable!() };
    let trial = Fact::OrderRevised(OrderRevised { test: true, ..terms });
    moves(&[trial, left_in(&[])], &[]);
}

#[test]
fn a_refund_takes_back_what_was_sold_before_it() {
    let sold = [ordered(), left_in(&["postex/111"]), delivered("postex/111", "03-05")];
    let back = "of out/order/1/11/1/issued";
    for (at, is_taken_back) in [("03-05 11:59", false), ("03-05", true), ("03-06", true)] {
        let facts = [&sold[..], &[restocked(31, at, &[(1, 1)])]].concat();
        let taken = format!("{at} item 7 back 1 after 0 {back} (out/order/1/11/1/refund/31)");
        let expected = [Some(OUT_7), Some(&*taken).filter(|_| is_taken_back), Some(OUT_8)];
        moves(&facts, &expected.into_iter().flatten().collect::<Vec<_>>());
    }
}

#[test]
fn refunds_take_back_no_more_than_was_sold_and_the_parcel_brings_the_rest() {
    let facts = [
        ordered(),
        left_in(&["postex/111"]),
        delivered("postex/111", "03-05"),
        restocked(32, "03-06", &[(1, 1)]),
        restocked(31, "03-07", &[(1, 5)]),
        restocked(30, "03-07", &[(2, 0)]),
        returned("postex/111", "03-09"),
    ];
    let back = |day: &str, earlier: i64, refund: u64| {
        format!("{day} item 7 back 1 after {earlier} of out/order/1/11/1/issued (out/order/1/11/1/refund/{refund})")
    };
    let (first, second) = (back("03-06", 0, 32), back("03-07", 1, 31));
    moves(&facts[..6], &[OUT_7, &first, &second, OUT_8]);
    let other = "03-09 item 8 back 1 after 0 of out/order/1/11/2/issued (out/order/1/11/2/returned)";
    moves(&facts, &[OUT_7, &first, &second, OUT_8, other]);
    let one_refund = [&facts[..4], &facts[6..]].concat();
    let rest = "03-09 item 7 back 1 after 1 of out/order/1/11/1/issued (out/order/1/11/1/returned)";
    moves(&one_refund, &[OUT_7, &first, rest, OUT_8, other]);
}

#[test]
fn a_refund_after_the_parcel_is_back_takes_nothing_more_back() {
    let facts = |at: &str| {
        let (sold, back) = (delivered("postex/111", "03-05"), returned("postex/111", "03-09"));
        [ordered(), left_in(&["postex/111"]), sold, back, restocked(31, at, &[(1, 1)])]
    };
    let other = "03-09 item 8 back 1 after 0 of out/order/1/11/2/issued (out/order/1/11/2/returned)";
    let whole = "03-09 item 7 back 2 after 0 of out/order/1/11/1/issued (out/order/1/11/1/returned)";
    moves(&facts("03-09 12:01"), &[OUT_7, whole, OUT_8, other]);
    let (refund, rest) = (
        "03-09 item 7 back 1 after 0 of out/order/1/11/1/issued (out/order/1/11/1/refund/31)",
        "03-09 item 7 back 1 after 1 of out/order/1/11/1/issued (out/order/1/11/1/returned)",
    );
    moves(&facts("03-09"), &[OUT_7, refund, rest, OUT_8, other]);
}

#[test]
fn a_refund_takes_from_the_sending_that_was_sold_first() {
    let first = with_lines(sent(1, 12, "03-02", &[]), &[(1, 1)]);
    let second = with_lines(sent(1, 11, "03-04", &[]), &[(1, 1)]);
    let facts = [ordered(), first, second, restocked(31, "03-06", &[(1, 1)]), restocked(32, "03-07", &[(1, 1)])];
    let (sold_first, sold_second) =
        ("03-02 item 7 out 1 (out/order/1/12/1/issued)", "03-04 item 7 out 1 (out/order/1/11/1/issued)");
    let back_first = "03-06 item 7 back 1 after 0 of out/order/1/12/1/issued (out/order/1/12/1/refund/31)";
    let back_second = "03-07 item 7 back 1 after 0 of out/order/1/11/1/issued (out/order/1/11/1/refund/32)";
    moves(&facts[..4], &[sold_first, sold_second, back_first]);
    moves(&facts, &[sold_first, sold_second, back_first, back_second]);
    let at_once = [&facts[..3], &[restocked(31, "03-06", &[(1, 2)])]].concat();
    let back_second = "03-06 item 7 back 1 after 0 of out/order/1/11/1/issued (out/order/1/11/1/refund/31)";
    moves(&at_once, &[sold_first, sold_second, back_second, back_first]);
}

#[test]
fn what_comes_in_and_what_it_costs() {
    moves(&[came_in("grn-1", "03-01", 7, 10, "100")], &["03-01 item 7 in 10 at 100.00 PKR (in/receipt/grn-1)"]);
    moves(&[came_in("grn-1", "03-01", 7, 1, "0")], &["03-01 item 7 in 1 at 0.00 PKR (in/receipt/grn-1)"]);
    moves(&[came_in("grn-1", "03-01", 7, 0, "100"), came_in("grn-2", "03-01", 7, 1, "-0.01")], &[]);
    moves(
        &[costs("03-01", 7, Some("0")), costs("03-02", 7, None), costs("03-03", 7, Some("-0.01"))],
        &["03-01 item 7 costs 0.00 PKR (cost/7/PKR/00000000000000000000)"],
    );
}

#[test]
fn goods_sold_and_lost_leave_the_inventory_at_cost() {
    let came = [came_in("grn-1", "03-01", 7, 10, "100"), came_in("grn-2", "03-01", 8, 10, "30")];
    let in_stock = "2026-03-01 receipt/grn-1/in
                        Dr assets:inventory            1000.00 PKR
                        Cr liabilities:goods-received  1000.00 PKR
                    2026-03-01 receipt/grn-2/in
                        Dr assets:inventory             300.00 PKR
                        Cr liabilities:goods-received   300.00 PKR";
    posts(&came, in_stock);
    let sold = [&came[..], &[ordered(), left_in(&["postex/111"]), delivered("postex/111", "03-05")]].concat();
    let cost = "2026-03-05 order/1/cost/11/issued
                    Dr expenses:cost-of-goods-sold     230.00 PKR
                    Cr assets:inventory                230.00 PKR";
    posts(&sold, &format!("{cost} {in_stock}"));
    let lost = [&came[..], &[ordered(), left_in(&["postex/111"]), scanned("postex/111", Lost, "03-05")]].concat();
    let write_off = "2026-03-05 order/1/cost/11/lost
                         Dr expenses:lost-goods        230.00 PKR
                         Cr assets:inventory           230.00 PKR";
    posts(&lost, &format!("{write_off} {in_stock}"));
    let back = [&sold[..], &[restocked(31, "03-06", &[(1, 1)]), returned("postex/111", "03-09")]].concat();
    posts(
        &back,
        &format!(
            "{cost}
             2026-03-06 order/1/cost/11/refund/31
                Dr assets:inventory            100.00 PKR
                Cr expenses:cost-of-goods-sold 100.00 PKR
             2026-03-09 order/1/cost/11/returned
                Dr assets:inventory            130.00 PKR
                Cr expenses:cost-of-goods-sold 130.00 PKR {in_stock}"
        ),
    );
}

#[test]
fn pieces_sold_before_they_came_in_are_put_right_with_what_comes_in() {
    // Two pieces were sold at 100 each that turn out to have cost 120: 40 more were sold than was known.
    let sold = [costs("03-01", 7, Some("100")), ordered(), with_lines(sent(1, 11, "03-02", &[]), &[(1, 2)])];
    let cost = "2026-03-02 order/1/cost/11/issued
                    Dr expenses:cost-of-goods-sold 200.00 PKR
                    Cr assets:inventory            200.00 PKR";
    posts(&sold, cost);
    let came_in_late = "2026-03-04 receipt/grn-1/in
                            Dr assets:inventory           560.00 PKR
                            Dr expenses:cost-of-goods-sold 40.00 PKR
                            Cr liabilities:goods-received 600.00 PKR";
    posts(&[&sold[..], &[came_in("grn-1", "03-04", 7, 5, "120")]].concat(), &format!("{cost} {came_in_late}"));
    // A piece sold at 130 comes back to a hole of two that are worth 115 each on average: 15 less were sold.
    let second = with_lines(sent(1, 12, "03-04", &[]), &[(1, 1)]);
    let sold = [
        costs("03-01", 7, Some("100")),
        ordered(),
        with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 1)]),
        delivered("postex/111", "03-02"),
        costs("03-03", 7, Some("130")),
        second,
        returned("postex/111", "03-05"),
    ];
    posts(
        &sold,
        "2026-03-02 order/1/cost/11/issued
            Dr expenses:cost-of-goods-sold 100.00 PKR
            Cr assets:inventory            100.00 PKR
         2026-03-05 order/1/cost/11/returned
            Dr assets:inventory            115.00 PKR
            Cr expenses:cost-of-goods-sold 115.00 PKR
         2026-03-04 order/1/cost/12/issued
            Dr expenses:cost-of-goods-sold 130.00 PKR
            Cr assets:inventory            130.00 PKR",
    );
}

#[test]
fn costs_of_two_currencies_are_posted_apart_and_goods_without_a_cost_not_at_all() {
    let facts = [
        came_in("grn-1", "03-01", 7, 2, "100"),
        came_in("grn-2", "03-01", 8, 2, "3 USD"),
        ordered_lines(1, &[(1, 7, 2), (2, 8, 1), (3, 9, 4)]),
        with_lines(sent(1, 11, "03-02", &[]), &[(1, 2), (2, 1), (3, 4)]),
    ];
    posts(
        &facts,
        "2026-03-02 order/1/cost/11/issued
            Dr expenses:cost-of-goods-sold   3.00 USD
            Dr expenses:cost-of-goods-sold 200.00 PKR
            Cr assets:inventory              3.00 USD
            Cr assets:inventory            200.00 PKR
         2026-03-01 receipt/grn-1/in
            Dr assets:inventory            200.00 PKR
            Cr liabilities:goods-received  200.00 PKR
         2026-03-01 receipt/grn-2/in
            Dr assets:inventory              6.00 USD
            Cr liabilities:goods-received    6.00 USD",
    );
}
