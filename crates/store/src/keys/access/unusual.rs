//! Unusual volume: who has looked at more people in an hour than they should have, or than they ever do. [`unusual`] is pure.

use std::collections::BTreeMap;

use commerce::TenantId;
use ledger::Timestamp;

use super::super::resolve::tenant;
use super::super::{KeyStore, KeyStoreError};
use super::Actor;
use crate::db::{DbError, Row};

/// How many people one actor may look at in an hour where the tenant has not said another number.
pub const USUAL_LIMIT: i64 = 100;

/// This many times what is usual for an actor is not usual.
const TIMES: i64 = 10;

/// Fewer people than this part of the limit are not unusual for anybody.
const NOTED_FROM: i64 = 10;

/// How far back what is usual for an actor is looked for, in hours: 30 days.
const USUAL_HOURS: i64 = 720;

const HOUR: i64 = 3_600_000_000;

/// How many people an actor has looked at in one hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourCount {
    /// Whose customers.
    pub tenant: TenantId,
    /// Who looked, as [`Access`](super::Access) has it.
    pub actor: String,
    /// As what.
    pub role: String,
    /// Which hour: hours since 1970, UTC.
    pub hour: i64,
    /// How many different people.
    pub subjects: i64,
}

/// Why an hour is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// More people than the tenant's limit.
    Limit,
    /// More than ten times as many as the actor saw in an hour of work of the 30 days before.
    Usual,
}

impl Rule {
    /// `limit` or `usual`.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Limit => "limit",
            Rule::Usual => "usual",
        }
    }
}

/// An hour that stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusual {
    /// Whose hour, and how many people.
    pub count: HourCount,
    /// By which rule; the limit, if by both.
    pub rule: Rule,
}

/// Which hour an instant is in: hours since 1970, UTC.
pub fn hour_of(at: Timestamp) -> i64 {
    at.0.div_euclid(HOUR)
}

/// The hours from `since` on that stand out. `counts` has each actor's hours once, also those of the 30 days before;
/// `limits` the tenants that have a limit of their own. Hours in which somebody looked at nobody do not make what is usual
/// for them smaller. People who look at what is held about themselves are nobody's unusual access. Somebody new, for whom nothing is usual yet, is measured by the limit alone.
pub fn unusual(counts: &[HourCount], since: i64, limits: &BTreeMap<TenantId, i64>) -> Vec<Unusual> {
    let mut actors: BTreeMap<(&TenantId, &str, &str), Vec<&HourCount>> = BTreeMap::new();
    for count in counts.iter().filter(|count| count.role != Actor::Person.role()) {
        actors.entry((&count.tenant, &count.actor, &count.role)).or_default().push(count);
    }
    let judged = |hours: Vec<&HourCount>| -> Vec<Unusual> {
        let late = hours.iter().filter(|count| count.hour >= since);
        let rule = |count: &HourCount| rule(count, &hours, limits.get(&count.tenant).copied().unwrap_or(USUAL_LIMIT));
        late.filter_map(|count| Some(Unusual { count: (*count).clone(), rule: rule(count)? })).collect()
    };
    actors.into_values().flat_map(judged).collect()
}

fn rule(count: &HourCount, all: &[&HourCount], limit: i64) -> Option<Rule> {
    let before = |other: &&&HourCount| (count.hour - USUAL_HOURS..count.hour).contains(&other.hour);
    let (mut hours, mut subjects) = (0_i64, 0_i64);
    for other in all.iter().filter(before) {
        (hours, subjects) = (hours + 1, subjects.saturating_add(other.subjects));
    }
    // More than ten times the mean, without dividing.
    let stands_out = hours > 0 && count.subjects.saturating_mul(hours) > subjects.saturating_mul(TIMES);
    if count.subjects > limit {
        return Some(Rule::Limit);
    }
    (stands_out && count.subjects >= limit / NOTED_FROM).then_some(Rule::Usual)
}

impl KeyStore {
    /// How many people each actor has looked at in each hour of this time, of all tenants. What was refused counts, what only
    /// machines read does not. Reads the rows of that time.
    pub async fn hour_counts(&self, from: Timestamp, until: Timestamp) -> Result<Vec<HourCount>, KeyStoreError> {
        let sql = format!(
            "SELECT tenant, actor, role, opened_at / {HOUR}, COUNT(DISTINCT subject) FROM access \
             WHERE opened_at >= $1 AND opened_at < $2 AND shown <> 'processed' \
             GROUP BY tenant, actor, role, opened_at / {HOUR} ORDER BY 1, 2, 3, 4"
        );
        let rows = self.db.query(&sql, vec![from.0.into(), until.0.into()]).await?;
        Ok(rows.iter().map(hour_count).collect::<Result<_, _>>()?)
    }

    /// Sets how many people one actor may look at in an hour before it counts as unusual.
    pub async fn set_access_limit(&self, tenant: &TenantId, subjects: u32) -> Result<(), KeyStoreError> {
        let tenant = tenant.clone();
        let set = self.db.run_tx("access-limit", move |tx| {
            let args = vec![tenant.as_str().into(), subjects.into()];
            let sql = "INSERT INTO access_limit (tenant, subjects) VALUES ($1, $2) \
                       ON CONFLICT (tenant) DO UPDATE SET subjects = excluded.subjects";
            Box::pin(async move { tx.execute(sql, args).await })
        });
        set.await.map_err(|error: DbError| error)?;
        Ok(())
    }

    /// The limits of the tenants that have one of their own.
    pub async fn access_limits(&self) -> Result<BTreeMap<TenantId, i64>, KeyStoreError> {
        let rows = self.db.query("SELECT tenant, subjects FROM access_limit", vec![]).await?;
        let limit = |row: &Row| Ok((tenant(row.text(0)?)?, row.int(1)?));
        Ok(rows.iter().map(limit).collect::<Result<_, DbError>>()?)
    }
}

fn hour_count(row: &Row) -> Result<HourCount, DbError> {
    Ok(HourCount {
        tenant: tenant(row.text(0)?)?,
        actor: row.text(1)?.to_owned(),
        role: row.text(2)?.to_owned(),
        hour: row.int(3)?,
        subjects: row.int(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(actor: &str, hour: i64, subjects: i64) -> HourCount {
        HourCount { tenant: "shop".parse().unwrap(), actor: actor.to_owned(), role: "staff".to_owned(), hour, subjects }
    }

    fn judged(counts: &[HourCount], since: i64, limit: Option<i64>) -> Vec<(String, i64, &'static str)> {
        let limits = limit.map(|limit| ("shop".parse().unwrap(), limit)).into_iter().collect();
        let all = unusual(counts, since, &limits);
        all.into_iter().map(|one| (one.count.actor, one.count.hour, one.rule.as_str())).collect()
    }

    fn found(actor: &str, hour: i64, rule: &'static str) -> Vec<(String, i64, &'static str)> {
        vec![(actor.to_owned(), hour, rule)]
    }

    #[test]
    fn above_the_limit_is_unusual_for_everybody() {
        assert_eq!(judged(&[count("a", 1_000, 100)], 0, None), []);
        assert_eq!(judged(&[count("a", 1_000, 101)], 0, None), found("a", 1_000, "limit"));
        assert_eq!(judged(&[count("a", 1_000, 101)], 0, Some(200)), []);
        assert_eq!(judged(&[count("a", 1_000, 3)], 0, Some(2)), found("a", 1_000, "limit"));
    }

    #[test]
    fn ten_times_the_hours_of_work_before_is_unusual_for_one() {
        let usual = [count("a", 900, 1), count("a", 950, 3)];
        for (subjects, expected) in [(20, vec![]), (21, found("a", 1_000, "usual"))] {
            let counts = [&usual[..], &[count("a", 1_000, subjects), count("b", 1_000, subjects)]].concat();
            assert_eq!(judged(&counts, 1_000, None), expected, "{subjects}; nothing is usual for b yet");
        }
        let seldom = [count("a", 950, 1), count("a", 1_000, 9)];
        assert_eq!(judged(&seldom, 1_000, None), [], "hardly anybody");
        let long_ago = [count("a", 279, 1), count("a", 1_000, 90)];
        assert_eq!(judged(&long_ago, 1_000, None), [], "what was usual is forgotten after 30 days");
    }

    #[test]
    fn people_who_look_at_themselves_are_not_unusual_however_many_they_are() {
        let visits = HourCount { role: "person".to_owned(), ..count("person", 1_000, 500) };
        assert_eq!(judged(&[visits], 0, None), []);
    }

    #[test]
    fn only_hours_from_then_on_are_judged() {
        let counts = [count("a", 999, 500), count("a", 1_000, 500)];
        assert_eq!(judged(&counts, 1_000, None), found("a", 1_000, "limit"));
    }

    #[test]
    fn an_hour_begins_on_the_hour() {
        assert_eq!([0, HOUR - 1, HOUR, -1].map(|at| hour_of(Timestamp(at))), [0, 0, 1, -1]);
    }
}
