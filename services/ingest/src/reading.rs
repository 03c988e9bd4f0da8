//! Which connector reads a body, and with what.

use connectors::shopify::Settings;
use connectors::{Draft, NotUnderstood};
use events::{Reason, Source};
use ledger::{BusinessZone, Timestamp};
use store::books::TenantRow;

/// The facts in a body that `origin` sent. `at` dates what has no date of its own.
///
/// # Errors
/// [`NotUnderstood`] names the place, never the value.
pub(crate) fn read(
    tenant: &TenantRow,
    origin: &Source,
    topic: &str,
    at: Timestamp,
    body: &[u8],
) -> Result<Vec<Draft>, NotUnderstood> {
    match origin.as_str() {
        "shopify" => connectors::shopify::read(topic, at, body, &settings(tenant)),
        "postex" => connectors::postex::read(body, at),
        _ => Err(NotUnderstood::UnknownTopic),
    }
}

fn settings(tenant: &TenantRow) -> Settings<'_> {
    // A national phone number is only read where the shop's country is known.
    let default_country_code = if tenant.zone == BusinessZone::KARACHI { "92" } else { "" };
    Settings { cod_gateways: &tenant.cod_gateways, default_country_code }
}

/// The topic a sender named, if it looks like one. Headers are not signed, and this one is kept in clear.
pub(crate) fn topic(named: Option<&str>) -> String {
    let allowed = |b: u8| b.is_ascii_lowercase() || matches!(b, b'_' | b'/');
    let topic = named.filter(|text| text.len() <= 64 && text.bytes().all(allowed));
    topic.unwrap_or_default().to_owned()
}

/// The reason as the log keeps it.
pub(crate) fn reason(problem: NotUnderstood) -> Reason {
    match problem {
        NotUnderstood::UnreadableJson => Reason::UnreadableJson,
        NotUnderstood::UnknownTopic => Reason::UnknownTopic,
        NotUnderstood::Field { path, problem } => Reason::Field { path, problem },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_topic_is_kept() {
        for (named, kept) in [
            (Some("orders/partially_fulfilled"), "orders/partially_fulfilled"),
            (Some("Bilqis Khan"), ""),
            (Some("orders/create\0"), ""),
            (Some("orders/\u{7f}"), ""),
            (Some("orders/+923001234567"), ""),
            (None, ""),
        ] {
            assert_eq!(topic(named), kept);
        }
    }
}
