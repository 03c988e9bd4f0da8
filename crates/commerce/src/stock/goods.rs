//! Which movements a case's facts imply. Goods leave in *sendings*: a fulfilment, or an order's goods as a whole where no
//! fulfilment of the shop tells them and they were delivered or handed over all the same. What lies in which of several parcels nobody tells, so a
//! sending is
//!
//! - sold, with all its lines, when the first of its parcels is delivered, by its courier's or the shop's word; without a
//!   parcel, when it was handed over; of a tenant who sells at fulfilment, when it left, if that was earlier;
//! - back in stock when the last of its parcels is back and one of them had been delivered; or, if it was sold when it left,
//!   when the last of its parcels came to nothing;
//! - lost when all of its parcels were, and none had been delivered.
//!
//! So goods cost something when their sale is revenue (IAS 2.34), whichever the tenant chose, and once a parcel has come to
//! its end the stock is the same either way. What a refund takes back into stock comes off what was sold before it. Goods that
//! came back without having been sold were never out of stock.

use std::collections::BTreeMap;

use ledger::Timestamp;

use super::{CardLine, Movement, Origin};
use crate::posting::{names, shops_word};
use crate::{
    Case, FulfilmentRecorded, LineId, Order, OrderId, Parcel, ParcelState, Part, PartKey, ProductCosted, Recognition,
    RefundId, StockReceived, VariantId,
};

/// The movements of a case by the item they move, not yet valued. `recognition` says when goods count as sold.
pub fn movements(case: &Case<'_>, recognition: Recognition) -> Vec<(VariantId, CardLine)> {
    case.iter()
        .flat_map(|(key, part)| match (key, part) {
            (PartKey::Order(id), Part::Order(order)) => goods_of_order(*id, order, case, recognition),
            (PartKey::Receipt(_), Part::Receipt(receipt)) => {
                receipt.received.iter().filter_map(|fact| received(key, fact)).collect()
            }
            _ => Vec::new(),
        })
        .collect()
}

/// What the shop says that an item costs, as a line of its card. None when it does not say, or says less than nothing.
pub fn cost_noted(fact: &ProductCosted) -> Option<(VariantId, CardLine)> {
    let unit_cost = fact.cost.filter(|cost| cost.minor >= 0)?;
    let origin = Origin::cost(fact.variant, unit_cost);
    Some((fact.variant, CardLine::new(fact.version, origin, None, Movement::CostNoted { unit_cost })))
}

fn received(key: &PartKey, fact: &StockReceived) -> Option<(VariantId, CardLine)> {
    let (quantity, unit_cost) = (fact.quantity, fact.unit_cost);
    let movement = Movement::Received { quantity, unit_cost };
    let line = CardLine::new(fact.received_at, Origin::receipt(key), Some(key.clone()), movement);
    (quantity > 0 && unit_cost.minor >= 0).then_some((fact.variant, line))
}

/// Goods that leave together.
struct Sending {
    name: String,
    lines: BTreeMap<LineId, i64>,
    sold_at: Option<Timestamp>,
    back_at: Option<Timestamp>,
    lost_at: Option<Timestamp>,
}

fn goods_of_order(id: OrderId, order: &Order, case: &Case<'_>, recognition: Recognition) -> Vec<(VariantId, CardLine)> {
    let Some(terms) = order.terms.as_ref().filter(|terms| !terms.test) else { return Vec::new() };
    let variants: BTreeMap<LineId, VariantId> =
        terms.lines.iter().filter_map(|line| line.variant.map(|variant| (line.line, variant))).collect();
    let mut refunds = Refunds::of(order);
    let mut found = Vec::new();
    for sending in sendings(order, case, recognition) {
        for (line, quantity) in &sending.lines {
            let Some(variant) = variants.get(line) else { continue };
            let about = Goods { id, line: *line, quantity: *quantity };
            found.extend(about.moved(&sending, &mut refunds).into_iter().map(|line| (*variant, line)));
        }
    }
    found
}

/// The sendings that stand, in the order in which they were sold.
fn sendings(order: &Order, case: &Case<'_>, recognition: Recognition) -> Vec<Sending> {
    let standing = order.fulfilments.values().filter(|f| f.stands && !f.lines.is_empty());
    let mut sendings: Vec<Sending> = standing.map(|f| by_fulfilment(f, order, case, recognition)).collect();
    if sendings.is_empty() {
        sendings.extend(as_a_whole(order, case, recognition));
    }
    sendings.retain(|sending| sending.sold_at.is_some() || sending.lost_at.is_some());
    sendings.sort_by(|a, b| (a.sold_at, &a.name).cmp(&(b.sold_at, &b.name)));
    sendings
}

fn by_fulfilment(fulfilment: &FulfilmentRecorded, order: &Order, case: &Case<'_>, recognition: Recognition) -> Sending {
    let of_it = |key: &PartKey| fulfilment.parcels.iter().any(|parcel| names(parcel, key));
    let parcels: Vec<(&PartKey, &Parcel)> = parcels(case).filter(|(key, _)| of_it(key)).collect();
    let word = || order.shops_word(fulfilment);
    let delivered_at = match (fulfilment.parcels.is_empty(), parcels.is_empty()) {
        (true, _) => Some(fulfilment.fulfilled_at),
        // Its parcel belongs to another order, of which only the shop can tell here.
        (false, true) => word(),
        (false, false) => first_delivery(&parcels, order),
    };
    let left_at = (recognition == Recognition::Fulfilment).then_some(fulfilment.fulfilled_at);
    let lines = pieces(fulfilment.lines.iter().copied());
    sending(fulfilment.fulfilment.to_string(), lines, delivered_at, left_at, &parcels)
}

/// All goods of an order without a fulfilment that tells them, when they are sold as `Sale` has it, or lost.
fn as_a_whole(order: &Order, case: &Case<'_>, recognition: Recognition) -> Option<Sending> {
    let terms = order.terms.as_ref()?;
    let parcels: Vec<(&PartKey, &Parcel)> = parcels(case).collect();
    let lines = pieces(terms.lines.iter().map(|line| (line.line, line.quantity)));
    let handed_over = || order.handed_over_at().into_iter().chain(order.delivered_by_shop_at()).min();
    let delivered_at = if parcels.is_empty() { handed_over() } else { first_delivery(&parcels, order) };
    let left_at = order.fulfilled_at().filter(|_| recognition == Recognition::Fulfilment);
    Some(sending("goods".to_owned(), lines, delivered_at, left_at, &parcels))
}

/// `left_at` is set where goods are sold when they leave.
fn sending(
    name: String,
    lines: BTreeMap<LineId, i64>,
    delivered_at: Option<Timestamp>,
    left_at: Option<Timestamp>,
    parcels: &[(&PartKey, &Parcel)],
) -> Sending {
    let all = |is: fn(&Parcel) -> bool| !parcels.is_empty() && parcels.iter().all(|(_, parcel)| is(parcel));
    let last = |at: fn(&Parcel) -> Option<Timestamp>| parcels.iter().filter_map(|(_, parcel)| at(parcel)).max();
    let sold_at = left_at.into_iter().chain(delivered_at).min();
    let all_lost = delivered_at.is_none() && all(|parcel| parcel.state() == ParcelState::Lost);
    let back_at = match (delivered_at, left_at) {
        (Some(_), _) => last(Parcel::returned_at).filter(|_| all(|parcel| parcel.returned_at().is_some())),
        (None, Some(_)) => last(ended_at).filter(|_| !all_lost && all(|parcel| parcel.came_to_nothing_at().is_some())),
        (None, None) => None,
    };
    Sending { name, lines, sold_at, back_at, lost_at: last(lost_at).filter(|_| all_lost) }
}

fn parcels<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (&'c PartKey, &'c Parcel)> {
    case.iter().filter_map(|(key, part)| if let Part::Parcel(parcel) = part { Some((key, parcel)) } else { None })
}

fn first_delivery(parcels: &[(&PartKey, &Parcel)], order: &Order) -> Option<Timestamp> {
    let delivered =
        |(key, parcel): &(&PartKey, &Parcel)| parcel.delivered_at().or_else(|| shops_word(key, parcel, Some(order)));
    parcels.iter().filter_map(delivered).min()
}

fn lost_at(parcel: &Parcel) -> Option<Timestamp> {
    parcel.scans.iter().rev().find(|scan| scan.state == ParcelState::Lost).map(|scan| scan.at)
}

/// When a parcel that was never delivered came to its end: when it came back, or turned out never to have left, even if it had
/// been lost before; else when it was lost.
fn ended_at(parcel: &Parcel) -> Option<Timestamp> {
    let ended_at = parcel.came_to_nothing_at()?;
    let came_back = |state| matches!(state, ParcelState::Returned | ParcelState::Cancelled);
    let back = parcel.scans.iter().find(|scan| scan.at >= ended_at && came_back(scan.state));
    Some(back.map_or(ended_at, |scan| scan.at))
}

/// Pieces by line; a line that is told twice counts twice.
fn pieces(told: impl Iterator<Item = (LineId, i64)>) -> BTreeMap<LineId, i64> {
    let mut pieces = BTreeMap::new();
    for (line, quantity) in told.filter(|(_, quantity)| *quantity > 0) {
        let sum: &mut i64 = pieces.entry(line).or_default();
        *sum = sum.saturating_add(quantity);
    }
    pieces
}

/// What refunds take back into stock and no sending has given yet, the earliest first.
struct Refunds(Vec<(Timestamp, RefundId, BTreeMap<LineId, i64>)>);

impl Refunds {
    fn of(order: &Order) -> Refunds {
        let restocks = order.refunds.values().filter(|refund| !refund.restocked.is_empty());
        let mut all: Vec<_> =
            restocks.map(|r| (r.refunded_at, r.refund, pieces(r.restocked.iter().copied()))).collect();
        all.sort_by_key(|(at, refund, _)| (*at, *refund));
        Refunds(all)
    }

    /// Takes up to `most` pieces of a line that one refund after another took back between two instants.
    fn take(
        &mut self,
        line: LineId,
        from: Timestamp,
        until: Option<Timestamp>,
        most: i64,
    ) -> Vec<(Timestamp, RefundId, i64)> {
        let (mut left, mut taken) = (most, Vec::new());
        let between = |at: Timestamp| from <= at && until.is_none_or(|until| at <= until);
        for (at, refund, lines) in self.0.iter_mut().filter(|(at, ..)| between(*at)) {
            let Some(open) = lines.get_mut(&line) else { continue };
            let back = left.min(*open);
            (*open, left) = (*open - back, left - back);
            if back > 0 {
                taken.push((*at, *refund, back));
            }
        }
        taken
    }
}

/// Goods of one line in one sending.
struct Goods {
    id: OrderId,
    line: LineId,
    quantity: i64,
}

impl Goods {
    fn moved(&self, sending: &Sending, refunds: &mut Refunds) -> Vec<CardLine> {
        let goods = Origin::goods(self.id, &sending.name, self.line);
        let line = |at, origin, movement| CardLine::new(at, origin, Some(PartKey::Order(self.id)), movement);
        let quantity = self.quantity;
        let lost = |at, issue| line(at, goods.then("lost"), Movement::Lost { quantity, issue });
        let Some(sold_at) = sending.sold_at else {
            return sending.lost_at.map(|at| lost(at, None)).into_iter().collect();
        };
        let issue = goods.then("issued");
        let mut lines = vec![line(sold_at, issue.clone(), Movement::Issued { quantity })];
        if let Some(at) = sending.lost_at {
            // Whatever a refund says: what is lost was not taken back into stock.
            lines.push(lost(at.max(sold_at), Some(issue)));
            return lines;
        }
        let mut earlier = 0;
        for (at, refund, back) in refunds.take(self.line, sold_at, sending.back_at, quantity) {
            let movement = Movement::Returned { quantity: back, earlier, issue: issue.clone() };
            lines.push(line(at, goods.refunded(refund), movement));
            earlier += back;
        }
        if let Some(at) = sending.back_at.filter(|_| earlier < quantity) {
            let movement = Movement::Returned { quantity: quantity - earlier, earlier, issue };
            lines.push(line(at.max(sold_at), goods.then("returned"), movement));
        }
        lines
    }
}
