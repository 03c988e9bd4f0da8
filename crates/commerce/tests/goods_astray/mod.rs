//! Goods as the warehouse sees them, continued: goods whose parcel only its courier knows, goods that no fulfilment
//! tells, pieces that were taken off the order before they left, and pieces that are lost and refunded.

use commerce::ParcelState::{Cancelled, Lost, PickedUp, Returned};
use commerce::Recognition::{Delivery, Fulfilment};
use commerce::{Fact, FulfilmentRecorded, LineId, OrderRevised, PaymentState, RefundIssued};

use crate::story::{booked_for, delivered, placed, returned, scanned, sent, shop_says_delivered};
use crate::warehouse::*;

/// Order 1, cash on delivery. Two pieces of item 7 and one of item 8 left on 2 March without a number, and the courier
/// booked these parcels under the order's name.
fn booked_by_name(parcels: &[&str]) -> Vec<Fact> {
    let booked = parcels.iter().map(|parcel| booked_for(parcel, "1,000", "1001"));
    [placed(1, "1001"), ordered(), left_in(&[])].into_iter().chain(booked).collect()
}

/// The same order, paid by card.
fn prepaid(facts: &[Fact]) -> Vec<Fact> {
    let paid = |fact: &Fact| match fact {
        Fact::OrderRevised(terms) => Fact::OrderRevised(OrderRevised {
            cash_on_delivery: false,
            payment: PaymentState::Paid,
            paid: terms.total,
            ..terms.clone()
        }),
        other => other.clone(),
    };
    facts.iter().map(paid).collect()
}

fn and(facts: &[Fact], more: &[Fact]) -> Vec<Fact> {
    [facts, more].concat()
}

/// All pieces of order 1 go out on a day, and are back on another.
fn out_and_back(sending: &str, out: &str, back: Option<&str>) -> Vec<String> {
    let pieces = [(7, 1, 2), (8, 2, 1)];
    let told = pieces.into_iter().flat_map(|(item, line, count)| {
        let issue = format!("out/order/1/{sending}/{line}/issued");
        let returned = format!("(out/order/1/{sending}/{line}/returned)");
        let back = back.map(|day| format!("{day} item {item} back {count} after 0 of {issue} {returned}"));
        [Some(format!("{out} item {item} out {count} ({issue})")), back]
    });
    told.flatten().collect()
}

#[track_caller]
fn both_ways(facts: &[Fact], expected: &[String]) {
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    moves_under(Delivery, facts, &expected);
    moves_under(Fulfilment, facts, &expected);
}

#[test]
fn a_line_of_which_nothing_left_moves_nothing() {
    let none_of_the_second = |fact: Fact| match fact {
        Fact::FulfilmentRecorded(told) => {
            let lines = told.lines.iter().map(|(line, pieces)| (*line, if *line == LineId(2) { 0 } else { *pieces }));
            Fact::FulfilmentRecorded(FulfilmentRecorded { lines: lines.collect(), ..told })
        }
        other => other,
    };
    let facts = and(&booked_by_name(&["postex/111"]), &[delivered("postex/111", "03-05")]);
    let facts: Vec<Fact> = facts.into_iter().map(none_of_the_second).collect();
    moves(&facts, &["03-05 item 7 out 2 (out/order/1/11/1/issued)"]);
}

#[test]
fn goods_without_a_number_wait_for_the_parcel_that_the_courier_booked() {
    let facts = booked_by_name(&["postex/111"]);
    // Nobody says when such a parcel left: its revenue waits for the buyer whichever way the tenant sells.
    both_ways(&facts, &[]);
    both_ways(&and(&facts, &[returned("postex/111", "03-09")]), &[]);
    let there = and(&facts, &[delivered("postex/111", "03-05")]);
    both_ways(&there, &out_and_back("11", "03-05", None));
    both_ways(&and(&there, &[returned("postex/111", "03-09")]), &out_and_back("11", "03-05", Some("03-09")));
    let lost = and(&facts, &[scanned("postex/111", Lost, "03-06")]);
    let gone = ["03-06 item 7 lost 2 (out/order/1/11/1/lost)", "03-06 item 8 lost 1 (out/order/1/11/2/lost)"];
    both_ways(&lost, &gone.map(str::to_owned));
}

#[test]
fn prepaid_goods_without_a_number_are_sold_as_they_are_handed_over_and_come_back_with_their_parcel() {
    let facts = prepaid(&booked_by_name(&["postex/111"]));
    both_ways(&facts, &out_and_back("11", "03-02", None));
    both_ways(&and(&facts, &[returned("postex/111", "03-09")]), &out_and_back("11", "03-02", Some("03-09")));
    // Where the sale is the delivery, the revenue moves to it, and so does the cost.
    let there = and(&facts, &[delivered("postex/111", "03-05")]);
    moves_under(Delivery, &there, &out_and_back("11", "03-05", None).iter().map(String::as_str).collect::<Vec<_>>());
    moves_under(Fulfilment, &there, &out_and_back("11", "03-02", None).iter().map(String::as_str).collect::<Vec<_>>());
    // Delivered before the shop recorded that it had left.
    let early = and(&facts, &[delivered("postex/111", "03-01 18:00")]);
    let out = out_and_back("11", "03-01 18:00", None);
    moves_under(Delivery, &early, &out.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn several_fulfilments_without_a_number_share_the_parcels_that_none_names() {
    let first = with_lines(sent(1, 11, "03-02", &[]), &[(1, 2)]);
    let second = with_lines(sent(1, 12, "03-03", &[]), &[(2, 1)]);
    let booked = ["postex/111", "postex/112"].map(|parcel| booked_for(parcel, "1,500", "1001"));
    let facts = and(&[placed(1, "1001"), ordered(), first, second], &booked);
    moves(&facts, &[]);
    let there = and(&facts, &[delivered("postex/112", "03-05")]);
    moves(&there, &["03-05 item 7 out 2 (out/order/1/11/1/issued)", "03-05 item 8 out 1 (out/order/1/12/2/issued)"]);
    let ended = and(&there, &[returned("postex/112", "03-08"), returned("postex/111", "03-09")]);
    moves(
        &ended,
        &[
            "03-05 item 7 out 2 (out/order/1/11/1/issued)",
            "03-09 item 7 back 2 after 0 of out/order/1/11/1/issued (out/order/1/11/1/returned)",
            "03-05 item 8 out 1 (out/order/1/12/2/issued)",
            "03-09 item 8 back 1 after 0 of out/order/1/12/2/issued (out/order/1/12/2/returned)",
        ],
    );
}

#[test]
fn a_parcel_that_another_fulfilment_names_is_not_shared() {
    let named = with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 2)]);
    let without = with_lines(sent(1, 12, "03-02", &[]), &[(2, 1)]);
    let facts = [placed(1, "1001"), ordered(), named, without, booked_for("postex/112", "1,500", "1001")];
    let facts = and(&facts, &[delivered("postex/111", "03-05")]);
    moves(&facts, &["03-05 item 7 out 2 (out/order/1/11/1/issued)"]);
    let there = and(&facts, &[delivered("postex/112", "03-07"), returned("postex/111", "03-09")]);
    moves(
        &there,
        &[
            "03-05 item 7 out 2 (out/order/1/11/1/issued)",
            "03-09 item 7 back 2 after 0 of out/order/1/11/1/issued (out/order/1/11/1/returned)",
            "03-07 item 8 out 1 (out/order/1/12/2/issued)",
        ],
    );
}

#[test]
fn what_is_handed_over_beside_a_parcel_costs_nothing_before_the_orders_first_revenue() {
    let named = with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 2)]);
    let by_hand = with_lines(sent(1, 12, "03-02", &[]), &[(2, 1)]);
    let facts = [ordered(), named, by_hand];
    moves(&facts, &[]);
    let there = and(&facts, &[delivered("postex/111", "03-05")]);
    moves(&there, &["03-05 item 7 out 2 (out/order/1/11/1/issued)", "03-05 item 8 out 1 (out/order/1/12/2/issued)"]);
    // A tenant who sells at fulfilment has sold both when they left.
    moves_under(
        Fulfilment,
        &facts,
        &["03-02 item 7 out 2 (out/order/1/11/1/issued)", "03-02 item 8 out 1 (out/order/1/12/2/issued)"],
    );
}

#[test]
fn a_parcel_that_is_another_orders_left_when_its_fulfilment_says() {
    let second = ordered_lines(2, &[(1, 7, 1)]);
    let way = with_lines(sent(2, 21, "03-03", &["postex/111"]), &[(1, 1)]);
    let facts = [ordered(), left_in(&["postex/111"]), second, way];
    let of_first = ["03-02 item 7 out 2 (out/order/1/11/1/issued)", "03-02 item 8 out 1 (out/order/1/11/2/issued)"];
    moves_under(Delivery, &facts, &[]);
    let of_second = "03-03 item 7 out 1 (out/order/2/21/1/issued)";
    moves_under(Fulfilment, &facts, &[of_first[0], of_second, of_first[1]]);
    // What is handed over beside it has been sold; it has not, before the shop says so.
    let by_hand = with_lines(sent(2, 22, "03-04", &[]), &[(1, 1)]);
    moves(&and(&facts, &[by_hand]), &["03-04 item 7 out 1 (out/order/2/22/1/issued)"]);
}

#[test]
fn goods_as_a_whole_are_sold_with_the_revenue() {
    // A fulfilment that names neither goods nor a number, and the courier's parcel.
    let silent = [placed(1, "1001"), ordered(), sent(1, 11, "03-02", &[]), booked_for("postex/111", "3,000", "1001")];
    both_ways(&silent, &[]);
    both_ways(&and(&silent, &[delivered("postex/111", "03-05")]), &out_and_back("goods", "03-05", None));
    let prepaid = prepaid(&silent);
    both_ways(&prepaid, &out_and_back("goods", "03-02", None));
    let back = and(&prepaid, &[scanned("postex/111", Cancelled, "03-09")]);
    both_ways(&back, &out_and_back("goods", "03-02", Some("03-09")));
    let by_hand = [ordered(), sent(1, 11, "03-02", &[])];
    both_ways(&by_hand, &out_and_back("goods", "03-02", None));
    let shop_says = [ordered(), shop_says_delivered(1, 11, "03-04", &["postex/111"])];
    moves(&shop_says, &out_and_back("goods", "03-04", None).iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn goods_are_back_when_no_parcel_is_with_the_buyer_however_each_of_them_ended() {
    let facts = [ordered(), left_in(&["postex/111", "postex/112"]), delivered("postex/111", "03-05")];
    let returned = and(&facts, &[returned("postex/111", "03-08")]);
    for end in [Cancelled, Lost] {
        let ended = and(&returned, &[scanned("postex/112", end, "03-09")]);
        let out = out_and_back("11", "03-05", Some("03-09"));
        moves(&ended, &out.iter().map(String::as_str).collect::<Vec<_>>());
        // One that reached the buyer and did not come back keeps them out of stock.
        let kept = and(&facts, &[scanned("postex/112", end, "03-09"), scanned("postex/111", end, "03-10")]);
        let out = out_and_back("11", "03-05", None);
        moves(&kept, &out.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn pieces_that_a_refund_took_off_before_the_goods_were_sold_never_leave() {
    let parcel = [placed(1, "1001"), ordered(), booked_for("postex/111", "3,000", "1001")];
    let there = and(&parcel, &[delivered("postex/111", "03-05")]);
    let whole = ["03-05 item 7 out 2 (out/order/1/goods/1/issued)", "03-05 item 8 out 1 (out/order/1/goods/2/issued)"];
    let one_less = "03-05 item 7 out 1 (out/order/1/goods/1/issued)";
    let before = "03-05 11:59";
    moves(&and(&there, &[restocked(31, before, &[(1, 1)])]), &[one_less, whole[1]]);
    moves(&and(&there, &[restocked(31, "03-03", &[(1, 1)]), restocked(32, before, &[(2, 1)])]), &[one_less]);
    moves(&and(&there, &[restocked(31, "03-03", &[(1, 1)]), restocked(32, "03-04", &[(1, 4)])]), &[whole[1]]);
    // With the sale or after it, they come back.
    let back = "03-05 item 7 back 1 after 0 of out/order/1/goods/1/issued (out/order/1/goods/1/refund/31)";
    moves(&and(&there, &[restocked(31, "03-05", &[(1, 1)])]), &[whole[0], back, whole[1]]);
    // Nor are they lost.
    let lost = and(&parcel, &[scanned("postex/111", Lost, "03-06"), restocked(31, "03-04", &[(1, 1)])]);
    let gone = ["03-06 item 7 lost 1 (out/order/1/goods/1/lost)", "03-06 item 8 lost 1 (out/order/1/goods/2/lost)"];
    moves(&lost, &gone);
    // What is left comes back with the parcel.
    let ended = and(&there, &[restocked(31, before, &[(1, 1), (2, 1)]), returned("postex/111", "03-09")]);
    let rest = "03-09 item 7 back 1 after 0 of out/order/1/goods/1/issued (out/order/1/goods/1/returned)";
    moves(&ended, &[one_less, rest]);
}

/// A refund took these pieces back into stock, so many of the first line as no fulfilment had sent yet.
fn restocked_unsent(refund: u64, at: &str, lines: &[(u64, i64)], unsent: i64) -> Fact {
    let Fact::RefundIssued(issued) = restocked(refund, at, lines) else { unreachable!() };
    Fact::RefundIssued(RefundIssued { unsent: vec![(LineId(1), unsent)], ..issued })
}

#[test]
fn pieces_that_no_fulfilment_had_sent_come_off_none() {
    // Of two pieces one is sent and delivered. The other is taken off the order, and then the one comes back.
    let one = with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 1)]);
    let sold = [ordered(), one, delivered("postex/111", "03-05")];
    let out = "03-05 item 7 out 1 (out/order/1/11/1/issued)";
    moves(&and(&sold, &[restocked_unsent(31, "03-06", &[(1, 1)], 1)]), &[out]);
    let back = "03-07 item 7 back 1 after 0 of out/order/1/11/1/issued (out/order/1/11/1/refund/32)";
    let both = [restocked_unsent(31, "03-06", &[(1, 1)], 1), restocked(32, "03-07", &[(1, 1)])];
    moves(&and(&sold, &both), &[out, back]);
    // One refund of both says how many of them had not left; a shop that names more than it restocked gives none back.
    let at_once = back.replace("refund/32", "refund/31");
    moves(&and(&sold, &[restocked_unsent(31, "03-07", &[(1, 2)], 1)]), &[out, &at_once]);
    let too_many = and(&sold, &[restocked_unsent(31, "03-06", &[(1, 1)], 3)]);
    moves(&too_many, &[out]);
    moves(&and(&too_many, &[restocked(32, "03-07", &[(1, 2)])]), &[out, back]);
}

#[test]
fn what_no_fulfilment_tells_comes_back_though_the_shop_never_sent_it() {
    let there =
        [placed(1, "1001"), ordered(), booked_for("postex/111", "3,000", "1001"), delivered("postex/111", "03-05")];
    let whole = ["03-05 item 7 out 2 (out/order/1/goods/1/issued)", "03-05 item 8 out 1 (out/order/1/goods/2/issued)"];
    let back = "03-07 item 7 back 1 after 0 of out/order/1/goods/1/issued (out/order/1/goods/1/refund/31)";
    moves(&and(&there, &[restocked_unsent(31, "03-07", &[(1, 1)], 1)]), &[whole[0], back, whole[1]]);
}

#[test]
fn what_the_shop_records_late_ends_no_earlier_than_it_left() {
    let facts = [ordered(), with_lines(sent(1, 11, "03-08", &["postex/111"]), &[(1, 2)])];
    let out = "03-08 item 7 out 2 (out/order/1/11/1/issued)";
    let back = "03-08 item 7 back 2 after 0 of out/order/1/11/1/issued (out/order/1/11/1/returned)";
    moves_under(Fulfilment, &and(&facts, &[returned("postex/111", "03-06")]), &[out, back]);
    let lost = "03-08 item 7 lost 2 (out/order/1/11/1/lost)";
    moves_under(Fulfilment, &and(&facts, &[scanned("postex/111", Lost, "03-06")]), &[out, lost]);
}

#[test]
fn sent_again_and_lost_goods_are_back_when_they_come_back_the_second_time() {
    let facts = [ordered(), with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 2)])];
    let came = [("03-04", Returned), ("03-05", PickedUp), ("03-08", Lost), ("03-10", Returned)];
    let scans = came.map(|(at, state)| scanned("postex/111", state, at));
    let out = "03-02 item 7 out 2 (out/order/1/11/1/issued)";
    let back = "03-10 item 7 back 2 after 0 of out/order/1/11/1/issued (out/order/1/11/1/returned)";
    moves_under(Fulfilment, &and(&facts, &scans), &[out, back]);
}

/// One piece each in two parcels, of which the first is lost on 6 March and the second delivered on 5 March.
fn one_lost_of_two() -> Vec<Fact> {
    let first = with_lines(sent(1, 11, "03-02", &["postex/111"]), &[(1, 1)]);
    let second = with_lines(sent(1, 12, "03-02", &["postex/112"]), &[(1, 1)]);
    vec![ordered(), first, second, delivered("postex/112", "03-05"), scanned("postex/111", Lost, "03-06")]
}

#[test]
fn a_refund_after_a_loss_is_put_down_to_what_was_lost() {
    let (lost, sold) = ("03-06 item 7 lost 1 (out/order/1/11/1/lost)", "03-05 item 7 out 1 (out/order/1/12/1/issued)");
    let back = |day: &str, refund: u64| {
        format!("{day} item 7 back 1 after 0 of out/order/1/12/1/issued (out/order/1/12/1/refund/{refund})")
    };
    let facts = one_lost_of_two();
    moves(&facts, &[sold, lost]);
    for at in ["03-06", "03-07"] {
        moves(&and(&facts, &[restocked(31, at, &[(1, 1)])]), &[sold, lost]);
    }
    // Before anybody knew of the loss, it is the piece that the buyer has.
    moves(&and(&facts, &[restocked(31, "03-05 18:00", &[(1, 1)])]), &[sold, &back("03-05 18:00", 31), lost]);
    // What more is taken back is the other parcel's, and never more than it held.
    let twice = [restocked(31, "03-07", &[(1, 1)]), restocked(32, "03-08", &[(1, 1)])];
    moves(&and(&facts, &twice), &[sold, lost, &back("03-08", 32)]);
    for pieces in [2, 5] {
        moves(&and(&facts, &[restocked(31, "03-07", &[(1, pieces)])]), &[sold, lost, &back("03-07", 31)]);
    }
}

#[test]
fn sold_when_they_left_lost_goods_keep_a_refund_from_the_others_too() {
    // The lost parcel is the one that left last.
    let first = with_lines(sent(1, 11, "03-02", &["postex/112"]), &[(1, 1)]);
    let second = with_lines(sent(1, 12, "03-03", &["postex/111"]), &[(1, 1)]);
    let facts = [ordered(), first, second, delivered("postex/112", "03-05"), scanned("postex/111", Lost, "03-06")];
    let out = ["03-02 item 7 out 1 (out/order/1/11/1/issued)", "03-03 item 7 out 1 (out/order/1/12/1/issued)"];
    let lost = "03-06 item 7 lost 1 (out/order/1/12/1/lost)";
    moves_under(Fulfilment, &and(&facts, &[restocked(31, "03-07", &[(1, 1)])]), &[out[0], out[1], lost]);
    let back = "03-07 item 7 back 1 after 0 of out/order/1/11/1/issued (out/order/1/11/1/refund/31)";
    moves_under(Fulfilment, &and(&facts, &[restocked(31, "03-07", &[(1, 2)])]), &[out[0], out[1], lost, back]);
}
