//! The posting table, continued: cash that couriers do not pay, and card payments that buyers take back.

use commerce::ChargebackOutcome::{Lost as DisputeLost, Open, Won};
use commerce::Fact;
use commerce::ParcelState::{Lost, PickedUp};
use commerce::SettlementPart::Upfront;
use commerce::WriteOffKind::{Claim, Lost as LostCash, Shortfall};

use crate::story::*;
use crate::{DELIVERED, cod_order, delivered_order, prepaid_order, then};

#[test]
fn a_shortfall_is_let_go() {
    let charges = charged("postex/111", Charges { upfront: "2,500", ..Charges::USUAL });
    let facts = [
        charges,
        settled("postex/111", Upfront, "03-10"),
        written_off("postex/111", Shortfall, "short-march", "03-31", "76"),
    ];
    expect(
        &then(delivered_order(), facts),
        &format!(
            "{DELIVERED}
             2026-03-10 parcel/postex/111/settled/upfront
                Dr assets:input-tax                 24.00
                Dr assets:remittance-clearing    2,500.00
                Dr expenses:courier-fees           150.00
                Cr assets:cod-receivable:postex  2,674.00
             2026-03-31 parcel/postex/111/written-off/short-march
                Dr expenses:cod-shortfall           76.00
                Cr assets:cod-receivable:postex     76.00"
        ),
        "postex/111 remitted, expected 2,750.00, remitted 2,500.00, fees 174.00, written off 76.00",
    );
}

#[test]
fn collected_cash_is_lost() {
    expect(
        &then(delivered_order(), [written_off("postex/111", LostCash, "robbed", "03-20", "2,750")]),
        &format!(
            "{DELIVERED}
             2026-03-20 parcel/postex/111/written-off/robbed
                Dr expenses:lost-cash            2,750.00
                Cr assets:cod-receivable:postex  2,750.00"
        ),
        "postex/111 remitted, expected 2,750.00, written off 2,750.00",
    );
}

#[test]
fn collected_cash_is_claimed_of_the_courier() {
    expect(
        &then(delivered_order(), [written_off("postex/111", Claim, "claim-9", "03-20", "2,000")]),
        &format!(
            "{DELIVERED}
             2026-03-20 parcel/postex/111/written-off/claim-9
                Dr assets:courier-claims:postex  2,000.00
                Cr assets:cod-receivable:postex  2,000.00"
        ),
        "postex/111 collected, expected 2,750.00, written off 2,000.00, outstanding 750.00",
    );
}

#[test]
fn lost_before_delivery_and_claimed() {
    let facts = [
        scanned("postex/111", PickedUp, "03-03"),
        scanned("postex/111", Lost, "03-06"),
        written_off("postex/111", Claim, "claim-9", "03-20", "2,000"),
    ];
    expect(
        &then(cod_order(), facts),
        "2026-03-03 parcel/postex/111/promised
            pending Dr assets:cod-receivable:postex  2,750.00
            pending Cr income:sales                  2,500.00
            pending Cr income:shipping                 250.00
         2026-03-06 parcel/postex/111/voided
            pending Dr income:sales                  2,500.00
            pending Dr income:shipping                 250.00
            pending Cr assets:cod-receivable:postex  2,750.00
         2026-03-20 parcel/postex/111/written-off/claim-9
            Dr assets:courier-claims:postex          2,000.00
            Cr income:claims                         2,000.00",
        "postex/111 returned",
    );
}

#[test]
fn cash_that_was_never_collected_cannot_be_given_up() {
    let facts = [
        scanned("postex/111", Lost, "03-06"),
        written_off("postex/111", LostCash, "robbed", "03-20", "2,750"),
        written_off("postex/111", Shortfall, "short-march", "03-31", "76"),
    ];
    expect(&then(cod_order(), facts), "", "postex/111 returned");
}

#[test]
fn a_settlement_of_unknown_amount_is_what_was_not_let_go() {
    let facts = [
        charged("postex/111", Charges { upfront: "0", reserve: "0", ..Charges::USUAL }),
        written_off("postex/111", Shortfall, "short-march", "03-09", "76"),
        settled("postex/111", Upfront, "03-10"),
    ];
    expect(
        &then(delivered_order(), facts),
        &format!(
            "{DELIVERED}
             2026-03-10 parcel/postex/111/settled/upfront
                Dr assets:input-tax                 24.00
                Dr assets:remittance-clearing    2,500.00
                Dr expenses:courier-fees           150.00
                Cr assets:cod-receivable:postex  2,674.00
             2026-03-09 parcel/postex/111/written-off/short-march
                Dr expenses:cod-shortfall           76.00
                Cr assets:cod-receivable:postex     76.00"
        ),
        "postex/111 remitted, expected 2,750.00, remitted 2,500.00, fees 174.00, written off 76.00",
    );
}

#[test]
fn a_write_off_that_is_sent_again_is_one_write_off() {
    let once = written_off("postex/111", LostCash, "robbed", "03-20", "750");
    let other = written_off("postex/111", LostCash, "robbed-again", "03-21", "100");
    expect(
        &then(delivered_order(), [once.clone(), other, once]),
        &format!(
            "{DELIVERED}
             2026-03-20 parcel/postex/111/written-off/robbed
                Dr expenses:lost-cash            750.00
                Cr assets:cod-receivable:postex  750.00
             2026-03-21 parcel/postex/111/written-off/robbed-again
                Dr expenses:lost-cash            100.00
                Cr assets:cod-receivable:postex  100.00"
        ),
        "postex/111 collected, expected 2,750.00, written off 850.00, outstanding 1,900.00",
    );
}

const CAPTURED: &str = "2026-03-01 order/1/captured
    Dr assets:gateway-receivable 2,750.00 Cr liabilities:customer-deposits 2,750.00";

const DISPUTED: &str = "2026-04-02 order/1/chargeback/dispute-1
    Dr expenses:chargeback-fees   1,500.00
    Dr expenses:chargebacks       2,000.00
    Cr assets:gateway-receivable  3,500.00";

/// The prepaid order with this said of its dispute.
fn disputed_order(said: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
    then(prepaid_order(), said)
}

#[test]
fn a_chargeback_is_opened() {
    expect(&disputed_order([disputed(1, Open, "04-02")]), &format!("{CAPTURED} {DISPUTED}"), "");
}

#[test]
fn a_chargeback_is_won_and_its_fee_is_not() {
    expect(
        &disputed_order([disputed(1, Open, "04-02"), disputed(1, Won, "04-20")]),
        &format!(
            "{CAPTURED} {DISPUTED}
             2026-04-20 order/1/chargeback/dispute-1/won
                Dr assets:gateway-receivable  2,000.00
                Cr expenses:chargebacks       2,000.00"
        ),
        "",
    );
}

#[test]
fn a_chargeback_is_lost() {
    expect(
        &disputed_order([disputed(1, Open, "04-02"), disputed(1, DisputeLost, "04-20")]),
        &format!("{CAPTURED} {DISPUTED}"),
        "",
    );
}
