//! The posting table, continued: cash that a courier promises by taking a parcel, and what becomes of the promise.

use commerce::Fact;
use commerce::ParcelState::{Attempted, Cancelled, InTransit, Lost, OutForDelivery, PickedUp, ReturnInTransit};

use crate::story::*;
use crate::{cod_order, then};

const PROMISED: &str = "2026-03-03 parcel/postex/111/promised
    pending Dr assets:cod-receivable:postex  2,750.00
    pending Cr income:sales                  2,500.00
    pending Cr income:shipping                 250.00";

fn picked_up() -> Vec<Fact> {
    then(cod_order(), [scanned("postex/111", PickedUp, "03-03")])
}

#[test]
fn picked_up_cash_is_promised() {
    expect(&picked_up(), PROMISED, "postex/111 expected, on the way 2,750.00");
    let further = [scanned("postex/111", InTransit, "03-04"), scanned("postex/111", Attempted, "03-05")];
    expect(&then(picked_up(), further), PROMISED, "postex/111 expected, on the way 2,750.00");
}

#[test]
fn delivered_keeps_the_promise() {
    expect(
        &then(picked_up(), [delivered("postex/111", "03-05")]),
        &format!(
            "2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex          2,750.00
                Cr income:sales                          2,500.00
                Cr income:shipping                         250.00
                pending Dr income:sales                  2,500.00
                pending Dr income:shipping                 250.00
                pending Cr assets:cod-receivable:postex  2,750.00
             {PROMISED}"
        ),
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

/// What voids [`PROMISED`] on a day.
fn voided(on: &str) -> String {
    format!(
        "{on} parcel/postex/111/voided
            pending Dr income:sales                  2,500.00
            pending Dr income:shipping                 250.00
            pending Cr assets:cod-receivable:postex  2,750.00"
    )
}

#[test]
fn returned_undelivered_voids_the_promise() {
    let came_back = [scanned("postex/111", ReturnInTransit, "03-08"), returned("postex/111", "03-12")];
    expect(&then(picked_up(), came_back), &format!("{PROMISED} {}", voided("2026-03-12")), "postex/111 returned");
}

#[test]
fn cancelled_after_dispatch() {
    let facts = [cancelled(1, "03-04"), returned("postex/111", "03-09"), charged("postex/111", Charges::USUAL)];
    expect(
        &then(picked_up(), facts),
        &format!(
            "2026-03-09 parcel/postex/111/fees
                Dr assets:input-tax                     36.00
                Dr expenses:courier-fees               150.00
                Dr expenses:courier-return-fees         75.00
                Cr liabilities:courier-payable:postex  261.00
             {PROMISED} {}",
            voided("2026-03-09")
        ),
        "postex/111 returned",
    );
}

#[test]
fn cancelled_by_the_courier_voids_the_promise() {
    let facts = [scanned("postex/111", Cancelled, "03-04")];
    expect(&then(picked_up(), facts), &format!("{PROMISED} {}", voided("2026-03-04")), "postex/111 returned");
    let before_pick_up = then(cod_order(), [scanned("postex/111", Cancelled, "03-03")]);
    expect(&before_pick_up, "", "postex/111 returned");
}

#[test]
fn lost_voids_the_promise_on_the_day_it_was_lost() {
    let facts = [scanned("postex/111", Lost, "03-06"), returned("postex/111", "03-20")];
    let journal = format!("{PROMISED} {}", voided("2026-03-06"));
    expect(&then(picked_up(), facts.clone()), &journal, "postex/111 returned");
    let [lost, _] = facts;
    expect(&then(picked_up(), [lost]), &journal, "postex/111 returned");
}

#[test]
fn delivered_then_returned_leaves_no_promise() {
    let facts = [delivered("postex/111", "03-05"), returned("postex/111", "03-12")];
    expect(
        &then(picked_up(), facts),
        &format!(
            "2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex          2,750.00
                Cr income:sales                          2,500.00
                Cr income:shipping                         250.00
                pending Dr income:sales                  2,500.00
                pending Dr income:shipping                 250.00
                pending Cr assets:cod-receivable:postex  2,750.00
             {PROMISED}
             2026-03-12 parcel/postex/111/taken-back
                Dr income:sales-returns          2,500.00
                Dr income:shipping                 250.00
                Cr assets:cod-receivable:postex  2,750.00"
        ),
        "postex/111 returned",
    );
}

#[test]
fn a_replacement_makes_its_own_promise_and_does_not_unsay_the_first() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        scanned("postex/111", OutForDelivery, "03-03"),
        scanned("postex/111", Lost, "03-05"),
        sent(1, 12, "03-06", &["postex/112"]),
        scanned("postex/112", OutForDelivery, "03-07"),
    ];
    expect(
        &facts,
        "2026-03-03 parcel/postex/111/promised
            pending Dr assets:cod-receivable:postex  2,750.00
            pending Cr income:sales                  2,750.00
         2026-03-05 parcel/postex/111/voided
            pending Dr income:sales                  2,750.00
            pending Cr assets:cod-receivable:postex  2,750.00
         2026-03-07 parcel/postex/112/promised
            pending Dr assets:cod-receivable:postex  2,750.00
            pending Cr income:sales                  2,750.00",
        "postex/111 returned
         postex/112 expected, on the way 2,750.00",
    );
}

#[test]
fn two_parcels_share_the_cash_as_booked() {
    let facts = [
        placed(1, "1001"),
        order(1, "2,750").shipping("250").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111", "leopards/9"]),
        booked("postex/111", "1,650"),
        booked("leopards/9", "1,100"),
        scanned("postex/111", PickedUp, "03-03"),
        scanned("leopards/9", PickedUp, "03-04"),
        delivered("postex/111", "03-05"),
        returned("leopards/9", "03-09"),
    ];
    expect(
        &facts,
        "2026-03-04 parcel/leopards/9/promised
            pending Dr assets:cod-receivable:leopards  1,100.00
            pending Cr income:sales                    1,000.00
            pending Cr income:shipping                   100.00
         2026-03-09 parcel/leopards/9/voided
            pending Dr income:sales                    1,000.00
            pending Dr income:shipping                   100.00
            pending Cr assets:cod-receivable:leopards  1,100.00
         2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex            1,650.00
            Cr income:sales                            1,500.00
            Cr income:shipping                           150.00
            pending Dr income:sales                    1,500.00
            pending Dr income:shipping                   150.00
            pending Cr assets:cod-receivable:postex    1,650.00
         2026-03-03 parcel/postex/111/promised
            pending Dr assets:cod-receivable:postex    1,650.00
            pending Cr income:sales                    1,500.00
            pending Cr income:shipping                   150.00",
        "leopards/9 returned
         postex/111 collected, expected 1,650.00, outstanding 1,650.00",
    );
}

#[test]
fn exchanged_by_a_reverse_and_a_replacement_parcel() {
    let fee = Charges { return_fee: "0", return_fee_tax: "0", ..Charges::USUAL };
    let facts = [
        delivered("postex/111", "03-05"),
        sent(1, 12, "03-08", &["postex/112"]),
        booked("postex/112", "0"),
        delivered("postex/112", "03-10"),
        charged("postex/112", fee),
        sent(1, 13, "03-11", &["postex/113"]),
        booked("postex/113", "0"),
        delivered("postex/113", "03-13"),
    ];
    expect(
        &then(picked_up(), facts),
        &format!(
            "2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex          2,750.00
                Cr income:sales                          2,500.00
                Cr income:shipping                         250.00
                pending Dr income:sales                  2,500.00
                pending Dr income:shipping                 250.00
                pending Cr assets:cod-receivable:postex  2,750.00
             {PROMISED}
             2026-03-10 parcel/postex/112/fees
                Dr assets:input-tax                     24.00
                Dr expenses:courier-fees               150.00
                Cr liabilities:courier-payable:postex  174.00"
        ),
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00
         postex/112 none
         postex/113 none",
    );
}
