//! A fulfilment: goods that left, and the parcels they left in.

use commerce::{Courier, Fact, FulfilmentId, FulfilmentRecorded, OrderId, TrackedParcel, TrackingNumber};
use ledger::Timestamp;
use serde::Deserialize;

use super::json::{BODY, Loose, Many, Place, parse, resource};
use super::line::{self, Line};
use super::order::Frame;
use super::people;
use crate::{Draft, NotUnderstood};

/// A fulfilment as Shopify sends it, as far as it is read. Destination and e-mail are the order's and are left there.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fulfilment<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    order_id: Loose<'a>,
    status: Loose<'a>,
    shipment_status: Loose<'a>,
    created_at: Loose<'a>,
    updated_at: Loose<'a>,
    tracking_company: Loose<'a>,
    tracking_number: Loose<'a>,
    tracking_numbers: Many<Loose<'a>>,
    line_items: Many<Line<'a>>,
}

/// A fulfilment's own notice.
pub(super) fn read(text: &str) -> Result<Vec<Draft>, NotUnderstood> {
    let fulfilment: Fulfilment<'_> = parse(resource(text, "fulfillment")?)?;
    let order = OrderId(fulfilment.order_id.required_id(BODY.key("order_id"))?);
    Ok(vec![draft(&fulfilment, order, None, *BODY)?])
}

/// A fulfilment within its order's snapshot.
pub(super) fn within(fulfilment: &Fulfilment<'_>, frame: Frame, place: Place<'_>) -> Result<Draft, NotUnderstood> {
    draft(fulfilment, frame.order, Some(frame.placed_at), place)
}

fn draft(
    fulfilment: &Fulfilment<'_>,
    order: OrderId,
    placed_at: Option<Timestamp>,
    place: Place<'_>,
) -> Result<Draft, NotUnderstood> {
    let created_at = place.key("created_at");
    let fulfilled_at = fulfilment.created_at.time(created_at)?.ok_or_else(|| created_at.missing())?;
    let (parcels, typed) = parcels(fulfilment);
    let line_items = place.key("line_items");
    let lines = fulfilment.line_items.at(&line_items).map(|(line, at)| line::pieces(line, at));
    let fact = FulfilmentRecorded {
        version: fulfilment.updated_at.time(place.key("updated_at"))?.unwrap_or(fulfilled_at),
        order,
        fulfilment: FulfilmentId(fulfilment.id.required_id(place.key("id"))?),
        fulfilled_at,
        stands: stands(fulfilment),
        delivered: fulfilment.shipment_status.text().is_some_and(|status| status.eq_ignore_ascii_case("delivered")),
        parcels,
        lines: lines.collect::<Result<_, _>>()?,
    };
    let person = people::known_by_order(order, typed, placed_at.unwrap_or(fulfilled_at));
    Ok(Draft { fact: Fact::FulfilmentRecorded(fact), people: person.into_iter().collect() })
}

fn stands(fulfilment: &Fulfilment<'_>) -> bool {
    let status = fulfilment.status.text().unwrap_or_default().to_ascii_lowercase();
    !["cancelled", "error", "failure"].contains(&status.as_str())
}

/// The parcels, each number once, and what was typed in place of a number or a courier.
fn parcels(fulfilment: &Fulfilment<'_>) -> (Vec<TrackedParcel>, Vec<(String, String)>) {
    let (courier, mut typed) = courier(fulfilment);
    let mut parcels = Vec::new();
    let single = Some(&fulfilment.tracking_number).filter(|_| fulfilment.tracking_numbers.0.is_empty());
    for written in fulfilment.tracking_numbers.0.iter().chain(single).filter_map(Loose::text) {
        let Some(numbers) = tracking_numbers(&written) else {
            typed.push(("tracking number".to_owned(), written.into_owned()));
            continue;
        };
        for tracking in numbers {
            let parcel = TrackedParcel { courier: courier.clone(), tracking };
            if !parcels.contains(&parcel) {
                parcels.push(parcel);
            }
        }
    }
    (parcels, typed)
}

/// The courier the shop names, if it is a known one. Whatever else stands there was typed by somebody and may name the rider:
/// it is sealed, and the courier is `other`.
fn courier(fulfilment: &Fulfilment<'_>) -> (Courier, Vec<(String, String)>) {
    let Some(company) = fulfilment.tracking_company.text() else { return (Courier::other(), Vec::new()) };
    match Courier::from_name(&company) {
        Some(courier) => (courier, Vec::new()),
        None => (Courier::other(), vec![("courier".to_owned(), company.into_owned())]),
    }
}

/// The numbers in one field: staff put several behind commas. None when any of them is prose, or the mobile number of
/// whoever took the parcel along.
fn tracking_numbers(written: &str) -> Option<Vec<TrackingNumber>> {
    let numbers = written.split(',').map(TrackingNumber::from_text);
    numbers.map(|number| number.filter(|number| !is_mobile(number.as_str()))).collect()
}

/// Eleven digits from `03`: how mobile numbers are written in Pakistan, and no courier's numbers there.
fn is_mobile(number: &str) -> bool {
    number.len() == 11 && number.starts_with("03") && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_are_numbers_and_prose_is_sealed() {
        for (json, expected, sealed) in [
            (r#"{"tracking_company":"PostEx","tracking_numbers":["ab-1","AB-1","X2"]}"#, "postex AB-1, postex X2", 0),
            (r#"{"tracking_number":"KI1, KI2","tracking_company":"Leopards"}"#, "leopards KI1, leopards KI2", 0),
            (r#"{"tracking_number":77,"tracking_numbers":{}}"#, "other 77", 0),
            (r#"{"tracking_numbers":["given to the guard"],"tracking_company":"M&P"}"#, "", 1),
            (r#"{"tracking_number":"R9","tracking_company":"Rider 0300-0000000"}"#, "other R9", 1),
            (r#"{"tracking_number":"R10","tracking_company":"Given to Ahmed"}"#, "other R10", 1),
            (r#"{"tracking_number":"R11","tracking_company":"Other"}"#, "other R11", 0),
            (r#"{"tracking_number":"03330000000","tracking_company":"Rider"}"#, "", 1),
            (r#"{"tracking_number":null,"tracking_numbers":null}"#, "", 0),
        ] {
            let (parcels, typed) = parcels(&parse(json).unwrap());
            let parcels: Vec<_> = parcels.iter().map(|p| format!("{} {}", p.courier, p.tracking)).collect();
            assert_eq!((parcels.join(", ").as_str(), typed.len()), (expected, sealed), "{json}");
        }
    }

    #[test]
    fn to_whom_a_parcel_was_given_is_sealed() {
        let json = r#"{"tracking_number":"R10","tracking_company":"Given to Ahmed"}"#;
        let (parcels, typed) = parcels(&parse(json).unwrap());
        assert!(!format!("{parcels:?}").to_lowercase().contains("ahmed"));
        assert_eq!(typed, [("courier".to_owned(), "Given to Ahmed".to_owned())]);
    }

    #[test]
    fn a_failed_fulfilment_does_not_stand() {
        for (status, expected) in [
            ("\"success\"", true),
            ("\"pending\"", true),
            ("null", true),
            ("\"cancelled\"", false),
            ("\"failure\"", false),
        ] {
            let json = format!(r#"{{"status":{status}}}"#);
            assert_eq!(stands(&parse(&json).unwrap()), expected, "{status}");
        }
    }
}
