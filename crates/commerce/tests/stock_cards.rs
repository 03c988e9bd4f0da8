//! Stock cards as an accountant keeps them: what moved, what it cost, what is left. Each card by both methods. Amounts
//! are minor units of rupees unless a code follows.

#![expect(clippy::unwrap_used, reason = "cards are written by hand: a word that cannot be read fails its test")]

use std::collections::BTreeMap;
use std::fmt::Write;

use commerce::Costing::{self, Fifo, MovingAverage};
use commerce::stock::{CardLine, Issues, Movement, Origin, Stock, revalue};
use ledger::{Currency, Money, Timestamp};
use proptest::prelude::*;

/// `5 in 10 @ 100` (day, pieces, cost of one), `5 cost 100`, `6 out a 4`, `7 back a 1` (of what went out under `a`), `8
/// lost b 2`, `9 gone a 4` (lost after it had gone out under `a`).
fn line(text: &str, sold: &mut BTreeMap<String, i64>) -> CardLine {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |index: usize| words[index].parse::<i64>().unwrap();
    let currency = |index: usize| words.get(index).map_or(Currency::PKR, |code| code.parse().unwrap());
    let (origin, movement) = match words[1] {
        "cost" => (format!("cost/{}", words[2]), Movement::CostNoted { unit_cost: Money::new(number(2), currency(3)) }),
        "in" => {
            let unit_cost = Money::new(number(4), currency(5));
            (format!("in/{}", words[2..].join("-")), Movement::Received { quantity: number(2), unit_cost })
        }
        "out" => (format!("out/{}/issued", words[2]), Movement::Issued { quantity: number(3) }),
        "gone" => {
            let issue = Some(Origin::stored(format!("out/{}/issued", words[2])));
            (format!("out/{}/lost", words[2]), Movement::Lost { quantity: number(3), issue })
        }
        "lost" => (format!("out/{}/lost", words[2]), Movement::Lost { quantity: number(3), issue: None }),
        "back" => {
            let back: &mut i64 = sold.entry(words[2].to_owned()).or_default();
            let earlier = *back;
            *back += number(3);
            let issue = Origin::stored(format!("out/{}/issued", words[2]));
            (format!("out/{}/refund/{earlier}", words[2]), Movement::Returned { quantity: number(3), earlier, issue })
        }
        _ => panic!("{text}"),
    };
    CardLine::new(Timestamp(number(0)), Origin::stored(origin), None, movement)
}

fn card(lines: &[&str], costing: Costing) -> Vec<CardLine> {
    let mut sold = BTreeMap::new();
    let mut card: Vec<CardLine> = lines.iter().map(|text| line(text, &mut sold)).collect();
    card.sort_by(|a, b| (a.at, &a.origin).cmp(&(b.at, &b.origin)));
    revalue(costing, Stock::default(), &mut card, &mut Issues::new());
    card
}

/// `day: cost (correction) -> pieces worth value`.
fn text(card: &[CardLine]) -> String {
    let mut text = String::new();
    for line in card {
        let stock = line.after.as_ref().unwrap();
        write!(text, "{}:", line.at.0).unwrap();
        match line.value {
            Some(value) if value.correction != 0 => write!(text, " {} ({})", value.cost, value.correction).unwrap(),
            Some(value) => write!(text, " {}", value.cost).unwrap(),
            None => write!(text, " -").unwrap(),
        }
        writeln!(text, " -> {} worth {}", stock.pieces(), stock.value()).unwrap();
    }
    text
}

#[track_caller]
fn check(lines: &[&str], average: &str, fifo: &str) {
    for (costing, expected) in [(MovingAverage, average), (Fifo, fifo)] {
        let actual = text(&card(lines, costing));
        let same = actual.split_whitespace().eq(expected.split_whitespace());
        assert!(same, "by {costing:?} the card is\n{actual}\nand not\n{expected}");
    }
}

#[test]
fn bought_twice_and_sold_across_both() {
    check(
        &["1 in 10 @ 100", "2 in 10 @ 120", "3 out a 12"],
        "1: 1000 -> 10 worth 1000
         2: 1200 -> 20 worth 2200
         3: 1320 -> 8 worth 880",
        "1: 1000 -> 10 worth 1000
         2: 1200 -> 20 worth 2200
         3: 1240 -> 8 worth 960",
    );
}

#[test]
fn the_last_piece_takes_the_rest() {
    let card = "1: 100 -> 1 worth 100
                2: 200 -> 3 worth 300
                3: 1 -> 4 worth 301
                4: 75 -> 3 worth 226
                5: 75 -> 2 worth 151
                6: 76 -> 1 worth 75
                7: 75 -> 0 worth 0";
    check(
        &["1 in 1 @ 100", "2 in 2 @ 100", "3 in 1 @ 1", "4 out a 1", "5 out b 1", "6 out c 1", "7 out d 1"],
        card,
        "1: 100 -> 1 worth 100
         2: 200 -> 3 worth 300
         3: 1 -> 4 worth 301
         4: 100 -> 3 worth 201
         5: 100 -> 2 worth 101
         6: 100 -> 1 worth 1
         7: 1 -> 0 worth 0",
    );
}

#[test]
fn a_receipt_entered_late_counts_from_its_day() {
    check(
        &["1 in 10 @ 100", "5 out a 5", "3 in 10 @ 200"],
        "1: 1000 -> 10 worth 1000
         3: 2000 -> 20 worth 3000
         5: 750 -> 15 worth 2250",
        "1: 1000 -> 10 worth 1000
         3: 2000 -> 20 worth 3000
         5: 500 -> 15 worth 2500",
    );
}

#[test]
fn a_sale_told_late_takes_what_was_there_on_its_day() {
    check(
        &["1 in 4 @ 100", "4 in 4 @ 200", "5 out a 4", "2 out b 3"],
        "1: 400 -> 4 worth 400
         2: 300 -> 1 worth 100
         4: 800 -> 5 worth 900
         5: 720 -> 1 worth 180",
        "1: 400 -> 4 worth 400
         2: 300 -> 1 worth 100
         4: 800 -> 5 worth 900
         5: 700 -> 1 worth 200",
    );
}

#[test]
fn what_comes_back_costs_what_it_was_sold_at() {
    check(
        &["1 in 3 @ 100", "2 out a 2", "3 in 3 @ 190", "4 back a 1", "5 back a 1"],
        "1: 300 -> 3 worth 300
         2: 200 -> 1 worth 100
         3: 570 -> 4 worth 670
         4: 100 -> 5 worth 770
         5: 100 -> 6 worth 870",
        "1: 300 -> 3 worth 300
         2: 200 -> 1 worth 100
         3: 570 -> 4 worth 670
         4: 100 -> 5 worth 770
         5: 100 -> 6 worth 870",
    );
}

#[test]
fn what_comes_back_piece_by_piece_adds_up_to_what_went_out() {
    let card = "1: 99 -> 1 worth 99
                2: 202 -> 3 worth 301
                3: 301 -> 0 worth 0
                4: 100 -> 1 worth 100
                5: 101 -> 2 worth 201
                6: 100 -> 3 worth 301";
    check(&["1 in 1 @ 99", "2 in 2 @ 101", "3 out a 3", "4 back a 1", "5 back a 1", "6 back a 1"], card, card);
}

#[test]
fn more_is_sold_than_came_in() {
    // Three of the five are missing at 100 each; when they come in at 120, sixty more were sold than was known.
    let card = "1: 200 -> 2 worth 200
                2: 500 -> -3 worth -300
                3: 600 (60) -> 2 worth 240";
    check(&["1 in 2 @ 100", "2 out a 5", "3 in 5 @ 120"], card, card);
}

#[test]
fn a_hole_is_filled_from_its_oldest_piece() {
    check(
        &["1 cost 100", "2 out a 1", "3 cost 130", "4 out b 1", "5 in 1 @ 110", "6 in 1 @ 110"],
        "1: - -> 0 worth 0
         2: 100 -> -1 worth -100
         3: - -> -1 worth -100
         4: 130 -> -2 worth -230
         5: 110 (-5) -> -1 worth -115
         6: 110 (-5) -> 0 worth 0",
        "1: - -> 0 worth 0
         2: 100 -> -1 worth -100
         3: - -> -1 worth -100
         4: 130 -> -2 worth -230
         5: 110 (10) -> -1 worth -130
         6: 110 (-20) -> 0 worth 0",
    );
}

#[test]
fn a_sale_whose_cost_nobody_has_told_yet_is_left_out_with_what_comes_back_of_it() {
    let card = "1: - -> 0 worth 0
                2: - -> 0 worth 0
                3: 400 -> 4 worth 400
                4: 100 -> 3 worth 300";
    check(&["1 out a 2", "2 back a 1", "3 in 4 @ 100", "4 out b 1"], card, card);
    let card = "1: - -> 0 worth 0
                1: 160 -> -2 worth -160
                2: 80 -> -1 worth -80
                3: 400 (20) -> 3 worth 300
                4: 100 -> 2 worth 200";
    check(&["1 out a 2", "2 back a 1", "3 in 4 @ 100", "4 out b 1", "1 cost 80"], card, card);
}

#[test]
fn gifts_cost_nothing_and_are_pieces_all_the_same() {
    check(
        &["1 in 2 @ 0", "2 out a 1", "3 in 1 @ 90", "4 out b 1"],
        "1: 0 -> 2 worth 0
         2: 0 -> 1 worth 0
         3: 90 -> 2 worth 90
         4: 45 -> 1 worth 45",
        "1: 0 -> 2 worth 0
         2: 0 -> 1 worth 0
         3: 90 -> 2 worth 90
         4: 0 -> 1 worth 90",
    );
}

#[test]
fn lost_goods_leave_at_cost() {
    let card = "1: 300 -> 3 worth 300
                2: 200 -> 1 worth 100";
    check(&["1 in 3 @ 100", "2 lost a 2"], card, card);
}

#[test]
fn what_is_lost_after_it_was_sold_costs_what_it_was_sold_at_and_moves_no_stock() {
    let card = "1: 300 -> 3 worth 300
                2: 200 -> 1 worth 100
                3: 600 -> 4 worth 700
                4: 200 -> 4 worth 700";
    check(&["1 in 3 @ 100", "2 out a 2", "3 in 3 @ 200", "4 gone a 2"], card, card);
    let untold = "1: - -> 0 worth 0
                  2: - -> 0 worth 0
                  3: 600 -> 3 worth 600";
    check(&["1 out a 2", "2 gone a 2", "3 in 3 @ 200"], untold, untold);
}

#[test]
fn of_two_parcels_one_is_lost_and_the_other_comes_back() {
    // Each at what it was sold at: the loss moves no stock, and what comes back is no more than the other parcel held.
    check(
        &["1 in 2 @ 100", "2 in 2 @ 140", "3 out a 1", "4 out b 3", "5 gone a 1", "6 back b 1", "7 back b 2"],
        "1: 200 -> 2 worth 200
         2: 280 -> 4 worth 480
         3: 120 -> 3 worth 360
         4: 360 -> 0 worth 0
         5: 120 -> 0 worth 0
         6: 120 -> 1 worth 120
         7: 240 -> 3 worth 360",
        "1: 200 -> 2 worth 200
         2: 280 -> 4 worth 480
         3: 100 -> 3 worth 380
         4: 380 -> 0 worth 0
         5: 100 -> 0 worth 0
         6: 127 -> 1 worth 127
         7: 253 -> 3 worth 380",
    );
}

#[test]
fn a_cost_in_another_currency_is_left_out() {
    let card = "1: 300 -> 3 worth 300
                2: - -> 3 worth 300
                3: 100 -> 2 worth 200";
    check(&["1 in 3 @ 100", "2 in 3 @ 5 USD", "3 out a 1"], card, card);
}

/// Any card of one item: a few days, few pieces, and more sold than came in as often as not.
fn any_card() -> impl Strategy<Value = Vec<String>> {
    let told = prop_oneof![
        3 => (1..9_i64, 0..400_i64).prop_map(|(pieces, cost)| format!("in {pieces} @ {cost}")),
        1 => (0..400_i64).prop_map(|cost| format!("cost {cost}")),
        4 => (1..9_i64).prop_map(|pieces| format!("out NAME {pieces}")),
        1 => (1..9_i64).prop_map(|pieces| format!("lost NAME {pieces}")),
        2 => (0..12_usize, 1..4_i64).prop_map(|(of, pieces)| format!("back n{of} {pieces}")),
        1 => (0..12_usize, 1..4_i64).prop_map(|(of, pieces)| format!("gone n{of} {pieces}")),
    ];
    proptest::collection::vec((1..20_i64, told), 1..25).prop_map(|told| {
        let named = |(index, (day, text)): (usize, (i64, String))| {
            // What comes back comes back after the last of the days, in the order in which it is told.
            let day = if text.starts_with("back") || text.starts_with("gone") {
                100 + i64::try_from(index).unwrap()
            } else {
                day
            };
            format!("{day} {}", text.replace("NAME", &format!("n{index}")))
        };
        told.into_iter().enumerate().map(named).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_on_any_card(told in any_card(), fifo in any::<bool>()) {
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let (mut worth, mut pieces) = (0, 0);
        for line in card(&told, if fifo { Fifo } else { MovingAverage }) {
            let stock = line.after.as_ref().unwrap();
            worth += line.raises_stock_by();
            let stays = matches!(line.movement, Movement::Lost { issue: Some(_), .. });
            let moved = line.value.filter(|_| !stays).map_or(0, |_| line.movement.quantity());
            let is_in = matches!(line.movement, Movement::Received { .. } | Movement::Returned { .. });
            pieces += if is_in { moved } else { -moved };
            prop_assert_eq!((stock.pieces(), stock.value()), (pieces, worth), "{:?}", line);
            prop_assert!(line.value.is_none_or(|value| value.cost >= 0), "{:?}", line);
            prop_assert!(pieces != 0 || worth == 0, "no pieces are worth nothing: {:?}", line);
            let alike = stock.lots.iter().all(|lot| lot.pieces.signum() == pieces.signum());
            prop_assert!(alike && (fifo || stock.lots.len() <= 1), "{:?}", line);
        }
    }

    #[test]
    fn a_card_can_be_taken_up_at_any_line(told in any_card(), fifo in any::<bool>(), cut in 0..25_usize) {
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let costing = if fifo { Fifo } else { MovingAverage };
        let whole = card(&told, costing);
        let cut = cut.min(whole.len());
        let before = cut.checked_sub(1).and_then(|last| whole[last].after.clone()).unwrap_or_default();
        let mut issues: Issues =
            whole[..cut].iter().filter_map(|line| Some((line.origin.clone(), line.issue()?))).collect();
        let unvalued = |line: &CardLine| CardLine { value: None, after: None, ..line.clone() };
        let mut rest: Vec<CardLine> = whole[cut..].iter().map(unvalued).collect();
        revalue(costing, before, &mut rest, &mut issues);
        prop_assert_eq!(&rest[..], &whole[cut..]);
    }
}
