//! An order as the platform shows it, as of some moment of its life.

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::{customer, extend, money_set, stamp};
use crate::order::{Line, Order};
use crate::paisa;
use crate::plan::BodySize;

/// The order's body. Most of it never changes and is written once.
pub(crate) struct Snapshot {
    /// The fields that the order's life changes.
    changing: Value,
    /// The other fields as JSON text, with the closing brace and without the opening one.
    lasting: String,
}

impl Snapshot {
    /// As it was placed.
    pub(crate) fn placed(order: &Order, size: BodySize) -> Snapshot {
        let mut body = terms(order);
        extend(&mut body, people(order, size));
        let lines = order.lines.iter().map(|line| line_item(line, size)).collect();
        extend(&mut body, [("line_items", lines), ("shipping_lines", Value::Array(vec![shipping_line(order, size)]))]);
        if size == BodySize::Full {
            extend(&mut body, amounts_in_full(order));
            extend(&mut body, circumstances(order));
        }
        Snapshot { changing: changing(order), lasting: body.to_string().split_off(1) }
    }

    /// The gateway has the money.
    pub(crate) fn pay(&mut self) {
        self.changing["financial_status"] = json!("paid");
        self.changing["total_outstanding"] = json!("0.00");
    }

    /// Called off.
    pub(crate) fn cancel(&mut self, order: &Order, at: NaiveDateTime) {
        self.changing["cancelled_at"] = json!(stamp(at));
        self.changing["cancel_reason"] = json!(["customer", "inventory", "fraud", "other"][order.number as usize % 4]);
        if order.cod {
            self.changing["financial_status"] = json!("voided");
        }
    }

    /// Sent.
    pub(crate) fn fulfil(&mut self, fulfilment: Value) {
        self.changing["fulfillment_status"] = json!("fulfilled");
        self.changing["fulfillments"] = Value::Array(vec![fulfilment]);
    }

    /// Given back, in whole or in part.
    pub(crate) fn refund(&mut self, refund: Value, whole: bool) {
        self.changing["financial_status"] = json!(if whole { "refunded" } else { "partially_refunded" });
        self.changing["refunds"] = Value::Array(vec![refund]);
    }

    /// The body as of `at`.
    pub(crate) fn bytes(&mut self, at: NaiveDateTime) -> Vec<u8> {
        self.changing["updated_at"] = json!(stamp(at));
        let mut body = self.changing.to_string();
        body.pop();
        body.push(',');
        body.push_str(&self.lasting);
        body.into_bytes()
    }
}

/// How the buyer pays, as the platform names it.
pub(super) fn gateway(order: &Order) -> &'static str {
    if order.cod { "Cash on Delivery (COD)" } else { "PayFast" }
}

fn changing(order: &Order) -> Value {
    json!({
        "id": order.id,
        "cancelled_at": null,
        "cancel_reason": null,
        "financial_status": "pending",
        "fulfillment_status": null,
        "total_outstanding": paisa::text(order.total()),
        "fulfillments": [],
        "refunds": [],
    })
}

fn terms(order: &Order) -> Value {
    let placed_at = stamp(order.placed_at);
    json!({
        "name": order.name(),
        "order_number": order.printed_number(),
        "created_at": placed_at,
        "processed_at": placed_at,
        "currency": "PKR",
        "presentment_currency": "PKR",
        "total_price": paisa::text(order.total()),
        "subtotal_price": paisa::text(order.subtotal()),
        "total_line_items_price": paisa::text(order.goods()),
        "total_discounts": paisa::text(order.discounts()),
        "total_tax": paisa::text(order.tax()),
        "total_tip_received": "0.00",
        "taxes_included": order.taxed,
        "tax_lines": tax_lines(order.tax()),
        "gateway": gateway(order),
        "payment_gateway_names": [gateway(order)],
        "test": false,
        "note": order.note,
    })
}

/// Those who fill in the shop's own form leave their details in note attributes, and nothing where it belongs.
fn people(order: &Order, size: BodySize) -> Vec<(&'static str, Value)> {
    let buyer = &order.buyer;
    let by_form = buyer.customer.is_none();
    let address = |person| if by_form { Value::Null } else { customer::address(person) };
    let phone = (!by_form && order.number.is_multiple_of(3)).then(|| buyer.international_phone());
    let mut people = vec![
        ("customer", customer::record(buyer, order.placed_at, size)),
        ("email", json!(buyer.email.as_deref().unwrap_or_default())),
        ("contact_email", json!(buyer.email)),
        ("phone", json!(phone)),
        ("shipping_address", address(order.addressee())),
        ("note_attributes", if by_form { form(order) } else { json!([]) }),
        ("tags", json!(if by_form { "cod_form" } else { "" })),
    ];
    if size == BodySize::Full || order.recipient.is_some() {
        people.push(("billing_address", address(buyer)));
    }
    people
}

fn form(order: &Order) -> Value {
    let buyer = &order.buyer;
    json!([
        { "name": "Your Name | آپ کا نام", "value": buyer.name() },
        { "name": "WhatsApp / Phone | موبائل", "value": buyer.phone },
        { "name": "Delivery City | شہر", "value": buyer.city.name },
        { "name": "House and Street | گھر کا پتہ", "value": buyer.street },
    ])
}

fn tax_lines(tax: i64) -> Value {
    if tax == 0 {
        return json!([]);
    }
    json!([{ "title": "GST", "rate": "0.18", "price": paisa::text(tax), "channel_liable": false }])
}

fn line_item(line: &Line, size: BodySize) -> Value {
    let variant = line.variant;
    let mut item = json!({
        "id": line.id,
        "variant_id": variant.id,
        "product_id": variant.product,
        "sku": variant.sku,
        "title": variant.title,
        "variant_title": variant.option,
        "quantity": line.quantity,
        "price": paisa::text(variant.price),
        "total_discount": "0.00",
        "discount_allocations": [],
        "requires_shipping": true,
        "taxable": line.tax > 0,
        "properties": [],
    });
    extend(&mut item, [("tax_lines", tax_lines(line.tax))]);
    if line.discount > 0 {
        item["discount_allocations"] =
            json!([{ "amount": paisa::text(line.discount), "discount_application_index": 0 }]);
    }
    if size == BodySize::Full {
        extend(&mut item, line_item_in_full(line));
    }
    item
}

fn line_item_in_full(line: &Line) -> [(&'static str, Value); 11] {
    let variant = line.variant;
    [
        ("name", json!(format!("{} - {}", variant.title, variant.option))),
        ("vendor", json!("Chinar Bazaar")),
        ("fulfillment_service", json!("manual")),
        ("gift_card", json!(false)),
        ("variant_inventory_management", json!("shopify")),
        ("product_exists", json!(true)),
        ("fulfillable_quantity", json!(line.quantity)),
        ("grams", json!(variant.grams)),
        ("fulfillment_status", Value::Null),
        ("price_set", money_set(variant.price)),
        ("admin_graphql_api_id", json!(format!("gid://shopify/LineItem/{}", line.id))),
    ]
}

fn shipping_line(order: &Order, size: BodySize) -> Value {
    let price = paisa::text(order.shipping);
    let title = if order.shipping == 0 { "Free Delivery" } else { "Standard Delivery" };
    let mut line = json!({
        "id": 4_700_000_000_019 + u64::from(order.number),
        "title": title, "code": title, "source": "shopify",
        "price": price, "discounted_price": price,
        "discount_allocations": [], "tax_lines": [],
    });
    if size == BodySize::Full {
        extend(
            &mut line,
            [("price_set", money_set(order.shipping)), ("discounted_price_set", money_set(order.shipping))],
        );
        extend(
            &mut line,
            [("phone", Value::Null), ("delivery_category", Value::Null), ("carrier_identifier", Value::Null)],
        );
    }
    line
}

fn amounts_in_full(order: &Order) -> [(&'static str, Value); 5] {
    [
        ("total_price_set", money_set(order.total())),
        ("subtotal_price_set", money_set(order.subtotal())),
        ("total_discounts_set", money_set(order.discounts())),
        ("total_tax_set", money_set(order.tax())),
        ("total_shipping_price_set", money_set(order.shipping)),
    ]
}

fn circumstances(order: &Order) -> Vec<(&'static str, Value)> {
    let token = format!("{:032x}", u128::from(order.id).wrapping_mul(0x2545_F491_4F6C_DD1D_9E37_79B9_7F4A_7C15));
    let ip = format!("203.0.113.{}", order.number % 254 + 1);
    let agent =
        "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Mobile Safari/537.36";
    let weight: i64 = order.lines.iter().map(|line| i64::from(line.variant.grams) * line.quantity).sum();
    vec![
        ("admin_graphql_api_id", json!(format!("gid://shopify/Order/{}", order.id))),
        ("app_id", json!(580_111)),
        ("source_name", json!("web")),
        ("browser_ip", json!(ip)),
        ("client_details", json!({ "accept_language": "ur-PK,en;q=0.8", "browser_ip": ip, "user_agent": agent })),
        ("order_status_url", json!(format!("https://chinar-bazaar.example/orders/{token}/authenticate"))),
        ("token", json!(token)),
        ("confirmed", json!(true)),
        ("closed_at", Value::Null),
        ("customer_locale", json!("en-PK")),
        ("discount_applications", discount_applications(order)),
        ("discount_codes", json!([])),
        ("landing_site", json!("/collections/new-arrivals?utm_source=meta")),
        ("location_id", Value::Null),
        ("user_id", Value::Null),
        ("buyer_accepts_marketing", json!(false)),
        ("payment_terms", Value::Null),
        ("referring_site", json!("")),
        ("total_weight", json!(weight)),
    ]
}

fn discount_applications(order: &Order) -> Value {
    if order.discount_percent == 0 {
        return json!([]);
    }
    json!([{ "type": "discount_code", "code": "CHINAR", "value": order.discount_percent.to_string(), "target_type": "line_item",
        "value_type": "percentage", "allocation_method": "across", "target_selection": "all" }])
}
