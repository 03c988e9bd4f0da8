//! The posting table, continued: several parcels, several orders, and amounts at their limits.

use commerce::{Fact, Unpostable};
use ledger::{Currency, Rejected};

use crate::books::{Books, merge_all};
use crate::story::*;

fn cod_order(number: u64, name: &str, total: &str) -> [Fact; 2] {
    [placed(number, name), order(number, total).cash_on_delivery().since("03-01")]
}

fn together(groups: impl IntoIterator<Item = Vec<Fact>>) -> Vec<Fact> {
    groups.into_iter().flatten().collect()
}

#[test]
fn of_two_parcels_the_one_with_a_booked_amount_brings_the_cash() {
    let facts = [
        sent(1, 11, "03-02", &["postex/111", "postex/112"]),
        booked("postex/112", "2,750"),
        delivered("postex/111", "03-04"),
        delivered("postex/112", "03-05"),
    ];
    expect(
        &together([cod_order(1, "1001", "2,750").into(), facts.into()]),
        "2026-03-05 parcel/postex/112/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:sales                  2,750.00",
        "postex/111 none
         postex/112 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn of_two_parcels_without_amounts_the_delivered_one_brings_the_cash() {
    let sent = vec![sent(1, 11, "03-02", &["postex/111", "postex/112"])];
    let on_the_way = together([cod_order(1, "1001", "2,750").into(), sent]);
    expect(&on_the_way, "", "postex/111 expected, on the way 2,750.00 postex/112 none");
    expect(
        &together([on_the_way, vec![delivered("postex/112", "03-05")]]),
        "2026-03-05 parcel/postex/112/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:sales                  2,750.00",
        "postex/111 none
         postex/112 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn a_corrected_tracking_number_takes_the_cash_along() {
    let facts = [sent(1, 11, "03-02", &["postex/111"]), sent(1, 11, "03-03", &["postex/112"])];
    expect(
        &together([cod_order(1, "1001", "2,750").into(), facts.into()]),
        "",
        "postex/111 none
         postex/112 expected, on the way 2,750.00",
    );
}

#[test]
fn a_replacement_after_a_return_brings_the_cash() {
    let bookings = vec![booked("postex/111", "2,750"), booked("postex/112", "2,750")];
    let facts = [
        sent(1, 11, "03-02", &["postex/111"]),
        returned("postex/111", "03-08"),
        sent(1, 12, "03-09", &["postex/112"]),
        delivered("postex/112", "03-12"),
    ];
    let unbooked = together([cod_order(1, "1001", "2,750").into(), facts.into()]);
    for facts in [unbooked.clone(), together([unbooked, bookings])] {
        expect(
            &facts,
            "2026-03-12 parcel/postex/112/delivered
                Dr assets:cod-receivable:postex  2,750.00
                Cr income:sales                  2,750.00",
            "postex/111 returned
             postex/112 collected, expected 2,750.00, outstanding 2,750.00",
        );
    }
}

#[test]
fn a_replacement_brings_the_cash_that_was_given_back() {
    let facts = vec![
        sent(1, 11, "03-02", &["postex/111"]),
        delivered("postex/111", "03-05"),
        returned("postex/111", "03-08"),
        sent(1, 12, "03-09", &["postex/112"]),
        delivered("postex/112", "03-12"),
    ];
    for booking in [vec![], vec![booked("postex/111", "2,750")]] {
        expect(
            &together([cod_order(1, "1001", "2,750").into(), facts.clone(), booking]),
            "2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex  2,750.00
                Cr income:sales                  2,750.00
             2026-03-08 parcel/postex/111/taken-back
                Dr income:sales-returns          2,750.00
                Cr assets:cod-receivable:postex  2,750.00
             2026-03-12 parcel/postex/112/delivered
                Dr assets:cod-receivable:postex  2,750.00
                Cr income:sales                  2,750.00",
            "postex/111 returned
             postex/112 collected, expected 2,750.00, outstanding 2,750.00",
        );
    }
}

#[test]
fn an_advance_is_earned_with_the_cash() {
    let facts = [
        order(1, "2,750").shipping("250").cash_on_delivery().advance("500").since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        delivered("postex/111", "03-05"),
    ];
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable        500.00
            Cr liabilities:customer-deposits    500.00
         2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex   2,250.00
            Dr liabilities:customer-deposits    500.00
            Cr income:sales                   2,500.00
            Cr income:shipping                  250.00",
        "postex/111 collected, expected 2,250.00, outstanding 2,250.00",
    );
}

#[test]
fn an_advance_that_was_given_back_is_not_earned() {
    let facts = [
        order(1, "2,750").cash_on_delivery().advance("500").since("03-01"),
        refunded(1, 7, "03-03", "500", "0"),
        sent(1, 11, "03-04", &["postex/111"]),
        booked("postex/111", "2,250"),
        delivered("postex/111", "03-05"),
    ];
    expect(
        &facts,
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable        500.00
            Cr liabilities:customer-deposits    500.00
         2026-03-03 order/1/refund/7
            Dr liabilities:customer-deposits    500.00
            Cr liabilities:refunds-payable      500.00
         2026-03-03 order/1/refund/7/paid
            Dr liabilities:refunds-payable      500.00
            Cr assets:bank                      500.00
         2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex   2,250.00
            Cr income:sales                   2,250.00",
        "postex/111 collected, expected 2,250.00, outstanding 2,250.00",
    );
}

#[test]
fn a_parcel_of_an_unknown_order_sells_nothing() {
    expect(&[booked("postex/111", "2,750"), delivered("postex/111", "03-05")], "", "postex/111 collected");
}

#[test]
fn a_parcel_finds_its_order_by_the_printed_name() {
    let facts = [booked_for("postex/111", "2,750", "1001"), delivered("postex/111", "03-05")];
    expect(
        &together([cod_order(1, "1001", "2,750").into(), facts.into()]),
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:sales                  2,750.00",
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn of_two_orders_that_claim_a_parcel_the_smaller_id_owns_it() {
    let claims = [sent(2, 21, "03-02", &["postex/111"]), sent(1, 11, "03-03", &["postex/111"])];
    for claims in [claims.clone(), {
        let [a, b] = claims;
        [b, a]
    }] {
        let both = [cod_order(2, "1002", "900"), cod_order(1, "1001", "2,750"), claims].concat();
        expect(
            &together([both, vec![delivered("postex/111", "03-05")]]),
            "2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex  2,750.00
                Cr income:sales                  2,750.00",
            "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
        );
    }
}

#[test]
fn the_shops_word_delivers_for_a_courier_we_do_not_track() {
    expect(
        &together([cod_order(1, "1001", "2,750").into(), vec![shop_says_delivered(1, 11, "03-06", &["tcs/779"])]]),
        "2026-03-06 parcel/tcs/779/delivered
            Dr assets:cod-receivable:tcs  2,750.00
            Cr income:sales               2,750.00",
        "tcs/779 collected, expected 2,750.00, outstanding 2,750.00",
    );
    let out_for_delivery = scanned("postex/111", commerce::ParcelState::OutForDelivery, "03-05");
    expect(
        &together([
            cod_order(1, "1001", "2,750").into(),
            vec![shop_says_delivered(1, 11, "03-06", &["postex/111"]), out_for_delivery],
        ]),
        "2026-03-05 parcel/postex/111/promised
            pending Dr assets:cod-receivable:postex  2,750.00
            pending Cr income:sales                  2,750.00",
        "postex/111 expected, on the way 2,750.00",
    );
}

#[test]
fn currencies_keep_their_own_decimals() {
    for (total, shipping, journal, cash) in [
        ("23,600 JPY", "600 JPY", ["23,600 JPY", "23,000 JPY", "600 JPY"], "23,600 JPY"),
        ("12.345 KWD", "1.5 KWD", ["12.345 KWD", "10.845 KWD", "1.500 KWD"], "12.345 KWD"),
    ] {
        let facts = [
            order(1, total).shipping(shipping).cash_on_delivery().since("03-01"),
            sent(1, 11, "03-02", &["postex/111"]),
            booked("postex/111", total),
            delivered("postex/111", "03-05"),
        ];
        let [receivable, sales, shipped] = journal;
        expect(
            &facts,
            &format!(
                "2026-03-05 parcel/postex/111/delivered
                    Dr assets:cod-receivable:postex {receivable} Cr income:sales {sales} Cr income:shipping {shipped}"
            ),
            &format!("postex/111 collected, expected {cash}, outstanding {cash}"),
        );
    }
}

/// The one case of these facts is parked for this reason, and nothing of it stands.
#[track_caller]
fn expect_parked(facts: &[Fact], reason: &Unpostable) {
    let books = Books::of(&merge_all(facts));
    assert_eq!(books.parked, std::slice::from_ref(reason));
    assert!(books.journal.is_empty());
}

#[test]
fn cash_in_another_currency_than_the_order_is_parked() {
    let facts =
        [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "10 USD"), delivered("postex/111", "03-05")];
    let mixed = Rejected::EntriesDoNotBalance { currency: Currency::PKR, debits: 0, credits: 1_000 };
    let reason = Unpostable::Rejected { key: "parcel/postex/111/delivered".to_owned(), rejected: mixed };
    expect_parked(&together([cod_order(1, "1001", "2,750").into(), facts.into()]), &reason);
}

#[test]
fn amounts_beyond_64_bits_are_parked() {
    const MOST: &str = "92,233,720,368,547,758.07";
    let facts = [
        booked("postex/111", MOST),
        charged("postex/111", Charges { upfront: MOST, ..Charges::USUAL }),
        settled("postex/111", commerce::SettlementPart::Upfront, "03-10"),
    ];
    expect_parked(&facts, &Unpostable::Overflow { key: "parcel/postex/111/settled/upfront".to_owned() });
}
