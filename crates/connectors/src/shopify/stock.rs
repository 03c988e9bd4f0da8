//! Stock levels, and the SKUs and costs of products.

use commerce::{Fact, InventoryItemId, LocationId, ProductCosted, Sku, StockCounted, VariantId};
use ledger::{Money, Timestamp};
use serde::Deserialize;

use super::json::{BODY, Loose, Many, Place, parse, resource};
use super::money::{Amount, currency};
use super::order::bare;
use crate::{Draft, NotUnderstood};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Level<'a> {
    #[serde(borrow)]
    inventory_item_id: Loose<'a>,
    location_id: Loose<'a>,
    available: Loose<'a>,
    updated_at: Loose<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Product<'a> {
    #[serde(borrow)]
    updated_at: Loose<'a>,
    currency: Loose<'a>,
    variants: Many<Variant<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Variant<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    inventory_item_id: Loose<'a>,
    sku: Loose<'a>,
    updated_at: Loose<'a>,
    cost: Amount<'a>,
    currency: Loose<'a>,
}

/// Stock of one item at one location.
pub(super) fn level(text: &str, triggered_at: Timestamp) -> Result<Vec<Draft>, NotUnderstood> {
    let level: Level<'_> = parse(resource(text, "inventory_level")?)?;
    Ok(vec![bare(Fact::StockCounted(StockCounted {
        version: level.updated_at.time(BODY.key("updated_at"))?.unwrap_or(triggered_at),
        item: InventoryItemId(level.inventory_item_id.required_id(BODY.key("inventory_item_id"))?),
        location: LocationId(level.location_id.required_id(BODY.key("location_id"))?),
        available: available(&level.available)?,
    }))])
}

/// Pieces; None for an item that is not tracked, which Shopify has written as null and as `No`.
fn available(pieces: &Loose<'_>) -> Result<Option<i64>, NotUnderstood> {
    match pieces.text() {
        Some(word) if word.eq_ignore_ascii_case("no") => Ok(None),
        _ => pieces.count(BODY.key("available")),
    }
}

/// Every variant of a product.
pub(super) fn product(text: &str, triggered_at: Timestamp) -> Result<Vec<Draft>, NotUnderstood> {
    let product: Product<'_> = parse(resource(text, "product")?)?;
    let version = product.updated_at.time(BODY.key("updated_at"))?.unwrap_or(triggered_at);
    let variants = BODY.key("variants");
    let costed = product.variants.at(&variants).map(|(variant, at)| costed(variant, &product, version, at));
    costed.map(|fact| fact.map(Fact::ProductCosted).map(bare)).collect()
}

fn costed(
    variant: &Variant<'_>,
    product: &Product<'_>,
    version: Timestamp,
    place: Place<'_>,
) -> Result<ProductCosted, NotUnderstood> {
    Ok(ProductCosted {
        version: variant.updated_at.time(place.key("updated_at"))?.unwrap_or(version),
        variant: VariantId(variant.id.required_id(place.key("id"))?),
        item: variant.inventory_item_id.id(place.key("inventory_item_id"))?.map(InventoryItemId),
        sku: variant.sku.text().and_then(|sku| Sku::from_text(&sku)),
        cost: cost(variant, product, place)?,
    })
}

/// Shopify's own product payload has no cost; a producer that adds it adds the currency too, without which it is no
/// amount.
fn cost(variant: &Variant<'_>, product: &Product<'_>, place: Place<'_>) -> Result<Option<Money>, NotUnderstood> {
    let own = currency(&variant.currency, place.key("currency"))?;
    let Some(currency) = own.map_or_else(|| currency(&product.currency, BODY.key("currency")), |own| Ok(Some(own)))?
    else {
        return Ok(None);
    };
    let minor = variant.cost.read(currency, place.key("cost"))?;
    Ok(minor.map(|minor| Money::new(minor, currency)))
}
