//! Watching the access log: a warning once for each hour in which somebody looked at unusually many people.

use std::collections::BTreeSet;

use commerce::TenantId;
use ledger::Timestamp;
use store::keys::{HourCount, KeyStore, KeyStoreError, Unusual, hour_of, unusual};

/// How far back what is usual is looked for, in hours: 30 days.
const BEFORE: i64 = 720;

const HOUR: i64 = 3_600_000_000;

/// What a process that watches remembers: what was usual until this hour, read once an hour, and of what it has warned.
#[derive(Debug, Default)]
pub struct Watch {
    hour: Option<i64>,
    /// The hours before this one, and behind them this one as it was read last.
    counts: Vec<HourCount>,
    finished: usize,
    told: BTreeSet<(TenantId, String, String, i64)>,
}

impl Watch {
    /// Who, in this hour or the one before, has looked at unusually many people and was not told of yet.
    pub async fn look(&mut self, keys: &KeyStore, now: Timestamp) -> Result<Vec<Unusual>, KeyStoreError> {
        let hour = hour_of(now);
        let start = |hour: i64| Timestamp(hour.saturating_mul(HOUR));
        if self.hour != Some(hour) {
            self.counts = keys.hour_counts(start(hour - BEFORE), start(hour)).await?;
            self.finished = self.counts.len();
            self.told.retain(|(_, _, _, told)| *told >= hour - 1);
            self.hour = Some(hour);
        }
        let this_hour = keys.hour_counts(start(hour), start(hour + 1)).await?;
        self.counts.truncate(self.finished);
        self.counts.extend(this_hour);
        let mut found = unusual(&self.counts, hour - 1, &keys.access_limits().await?);
        found.retain(|one| self.told.insert(place(&one.count)));
        Ok(found)
    }
}

fn place(count: &HourCount) -> (TenantId, String, String, i64) {
    (count.tenant.clone(), count.actor.clone(), count.role.clone(), count.hour)
}

/// Says it where somebody is alerted. Actors are slugs, so nobody is named.
pub(crate) fn warn(unusual: &Unusual) {
    let Unusual { count, rule } = unusual;
    metrics::counter!("privacy_unusual_access_total", "rule" => rule.as_str()).increment(1);
    tracing::warn!(
        tenant = %count.tenant, actor = count.actor, role = count.role, people = count.subjects, rule = rule.as_str(),
        "somebody has looked at unusually many people in an hour: see `daybook privacy accesses --unusual`"
    );
}
