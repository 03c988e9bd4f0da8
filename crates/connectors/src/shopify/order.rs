//! An order's snapshot: its identity, its terms, and through them every fact the snapshot implies.

use commerce::{
    CustomerId, Fact, OrderCancelled, OrderDeleted, OrderId, OrderName, OrderPlaced, OrderRevised, PaymentState,
};
use ledger::{Currency, Money, Timestamp};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::fulfilment::Fulfilment;
use super::json::{BODY, Loose, Many, parse, resource};
use super::line::{Line, ShippingLine};
use super::money::{Amount, PriceSet, currency, shop_amount, subtract, sum};
use super::people::{Address, ClientDetails};
use super::refund::Refund;
use super::{Settings, contact, customer::Customer, fulfilment, line, people, refund};
use crate::{Draft, NotUnderstood};

/// An order as Shopify sends it, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Order<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    name: Loose<'a>,
    pub(super) created_at: Loose<'a>,
    updated_at: Loose<'a>,
    cancelled_at: Loose<'a>,
    pub(super) cancel_reason: Loose<'a>,
    currency: Loose<'a>,
    total_price: Amount<'a>,
    total_price_set: Option<PriceSet<'a>>,
    total_tax: Amount<'a>,
    total_tax_set: Option<PriceSet<'a>>,
    total_discounts: Amount<'a>,
    total_discounts_set: Option<PriceSet<'a>>,
    total_tip_received: Amount<'a>,
    total_outstanding: Amount<'a>,
    current_total_duties_set: Option<PriceSet<'a>>,
    original_total_duties_set: Option<PriceSet<'a>>,
    total_cash_rounding_payment_adjustment_set: Option<PriceSet<'a>>,
    taxes_included: Loose<'a>,
    financial_status: Loose<'a>,
    gateway: Loose<'a>,
    payment_gateway_names: Many<Loose<'a>>,
    test: Loose<'a>,
    pub(super) customer: Option<Customer<'a>>,
    pub(super) phone: Loose<'a>,
    pub(super) email: Loose<'a>,
    pub(super) contact_email: Loose<'a>,
    pub(super) browser_ip: Loose<'a>,
    pub(super) client_details: Option<ClientDetails<'a>>,
    pub(super) note: Loose<'a>,
    pub(super) note_attributes: Loose<'a>,
    pub(super) tags: Loose<'a>,
    pub(super) billing_address: Option<Address<'a>>,
    pub(super) shipping_address: Option<Address<'a>>,
    pub(super) line_items: Many<Line<'a>>,
    shipping_lines: Many<ShippingLine<'a>>,
    refunds: Many<Refund<'a>>,
    fulfillments: Many<Fulfilment<'a>>,
    /// Only a draft order has it.
    #[serde(deserialize_with = "present")]
    invoice_url: bool,
    /// Only a checkout has it.
    #[serde(deserialize_with = "present")]
    abandoned_checkout_url: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// What the parts of a snapshot need of the order around them.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) order: OrderId,
    pub(super) currency: Currency,
    pub(super) taxes_included: bool,
    pub(super) placed_at: Timestamp,
    pub(super) version: Timestamp,
}

/// Every fact an order's snapshot implies.
pub(super) fn read(text: &str, settings: &Settings<'_>) -> Result<Vec<Draft>, NotUnderstood> {
    let order: Order<'_> = parse(resource(text, "order")?)?;
    if order.invoice_url || order.abandoned_checkout_url {
        return Err(NotUnderstood::UnknownTopic);
    }
    let frame = frame(&order)?;
    let mut drafts = vec![bare(Fact::OrderPlaced(placed(&order, frame)?)), revised_draft(&order, frame, settings)?];
    drafts.extend(cancelled(&order, frame)?.map(|fact| bare(Fact::OrderCancelled(fact))));
    let refunds = BODY.key("refunds");
    for (refund, place) in order.refunds.at(&refunds) {
        drafts.push(refund::within(refund, frame, place)?);
    }
    let fulfilments = BODY.key("fulfillments");
    for (fulfilment, place) in order.fulfillments.at(&fulfilments) {
        drafts.push(fulfilment::within(fulfilment, frame, place)?);
    }
    Ok(drafts)
}

/// The notice that the shop deleted an order: just its id.
pub(super) fn deleted(text: &str, triggered_at: Timestamp) -> Result<Vec<Draft>, NotUnderstood> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Deleted<'a> {
        #[serde(borrow)]
        id: Loose<'a>,
    }
    let notice: Deleted<'_> = parse(resource(text, "order")?)?;
    let order = OrderId(notice.id.required_id(BODY.key("id"))?);
    Ok(vec![bare(Fact::OrderDeleted(OrderDeleted { deleted_at: triggered_at, order }))])
}

/// A fact that names nobody.
pub(super) fn bare(fact: Fact) -> Draft {
    Draft { fact, people: Vec::new() }
}

fn frame(order: &Order<'_>) -> Result<Frame, NotUnderstood> {
    let created_at = BODY.key("created_at");
    let placed_at = order.created_at.time(created_at)?.ok_or_else(|| created_at.missing())?;
    Ok(Frame {
        order: OrderId(order.id.required_id(BODY.key("id"))?),
        currency: shop_currency(order)?,
        taxes_included: order.taxes_included.is_true(),
        placed_at,
        version: order.updated_at.time(BODY.key("updated_at"))?.unwrap_or(placed_at),
    })
}

fn shop_currency(order: &Order<'_>) -> Result<Currency, NotUnderstood> {
    let place = BODY.key("currency");
    if let Some(currency) = currency(&order.currency, place)? {
        return Ok(currency);
    }
    let set = order.total_price_set.as_ref();
    let from_set = set.map_or(Ok(None), |set| set.shop_currency(BODY.key("total_price_set")))?;
    from_set.ok_or_else(|| place.missing())
}

fn placed(order: &Order<'_>, frame: Frame) -> Result<OrderPlaced, NotUnderstood> {
    Ok(OrderPlaced {
        order: frame.order,
        name: order.name.text().and_then(|name| OrderName::from_text(&name)),
        placed_at: frame.placed_at,
        customer: customer_id(order)?,
    })
}

/// The shop's customer, if the order has one.
pub(super) fn customer_id(order: &Order<'_>) -> Result<Option<CustomerId>, NotUnderstood> {
    let place = BODY.key("customer");
    let id = order.customer.as_ref().map_or(Ok(None), |customer| customer.id.id(place.key("id")))?;
    Ok(id.map(CustomerId))
}

fn revised_draft(order: &Order<'_>, frame: Frame, settings: &Settings<'_>) -> Result<Draft, NotUnderstood> {
    let fact = Fact::OrderRevised(revised(order, frame, settings)?);
    let people = people::of_order(order, frame, customer_id(order)?, settings);
    Ok(Draft { fact, people })
}

fn revised(order: &Order<'_>, frame: Frame, settings: &Settings<'_>) -> Result<OrderRevised, NotUnderstood> {
    let total_price = BODY.key("total_price");
    let total = shop_amount(&order.total_price, &order.total_price_set, frame.currency, total_price)?
        .ok_or_else(|| total_price.missing())?;
    let tax = shop_amount(&order.total_tax, &order.total_tax_set, frame.currency, BODY.key("total_tax"))?;
    let discounts = BODY.key("total_discounts");
    let discounts = shop_amount(&order.total_discounts, &order.total_discounts_set, frame.currency, discounts)?;
    let payment = payment_state(&order.financial_status);
    let shipping_lines = BODY.key("shipping_lines");
    let shipping = order.shipping_lines.at(&shipping_lines).map(|(line, place)| line::shipping(line, frame, place));
    let line_items = BODY.key("line_items");
    let lines = order.line_items.at(&line_items).map(|(line, place)| line::item(line, frame.currency, place));
    let gift_cards = order.line_items.at(&line_items).map(|(line, place)| line::gift_card(line, frame.currency, place));
    let paid = paid(order, payment, total, frame.currency)?;
    Ok(OrderRevised {
        version: frame.version,
        order: frame.order,
        currency: frame.currency,
        total,
        shipping: sum(shipping, shipping_lines)?,
        tax: tax.unwrap_or(0),
        tip: order.total_tip_received.read(frame.currency, BODY.key("total_tip_received"))?.unwrap_or(0),
        discounts: discounts.unwrap_or(0),
        taxes_included: frame.taxes_included,
        presentment: presentment(order, frame.currency)?,
        cash_on_delivery: cash_on_delivery(order, settings),
        payment,
        paid,
        test: order.test.is_true(),
        city: city(order),
        country: country(order),
        lines: lines.collect::<Result<_, _>>()?,
        duties: duties(order, frame.currency)?,
        rounding: rounding(order, frame.currency)?,
        gift_card_paid: gift_card_paid(order, payment, paid, settings),
        gift_cards_sold: sum(gift_cards, line_items)?,
        no_gift_card: no_gift_card(order, payment),
    })
}

/// Import duties as they stand now; older payloads have only what they were at first.
fn duties(order: &Order<'_>, currency: Currency) -> Result<i64, NotUnderstood> {
    let now = (&order.current_total_duties_set, BODY.key("current_total_duties"));
    let at_first = (&order.original_total_duties_set, BODY.key("original_total_duties"));
    for (set, place) in [now, at_first] {
        if let Some(duties) = shop_amount(&Amount::default(), set, currency, place)? {
            return Ok(duties);
        }
    }
    Ok(0)
}

/// What the till added to the payment, or left out of it.
fn rounding(order: &Order<'_>, currency: Currency) -> Result<i64, NotUnderstood> {
    let place = BODY.key("total_cash_rounding_payment_adjustment");
    let set = &order.total_cash_rounding_payment_adjustment_set;
    Ok(shop_amount(&Amount::default(), set, currency, place)?.unwrap_or(0))
}

/// What was paid with gift cards. The order's body names the ways of payment without their amounts, so it is known only when
/// gift cards are the one way by which anything was paid yet: alone, or before cash on delivery is collected.
fn gift_card_paid(order: &Order<'_>, payment: PaymentState, paid: i64, settings: &Settings<'_>) -> i64 {
    let gateways = gateways(order);
    let (gift_cards, others): (Vec<_>, Vec<_>) = gateways.iter().partition(|name| is_gift_card(name));
    let none_paid_yet = payment == PaymentState::PartlyPaid && others.iter().all(|n| settings.cod_gateways.contains(n));
    if !gift_cards.is_empty() && (others.is_empty() || none_paid_yet) { paid } else { 0 }
}

/// True when something was paid, the order names the ways of payment, and a gift card is none of them.
fn no_gift_card(order: &Order<'_>, payment: PaymentState) -> bool {
    let gateways = gateways(order);
    let is_paid = matches!(payment, PaymentState::PartlyPaid | PaymentState::Paid);
    is_paid && !gateways.is_empty() && !gateways.iter().any(|name| is_gift_card(name))
}

/// True for the gateway of Shopify's own gift cards.
pub(super) fn is_gift_card(gateway: &str) -> bool {
    gateway.trim().eq_ignore_ascii_case("gift_card")
}

/// The ways of payment, as the order names them.
fn gateways(order: &Order<'_>) -> Vec<String> {
    order.payment_gateway_names.0.iter().filter_map(|name| name.owned()).collect()
}

fn presentment(order: &Order<'_>, shop: Currency) -> Result<Option<Money>, NotUnderstood> {
    let set = order.total_price_set.as_ref();
    let shown = set.map_or(Ok(None), |set| set.presentment(BODY.key("total_price_set")))?;
    Ok(shown.filter(|money| money.currency != shop))
}

fn cash_on_delivery(order: &Order<'_>, settings: &Settings<'_>) -> bool {
    let mut gateways = order.payment_gateway_names.0.iter().chain([&order.gateway]);
    gateways.any(|name| name.text().is_some_and(|name| settings.cod_gateways.contains(&name)))
}

fn payment_state(financial_status: &Loose<'_>) -> PaymentState {
    let Some(status) = financial_status.text() else { return PaymentState::Unpaid };
    match status.to_ascii_lowercase().as_str() {
        "pending" | "authorized" | "expired" | "voided" => PaymentState::Unpaid,
        "partially_paid" => PaymentState::PartlyPaid,
        "paid" | "partially_refunded" | "refunded" => PaymentState::Paid,
        _ => PaymentState::Unknown,
    }
}

fn paid(order: &Order<'_>, payment: PaymentState, total: i64, currency: Currency) -> Result<i64, NotUnderstood> {
    match payment {
        PaymentState::Paid => Ok(total),
        PaymentState::Unknown | PaymentState::Unpaid => Ok(0),
        PaymentState::PartlyPaid => {
            let place = BODY.key("total_outstanding");
            let outstanding = order.total_outstanding.read(currency, place)?;
            outstanding.map_or(Ok(0), |outstanding| subtract(total, outstanding, place))
        }
    }
}

/// The addresses that can say where the order goes, the surest first.
fn destinations<'o, 'a>(order: &'o Order<'a>) -> impl Iterator<Item = &'o Address<'a>> {
    let of_customer = order.customer.as_ref().and_then(|customer| customer.default_address.as_ref());
    [order.shipping_address.as_ref(), order.billing_address.as_ref(), of_customer].into_iter().flatten()
}

fn city(order: &Order<'_>) -> Option<String> {
    let written = destinations(order).find_map(|address| address.city.owned());
    let written = written.or_else(|| people::note_attribute(order, people::CITY_KEYS))?;
    contact::city(&written)
}

fn country(order: &Order<'_>) -> Option<String> {
    destinations(order).find_map(|address| contact::country(address.country_code.text()?))
}

/// Shopify's reason codes. Anything else was typed by somebody and is sealed instead.
const CANCEL_REASONS: &[&str] = &["customer", "inventory", "fraud", "declined", "staff", "other"];

/// The reason as a code, if it is one.
pub(super) fn cancel_code(reason: &Loose<'_>) -> Option<&'static str> {
    let reason = reason.text()?;
    CANCEL_REASONS.iter().copied().find(|code| *code == reason)
}

fn cancelled(order: &Order<'_>, frame: Frame) -> Result<Option<OrderCancelled>, NotUnderstood> {
    let Some(cancelled_at) = order.cancelled_at.time(BODY.key("cancelled_at"))? else { return Ok(None) };
    let reason = cancel_code(&order.cancel_reason).map(str::to_owned);
    Ok(Some(OrderCancelled { cancelled_at, order: frame.order, reason }))
}
