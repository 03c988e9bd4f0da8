//! The alert topic against the stored levels: what was told last of each item and location is what stands.

use std::collections::BTreeMap;

use commerce::stock::{AlertKind, StockAlert};
use commerce::{InventoryItemId, LocationId, TenantId};
use events::{Event, Payload};
use store::books;
use store::db::{Db, DbError};

use super::{Findings, Invariant};
use crate::ProcessError;
use crate::alerts::sound;

/// Rows of the outbox read at once.
const PAGE: u32 = 2_000;

type Place = (TenantId, InventoryItemId, LocationId);

/// What the alert topic says, by item and location: of several alerts the one of the greatest count, because the relay may have
/// repeated itself.
#[derive(Default)]
pub(super) struct Alerts(BTreeMap<Place, StockAlert>);

impl Alerts {
    pub(super) fn note(&mut self, event: &Event) {
        let Payload::StockAlerted(alert) = &event.payload else { return };
        let place = (event.tenant.clone(), alert.item, alert.location);
        let age = |alert: &StockAlert| (alert.counted_at, alert.available);
        if self.0.get(&place).is_none_or(|known| age(known) < age(alert)) {
            self.0.insert(place, alert.clone());
        }
    }

    /// The levels that are low by what was told.
    fn low(self) -> BTreeMap<Place, Option<i64>> {
        let low = self.0.into_iter().filter(|(_, alert)| alert.kind() != AlertKind::Restocked);
        low.map(|(place, alert)| (place, alert.available)).collect()
    }
}

/// Compares what was told with the levels. While the relay has something to publish, the topic may end earlier; what it cannot
/// publish is named.
pub(super) async fn low_levels_are_told(db: &Db, alerts: Alerts) -> Result<Invariant, ProcessError> {
    let stored = books::low_levels(db).await?.into_iter();
    let stored: BTreeMap<Place, Option<i64>> =
        stored.map(|(tenant, count)| ((tenant, count.item, count.location), count.available)).collect();
    let (told, waiting) = (alerts.low(), books::waiting_alerts(db).await?);
    let mut findings = damaged(db).await?;
    let places = stored.keys().chain(told.keys().filter(|place| !stored.contains_key(place)));
    for place in places.filter(|_| waiting == 0) {
        let (tenant, item, location) = place;
        let (is, said) = (stored.get(place).copied().flatten(), told.get(place).copied().flatten());
        if is != said {
            let name = |level: Option<i64>| level.map_or("not low".to_owned(), |level| level.to_string());
            let problem =
                format!("the alert topic says {}, the level is {}: run `daybook rebuild stock`", name(said), name(is));
            findings.add(format!("stock of {tenant}, item {item}, location {location}"), problem);
        }
    }
    Ok(Invariant {
        name: "the alert topic tells which levels of stock are low",
        figures: format!("{} levels at zero or below, {waiting} alerts waiting to be published", stored.len()),
        findings: findings.0,
    })
}

/// The rows of the outbox that do not read as alerts, whether the relay has met them or not.
async fn damaged(db: &Db) -> Result<Findings, ProcessError> {
    let (mut findings, mut after) = (Findings::default(), None);
    loop {
        let untold = match books::untold_alerts(db, after.take(), PAGE).await {
            Err(error @ DbError::Corrupt { .. }) => {
                findings.add("outbox of alerts", format!("{error}: run `daybook rebuild stock`"));
                return Ok(findings);
            }
            read => read?,
        };
        let Some(last) = untold.last() else { return Ok(findings) };
        after = Some(last.key.clone());
        for one in untold.iter().filter(|one| one.set_aside || sound(one).is_none()) {
            let place = format!("outbox of alerts, {}, {}", one.key.tenant, one.key.event);
            findings.add(place, "the stored alert is damaged and is not published: run `daybook rebuild stock`");
        }
    }
}
