//! A refund: what was given back, and which goods went back into stock.

use commerce::{Fact, LineId, OrderId, RefundId, RefundIssued};
use ledger::{Currency, Timestamp};
use serde::Deserialize;

use super::json::{BODY, Loose, Many, Place, parse, resource};
use super::money::{Amount, PriceSet, add, currency, shop_amount, subtract, sum};
use super::order::{Frame, is_gift_card};
use super::people;
use crate::{Draft, NotUnderstood};

/// A refund as Shopify sends it, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Refund<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    order_id: Loose<'a>,
    created_at: Loose<'a>,
    processed_at: Loose<'a>,
    note: Loose<'a>,
    /// Older payloads say it once for the whole refund.
    restock: Loose<'a>,
    refund_line_items: Many<RefundLine<'a>>,
    transactions: Many<RefundTransaction<'a>>,
    order_adjustments: Many<Adjustment<'a>>,
    total_duties_set: Option<PriceSet<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefundLine<'a> {
    #[serde(borrow)]
    line_item_id: Loose<'a>,
    quantity: Loose<'a>,
    restock_type: Loose<'a>,
    subtotal: Amount<'a>,
    subtotal_set: Option<PriceSet<'a>>,
    total_tax: Amount<'a>,
    total_tax_set: Option<PriceSet<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefundTransaction<'a> {
    #[serde(borrow)]
    kind: Loose<'a>,
    status: Loose<'a>,
    gateway: Loose<'a>,
    amount: Amount<'a>,
    currency: Loose<'a>,
}

/// What a refund differs by from the goods it names: negative for refunded shipping, positive for money kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Adjustment<'a> {
    #[serde(borrow)]
    amount: Amount<'a>,
    amount_set: Option<PriceSet<'a>>,
    tax_amount: Amount<'a>,
    tax_amount_set: Option<PriceSet<'a>>,
}

/// A refund's own notice.
pub(super) fn read(text: &str, triggered_at: Timestamp) -> Result<Vec<Draft>, NotUnderstood> {
    let refund: Refund<'_> = parse(resource(text, "refund")?)?;
    let order = OrderId(refund.order_id.required_id(BODY.key("order_id"))?);
    let refunded_at = refunded_at(&refund, *BODY)?.unwrap_or(triggered_at);
    let currency = own_currency(&refund)?;
    let paid = match foreign(&refund, currency, *BODY)? {
        None => paid_back(&refund, currency, *BODY)?,
        // Whether the goods' prices contain their tax is the order's knowledge; its next snapshot tells the amount.
        Some(error) => return Err(error),
    };
    let fact = issued(&refund, order, refunded_at, currency, paid, *BODY)?;
    Ok(vec![draft(&refund, fact, refunded_at)])
}

/// A refund within its order's snapshot.
pub(super) fn within(refund: &Refund<'_>, frame: Frame, place: Place<'_>) -> Result<Draft, NotUnderstood> {
    // A snapshot must give the same facts however often and by whatever way it comes, so it dates its undated refunds.
    let refunded_at = refunded_at(refund, place)?.unwrap_or(frame.version);
    let paid = match foreign(refund, frame.currency, place)? {
        None => paid_back(refund, frame.currency, place)?,
        Some(_) => value_of_goods(refund, frame, place)?,
    };
    let fact = issued(refund, frame.order, refunded_at, frame.currency, paid, place)?;
    Ok(draft(refund, fact, frame.placed_at))
}

fn draft(refund: &Refund<'_>, fact: RefundIssued, retained_from: Timestamp) -> Draft {
    let typed = people::typed([("refund note", &refund.note)]);
    let people = people::known_by_order(fact.order, typed, retained_from).into_iter().collect();
    Draft { fact: Fact::RefundIssued(fact), people }
}

fn issued(
    refund: &Refund<'_>,
    order: OrderId,
    refunded_at: Timestamp,
    currency: Currency,
    Paid { amount, gift_card }: Paid,
    place: Place<'_>,
) -> Result<RefundIssued, NotUnderstood> {
    Ok(RefundIssued {
        refunded_at,
        order,
        refund: RefundId(refund.id.required_id(place.key("id"))?),
        currency,
        amount,
        tax: tax(refund, currency, place)?.clamp(0, amount.max(0)),
        restocked: restocked(refund, place, went_back)?,
        gift_card,
        unsent: restocked(refund, place, was_unsent)?,
    })
}

fn refunded_at(refund: &Refund<'_>, place: Place<'_>) -> Result<Option<Timestamp>, NotUnderstood> {
    match refund.processed_at.time(place.key("processed_at"))? {
        Some(processed_at) => Ok(Some(processed_at)),
        None => refund.created_at.time(place.key("created_at")),
    }
}

/// The shop's currency, from a set that names it, else from the transactions.
fn own_currency(refund: &Refund<'_>) -> Result<Currency, NotUnderstood> {
    let goods = refund.refund_line_items.0.iter().flat_map(|line| [&line.subtotal_set, &line.total_tax_set]);
    for set in goods.chain([&refund.total_duties_set]).flatten() {
        if let Some(currency) = set.shop_currency(BODY.key("refund_line_items"))? {
            return Ok(currency);
        }
    }
    let transactions = BODY.key("transactions");
    for (transaction, place) in refund.transactions.at(&transactions) {
        if let Some(currency) = currency(&transaction.currency, place.key("currency"))? {
            return Ok(currency);
        }
    }
    Err(BODY.key("currency").missing())
}

impl RefundTransaction<'_> {
    /// True for money that went back; a `suggested_refund` or a failed attempt is none.
    fn gave_back(&self) -> bool {
        let is = |field: &Loose<'_>, word: &str| field.text().map(|text| text.eq_ignore_ascii_case(word));
        is(&self.kind, "refund") == Some(true) && is(&self.status, "success") != Some(false)
    }

    /// True for what went back onto a gift card: the one that had paid, or a new one.
    fn is_gift_card(&self) -> bool {
        self.gateway.text().is_some_and(|gateway| is_gift_card(&gateway))
    }
}

/// What was given back, in the shop's minor units, and what of it onto gift cards.
struct Paid {
    amount: i64,
    gift_card: i64,
}

/// Set when a transaction is in the buyer's currency and not in the shop's: what to report if nothing else tells the
/// amount.
fn foreign(refund: &Refund<'_>, shop: Currency, place: Place<'_>) -> Result<Option<NotUnderstood>, NotUnderstood> {
    let transactions = place.key("transactions");
    for (transaction, at) in refund.transactions.at(&transactions).filter(|(transaction, _)| transaction.gave_back()) {
        let at = at.key("currency");
        if currency(&transaction.currency, at)?.is_some_and(|currency| currency != shop) {
            return Ok(Some(at.wrong("not in the shop's currency")));
        }
    }
    Ok(None)
}

fn paid_back(refund: &Refund<'_>, currency: Currency, place: Place<'_>) -> Result<Paid, NotUnderstood> {
    let transactions = place.key("transactions");
    let told = |counts: fn(&RefundTransaction<'_>) -> bool| {
        let gave_back = refund.transactions.at(&transactions).filter(|(transaction, _)| transaction.gave_back());
        let amounts = gave_back.filter(|(transaction, _)| counts(transaction)).map(|(transaction, at)| {
            let at = at.key("amount");
            transaction.amount.read(currency, at)?.ok_or_else(|| at.missing())
        });
        sum(amounts, transactions)
    };
    Ok(Paid { amount: told(|_| true)?, gift_card: told(|transaction| transaction.is_gift_card())? })
}

/// What the refund is worth in the shop's money when its transactions are in the buyer's: the goods with their tax, less
/// the adjustments. What of it went back onto gift cards is known when all of it did.
fn value_of_goods(refund: &Refund<'_>, frame: Frame, place: Place<'_>) -> Result<Paid, NotUnderstood> {
    let lines = place.key("refund_line_items");
    let with_tax =
        |amount: i64, tax: i64, at: Place<'_>| if frame.taxes_included { Ok(amount) } else { add(amount, tax, at) };
    let goods = refund.refund_line_items.at(&lines).map(|(line, at)| {
        let subtotal = shop_amount(&line.subtotal, &line.subtotal_set, frame.currency, at.key("subtotal"))?;
        let tax = shop_amount(&line.total_tax, &line.total_tax_set, frame.currency, at.key("total_tax"))?;
        with_tax(subtotal.unwrap_or(0), tax.unwrap_or(0), at)
    });
    let adjustments = place.key("order_adjustments");
    let kept = refund.order_adjustments.at(&adjustments).map(|(adjustment, at)| {
        let amount = shop_amount(&adjustment.amount, &adjustment.amount_set, frame.currency, at.key("amount"))?;
        let tax =
            shop_amount(&adjustment.tax_amount, &adjustment.tax_amount_set, frame.currency, at.key("tax_amount"))?;
        with_tax(amount.unwrap_or(0), tax.unwrap_or(0), at)
    });
    let amount = subtract(sum(goods, lines)?, sum(kept, adjustments)?, place)?;
    let mut gave_back = refund.transactions.0.iter().filter(|transaction| transaction.gave_back());
    let gift_card = if gave_back.all(RefundTransaction::is_gift_card) { amount.max(0) } else { 0 };
    Ok(Paid { amount, gift_card })
}

fn tax(refund: &Refund<'_>, currency: Currency, place: Place<'_>) -> Result<i64, NotUnderstood> {
    let lines = place.key("refund_line_items");
    let taxes = refund.refund_line_items.at(&lines).map(|(line, at)| {
        let tax = shop_amount(&line.total_tax, &line.total_tax_set, currency, at.key("total_tax"))?;
        Ok(tax.unwrap_or(0))
    });
    sum(taxes, lines)
}

/// The pieces of those lines that `counts` is true of.
fn restocked(
    refund: &Refund<'_>,
    place: Place<'_>,
    counts: fn(&RefundLine<'_>, &Refund<'_>) -> bool,
) -> Result<Vec<(LineId, i64)>, NotUnderstood> {
    let lines = place.key("refund_line_items");
    let back = refund.refund_line_items.at(&lines).filter(|(line, _)| counts(line, refund));
    back.map(|(line, at)| {
        let pieces = line.quantity.count(at.key("quantity"))?.ok_or_else(|| at.key("quantity").missing())?;
        Ok((LineId(line.line_item_id.required_id(at.key("line_item_id"))?), pieces))
    })
    .collect()
}

fn went_back(line: &RefundLine<'_>, refund: &Refund<'_>) -> bool {
    match line.restock_type.text().as_deref() {
        Some("return" | "cancel" | "legacy_restock") => true,
        Some(_) => false,
        None => refund.restock.is_true(),
    }
}

/// Restocked by `cancel`: the shop had not fulfilled it yet, and never will.
fn was_unsent(line: &RefundLine<'_>, _: &Refund<'_>) -> bool {
    line.restock_type.text().as_deref() == Some("cancel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_restocked_and_what_of_it_had_not_been_sent() {
        for (more, pieces, unsent) in [
            (r#","restock_type":"return""#, 2, 0),
            (r#","restock_type":"cancel""#, 2, 2),
            (r#","restock_type":"legacy_restock""#, 2, 0),
            (r#","restock_type":"no_restock""#, 0, 0),
            ("", 0, 0),
        ] {
            let json = format!(r#"{{"refund_line_items":[{{"line_item_id":31,"quantity":2{more}}}]}}"#);
            let refund: Refund<'_> = parse(&json).unwrap();
            let told = |pieces| if pieces == 0 { vec![] } else { vec![(LineId(31), pieces)] };
            assert_eq!(restocked(&refund, *BODY, went_back).unwrap(), told(pieces), "{more}");
            assert_eq!(restocked(&refund, *BODY, was_unsent).unwrap(), told(unsent), "{more}");
        }
    }
}
