//! The books against the shop's own story, which was counted without them.

use anyhow::Result;
use commerce::{Part, TenantId};
use ledger::TrialBalance;
use sample_shop::Expected;
use serde::Serialize;
use store::books::{self, CodSummary, PartScan};

use crate::output::{Align, Table, amount, count, mark};
use crate::platform::Platform;

/// The sample shop's currency.
const CURRENCY: &str = "PKR";

/// One figure, told twice. Amounts in minor units.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Compared {
    name: &'static str,
    amount: bool,
    expected: i64,
    found: i64,
}

impl Compared {
    /// Whether both are the same.
    pub(super) fn met(&self) -> bool {
        self.expected == self.found
    }

    fn shown(&self, number: i64) -> String {
        if self.amount { amount(number, CURRENCY) } else { count(number.unsigned_abs()) }
    }
}

/// What the parts of all cases say, counted.
#[derive(Default)]
struct Counted {
    orders: u64,
    cod_orders: u64,
    cancelled: u64,
    refunds: u64,
    refunded: i64,
    delivered: u64,
    returned: u64,
    payouts: u64,
}

/// Compares everything the shop's story tells.
pub(super) async fn compare(
    platform: &Platform,
    tenant: &TenantId,
    couriers: &[CodSummary],
    expected: &Expected,
) -> Result<Vec<Compared>> {
    let counted = count_parts(platform, tenant).await?;
    let balance = books::trial_balance(&platform.db, tenant).await?;
    let quarantined = books::count_quarantined(&platform.db, tenant).await?.unsigned_abs();
    let cash = |of: fn(&CodSummary) -> i64| couriers.iter().map(of).sum::<i64>();
    let unbanked = expected.cod_remitted_net_minor - expected.banked_minor;
    let came_in = expected.banked_minor + expected.captured_minor - expected.refunded_minor;
    let number = |name, expected: u64, found: u64| Compared {
        name,
        amount: false,
        expected: expected.cast_signed(),
        found: found.cast_signed(),
    };
    let money = |name, expected, found| Compared { name, amount: true, expected, found };
    Ok(vec![
        number("orders placed", expected.orders, counted.orders),
        number("of them cash on delivery", expected.cod_orders, counted.cod_orders),
        number("orders cancelled", expected.cancelled, counted.cancelled),
        number("parcels delivered", expected.delivered, counted.delivered),
        number("parcels returned", expected.returned, counted.returned),
        number("refunds", expected.refunds, counted.refunds),
        number("payouts banked", expected.payouts, counted.payouts),
        number("inputs quarantined", expected.malformed, quarantined),
        money("cash collected by the courier", expected.cod_expected_minor, cash(|one| one.expected)),
        money("cash remitted, net", expected.cod_remitted_net_minor, cash(|one| one.remitted)),
        money("fees kept back", expected.cod_fees_minor, cash(|one| one.fees)),
        money("cash outstanding", expected.cod_outstanding_minor, cash(|one| one.outstanding)),
        money("  and in the ledger", expected.cod_outstanding_minor, net(&balance, "assets:cod-receivable:postex")),
        money(
            "owed to the courier",
            expected.courier_payable_minor,
            -net(&balance, "liabilities:courier-payable:postex"),
        ),
        money("remitted, not yet banked", unbanked, net(&balance, "assets:remittance-clearing")),
        money(
            "in the bank and at the gateway",
            came_in,
            net(&balance, "assets:bank") + net(&balance, "assets:gateway-receivable"),
        ),
        money("refunded", expected.refunded_minor, counted.refunded),
    ])
}

fn net(balance: &TrialBalance, account: &str) -> i64 {
    let rows = balance.rows.iter().filter(|row| row.account.as_str() == account && row.currency.code() == CURRENCY);
    rows.map(|row| row.debit - row.credit).sum()
}

async fn count_parts(platform: &Platform, tenant: &TenantId) -> Result<Counted> {
    let (mut counted, mut scan) = (Counted::default(), PartScan::new(&platform.db));
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            return Ok(counted);
        }
        for row in rows.iter().filter(|row| row.tenant == *tenant) {
            counted.add(&row.part);
        }
    }
}

impl Counted {
    fn add(&mut self, part: &Part) {
        match part {
            Part::Order(order) => {
                self.orders += u64::from(order.placed.is_some());
                self.cod_orders += u64::from(order.terms.as_ref().is_some_and(|terms| terms.cash_on_delivery));
                self.cancelled += u64::from(order.cancelled.is_some());
                self.refunds += order.refunds.len() as u64;
                self.refunded += order.refunds.values().map(|refund| refund.amount).sum::<i64>();
            }
            Part::Parcel(parcel) => {
                self.delivered += u64::from(parcel.delivered_at().is_some());
                self.returned += u64::from(parcel.returned_at().is_some());
            }
            Part::Payout(payout) => self.payouts += u64::from(payout.banked.is_some()),
            Part::Voucher(_) | Part::Calendar(_) | Part::Accounts(_) | Part::Receipt(_) => {}
            Part::Totals(_) | Part::Replaced(_) => {}
        }
    }
}

/// The figures for people.
pub(super) fn text(compared: &[Compared]) -> String {
    let mut table = Table::new([
        (Align::Left, ""),
        (Align::Left, "figure"),
        (Align::Right, "the story"),
        (Align::Right, "the books"),
    ]);
    for one in compared {
        table.row([mark(one.met()), one.name.to_owned(), one.shown(one.expected), one.shown(one.found)]);
    }
    table.to_string()
}
