//! Products and stock, as the platform shows them. A product carries what a piece costs the seller, which the platform
//! itself leaves out: this shop's producer adds it, with its currency.

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::{bytes, stamp};
use crate::catalogue::{LOCATION, Variant};
use crate::paisa;

/// `products/update`: one product with its `variants`; None when there are none.
pub(crate) fn product(variants: &[Variant], at: NaiveDateTime) -> Option<Vec<u8>> {
    let first = variants.first()?;
    Some(bytes(&json!({
        "id": first.product,
        "title": first.title,
        "handle": first.sku.to_lowercase(),
        "vendor": "Chinar Bazaar",
        "product_type": "",
        "status": "active",
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "published_at": stamp(at),
        "tags": "",
        "images": [],
        "variants": variants.iter().map(|variant| variant_body(variant, at)).collect::<Value>(),
        "admin_graphql_api_id": format!("gid://shopify/Product/{}", first.product),
    })))
}

fn variant_body(variant: &Variant, at: NaiveDateTime) -> Value {
    json!({
        "id": variant.id,
        "product_id": variant.product,
        "title": variant.option,
        "sku": variant.sku,
        "price": paisa::text(variant.price),
        "cost": paisa::text(variant.cost),
        "currency": "PKR",
        "inventory_item_id": variant.inventory_item,
        "inventory_management": "shopify",
        "grams": variant.grams,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "taxable": true,
        "requires_shipping": true,
    })
}

/// `inventory_levels/update`: pieces of a variant; below zero when it is oversold.
pub(crate) fn level(variant: &Variant, available: i32, at: NaiveDateTime) -> Vec<u8> {
    bytes(&json!({
        "inventory_item_id": variant.inventory_item,
        "location_id": LOCATION,
        "available": available,
        "updated_at": stamp(at),
        "admin_graphql_api_id": format!("gid://shopify/InventoryLevel/{LOCATION}?inventory_item_id={}", variant.inventory_item),
    }))
}
