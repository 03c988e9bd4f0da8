//! The posting rules: from the merged facts of a case to the one journal they imply.
//!
//! | fact | debit | credit | key |
//! | --- | --- | --- | --- |
//! | a courier has a parcel with cash to collect | *pending:* cod receivable of the courier | *pending:* sales, shipping, … | `parcel/…/promised` |
//! | it never arrives | *pending:* sales, shipping, … | *pending:* cod receivable of the courier | `parcel/…/voided` |
//! | money captured before delivery | gateway receivable, gift cards | customer deposits | `order/…/captured` |
//! | money captured after delivery | gateway receivable or cash | trade receivable | `order/…/captured` |
//! | more of it later, each time | as above | as above | `order/…/captured/2`, … |
//! | handed over without courier's cash | customer deposits, trade receivable | sales, shipping, tips, output tax | `order/…/sold` |
//! | delivered, cash on delivery | cod receivable of the courier (and deposits, if an advance was paid) | sales, shipping, tips, output tax, duties, gift cards; the promise is taken back | `parcel/…/delivered` |
//! | delivered, later returned | sales returns, shipping, tips, output tax | cod receivable of the courier | `parcel/…/taken-back` |
//! | settled part of the cash | remittance clearing; with the first part courier fees, input tax and tax withheld | cod receivable of the courier | `parcel/…/settled/upfront`, `…/reserve` |
//! | fees that no cash covers (prepaid or returned) | courier fees, return fees, input tax | courier payable | `parcel/…/fees` |
//! | refund after delivery | sales returns, output tax | refunds payable | `order/…/refund/…` |
//! | refund before delivery | customer deposits | refunds payable | `order/…/refund/…` |
//! | refund paid | refunds payable | gift cards, as far as it went onto them, old or new; else gateway receivable, or bank for cash on delivery | `order/…/refund/…/paid` |
//! | cash given up or lost | cod shortfall, lost cash | cod receivable of the courier | `parcel/…/written-off/…` |
//! | cash claimed of the courier | courier claims | cod receivable of the courier, or claims income if it collected none | `parcel/…/written-off/…` |
//! | card payment disputed | chargebacks, chargeback fees | gateway receivable | `order/…/chargeback/…` |
//! | dispute won | gateway receivable | chargebacks | `order/…/chargeback/…/won` |
//! | payout banked | bank | remittance clearing | `payout/…/banked` |
//! | voucher entered by a person, and approved by a second one where that is needed; of several that reverse one voucher, the first | as entered | as entered | `voucher/…/entered`, `voucher/…/reverses/…` |
//! | goods sold | cost of goods sold | inventory | `order/…/cost/…/issued` |
//! | goods back in stock | inventory | cost of goods sold | `order/…/cost/…/returned`, `…/refund/…` |
//! | goods lost on the way | lost goods | inventory, or cost of goods sold if they were sold when they left | `order/…/cost/…/lost` |
//! | detail was replaced by totals, each month | as the month's transactions had it | as the month's transactions had it | `totals/…/2019-03`, `totals/…/postex/2019-03` |
//! | goods came in | inventory; cost of goods sold for pieces that had gone out before, by as much as they cost more | goods received | `receipt/…/in` |
//!
//! A tenant may sell at fulfilment: then `parcel/…/sold` debits the trade receivable when the parcel leaves, delivery
//! moves it to the courier's, and a parcel that never arrives is taken back. Goods cost something at the same time, and
//! come back with the parcel at what they cost then.

mod capture;
mod cash;
mod chargeback;
mod door;
mod goods;
mod order;
mod parcel;
mod sale;
mod split;
mod totals;
mod voucher;
mod writer;

use std::collections::BTreeMap;

use ledger::{AccountError, Journal, Rejected, Side, TextError};

use crate::stock::CardLine;
use crate::{Part, PartKey, Payout, Policy, StandingReversals};
use goods::post_goods;
use order::post_order;
use parcel::post_parcel;
use sale::Sale;
use totals::post_totals;
use voucher::post_voucher;
use writer::{Writer, about};

pub use cash::{CodPosition, cod_position, cod_positions};

/// The parts of one case: an order with its parcels, all reversals of one voucher, or a single part that no order owns.
pub type Case<'a> = BTreeMap<PartKey, &'a Part>;

/// What each part of the case should have posted; every part is there, if only with an empty journal.
pub type Postings = BTreeMap<PartKey, Journal>;

/// Why a case cannot be posted. The whole case is parked: nothing of it changes in the books until its facts do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpostable {
    /// The ledger refuses a transaction.
    #[error("{key}: {rejected}")]
    Rejected {
        /// Which posting.
        key: String,
        /// Why.
        rejected: Rejected,
    },
    /// An amount is beyond what one entry may hold, [`Money::LARGEST`](ledger::Money::LARGEST).
    #[error("{key}: an amount is beyond 10^15 minor units")]
    Overflow {
        /// Which posting.
        key: String,
    },
    /// An id cannot stand in a key.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A courier's slug cannot stand in an account.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// The one journal that a case's facts imply. `goods` are the movements of its goods with what they cost.
pub fn postings(case: &Case<'_>, policy: &Policy, goods: &[&CardLine]) -> Result<Postings, Unpostable> {
    let mut postings: Postings = case.keys().map(|key| (key.clone(), Journal::new())).collect();
    let sale = Sale::of(case, policy);
    let reversals = StandingReversals::among(case.values().filter_map(|part| part.voucher()));
    for (key, part) in case {
        let mut writer = Writer { key, about: about(case, key)?, journal: Journal::new() };
        match part {
            Part::Order(order) => post_order(&mut writer, order, &sale, policy)?,
            Part::Parcel(_) => post_parcel(&mut writer, &sale, policy)?,
            Part::Payout(payout) => post_payout(&mut writer, payout, policy)?,
            Part::Voucher(voucher) => post_voucher(&mut writer, voucher, &reversals)?,
            Part::Calendar(_) | Part::Accounts(_) => {}
            Part::Receipt(_) => {}
            Part::Totals(totals) => post_totals(&mut writer, totals)?,
            // Its totals stand for it.
            Part::Replaced(_) => continue,
        }
        post_goods(&mut writer, goods, policy)?;
        postings.insert(key.clone(), writer.journal);
    }
    Ok(postings)
}

fn post_payout(writer: &mut Writer<'_>, payout: &Payout, policy: &Policy) -> Result<(), Unpostable> {
    let Some(banked) = &payout.banked else { return Ok(()) };
    let (chart, amount) = (&policy.chart, i128::from(banked.amount.minor));
    let amounts =
        vec![(Side::Debit, chart.bank.clone(), amount), (Side::Credit, chart.remittance_clearing.clone(), amount)];
    writer.post("banked", banked.banked_on, banked.amount.currency, amounts)
}
