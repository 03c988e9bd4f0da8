//! Customer records, and what the shop asks on a customer's behalf: erasure and access.

use commerce::{
    CustomerId, CustomerRecorded, DataRequested, Fact, OrderId, RedactionRequested, ShopRedactionRequested,
};
use ledger::Timestamp;
use serde::Deserialize;
use subject_keys::Pii;

use super::json::{BODY, Loose, Many, Place, parse, resource};
use super::people::{Address, full_name, person, phone, typed};
use super::{Settings, contact};
use crate::{Details, Draft, Identity, NotUnderstood, Person, Role};

/// A customer as Shopify sends it, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Customer<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    pub(super) email: Loose<'a>,
    pub(super) phone: Loose<'a>,
    pub(super) first_name: Loose<'a>,
    pub(super) last_name: Loose<'a>,
    pub(super) note: Loose<'a>,
    pub(super) tags: Loose<'a>,
    pub(super) default_address: Option<Address<'a>>,
    addresses: Many<Address<'a>>,
    created_at: Loose<'a>,
    updated_at: Loose<'a>,
}

/// A customer record.
pub(super) fn read(text: &str, triggered_at: Timestamp, settings: &Settings<'_>) -> Result<Vec<Draft>, NotUnderstood> {
    let record: Customer<'_> = parse(resource(text, "customer")?)?;
    let customer = CustomerId(record.id.required_id(BODY.key("id"))?);
    let updated_at = record.updated_at.time(BODY.key("updated_at"))?;
    let created_at = record.created_at.time(BODY.key("created_at"))?;
    let version = updated_at.or(created_at).unwrap_or(triggered_at);
    let (identity, details) = known(&record, Some(customer), settings);
    let fact = Fact::CustomerRecorded(CustomerRecorded { version, customer });
    Ok(vec![Draft { fact, people: person(Role::Customer, identity, details, version).into_iter().collect() }])
}

fn known(record: &Customer<'_>, customer: Option<CustomerId>, settings: &Settings<'_>) -> (Identity, Details) {
    let address = record.default_address.as_ref().or(record.addresses.0.first());
    let of_address = address.and_then(|address| address.phone.owned());
    let (phone, e164) = phone(record.phone.owned().into_iter().chain(of_address).collect(), settings);
    let email = record.email.owned();
    let identity =
        Identity { order: None, customer, phone: e164, email: email.as_deref().and_then(contact::email).map(Pii::new) };
    let details = Details {
        name: full_name(&record.first_name, &record.last_name),
        phone,
        email,
        address: address.map(Address::lines).unwrap_or_default(),
        postcode: address.and_then(Address::postcode),
        typed: typed([("note", &record.note), ("tags", &record.tags)]),
        ..Details::default()
    };
    (identity, details)
}

/// Shopify's compliance notices, all three of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Notice<'a> {
    #[serde(borrow)]
    shop_id: Loose<'a>,
    customer: Option<Customer<'a>>,
    orders_to_redact: Many<Loose<'a>>,
    orders_requested: Many<Loose<'a>>,
    data_request: Option<Request<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
}

/// The shop asks for a customer's erasure.
pub(super) fn redact(
    text: &str,
    requested_at: Timestamp,
    settings: &Settings<'_>,
) -> Result<Vec<Draft>, NotUnderstood> {
    let notice: Notice<'_> = parse(text)?;
    let orders = order_ids(&notice.orders_to_redact, BODY.key("orders_to_redact"))?;
    let (customer, people) = concerned(&notice, &orders, requested_at, settings)?;
    let fact = RedactionRequested { requested_at, customer, subject: None, orders };
    Ok(vec![Draft { fact: Fact::RedactionRequested(fact), people }])
}

/// The shop asks for a customer's data.
pub(super) fn data_request(
    text: &str,
    requested_at: Timestamp,
    settings: &Settings<'_>,
) -> Result<Vec<Draft>, NotUnderstood> {
    let notice: Notice<'_> = parse(text)?;
    let orders = order_ids(&notice.orders_requested, BODY.key("orders_requested"))?;
    let (customer, people) = concerned(&notice, &orders, requested_at, settings)?;
    let place = BODY.key("data_request");
    let request = notice.data_request.as_ref().map_or(Ok(None), |request| request.id.id(place.key("id")))?;
    let fact = DataRequested { requested_at, customer, subject: None, orders, request };
    Ok(vec![Draft { fact: Fact::DataRequested(fact), people }])
}

/// The shop is gone and asks for its erasure.
pub(super) fn shop_redact(text: &str, requested_at: Timestamp) -> Result<Vec<Draft>, NotUnderstood> {
    let notice: Notice<'_> = parse(text)?;
    let shop = notice.shop_id.required_id(BODY.key("shop_id"))?;
    let fact = Fact::ShopRedactionRequested(ShopRedactionRequested { requested_at, shop });
    Ok(vec![Draft { fact, people: Vec::new() }])
}

fn order_ids(list: &Many<Loose<'_>>, place: Place<'_>) -> Result<Vec<OrderId>, NotUnderstood> {
    list.at(&place).map(|(id, at)| id.required_id(at).map(OrderId)).collect()
}

/// Whom a notice concerns. The person carries only what they are recognised by: nothing of the notice is to be sealed.
fn concerned(
    notice: &Notice<'_>,
    orders: &[OrderId],
    retained_from: Timestamp,
    settings: &Settings<'_>,
) -> Result<(Option<CustomerId>, Vec<Person>), NotUnderstood> {
    let place = BODY.key("customer");
    let unnamed = Customer::default();
    let record = notice.customer.as_ref().unwrap_or(&unnamed);
    let customer = record.id.id(place.key("id"))?.map(CustomerId);
    let (identity, _) = known(record, customer, settings);
    if identity == Identity::default() {
        return if orders.is_empty() { Err(place.missing()) } else { Ok((None, Vec::new())) };
    }
    let details = Pii::new(Details::default());
    Ok((customer, vec![Person { role: Role::Customer, identity, retained_from, details }]))
}
