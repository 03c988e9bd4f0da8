//! What an order is made of: its line items and its shipping lines.

use commerce::{LineId, LineItem, Sku, VariantId};
use ledger::{Currency, MoneyError};
use serde::Deserialize;

use super::json::{Loose, Many, Place};
use super::money::{Amount, PriceSet, shop_amount, subtract, sum};
use super::order::Frame;
use crate::NotUnderstood;

/// A line item, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    variant_id: Loose<'a>,
    sku: Loose<'a>,
    quantity: Loose<'a>,
    price: Amount<'a>,
    price_set: Option<PriceSet<'a>>,
    total_discount: Amount<'a>,
    total_discount_set: Option<PriceSet<'a>>,
    discount_allocations: Many<Allocation<'a>>,
    gift_card: Loose<'a>,
    pub(super) properties: Loose<'a>,
}

/// A part of a discount that falls on one line.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Allocation<'a> {
    #[serde(borrow)]
    amount: Amount<'a>,
    amount_set: Option<PriceSet<'a>>,
}

/// A shipping line, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ShippingLine<'a> {
    #[serde(borrow)]
    price: Amount<'a>,
    price_set: Option<PriceSet<'a>>,
    discounted_price: Amount<'a>,
    discounted_price_set: Option<PriceSet<'a>>,
    discount_allocations: Many<Allocation<'a>>,
    tax_lines: Many<TaxLine<'a>>,
    is_removed: Loose<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TaxLine<'a> {
    #[serde(borrow)]
    price: Amount<'a>,
    price_set: Option<PriceSet<'a>>,
}

/// One line of the order.
pub(super) fn item(line: &Line<'_>, currency: Currency, place: Place<'_>) -> Result<LineItem, NotUnderstood> {
    Ok(LineItem {
        line: LineId(line.id.required_id(place.key("id"))?),
        variant: line.variant_id.id(place.key("variant_id"))?.map(VariantId),
        sku: line.sku.text().and_then(|sku| Sku::from_text(&sku)),
        quantity: line.quantity.count(place.key("quantity"))?.ok_or_else(|| place.key("quantity").missing())?,
        unit_price: shop_amount(&line.price, &line.price_set, currency, place.key("price"))?.unwrap_or(0),
        discount: discount(line, currency, place)?,
    })
}

/// What the line adds to the gift cards that are sold: nothing unless it is one. Gift cards are not taxed.
pub(super) fn gift_card(line: &Line<'_>, currency: Currency, place: Place<'_>) -> Result<i64, NotUnderstood> {
    if !line.gift_card.is_true() {
        return Ok(0);
    }
    let item = item(line, currency, place)?;
    let price = item.unit_price.checked_mul(item.quantity);
    let price = price.ok_or_else(|| place.key("price").wrong(MoneyError::Overflow))?;
    subtract(price, item.discount, place)
}

/// A line by id with its pieces, as fulfilments and refunds name it.
pub(super) fn pieces(line: &Line<'_>, place: Place<'_>) -> Result<(LineId, i64), NotUnderstood> {
    let quantity = line.quantity.count(place.key("quantity"))?.ok_or_else(|| place.key("quantity").missing())?;
    Ok((LineId(line.id.required_id(place.key("id"))?), quantity))
}

/// The allocations hold every discount on the line; older payloads have only the line's own total.
fn discount(line: &Line<'_>, currency: Currency, place: Place<'_>) -> Result<i64, NotUnderstood> {
    if !line.discount_allocations.0.is_empty() {
        return allocated(&line.discount_allocations, currency, place);
    }
    let total = shop_amount(&line.total_discount, &line.total_discount_set, currency, place.key("total_discount"))?;
    Ok(total.unwrap_or(0))
}

fn allocated(allocations: &Many<Allocation<'_>>, currency: Currency, place: Place<'_>) -> Result<i64, NotUnderstood> {
    let list = place.key("discount_allocations");
    let amounts = allocations.at(&list).map(|(part, at)| {
        let amount = shop_amount(&part.amount, &part.amount_set, currency, at.key("amount"))?;
        Ok(amount.unwrap_or(0))
    });
    sum(amounts, list)
}

/// What one shipping line adds to the order, after discounts and without its tax.
pub(super) fn shipping(line: &ShippingLine<'_>, frame: Frame, place: Place<'_>) -> Result<i64, NotUnderstood> {
    if line.is_removed.is_true() {
        return Ok(0);
    }
    let gross = discounted(line, frame.currency, place)?;
    if !frame.taxes_included {
        return Ok(gross);
    }
    let tax_lines = place.key("tax_lines");
    let taxes = line.tax_lines.at(&tax_lines).map(|(tax, at)| {
        let price = shop_amount(&tax.price, &tax.price_set, frame.currency, at.key("price"))?;
        Ok(price.unwrap_or(0))
    });
    subtract(gross, sum(taxes, tax_lines)?, place)
}

/// Shopify's `discounted_price` knows the line's own discounts but not always a code's; the allocations know all of
/// them but are missing from older payloads. So the smaller of the two is the price paid.
fn discounted(line: &ShippingLine<'_>, currency: Currency, place: Place<'_>) -> Result<i64, NotUnderstood> {
    let key = place.key("discounted_price");
    let by_shop = shop_amount(&line.discounted_price, &line.discounted_price_set, currency, key)?;
    let Some(price) = shop_amount(&line.price, &line.price_set, currency, place.key("price"))? else {
        return Ok(by_shop.unwrap_or(0));
    };
    let by_parts = subtract(price, allocated(&line.discount_allocations, currency, place)?, place)?;
    Ok(by_shop.map_or(by_parts, |by_shop| by_shop.min(by_parts)))
}
