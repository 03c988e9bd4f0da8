//! The case of an order, in parts. A part is what is stored and merged as one: an order, a parcel, or a payout. A
//! parcel's part exists as soon as its courier speaks of it, whether or not an order has claimed it yet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::totals::{Replaced, Totals};
use crate::voucher::{Accounts, Calendar, Voucher};
use crate::{
    Courier, Fact, GoodsReceipt, IdError, Order, OrderId, OrderName, Parcel, PayoutBanked, ReceiptNumber,
    StockReceived, TotalsId, TrackingNumber, VoucherId,
};

/// Which part: the natural key under which its facts meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PartKey {
    /// An order.
    Order(OrderId),
    /// A parcel.
    Parcel(Courier, TrackingNumber),
    /// A courier's payout.
    Payout(Courier, ReceiptNumber),
    /// What a person entered.
    Voucher(VoucherId),
    /// Which periods are closed; one a tenant.
    Calendar,
    /// The accounts that were added to the chart; one a tenant.
    Accounts,
    /// Goods that came in.
    Receipt(GoodsReceipt),
    /// What stands for parts whose detail was replaced: what is of one courier, or of none.
    Totals(TotalsId, Option<Courier>),
}

/// A courier's payout.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payout {
    /// What reached the bank.
    pub banked: Option<PayoutBanked>,
}

/// Goods that came in under one receipt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// What came in.
    pub received: Option<StockReceived>,
}

/// A part's merged facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// An order's.
    Order(Order),
    /// A parcel's.
    Parcel(Parcel),
    /// A payout's.
    Payout(Payout),
    /// A voucher's.
    Voucher(Voucher),
    /// The decisions on periods.
    Calendar(Calendar),
    /// The added accounts.
    Accounts(Accounts),
    /// A receipt's.
    Receipt(Receipt),
    /// What stands for parts whose detail was replaced.
    Totals(Totals),
    /// All that is left of a part whose detail was replaced: facts that come for it later change nothing.
    Replaced(Replaced),
}

impl PartKey {
    /// The parts a fact is merged into: its own, and the parcels an order claims or the voucher a voucher reverses by
    /// it. Empty for facts that no case keeps.
    pub fn of(fact: &Fact) -> Vec<PartKey> {
        let parcel = |courier: &Courier, tracking: &TrackingNumber| PartKey::Parcel(courier.clone(), tracking.clone());
        match fact {
            Fact::OrderPlaced(f) => vec![PartKey::Order(f.order)],
            Fact::OrderRevised(f) => vec![PartKey::Order(f.order)],
            Fact::OrderCancelled(f) => vec![PartKey::Order(f.order)],
            Fact::OrderDeleted(f) => vec![PartKey::Order(f.order)],
            Fact::RefundIssued(f) => vec![PartKey::Order(f.order)],
            Fact::FulfilmentRecorded(f) => {
                let claimed = f.parcels.iter().map(|p| parcel(&p.courier, &p.tracking));
                std::iter::once(PartKey::Order(f.order)).chain(claimed).collect()
            }
            Fact::ParcelBooked(f) => vec![parcel(&f.courier, &f.tracking)],
            Fact::ParcelScanned(f) => vec![parcel(&f.courier, &f.tracking)],
            Fact::CodChargesReported(f) => vec![parcel(&f.courier, &f.tracking)],
            Fact::CodPartSettled(f) => vec![parcel(&f.courier, &f.tracking)],
            Fact::CodWrittenOff(f) => vec![parcel(&f.courier, &f.tracking)],
            Fact::ChargebackRecorded(f) => vec![PartKey::Order(f.order)],
            Fact::PayoutBanked(f) => vec![PartKey::Payout(f.courier.clone(), f.receipt.clone())],
            Fact::VoucherEntered(f) => {
                std::iter::once(&f.voucher).chain(&f.reverses).cloned().map(PartKey::Voucher).collect()
            }
            Fact::VoucherApproved(f) => vec![PartKey::Voucher(f.voucher.clone())],
            Fact::VoucherWithdrawn(f) => vec![PartKey::Voucher(f.voucher.clone())],
            Fact::PeriodClosed(_) | Fact::PeriodReopened(_) => vec![PartKey::Calendar],
            Fact::AccountOpened(_) => vec![PartKey::Accounts],
            Fact::StockReceived(f) => vec![PartKey::Receipt(f.receipt.clone())],
            Fact::DetailReplaced(f) => f.keys().into_iter().chain(f.parts.iter().cloned()).collect(),
            Fact::StockCounted(_)
            | Fact::ProductCosted(_)
            | Fact::CustomerRecorded(_)
            | Fact::RedactionRequested(_)
            | Fact::DataRequested(_)
            | Fact::ShopRedactionRequested(_)
            | Fact::SubjectErased(_) => vec![],
        }
    }

    /// A part of this key without any fact.
    pub fn empty(&self) -> Part {
        match self {
            PartKey::Order(_) => Part::Order(Order::default()),
            PartKey::Parcel(..) => Part::Parcel(Parcel::default()),
            PartKey::Payout(..) => Part::Payout(Payout::default()),
            PartKey::Voucher(id) => Part::Voucher(Voucher::of(id.clone())),
            PartKey::Calendar => Part::Calendar(Calendar::default()),
            PartKey::Accounts => Part::Accounts(Accounts::default()),
            PartKey::Receipt(_) => Part::Receipt(Receipt::default()),
            PartKey::Totals(..) => Part::Totals(Totals::default()),
        }
    }
}

impl Part {
    /// Merges a fact. Any order, any number of times, gives the same part. Facts of other parts change nothing, except
    /// that a fulfilment also claims each parcel it names. True when the part is different now. Whether detail is replaced is seen
    /// from all parts that the fact names, never from one ([`crate::totals::DetailReplaced::meets`]).
    pub fn merge(&mut self, fact: &Fact) -> bool {
        match (self, fact) {
            (Part::Order(order), Fact::OrderPlaced(f)) => order.place(f.clone()),
            (Part::Order(order), Fact::OrderRevised(f)) => order.revise(f.clone()),
            (Part::Order(order), Fact::OrderCancelled(f)) => order.cancel(f.clone()),
            (Part::Order(order), Fact::OrderDeleted(f)) => order.delete(f.clone()),
            (Part::Order(order), Fact::RefundIssued(f)) => order.refund(f.clone()),
            (Part::Order(order), Fact::FulfilmentRecorded(f)) => order.fulfil(f.clone()),
            (Part::Parcel(parcel), Fact::FulfilmentRecorded(f)) => parcel.claim(f.order),
            (Part::Parcel(parcel), Fact::ParcelBooked(f)) => parcel.book(f.clone()),
            (Part::Parcel(parcel), Fact::ParcelScanned(f)) => parcel.scan(f.clone()),
            (Part::Parcel(parcel), Fact::CodChargesReported(f)) => parcel.charge(f.clone()),
            (Part::Parcel(parcel), Fact::CodPartSettled(f)) => parcel.settle(f.clone()),
            (Part::Parcel(parcel), Fact::CodWrittenOff(f)) => parcel.write_off(f.clone()),
            (Part::Order(order), Fact::ChargebackRecorded(f)) => order.charge_back(f.clone()),
            (Part::Payout(payout), Fact::PayoutBanked(f)) => keep_greater(&mut payout.banked, f.clone()),
            (Part::Voucher(voucher), Fact::VoucherEntered(f)) => voucher.enter(f.clone()),
            (Part::Voucher(voucher), Fact::VoucherApproved(f)) => voucher.approve(f.clone()),
            (Part::Voucher(voucher), Fact::VoucherWithdrawn(f)) => keep_smaller(&mut voucher.withdrawn, f.clone()),
            (Part::Calendar(calendar), Fact::PeriodClosed(f)) => calendar.close(f.clone()),
            (Part::Calendar(calendar), Fact::PeriodReopened(f)) => calendar.reopen(f.clone()),
            (Part::Accounts(accounts), Fact::AccountOpened(f)) => accounts.open(f.clone()),
            (Part::Receipt(receipt), Fact::StockReceived(f)) => keep_greater(&mut receipt.received, f.clone()),
            _ => false,
        }
    }

    /// The voucher, if it is one.
    pub fn voucher(&self) -> Option<&Voucher> {
        if let Part::Voucher(voucher) = self { Some(voucher) } else { None }
    }

    /// What is left of it, if its detail was replaced.
    pub fn replaced(&self) -> Option<&Replaced> {
        if let Part::Replaced(replaced) = self { Some(replaced) } else { None }
    }

    /// The printed name an order bears.
    pub fn order_name(&self) -> Option<&OrderName> {
        match self {
            Part::Order(order) => order.placed.as_ref()?.name.as_ref(),
            _ => None,
        }
    }

    /// The order name a parcel's courier quotes.
    pub fn quoted_name(&self) -> Option<&OrderName> {
        match self {
            Part::Parcel(parcel) => parcel.reference.as_ref(),
            _ => None,
        }
    }
}

/// `order/820982911946154508`, `parcel/postex/26704560000656`, `payout/postex/CPR-1`, `voucher/rent-2026-03`,
/// `calendar`, `accounts`, `receipt/grn-17`, `totals/2021-03-01.9f86d081884c7d65`,
/// `totals/2021-03-01.9f86d081884c7d65/postex`.
impl fmt::Display for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartKey::Order(order) => write!(f, "order/{order}"),
            PartKey::Parcel(courier, tracking) => write!(f, "parcel/{courier}/{tracking}"),
            PartKey::Payout(courier, receipt) => write!(f, "payout/{courier}/{receipt}"),
            PartKey::Voucher(id) => write!(f, "voucher/{id}"),
            PartKey::Calendar => f.write_str("calendar"),
            PartKey::Accounts => f.write_str("accounts"),
            PartKey::Receipt(receipt) => write!(f, "receipt/{receipt}"),
            PartKey::Totals(id, None) => write!(f, "totals/{id}"),
            PartKey::Totals(id, Some(courier)) => write!(f, "totals/{id}/{courier}"),
        }
    }
}

impl FromStr for PartKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut pieces = text.splitn(3, '/');
        match (pieces.next(), pieces.next(), pieces.next()) {
            (Some("order"), Some(order), None) => Ok(PartKey::Order(order.parse()?)),
            (Some("parcel"), Some(courier), Some(tracking)) => Ok(PartKey::Parcel(courier.parse()?, tracking.parse()?)),
            (Some("payout"), Some(courier), Some(receipt)) => Ok(PartKey::Payout(courier.parse()?, receipt.parse()?)),
            (Some("voucher"), Some(id), None) => Ok(PartKey::Voucher(id.parse()?)),
            (Some("calendar"), None, None) => Ok(PartKey::Calendar),
            (Some("accounts"), None, None) => Ok(PartKey::Accounts),
            (Some("receipt"), Some(receipt), None) => Ok(PartKey::Receipt(receipt.parse()?)),
            (Some("totals"), Some(id), None) => Ok(PartKey::Totals(id.parse()?, None)),
            (Some("totals"), Some(id), Some(courier)) => Ok(PartKey::Totals(id.parse()?, Some(courier.parse()?))),
            _ => Err(IdError("PartKey")),
        }
    }
}

/// Keeps the greater of what is known and what arrives. True when that is what arrives.
pub(crate) fn keep_greater<T: Ord>(slot: &mut Option<T>, incoming: T) -> bool {
    let wins = slot.as_ref().is_none_or(|known| *known < incoming);
    if wins {
        *slot = Some(incoming);
    }
    wins
}

/// Keeps the smaller of what is known and what arrives. True when that is what arrives.
pub(crate) fn keep_smaller<T: Ord>(slot: &mut Option<T>, incoming: T) -> bool {
    let wins = slot.as_ref().is_none_or(|known| *known > incoming);
    if wins {
        *slot = Some(incoming);
    }
    wins
}
