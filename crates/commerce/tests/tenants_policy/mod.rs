//! The posting table, continued: tenants who keep their books in another way than the usual one.

use commerce::ParcelState::PickedUp;
use commerce::Policy;
use commerce::SettlementPart::{Reserve, Upfront};

use crate::story::*;
use crate::{DELIVERED, cod_order, delivered_order, prepaid_order, then};

#[expect(clippy::expect_used, reason = "the text is a literal")]
fn policy(json: &str) -> Policy {
    serde_json::from_str(json).expect("a policy")
}

#[test]
fn a_tenant_has_its_own_accounts() {
    let policy = policy(r#"{"chart": {"sales": "income:retail:kurtas", "shipping_income": "income:delivery"}}"#);
    expect_under(
        &policy,
        &delivered_order(),
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,750.00
            Cr income:delivery                 250.00
            Cr income:retail:kurtas          2,500.00",
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

/// 1 % of income tax until 14 March and 2 % from then on; 2 % of sales tax.
const WITHHOLDING: &str = r#"{"withholding": {
    "income_tax": [{"from": "2025-07-01", "basis_points": 100}, {"from": "2026-03-15", "basis_points": 200}],
    "sales_tax": [{"from": "2025-07-01", "basis_points": 200}]}}"#;

#[test]
fn the_courier_withholds_tax_by_the_rate_of_the_day() {
    for (day, income_tax, net) in [("03-14", "27.50", "2,493.50"), ("03-15", "55.00", "2,466.00")] {
        let facts = [charged("postex/111", Charges::USUAL), settled("postex/111", Upfront, day)];
        expect_under(
            &policy(WITHHOLDING),
            &then(delivered_order(), facts),
            &format!(
                "{DELIVERED}
                 2026-{day} parcel/postex/111/settled/upfront
                    Dr assets:income-tax-withheld {income_tax}
                    Dr assets:input-tax              24.00
                    Dr assets:remittance-clearing   {net}
                    Dr assets:sales-tax-withheld     55.00
                    Dr expenses:courier-fees        150.00
                    Cr assets:cod-receivable:postex 2,750.00"
            ),
            &format!(
                "postex/111 remitted, expected 2,750.00, remitted {net}, fees {}",
                if day == "03-14" { "256.50" } else { "284.00" }
            ),
        );
    }
}

#[test]
fn tax_is_withheld_once_of_two_payments() {
    let charges = charged("postex/111", Charges { upfront: "2,000", reserve: "493.50", ..Charges::USUAL });
    let facts = [charges, settled("postex/111", Upfront, "03-10"), settled("postex/111", Reserve, "03-20")];
    expect_under(
        &policy(WITHHOLDING),
        &then(delivered_order(), facts),
        &format!(
            "{DELIVERED}
             2026-03-20 parcel/postex/111/settled/reserve
                Dr assets:remittance-clearing      493.50
                Cr assets:cod-receivable:postex    493.50
             2026-03-10 parcel/postex/111/settled/upfront
                Dr assets:income-tax-withheld       27.50
                Dr assets:input-tax                 24.00
                Dr assets:remittance-clearing    2,000.00
                Dr assets:sales-tax-withheld        55.00
                Dr expenses:courier-fees           150.00
                Cr assets:cod-receivable:postex  2,256.50"
        ),
        "postex/111 remitted, expected 2,750.00, remitted 2,493.50, fees 256.50",
    );
}

/// 18 % in every price.
const TAX_WITHIN: &str =
    r#"{"prices_include_tax": true, "output_tax": [{"from": "2025-07-01", "basis_points": 1800}]}"#;

#[test]
fn prices_contain_a_tax_of_which_the_shop_says_nothing() {
    let facts = [
        order(1, "2,950").shipping("236").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        booked("postex/111", "2,950"),
        delivered("postex/111", "03-05"),
        refunded(1, 7, "03-12", "590", "0"),
    ];
    expect_under(
        &policy(TAX_WITHIN),
        &facts,
        "2026-03-12 order/1/refund/7
            Dr income:sales-returns            500.00
            Dr liabilities:output-tax           90.00
            Cr liabilities:refunds-payable     590.00
         2026-03-12 order/1/refund/7/paid
            Dr liabilities:refunds-payable     590.00
            Cr assets:bank                     590.00
         2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,950.00
            Cr income:sales                  2,300.00
            Cr income:shipping                 200.00
            Cr liabilities:output-tax          450.00",
        "postex/111 collected, expected 2,950.00, outstanding 2,950.00",
    );
}

#[test]
fn what_the_shop_says_of_tax_wins() {
    let facts = [
        order(1, "2,950").tax("400").cash_on_delivery().since("03-01"),
        sent(1, 11, "03-02", &["postex/111"]),
        delivered("postex/111", "03-05"),
    ];
    expect_under(
        &policy(TAX_WITHIN),
        &facts,
        "2026-03-05 parcel/postex/111/delivered
            Dr assets:cod-receivable:postex  2,950.00
            Cr income:sales                  2,550.00
            Cr liabilities:output-tax          400.00",
        "postex/111 collected, expected 2,950.00, outstanding 2,950.00",
    );
}

const AT_FULFILMENT: &str = r#"{"recognition": "fulfilment"}"#;

const SOLD: &str = "2026-03-02 parcel/postex/111/sold
    Dr assets:trade-receivable  2,750.00
    Cr income:sales             2,500.00
    Cr income:shipping            250.00";

const PROMISED: &str = "2026-03-03 parcel/postex/111/promised
    pending Dr assets:cod-receivable:postex  2,750.00
    pending Cr assets:trade-receivable       2,750.00";

#[test]
fn sold_at_fulfilment_and_delivered() {
    let facts = [scanned("postex/111", PickedUp, "03-03"), delivered("postex/111", "03-05")];
    expect_under(
        &policy(AT_FULFILMENT),
        &then(cod_order(), facts),
        &format!(
            "2026-03-05 parcel/postex/111/delivered
                Dr assets:cod-receivable:postex          2,750.00
                Cr assets:trade-receivable               2,750.00
                pending Dr assets:trade-receivable       2,750.00
                pending Cr assets:cod-receivable:postex  2,750.00
             {PROMISED} {SOLD}"
        ),
        "postex/111 collected, expected 2,750.00, outstanding 2,750.00",
    );
}

#[test]
fn sold_at_fulfilment_and_never_delivered() {
    let facts = [scanned("postex/111", PickedUp, "03-03"), returned("postex/111", "03-09")];
    expect_under(
        &policy(AT_FULFILMENT),
        &then(cod_order(), facts),
        &format!(
            "{PROMISED} {SOLD}
             2026-03-09 parcel/postex/111/taken-back
                Dr income:sales-returns     2,500.00
                Dr income:shipping            250.00
                Cr assets:trade-receivable  2,750.00
             2026-03-09 parcel/postex/111/voided
                pending Dr assets:trade-receivable       2,750.00
                pending Cr assets:cod-receivable:postex  2,750.00"
        ),
        "postex/111 returned",
    );
}

#[test]
fn prepaid_and_sold_at_fulfilment() {
    expect_under(
        &policy(AT_FULFILMENT),
        &then(prepaid_order(), [sent(1, 11, "03-02", &["postex/111"]), booked("postex/111", "0")]),
        "2026-03-01 order/1/captured
            Dr assets:gateway-receivable      2,750.00
            Cr liabilities:customer-deposits  2,750.00
         2026-03-02 order/1/sold
            Dr liabilities:customer-deposits  2,750.00
            Cr income:sales                   2,500.00
            Cr income:shipping                  250.00",
        "postex/111 none",
    );
}
