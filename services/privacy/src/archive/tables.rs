//! The tables of an archive, as comma-separated values (RFC 4180) that a spreadsheet takes for text.

use crate::person::{Asked, Decision, Detail, Held, Looked, Ordered};

/// The files, by name.
pub(super) fn all(held: &Held) -> [(&'static str, String); 6] {
    [
        ("details.csv", details(&held.details)),
        ("orders.csv", orders(&held.orders)),
        ("order-lines.csv", lines(&held.orders)),
        ("who-looked.csv", accesses(&held.accesses)),
        ("requests.csv", requests(&held.requests)),
        ("decisions.csv", decisions(&held.decisions)),
    ]
}

fn details(all: &[Detail]) -> String {
    let row = |one: &Detail| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let details = &one.details;
        let typed: Vec<String> = details.typed.iter().map(|(label, text)| format!("{label}: {text}")).collect();
        vec![
            one.about.clone(),
            one.role.clone(),
            text(&details.name),
            text(&details.phone),
            text(&details.email),
            details.address.join(", "),
            text(&details.postcode),
            typed.join("; "),
            text(&details.ip),
            text(&details.user_agent),
        ]
    };
    let head = ["about", "role", "name", "phone", "email", "address", "postcode", "typed", "ip", "browser"];
    table(&head, all.iter().map(row))
}

fn orders(all: &[Ordered]) -> String {
    let row = |one: &Ordered| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let parcels: Vec<String> =
            one.parcels.iter().map(|sent| format!("{} {} {}", sent.courier, sent.tracking, sent.state)).collect();
        vec![
            one.order.clone(),
            text(&one.name),
            text(&one.placed_at),
            one.status.clone(),
            one.payment.to_owned(),
            text(&one.total),
            text(&one.refunded),
            text(&one.city),
            text(&one.country),
            parcels.join("; "),
            text(&one.details_kept_until),
        ]
    };
    let head = [
        "order",
        "name",
        "placed_at",
        "status",
        "payment",
        "total",
        "refunded",
        "city",
        "country",
        "parcels",
        "details_kept_until",
    ];
    table(&head, all.iter().map(row))
}

fn lines(all: &[Ordered]) -> String {
    let rows = all.iter().flat_map(|order| {
        order.lines.iter().map(|line| {
            let sku = line.sku.clone().unwrap_or_default();
            vec![order.order.clone(), sku, line.quantity.to_string(), line.unit_price.clone()]
        })
    });
    table(&["order", "sku", "quantity", "unit_price"], rows)
}

fn accesses(all: &[Looked]) -> String {
    let row = |one: &Looked| {
        let (labels, fields) = (one.labels.join(" "), one.fields.join(" "));
        vec![one.at.clone(), one.who.clone(), one.role.clone(), one.purpose.clone(), labels, fields, one.shown.clone()]
    };
    table(&["at", "who", "role", "purpose", "boxes", "fields", "shown"], all.iter().map(row))
}

fn requests(all: &[Asked]) -> String {
    let row = |one: &Asked| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            one.request.clone(),
            one.kind.to_owned(),
            one.received_at.clone(),
            one.due_at.clone(),
            one.state.clone(),
            text(&one.outcome),
            text(&one.words),
        ]
    };
    table(&["request", "kind", "received_at", "due_at", "state", "outcome", "words"], all.iter().map(row))
}

fn decisions(all: &[Decision]) -> String {
    let row = |one: &Decision| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (what, ended_at) = (one.what.to_owned(), text(&one.ended_at));
        let (wording, evidence) = (text(&one.wording), text(&one.evidence));
        vec![one.at.clone(), what, one.about.clone(), ended_at, one.entered_by.clone(), wording, evidence]
    };
    table(&["at", "what", "about", "ended_at", "entered_by", "wording_sha256", "evidence"], all.iter().map(row))
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("{}\r\n", head.join(","));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| csv_cell(text)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell that a spreadsheet takes for text: what begins like a formula gets an apostrophe before it, so that what somebody typed
/// is never run.
pub fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::csv_cell;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("Bilqis", "Bilqis"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+923001234567", "'+923001234567"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a,b", "\"a,b\""),
        ] {
            assert_eq!(csv_cell(text), expected);
        }
    }
}
