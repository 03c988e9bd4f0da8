//! Watching the due dates: figures for whoever watches figures, and a line in the log for each request that presses, once for the warning
//! and once a day while it is overdue.

use std::collections::BTreeSet;

use ledger::Timestamp;
use store::keys::{KeyStore, KeyStoreError, Request, Urgency};
use uuid::Uuid;

const DAY: i64 = 86_400_000_000;

/// How many requests are open, and how many of them press.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressing {
    /// All open ones.
    pub open: u32,
    /// Those with ten days left, or fewer.
    pub soon: u32,
    /// Those that should have been answered.
    pub overdue: u32,
}

/// What a process that watches has told of.
#[derive(Debug, Default)]
pub struct Deadlines {
    told: BTreeSet<(Uuid, Urgency, i64)>,
}

impl Pressing {
    /// Counts open requests.
    pub fn of(open: &[Request], now: Timestamp) -> Pressing {
        let mut pressing = Pressing::default();
        for request in open {
            pressing.open = pressing.open.saturating_add(1);
            match request.urgency(now) {
                Urgency::InTime => {}
                Urgency::Soon => pressing.soon = pressing.soon.saturating_add(1),
                Urgency::Overdue => pressing.overdue = pressing.overdue.saturating_add(1),
            }
        }
        pressing
    }
}

impl Deadlines {
    /// The figures, and of the requests that press those that are to be told of now.
    pub async fn look(
        &mut self,
        keys: &KeyStore,
        now: Timestamp,
    ) -> Result<(Pressing, Vec<(Request, Urgency)>), KeyStoreError> {
        let open = keys.open_requests().await?;
        let pressing = Pressing::of(&open, now);
        let ids: BTreeSet<Uuid> = open.iter().map(|request| request.id).collect();
        self.told.retain(|(id, _, _)| ids.contains(id));
        let told = open.into_iter().filter_map(|request| {
            let urgency = request.urgency(now);
            let day = if urgency == Urgency::Overdue { now.0.div_euclid(DAY) } else { 0 };
            (urgency != Urgency::InTime && self.told.insert((request.id, urgency, day))).then_some((request, urgency))
        });
        Ok((pressing, told.collect()))
    }
}

/// Sets the figures.
pub(crate) fn measure(pressing: Pressing) {
    metrics::gauge!("privacy_requests_open").set(f64::from(pressing.open));
    metrics::gauge!("privacy_requests_due_soon").set(f64::from(pressing.soon));
    metrics::gauge!("privacy_requests_overdue").set(f64::from(pressing.overdue));
}

/// Says it where somebody is alerted.
pub(crate) fn tell((request, urgency): &(Request, Urgency)) {
    let Request { tenant, id, terms, deadline, .. } = request;
    let (kind, due_at) = (terms.kind.as_str(), deadline.due_at);
    match urgency {
        Urgency::Overdue => {
            tracing::error!(%tenant, %id, kind, %due_at, "a person's request is overdue: see `daybook privacy request list`");
        }
        _ => tracing::warn!(%tenant, %id, kind, %due_at, "a person's request is due within ten days"),
    }
}
