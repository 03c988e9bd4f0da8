//! Time limits: how long a tenant keeps what is personal, what is past its time, and the end of its keys.
//!
//! A key seals what concerns one person's orders of one month, in UTC, so time passes by months: a month is due when all of it is
//! past the limit. Somebody all of whose months are due is erased as anybody is who asks for it; of somebody who ordered again
//! since, the keys of the months that are due are destroyed ([`KeyStore::expire_keys`]), and the others live.

use std::collections::BTreeMap;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;

use super::erasure::mark_lossy;
use super::hold::unheld;
use super::identity::{IdentityHint, IdentityKind, Month, SubjectState};
use super::resolve::subject;
use super::restriction::unrestricted;
use super::subject_key::key_id;
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Dialect, Row, Tx, Value};

/// How many keys one transaction destroys at most.
const CHUNK: usize = 1_000;

/// How many days may lie between one time that what is past its time goes and the next, before somebody is asked.
pub const PASS_WITHIN: i64 = 31;

/// Five calendar years, with as many leap days as they may have.
const FIVE_YEARS: u16 = 1_827;

/// What has a time limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetentionClass {
    /// What is sealed of customers and their orders, from the order on.
    Customers,
    /// Whole inputs that were not understood, from the day they came.
    Quarantine,
    /// The access log, from each opening on.
    Accesses,
    /// Everything that is personal of an account, from the day it was closed.
    Closed,
    /// The detail of financial records, from its last entry on: then totals by month stand for it.
    Financial,
}

/// The text is no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a class of data: use customers, quarantine, accesses, closed or financial")]
pub struct UnknownRetentionClass;

/// A limit that nobody can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("personal data is kept for 7 to 3653 days")]
pub struct RetentionDaysError;

/// A time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetentionDays(u16);

/// A class with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub class: RetentionClass,
    /// How long.
    pub days: RetentionDays,
    /// Whether the tenant set it.
    pub own: bool,
}

/// What of customers' data is past its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueKeys {
    /// Keys that live.
    pub keys: u64,
    /// Whose they are.
    pub subjects: u64,
}

impl RetentionClass {
    /// All, in the order in which they are shown.
    pub const ALL: [RetentionClass; 5] = [
        RetentionClass::Customers,
        RetentionClass::Quarantine,
        RetentionClass::Accesses,
        RetentionClass::Closed,
        RetentionClass::Financial,
    ];

    /// `customers`, `quarantine`, `accesses`, `closed` or `financial`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            RetentionClass::Customers => "customers",
            RetentionClass::Quarantine => "quarantine",
            RetentionClass::Accesses => "accesses",
            RetentionClass::Closed => "closed",
            RetentionClass::Financial => "financial",
        }
    }

    /// The time that the published policies promise: two years from the order, 30 days, 90 days, 30 days from the closure, five years
    /// for financial records.
    pub fn usual(self) -> RetentionDays {
        match self {
            RetentionClass::Customers => RetentionDays(730),
            RetentionClass::Quarantine | RetentionClass::Closed => RetentionDays(30),
            RetentionClass::Accesses => RetentionDays(90),
            RetentionClass::Financial => RetentionDays(FIVE_YEARS),
        }
    }

    /// The shortest time that may be set. Tax law asks for financial records; a merchant may keep them longer, never shorter.
    pub fn shortest(self) -> RetentionDays {
        match self {
            RetentionClass::Financial => RetentionDays(FIVE_YEARS),
            _ => RetentionDays(7),
        }
    }
}

impl std::str::FromStr for RetentionClass {
    type Err = UnknownRetentionClass;

    fn from_str(text: &str) -> Result<Self, UnknownRetentionClass> {
        RetentionClass::ALL.into_iter().find(|class| class.as_str() == text).ok_or(UnknownRetentionClass)
    }
}

impl RetentionDays {
    /// A week at least, because a slip destroys for good; ten years at most.
    pub fn new(days: u16) -> Result<RetentionDays, RetentionDaysError> {
        if (7..=3_653).contains(&days) { Ok(RetentionDays(days)) } else { Err(RetentionDaysError) }
    }

    /// How many.
    pub fn get(self) -> u16 {
        self.0
    }

    /// What is older than this is past its time now.
    pub fn before(self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(i64::from(self.0).saturating_mul(86_400_000_000)))
    }

    /// Months before this one are due now, as a whole.
    pub fn first_month_kept(self, now: Timestamp) -> Month {
        Month::of(self.before(now))
    }
}

impl KeyStore {
    /// The tenant's limits, one for each class.
    pub async fn retention(&self, tenant: &TenantId) -> Result<Vec<Limit>, KeyStoreError> {
        let sql = "SELECT class, days FROM retention WHERE tenant = $1";
        let rows = self.db.query(sql, vec![tenant.as_str().into()]).await?;
        let own = rows.iter().map(limit).collect::<Result<BTreeMap<_, _>, DbError>>()?;
        let of = |class: RetentionClass| match own.get(&class) {
            // Whatever is stored, nothing goes sooner than it may.
            Some(days) => Limit { class, days: (*days).max(class.shortest()), own: true },
            None => Limit { class, days: class.usual(), own: false },
        };
        Ok(RetentionClass::ALL.map(of).to_vec())
    }

    /// Sets one of the tenant's limits; without days, to the usual one.
    pub async fn set_retention(
        &self,
        tenant: &TenantId,
        class: RetentionClass,
        days: Option<RetentionDays>,
    ) -> Result<(), KeyStoreError> {
        let whose: Vec<Value> = vec![tenant.as_str().into(), class.as_str().into()];
        let unit = self.db.run_tx("set-retention", move |tx| {
            let whose = whose.clone();
            Box::pin(async move {
                tx.execute("DELETE FROM retention WHERE tenant = $1 AND class = $2", whose.clone()).await?;
                let Some(days) = days else { return Ok(()) };
                let insert = "INSERT INTO retention (tenant, class, days) VALUES ($1, $2, $3)";
                let args = whose.into_iter().chain([i64::from(days.0).into()]).collect();
                tx.execute(insert, args).await.map(|_| ())
            })
        });
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    /// Counts the keys that are due, of whom nothing holds or restricts now.
    pub async fn due_keys(&self, due: &DueMonths, now: Timestamp) -> Result<DueKeys, KeyStoreError> {
        let sql = format!("SELECT COUNT(*), COUNT(DISTINCT k.subject) FROM {}", due.rows());
        let rows = self.db.query(&sql, due.args(now)).await?;
        let Some(row) = rows.first() else { return Ok(DueKeys::default()) };
        Ok(DueKeys { keys: row.int(0)?.unsigned_abs(), subjects: row.int(1)?.unsigned_abs() })
    }

    /// Subjects who have keys that are due and no others, and whom nothing holds or restricts now; some of them.
    pub async fn due_subjects(&self, due: &DueMonths, now: Timestamp) -> Result<Vec<SubjectId>, KeyStoreError> {
        let sql = format!(
            "SELECT DISTINCT k.subject FROM {} AND NOT EXISTS \
             (SELECT 1 FROM subject_key later WHERE later.tenant = $1 AND later.subject = k.subject \
              AND later.month >= $2 AND later.state = 'active') LIMIT {CHUNK}",
            due.rows()
        );
        let rows = self.db.query(&sql, due.args(now)).await?;
        Ok(rows.iter().map(|row| subject(row.text(0)?)).collect::<Result<_, DbError>>()?)
    }

    /// Destroys the keys that are due, of whomever nothing holds or restricts; gives how many. The subjects live on under their other keys.
    /// Interrupted, it goes on when it is called again.
    pub async fn expire_keys(&self, due: &DueMonths, at: Timestamp) -> Result<u64, KeyStoreError> {
        let mut expired = 0;
        loop {
            let due = due.clone();
            let unit = self.db.run_tx("expire-keys", move |tx| {
                let due = due.clone();
                Box::pin(async move { expire_in(tx, &due, at).await })
            });
            let destroyed: Vec<Row> = unit.await.map_err(|error: DbError| error)?;
            for row in &destroyed {
                self.caches.subject_keys.invalidate(&key_id(row.text(0)?)?.0);
            }
            expired += destroyed.len() as u64;
            if destroyed.len() < CHUNK {
                break;
            }
        }
        self.db.forget_wal().await?;
        Ok(expired)
    }

    /// Notes that what is past its time goes now. False, and nothing is noted, if it last went more than [`PASS_WITHIN`] before:
    /// then nothing ran for long, or the clock has jumped, and somebody should say that it is right (`sure`).
    pub async fn may_expire(&self, now: Timestamp, sure: bool) -> Result<bool, KeyStoreError> {
        let unit = self.db.run_tx("expire", move |tx| {
            Box::pin(async move {
                let rows = tx.query("SELECT went_at FROM retention_pass WHERE one = 1", vec![]).await?;
                let last = rows.first().map(|row| row.int(0)).transpose()?;
                let days = last.map_or(0, |last| now.0.saturating_sub(last) / 86_400_000_000);
                if !sure && days > PASS_WITHIN {
                    return Ok(false);
                }
                let noted = "INSERT INTO retention_pass (one, went_at) VALUES (1, $1) \
                             ON CONFLICT (one) DO UPDATE SET went_at = EXCLUDED.went_at";
                tx.execute(noted, vec![now.0.into()]).await.map(|_| true)
            })
        });
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    /// The subjects under whose keys versions before this one sealed the inputs of these months, as far as the keys live. A
    /// constant number of statements.
    pub async fn quarantine_of(&self, tenant: &TenantId, months: &[Month]) -> Result<Vec<SubjectId>, KeyStoreError> {
        let hint =
            |month: &Month| IdentityHint { kind: IdentityKind::Quarantine, value: month.as_str().to_owned().into() };
        let known = self.find_subjects(tenant, &months.iter().map(hint).collect::<Vec<_>>()).await?;
        Ok(known.into_iter().filter(|(_, state)| *state == SubjectState::Active).map(|(subject, _)| subject).collect())
    }
}

async fn expire_in(tx: &mut Tx, due: &DueMonths, at: Timestamp) -> Result<Vec<Row>, DbError> {
    let dialect = tx.dialect();
    if dialect == Dialect::Sqlite {
        // The writing connection overwrites with zeros what it deletes, from now on.
        tx.query("PRAGMA secure_delete = ON", vec![]).await?;
    }
    lock::tenants(tx, dialect, [&due.tenant]).await?;
    let chosen = format!("SELECT k.key_id FROM {} ORDER BY k.key_id LIMIT {CHUNK}", due.rows());
    if dialect == Dialect::Postgres {
        // Pages before keys, as everybody does. Should other keys be chosen below, a lock comes late, and of two who wait for
        // each other the database undoes one, which is run again.
        let pages = format!(
            "SELECT page FROM page WHERE page IN (SELECT page FROM subject_key WHERE key_id IN ({chosen})) \
             ORDER BY page FOR UPDATE"
        );
        tx.query(&pages, due.args(at)).await?;
    }
    let destroy = format!(
        "UPDATE subject_key SET state = 'destroyed', wrapped = NULL, destroyed_at = $3 WHERE key_id IN ({chosen}) \
         AND state = 'active' RETURNING key_id, page"
    );
    let destroyed = tx.query(&destroy, due.args(at)).await?;
    mark_lossy(tx, &destroyed).await?;
    Ok(destroyed)
}

/// Of whom keys are due: people, or inputs that were not understood, which have a time of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysOf {
    /// Customers.
    People,
    /// Inputs, a key each.
    Inputs,
}

/// Which of a tenant's keys are due: of months before one, but for some subjects, which have a time of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMonths {
    /// Whose.
    pub tenant: TenantId,
    /// The first month that is kept.
    pub first_kept: Month,
    /// Of whom.
    pub of: KeysOf,
    /// Whose keys have another time: those of [`KeyStore::quarantine_of`], of which there is one a month at most.
    pub except: Vec<SubjectId>,
}

impl DueMonths {
    /// In SQL: rows `k` of living keys that are due, of whom nothing holds and who are not restricted.
    fn rows(&self) -> String {
        let places: Vec<String> = (4..4 + self.except.len()).map(|place| format!("${place}")).collect();
        let except = match places.as_slice() {
            [] => String::new(),
            places => format!(" AND k.subject NOT IN ({})", places.join(", ")),
        };
        let (unheld, unrestricted, of) = (unheld("k", 3), unrestricted("k", 3), self.of.condition());
        format!(
            "subject_key k WHERE k.tenant = $1 AND k.month < $2 AND k.state = 'active' \
             AND {unheld} AND {unrestricted} AND {of}{except}"
        )
    }

    fn args(&self, now: Timestamp) -> Vec<Value> {
        let month: Value = self.first_kept.as_str().into();
        let except = self.except.iter().map(|subject| subject.to_string().into());
        [self.tenant.as_str().into(), month, now.0.into()].into_iter().chain(except).collect()
    }
}

impl KeysOf {
    /// In SQL: whether the row `k` is of such a one. The index `identity_by_subject` answers it.
    fn condition(self) -> String {
        let exists = match self {
            KeysOf::People => "NOT EXISTS",
            KeysOf::Inputs => "EXISTS",
        };
        let input = IdentityKind::Input.as_str();
        format!(
            "{exists} (SELECT 1 FROM identity i WHERE i.tenant = k.tenant AND i.subject = k.subject AND i.kind = '{input}')"
        )
    }
}

fn limit(row: &Row) -> Result<(RetentionClass, RetentionDays), DbError> {
    let class = row.text(0)?.parse().map_err(|_| corrupt("a time limit is of an unknown class"))?;
    let days = u16::try_from(row.int(1)?).ok().and_then(|days| RetentionDays::new(days).ok());
    Ok((class, days.ok_or_else(|| corrupt("a time limit is out of range"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_due_when_all_of_it_is_past() {
        let two_years = RetentionClass::Customers.usual();
        for (now, seconds, first_kept) in [
            ("2026-11-22T12:00:00Z", 1795348800, "2024-11"),
            ("2026-11-30T23:59:59Z", 1796083199, "2024-11"),
            ("2026-12-01T00:00:00Z", 1796083200, "2024-12"),
            ("2026-01-01T00:00:00Z", 1767225600, "2024-01"),
        ] {
            let at = Timestamp(seconds * 1_000_000);
            assert_eq!((at.to_string().as_str(), two_years.first_month_kept(at).as_str()), (now, first_kept));
        }
    }

    #[test]
    fn limits_have_bounds_and_names() {
        for (days, good) in [(0, false), (6, false), (7, true), (3_653, true), (3_654, false)] {
            assert_eq!(RetentionDays::new(days).is_ok(), good, "{days}");
        }
        for class in RetentionClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
        }
    }
}
