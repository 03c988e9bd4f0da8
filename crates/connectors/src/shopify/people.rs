//! The people of an order: who bought, and to whom it goes when that is somebody else. Everything here ends up sealed.

use std::borrow::Cow;

use commerce::{CustomerId, OrderId};
use ledger::Timestamp;
use serde::Deserialize;
use subject_keys::Pii;

use super::json::Loose;
use super::order::{Frame, Order, cancel_code};
use super::{Settings, contact};
use crate::{Details, Identity, Person, Role};

/// A postal address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Address<'a> {
    #[serde(borrow)]
    name: Loose<'a>,
    first_name: Loose<'a>,
    last_name: Loose<'a>,
    company: Loose<'a>,
    address1: Loose<'a>,
    address2: Loose<'a>,
    pub(super) city: Loose<'a>,
    province: Loose<'a>,
    country: Loose<'a>,
    pub(super) country_code: Loose<'a>,
    zip: Loose<'a>,
    pub(super) phone: Loose<'a>,
}

/// The browser an order was placed with.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ClientDetails<'a> {
    #[serde(borrow)]
    browser_ip: Loose<'a>,
    user_agent: Loose<'a>,
}

impl Address<'_> {
    fn full_name(&self) -> Option<String> {
        self.name.owned().or_else(|| full_name(&self.first_name, &self.last_name))
    }

    /// The lines below the name, as they stand on a parcel.
    pub(super) fn lines(&self) -> Vec<String> {
        let fields = [&self.company, &self.address1, &self.address2, &self.city, &self.province, &self.country];
        fields.into_iter().filter_map(Loose::owned).collect()
    }

    pub(super) fn postcode(&self) -> Option<String> {
        self.zip.owned()
    }
}

/// First and last name, as far as they are there.
pub(super) fn full_name(first: &Loose<'_>, last: &Loose<'_>) -> Option<String> {
    let names: Vec<Cow<'_, str>> = [first, last].into_iter().filter_map(Loose::text).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Labelled texts, without the blank ones.
pub(super) fn typed<'l, 'a: 'l>(
    fields: impl IntoIterator<Item = (&'static str, &'l Loose<'a>)>,
) -> Vec<(String, String)> {
    fields.into_iter().filter_map(|(label, field)| Some((label.to_owned(), field.owned()?))).collect()
}

/// The buyer by nothing but the order, for what was typed about it later. None when nothing was.
pub(super) fn known_by_order(order: OrderId, typed: Vec<(String, String)>, retained_from: Timestamp) -> Option<Person> {
    let identity = Identity { order: Some(order), ..Identity::default() };
    person(Role::Buyer, identity, Details { typed, ..Details::default() }, retained_from)
}

/// A person, unless there is nothing to seal about them.
pub(super) fn person(role: Role, identity: Identity, details: Details, retained_from: Timestamp) -> Option<Person> {
    (details != Details::default()).then(|| Person { role, identity, retained_from, details: Pii::new(details) })
}

/// The parts of the keys that shops' order forms use, in English and Urdu.
pub(super) const CITY_KEYS: &[&str] = &["city", "شہر"];
const PHONE_KEYS: &[&str] = &["phone", "mobile", "whatsapp", "موبائل"];
const NAME_KEYS: &[&str] = &["name", "نام"];

/// The first note attribute whose key contains one of `keys`.
pub(super) fn note_attribute(order: &Order<'_>, keys: &[&str]) -> Option<String> {
    let named = |label: &str| {
        let label = label.to_lowercase();
        // "City name" asks for a city.
        let asks_for_city = || CITY_KEYS.iter().any(|key| label.contains(key));
        keys.iter().any(|key| label.contains(key)) && (keys == CITY_KEYS || !asks_for_city())
    };
    let attributes = order.note_attributes.pairs();
    attributes.into_iter().find(|(label, _)| named(label)).map(|(_, text)| text.into_owned())
}

/// The buyer, and the recipient where that is somebody else.
pub(super) fn of_order(
    order: &Order<'_>,
    frame: Frame,
    customer: Option<CustomerId>,
    settings: &Settings<'_>,
) -> Vec<Person> {
    let recipient = order.shipping_address.as_ref().filter(|to| is_somebody_else(to, order, settings));
    let own_shipping = order.shipping_address.as_ref().filter(|_| recipient.is_none());
    let buyer = buyer(order, own_shipping, frame, customer, settings);
    let recipient = recipient.and_then(|to| {
        let (phone, e164) = phone([to.phone.owned()].into_iter().flatten().collect(), settings);
        let identity = Identity { order: Some(frame.order), phone: e164, ..Identity::default() };
        let details =
            Details { name: to.full_name(), phone, address: to.lines(), postcode: to.postcode(), ..Details::default() };
        person(Role::Recipient, identity, details, frame.placed_at)
    });
    buyer.into_iter().chain(recipient).collect()
}

/// The phone numbers the buyer gave for themselves, the surest first.
fn own_phones(order: &Order<'_>) -> impl Iterator<Item = String> {
    let of_customer = order.customer.as_ref().and_then(|customer| customer.phone.owned());
    let of_billing = order.billing_address.as_ref().and_then(|address| address.phone.owned());
    [order.phone.owned(), of_customer, of_billing].into_iter().flatten()
}

/// True when the parcel goes to a phone that is not the buyer's. Names prove nothing: one person writes theirs in many
/// ways.
fn is_somebody_else(to: &Address<'_>, order: &Order<'_>, settings: &Settings<'_>) -> bool {
    let Some(theirs) = to.phone.text() else { return false };
    let e164 = |written: &str| contact::e164(written, settings.default_country_code);
    let same = |own: &str| own == theirs || e164(own).is_some_and(|own| e164(&theirs) == Some(own));
    let own: Vec<String> = own_phones(order).collect();
    !own.is_empty() && !own.iter().any(|own| same(own))
}

/// The first number that identifies a person, as written and in E.164; failing that the first as written.
pub(super) fn phone(written: Vec<String>, settings: &Settings<'_>) -> (Option<String>, Option<Pii<String>>) {
    let e164 = |text: &String| contact::e164(text, settings.default_country_code);
    let found = written.iter().find_map(|text| Some((text.clone(), Pii::new(e164(text)?))));
    match found {
        Some((text, number)) => (Some(text), Some(number)),
        None => (written.into_iter().next(), None),
    }
}

/// The buyer; `shipping` is the delivery address where it is the buyer's own.
fn buyer(
    order: &Order<'_>,
    shipping: Option<&Address<'_>>,
    frame: Frame,
    customer: Option<CustomerId>,
    settings: &Settings<'_>,
) -> Option<Person> {
    let shipping_phone = shipping.and_then(|address| address.phone.owned());
    let phones = own_phones(order).chain(shipping_phone).chain(note_attribute(order, PHONE_KEYS));
    let (phone, e164) = phone(phones.collect(), settings);
    let email = email(order);
    let identity = Identity {
        order: Some(frame.order),
        customer,
        phone: e164,
        email: email.as_deref().and_then(contact::email).map(Pii::new),
    };
    let billing = order.billing_address.as_ref();
    let client = order.client_details.as_ref();
    let details = Details {
        name: name(order, shipping),
        phone,
        email,
        address: address_lines(order, shipping),
        postcode: [shipping, billing, default_address(order)].into_iter().flatten().find_map(Address::postcode),
        typed: everything_typed(order),
        ip: order.browser_ip.owned().or_else(|| client?.browser_ip.owned()),
        user_agent: client.and_then(|client| client.user_agent.owned()),
    };
    person(Role::Buyer, identity, details, frame.placed_at)
}

fn email(order: &Order<'_>) -> Option<String> {
    let of_customer = || order.customer.as_ref()?.email.owned();
    order.email.owned().or_else(|| order.contact_email.owned()).or_else(of_customer)
}

fn name(order: &Order<'_>, shipping: Option<&Address<'_>>) -> Option<String> {
    let customer = order.customer.as_ref();
    let of_customer = customer.and_then(|customer| full_name(&customer.first_name, &customer.last_name));
    let of_addresses = || [order.billing_address.as_ref(), shipping].into_iter().flatten().find_map(Address::full_name);
    of_customer.or_else(of_addresses).or_else(|| note_attribute(order, NAME_KEYS))
}

fn default_address<'o, 'a>(order: &'o Order<'a>) -> Option<&'o Address<'a>> {
    order.customer.as_ref()?.default_address.as_ref()
}

/// Where the parcel goes, then where the bill goes if that differs; the customer's usual address when there is neither.
fn address_lines(order: &Order<'_>, shipping: Option<&Address<'_>>) -> Vec<String> {
    let mut lines = shipping.map(Address::lines).unwrap_or_default();
    let billing = order.billing_address.as_ref().map(Address::lines).unwrap_or_default();
    if billing != lines {
        lines.extend(billing);
    }
    if lines.is_empty() { default_address(order).map(Address::lines).unwrap_or_default() } else { lines }
}

fn everything_typed(order: &Order<'_>) -> Vec<(String, String)> {
    let reason = Some(("cancel reason", &order.cancel_reason)).filter(|(_, reason)| cancel_code(reason).is_none());
    let customer = order.customer.iter().flat_map(|c| [("customer note", &c.note), ("customer tags", &c.tags)]);
    let mut all = typed([("note", &order.note), ("tags", &order.tags)].into_iter().chain(reason).chain(customer));
    let properties = order.line_items.0.iter().map(|line| &line.properties);
    for (label, text) in [&order.note_attributes].into_iter().chain(properties).flat_map(Loose::pairs) {
        all.push((label.into_owned(), text.into_owned()));
    }
    all
}
