//! Which movements a case's facts imply. Goods leave in *sendings*: a fulfilment, or an order's goods as a whole where
//! no fulfilment of the shop tells them and they were delivered or handed over all the same. A fulfilment's parcels are
//! those it names; of one that names none, those of the case that no standing fulfilment names, because their courier
//! booked them under the order's name (several such fulfilments share them); of the goods as a whole, all of the case.
//! What lies in which of several parcels nobody tells, so a sending is
//!
//! - sold, with all its lines, when the first of its parcels is; without a parcel that anybody pays at the door, when
//!   it was handed over. Not before the first revenue of its order, though, and goods as a whole with it;
//! - back in stock when the last of its parcels came to its end and none of them is with the buyer: it came back, or
//!   never arrived;
//! - lost when all of its parcels were, and none had been delivered.
//!
//! So goods cost something when their sale is revenue (IAS 2.34), whichever the tenant chose: both take their days from
//! `Sold`. Once a parcel has come to its end the stock is the same either way. Goods that came back without having been
//! sold were never out of stock.
//!
//! What a refund takes back into stock
//!
//! - before an order's goods were sold as a whole never left: it is no part of what is issued, as the money is no part
//!   of the revenue. A fulfilment tells what left in it, so a refund takes nothing off its lines;
//! - and no fulfilment had sent yet (`RefundIssued::unsent`) never left either: it comes off no fulfilment;
//! - once pieces of the line are known to be lost, is put down to the lost ones first, as many as they are. The buyer
//!   who is refunded is the one who got nothing; and what is lost is not in stock, whoever ticked that it is, and when:
//!   goods that were on the way cannot have been on the shelf, so a loss takes back what was ticked of its sending
//!   before. What more a refund names comes off the other sendings of the line;
//! - else comes off what was sold before it, the sending that was sold first before the others, and off none more than
//!   it held.

use std::collections::BTreeMap;

use ledger::Timestamp;

use super::{CardLine, Movement, Origin};
use crate::sold::{Sold, SoldParcel, names};
use crate::{
    Case, FulfilmentRecorded, LineId, Order, OrderId, Part, PartKey, ProductCosted, Recognition, RefundId,
    RefundIssued, StockReceived, VariantId,
};

/// The movements of a case by the item they move, not yet valued. `recognition` says when goods count as sold.
pub fn movements(case: &Case<'_>, recognition: Recognition) -> Vec<(VariantId, CardLine)> {
    let sold = Sold::of(case, recognition);
    case.iter()
        .flat_map(|(key, part)| match (key, part) {
            (PartKey::Order(id), Part::Order(order)) => goods_of_order(*id, order, &sold),
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
    /// When no parcel of it was on the way any more, and none was with the buyer.
    back_at: Option<Timestamp>,
    /// Set if that is because all of them were lost: nothing is back then.
    lost_at: Option<Timestamp>,
}

fn goods_of_order(id: OrderId, order: &Order, sold: &Sold<'_>) -> Vec<(VariantId, CardLine)> {
    let Some(terms) = order.terms.as_ref().filter(|terms| !terms.test) else { return Vec::new() };
    let variants: BTreeMap<LineId, VariantId> =
        terms.lines.iter().filter_map(|line| line.variant.map(|variant| (line.line, variant))).collect();
    let (sendings, mut refunds) = sendings(order, sold);
    let mut found = Vec::new();
    for sending in sendings {
        for (line, quantity) in &sending.lines {
            let Some(variant) = variants.get(line) else { continue };
            let origin = Origin::goods(id, &sending.name, *line);
            let goods = Goods { order: id, line: *line, quantity: *quantity, origin };
            found.extend(goods.moved(&sending, &mut refunds).into_iter().map(|line| (*variant, line)));
        }
    }
    found
}

/// The sendings that stand and were sold or lost, and what refunds take back of them: the lost ones first, then in the
/// order in which they were sold.
fn sendings(order: &Order, sold: &Sold<'_>) -> (Vec<Sending>, Refunds) {
    let told: Vec<_> = order.fulfilments.values().filter(|f| f.stands && !f.lines.is_empty()).collect();
    let refunds = Refunds::of(order, told.is_empty());
    let mut sendings: Vec<Sending> = match told.is_empty() {
        true => as_a_whole(order, sold).into_iter().collect(),
        false => told.into_iter().map(|fulfilment| by_fulfilment(fulfilment, order, sold)).collect(),
    };
    sendings.retain(|sending| sending.sold_at.is_some() || sending.lost_at.is_some());
    sendings.sort_by(|a, b| (a.lost_at.is_none(), a.sold_at, &a.name).cmp(&(b.lost_at.is_none(), b.sold_at, &b.name)));
    (sendings, refunds)
}

fn by_fulfilment(fulfilment: &FulfilmentRecorded, order: &Order, sold: &Sold<'_>) -> Sending {
    let names_none = fulfilment.parcels.is_empty();
    let named = |key: &PartKey| fulfilment.parcels.iter().any(|parcel| names(parcel, key));
    let is_its = |(key, parcel): &(&&PartKey, &SoldParcel<'_>)| if names_none { !parcel.named } else { named(key) };
    let parcels: Vec<&SoldParcel<'_>> = sold.parcels.iter().filter(is_its).map(|(_, parcel)| parcel).collect();
    let left_at = Some(fulfilment.fulfilled_at);
    let handed_over_at = match (names_none, parcels.is_empty()) {
        (true, true) => left_at,
        // What nobody pays at the door is sold as it is handed over, also to a courier.
        (true, false) => left_at.filter(|_| !sold.by_courier),
        // Its parcel belongs to another order, of which only the shop can tell here.
        (false, true) if sold.recognition == Recognition::Delivery => order.shops_word(fulfilment),
        (false, true) => left_at,
        (false, false) => None,
    };
    let first_parcel = parcels.iter().filter_map(|parcel| parcel.sold_at).min();
    let own = handed_over_at.into_iter().chain(first_parcel).min();
    let sold_at = own.zip(sold.at).map(|(own, first_revenue)| own.max(first_revenue));
    let lines = pieces(fulfilment.lines.iter().copied());
    Sending::of(fulfilment.fulfilment.to_string(), lines, sold_at, &parcels)
}

/// All goods of an order without a fulfilment that tells them.
fn as_a_whole(order: &Order, sold: &Sold<'_>) -> Option<Sending> {
    let ordered = order.terms.as_ref()?.lines.iter().map(|line| (line.line, line.quantity));
    let parcels: Vec<&SoldParcel<'_>> = sold.parcels.values().collect();
    let mut sending = Sending::of("goods".to_owned(), pieces(ordered), sold.at, &parcels);
    let gone_at = sending.sold_at.or(sending.lost_at)?;
    let before = order.refunds.values().filter(|refund| refund.refunded_at < gone_at);
    for (line, quantity) in pieces(before.flat_map(|refund| refund.restocked.iter().copied())) {
        sending.lines.entry(line).and_modify(|ordered| *ordered -= quantity);
    }
    sending.lines.retain(|_, quantity| *quantity > 0);
    Some(sending)
}

impl Sending {
    fn of(
        name: String,
        lines: BTreeMap<LineId, i64>,
        sold_at: Option<Timestamp>,
        parcels: &[&SoldParcel<'_>],
    ) -> Sending {
        let lost_at = last_of_all(parcels.iter().map(|parcel| parcel.lost_at()));
        let back_at = last_of_all(parcels.iter().map(|parcel| parcel.ended_at()));
        Sending { name, lines, sold_at, back_at, lost_at }
    }
}

/// The last of these instants, if there is one for everything.
fn last_of_all(instants: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    instants.collect::<Option<Vec<_>>>()?.into_iter().max()
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

/// What refunds take back into stock and no sending has given or lost yet, the earliest first.
struct Refunds(Vec<(Timestamp, RefundId, BTreeMap<LineId, i64>)>);

impl Refunds {
    /// Where no fulfilment tells what was sent, what the shop had not sent may have left all the same.
    fn of(order: &Order, even_unsent: bool) -> Refunds {
        let taken_back = |refund: &RefundIssued| {
            let mut lines = pieces(refund.restocked.iter().copied());
            for (line, unsent) in pieces(refund.unsent.iter().copied()).into_iter().filter(|_| !even_unsent) {
                lines.entry(line).and_modify(|restocked| *restocked -= unsent.min(*restocked));
            }
            lines
        };
        let refunds = order.refunds.values();
        let mut all: Vec<_> = refunds.map(|r| (r.refunded_at, r.refund, taken_back(r))).collect();
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
    order: OrderId,
    line: LineId,
    quantity: i64,
    origin: Origin,
}

impl Goods {
    fn moved(&self, sending: &Sending, refunds: &mut Refunds) -> Vec<CardLine> {
        let issue = |at| self.card_line(at, self.issue(), Movement::Issued { quantity: self.quantity });
        let issued = sending.sold_at.map(issue);
        let then = match (sending.lost_at, sending.sold_at) {
            (Some(lost_at), sold_at) => vec![self.lost(lost_at, sold_at, refunds)],
            (None, Some(sold_at)) => self.came_back(sold_at, sending.back_at, refunds),
            (None, None) => vec![],
        };
        issued.into_iter().chain(then).collect()
    }

    fn lost(&self, lost_at: Timestamp, sold_at: Option<Timestamp>, refunds: &mut Refunds) -> CardLine {
        // Whatever these refunds say: what is lost was not taken back into stock.
        refunds.take(self.line, lost_at, None, self.quantity);
        let movement = Movement::Lost { quantity: self.quantity, issue: sold_at.map(|_| self.issue()) };
        self.card_line(sold_at.map_or(lost_at, |sold_at| lost_at.max(sold_at)), self.origin.then("lost"), movement)
    }

    fn came_back(&self, sold_at: Timestamp, back_at: Option<Timestamp>, refunds: &mut Refunds) -> Vec<CardLine> {
        let back = |quantity, earlier| Movement::Returned { quantity, earlier, issue: self.issue() };
        let (mut lines, mut earlier) = (Vec::new(), 0);
        for (at, refund, quantity) in refunds.take(self.line, sold_at, back_at, self.quantity) {
            lines.push(self.card_line(at, self.origin.refunded(refund), back(quantity, earlier)));
            earlier += quantity;
        }
        if let Some(at) = back_at.filter(|_| earlier < self.quantity) {
            let rest = back(self.quantity - earlier, earlier);
            lines.push(self.card_line(at.max(sold_at), self.origin.then("returned"), rest));
        }
        lines
    }

    fn issue(&self) -> Origin {
        self.origin.then("issued")
    }

    fn card_line(&self, at: Timestamp, origin: Origin, movement: Movement) -> CardLine {
        CardLine::new(at, origin, Some(PartKey::Order(self.order)), movement)
    }
}
