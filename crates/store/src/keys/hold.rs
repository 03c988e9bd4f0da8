//! Holds: while cash on delivery is open, a dispute runs or the law forbids it, somebody is not erased. A wish to be erased is
//! recorded all the same, and carried out by itself when the last hold ends: released, or at its own date, which each must have.

use std::collections::BTreeMap;

use commerce::{StaffId, SubjectId, TenantId};
use ledger::Timestamp;

use super::decided::{HELD, note};
use super::erasure::{EraseSubjectError, one_of, state_of, whose};
use super::identity::SubjectState;
use super::resolve::subject;
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Row, Tx, Value};

/// Why somebody's data is kept although they, or time, would have it erased (GDPR Art. 17(3) and 18(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    /// A courier still has their cash or their parcel.
    Cod,
    /// They, or a bank, dispute an order.
    Dispute,
    /// A law or a court demands it.
    Legal,
}

/// The text is no reason for a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason for a hold: use cod, dispute or legal")]
pub struct UnknownHoldReason;

/// A hold that stands, or stood until its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whom it keeps from being erased.
    pub subject: SubjectId,
    /// Why.
    pub reason: HoldReason,
    /// Who said so: a slug.
    pub staff: StaffId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// Why nobody was held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// The key store did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// Nobody is known by that id, or they are erased: there is nothing to keep.
    #[error("there is nothing of that subject to keep: they are erased, or unknown")]
    Gone,
    /// The hold would be over already.
    #[error("a hold ends in the future")]
    Over,
}

impl From<DbError> for HoldError {
    fn from(error: DbError) -> Self {
        HoldError::Store(error.into())
    }
}

impl HoldReason {
    const ALL: [HoldReason; 3] = [HoldReason::Cod, HoldReason::Dispute, HoldReason::Legal];

    /// `cod`, `dispute` or `legal`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldReason::Cod => "cod",
            HoldReason::Dispute => "dispute",
            HoldReason::Legal => "legal",
        }
    }
}

impl std::str::FromStr for HoldReason {
    type Err = UnknownHoldReason;

    fn from_str(text: &str) -> Result<Self, UnknownHoldReason> {
        HoldReason::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownHoldReason)
    }
}

impl KeyStore {
    /// Keeps a subject from being erased until a date. Again for the same reason, the date is the one said last.
    pub async fn hold(&self, tenant: &TenantId, hold: Hold) -> Result<(), HoldError> {
        if hold.until <= hold.since {
            return Err(HoldError::Over);
        }
        let whose = (tenant.clone(), hold);
        self.db
            .run_tx("hold", move |tx| {
                let (tenant, hold) = whose.clone();
                Box::pin(async move { hold_in(tx, &tenant, &hold).await })
            })
            .await?;
        Ok(self.list_decided().await?)
    }

    /// Ends a hold before its date. False if there was none.
    pub async fn release(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        reason: HoldReason,
        at: Timestamp,
    ) -> Result<bool, KeyStoreError> {
        let args: Vec<Value> = vec![tenant.as_str().into(), subject.to_string().into(), reason.as_str().into()];
        let unit = self.db.run_tx("release-hold", move |tx| {
            let args = args.clone();
            let sql = "DELETE FROM hold WHERE tenant = $1 AND subject = $2 AND reason = $3";
            Box::pin(async move {
                let released = tx.execute(sql, args.clone()).await? > 0;
                if released {
                    note(tx, &HELD, &[args], at).await?;
                }
                Ok(released)
            })
        });
        let released = unit.await.map_err(|error: DbError| error)?;
        self.list_decided().await?;
        Ok(released)
    }

    /// Whether the tenant's books are asked before somebody is erased.
    pub async fn book_holds(&self, tenant: &TenantId) -> Result<bool, KeyStoreError> {
        let sql = "SELECT 1 FROM book_holds WHERE tenant = $1";
        Ok(!self.db.query(sql, vec![tenant.as_str().into()]).await?.is_empty())
    }

    /// Has them asked, or not any more. False if that was so before.
    pub async fn set_book_holds(&self, tenant: &TenantId, asked: bool, at: Timestamp) -> Result<bool, KeyStoreError> {
        let (sql, rest) = match asked {
            true => {
                ("INSERT INTO book_holds (tenant, since) VALUES ($1, $2) ON CONFLICT DO NOTHING", vec![at.0.into()])
            }
            false => ("DELETE FROM book_holds WHERE tenant = $1", vec![]),
        };
        let args: Vec<Value> = [tenant.as_str().into()].into_iter().chain(rest).collect();
        let unit = self.db.run_tx("set-book-holds", move |tx| {
            let args = args.clone();
            Box::pin(async move { tx.execute(sql, args).await })
        });
        Ok(unit.await.map_err(|error: DbError| error)? > 0)
    }

    /// The tenant's holds that stand now, the first to end first.
    pub async fn holds(&self, tenant: &TenantId, now: Timestamp) -> Result<Vec<Hold>, KeyStoreError> {
        let sql = "SELECT subject, reason, staff, since, until FROM hold WHERE tenant = $1 AND until > $2 \
                   ORDER BY until, subject, reason";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), now.0.into()]).await?;
        Ok(rows.iter().map(read).collect::<Result<_, DbError>>()?)
    }

    /// Those of one person, the one that ends first at the beginning.
    pub async fn holds_of(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        now: Timestamp,
    ) -> Result<Vec<Hold>, KeyStoreError> {
        let sql = "SELECT subject, reason, staff, since, until FROM hold \
                   WHERE tenant = $1 AND subject = $2 AND until > $3 ORDER BY until, reason";
        let args = vec![tenant.as_str().into(), subject.to_string().into(), now.0.into()];
        let rows = self.db.query(sql, args).await?;
        Ok(rows.iter().map(read).collect::<Result<_, DbError>>()?)
    }
}

async fn hold_in(tx: &mut Tx, tenant: &TenantId, hold: &Hold) -> Result<(), HoldError> {
    let dialect = tx.dialect();
    // An erasure takes the same lock: it comes before, and this is refused, or after, and it is.
    lock::tenants(tx, dialect, [tenant]).await?;
    match state_of(tx, tenant, hold.subject).await {
        Ok(SubjectState::Active) => {}
        Err(EraseSubjectError::Store(error)) => return Err(error.into()),
        Ok(SubjectState::Erased { .. }) | Err(_) => return Err(HoldError::Gone),
    }
    let Hold { subject, reason, staff, since, until } = hold;
    let whose = || vec![tenant.as_str().into(), subject.to_string().into(), reason.as_str().into()];
    tx.execute("DELETE FROM hold WHERE tenant = $1 AND subject = $2 AND reason = $3", whose()).await?;
    let insert = "INSERT INTO hold (tenant, subject, reason, staff, since, until) VALUES ($1, $2, $3, $4, $5, $6)";
    let rest: [Value; 3] = [staff.as_str().into(), since.0.into(), until.0.into()];
    tx.execute(insert, whose().into_iter().chain(rest).collect()).await?;
    Ok(note(tx, &HELD, &[whose()], *since).await?)
}

/// When the last of a subject's holds ends that stand now, and why it stands.
pub(super) async fn held_until(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<Option<(HoldReason, Timestamp)>, DbError> {
    Ok(held(tx, tenant, &[subject], now).await?.remove(&subject))
}

/// The same for each of these subjects that is held.
pub(super) async fn held(
    tx: &mut Tx,
    tenant: &TenantId,
    subjects: &[SubjectId],
    now: Timestamp,
) -> Result<BTreeMap<SubjectId, (HoldReason, Timestamp)>, DbError> {
    let dialect = tx.dialect();
    let sql = format!(
        "SELECT subject, reason, staff, since, until FROM hold WHERE tenant = $1 AND {} AND until > $3 \
         ORDER BY until, reason DESC",
        one_of(dialect, "subject")
    );
    let args = whose(dialect, tenant, subjects).into_iter().chain([now.0.into()]).collect();
    // Of several the last counts.
    let one = |row: &Row| read(row).map(|hold| (hold.subject, (hold.reason, hold.until)));
    tx.query(&sql, args).await?.iter().map(one).collect()
}

/// In SQL: no hold stands on the subject of the row with that name, at the time that is argument number `now`.
pub(super) fn unheld(row: &str, now: u8) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM hold h WHERE h.tenant = {row}.tenant AND h.subject = {row}.subject AND h.until > ${now})"
    )
}

fn read(row: &Row) -> Result<Hold, DbError> {
    Ok(Hold {
        subject: subject(row.text(0)?)?,
        reason: row.text(1)?.parse().map_err(|_| corrupt("a hold's reason is unknown"))?,
        staff: row.text(2)?.parse().map_err(|_| corrupt("a hold names nobody"))?,
        since: Timestamp(row.int(3)?),
        until: Timestamp(row.int(4)?),
    })
}
