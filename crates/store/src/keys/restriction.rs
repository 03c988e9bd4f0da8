//! Restriction (GDPR Art. 18): somebody's data is only kept. With objections ([`objection`](super::objection)) and consents
//! ([`consent`](super::consent)) it decides what opens.
//!
//! All three are enforced where boxes are opened ([`KeyStore::open_many`]), and nothing opens elsewhere. These places open boxes, which
//! `rights::*` holds to this list: the order page and whatever prints it (`show order`, the demo); the redrive of what waits in
//! quarantine, which is sealed for nobody in particular, and the look at its shape (`quarantine show`); what an erasure looks for in it; what a person wrote with a request; and
//! all that is held about a person, for their own page and archive. For somebody who is restricted they get
//! [`Opened::Restricted`](subject_keys::Opened), and the refused look is on the access log. Notices, projections, reports, exports
//! and the finance views open nothing at all. What arrives meanwhile is sealed and stored, and totals go on.
//!
//! While somebody is restricted, time does not take their keys either: to be erased is what most of them do not want. Their own
//! wish does.
//!
//! **A restriction ends** when it is lifted, or with its day, and in either case only if the person was told before (Art. 18(3)):
//! who told them, how and when is on record first.

use std::collections::BTreeSet;

use commerce::{StaffId, SubjectId, TenantId};
use ledger::Timestamp;

use super::decided::{RESTRICTED, note};
use super::erasure::{EraseSubjectError, one_of, state_of, whose};
use super::identity::SubjectState;
use super::processing::Processing;
use super::resolve::subject;
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Row, Tx, Value};

/// Why somebody's data is only kept (Art. 18(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RestrictionReason {
    /// They say that it is wrong, and that is being looked into.
    Accuracy,
    /// It was used unlawfully, and they would rather have it kept than erased.
    Unlawful,
    /// The merchant needs it no more, but they do, for claims of theirs.
    Claims,
    /// They have objected, and whose interest outweighs the other's is being looked into.
    Objection,
}

/// The text is no reason for a restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason for a restriction: use accuracy, unlawful, claims or objection")]
pub struct UnknownRestrictionReason;

/// By which way somebody was told something, or told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A page of the shop or of this platform.
    Page,
    /// Electronic mail.
    Email,
    /// A text message or a messenger.
    Message,
    /// A call.
    Phone,
    /// Paper.
    Letter,
}

/// The text is no channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a channel: use page, email, message, phone or letter")]
pub struct UnknownChannel;

/// That the person was told of the end of a restriction, before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// By which way.
    pub channel: Channel,
    /// Who told them: a slug.
    pub by: StaffId,
    /// When.
    pub at: Timestamp,
}

/// A restriction, standing or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// Whose data is only kept.
    pub subject: SubjectId,
    /// Why.
    pub reason: RestrictionReason,
    /// Who entered it: a slug.
    pub staff: StaffId,
    /// Since when.
    pub since: Timestamp,
    /// When it is to end; open-ended without.
    pub until: Option<Timestamp>,
    /// That they were told of its end.
    pub told: Option<Told>,
    /// When it was lifted, and by whom.
    pub lifted: Option<(StaffId, Timestamp)>,
}

/// Why nobody was restricted, or nothing lifted, or no objection entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestrictError {
    /// The key store did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// Nobody is known by that id, or they are erased: there is nothing to restrict.
    #[error("there is nothing of that subject to restrict: they are erased, or unknown")]
    Gone,
    /// The restriction would be over already.
    #[error("a restriction ends in the future, or is open-ended")]
    Over,
    /// No such restriction stands.
    #[error("no such restriction stands")]
    NoneStands,
    /// The person has to be told before it ends.
    #[error("a person is told before their restriction is lifted: record that first, with --told")]
    NotTold,
    /// The law gives no right to object to that.
    #[error("{} rests on {}: there is no objecting to it, but a restriction, or an erasure", .0.as_str(), .0.basis().as_str())]
    NoRight(Processing),
}

impl From<DbError> for RestrictError {
    fn from(error: DbError) -> Self {
        RestrictError::Store(error.into())
    }
}

impl RestrictionReason {
    const ALL: [RestrictionReason; 4] = [
        RestrictionReason::Accuracy,
        RestrictionReason::Unlawful,
        RestrictionReason::Claims,
        RestrictionReason::Objection,
    ];

    /// `accuracy`, `unlawful`, `claims` or `objection`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            RestrictionReason::Accuracy => "accuracy",
            RestrictionReason::Unlawful => "unlawful",
            RestrictionReason::Claims => "claims",
            RestrictionReason::Objection => "objection",
        }
    }
}

impl std::str::FromStr for RestrictionReason {
    type Err = UnknownRestrictionReason;

    fn from_str(text: &str) -> Result<Self, UnknownRestrictionReason> {
        RestrictionReason::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownRestrictionReason)
    }
}

impl Channel {
    const ALL: [Channel; 5] = [Channel::Page, Channel::Email, Channel::Message, Channel::Phone, Channel::Letter];

    /// `page`, `email`, `message`, `phone` or `letter`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Page => "page",
            Channel::Email => "email",
            Channel::Message => "message",
            Channel::Phone => "phone",
            Channel::Letter => "letter",
        }
    }
}

impl std::str::FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(text: &str) -> Result<Self, UnknownChannel> {
        Channel::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(UnknownChannel)
    }
}

impl Restriction {
    /// When it ended or ends, if that is known: a day by itself ends nothing as long as nobody told the person.
    pub fn ends(&self) -> Option<Timestamp> {
        let told = self.told.as_ref().map(|told| told.at);
        end(self.until, told, self.lifted.as_ref().map(|(_, at)| *at))
    }

    /// Whether it stands then.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.ends().is_none_or(|end| now < end)
    }

    /// Whether its day has come, and it stands only because nobody told the person.
    pub fn waits_for_telling(&self, now: Timestamp) -> bool {
        self.stands(now) && self.told.is_none() && self.until.is_some_and(|until| until <= now)
    }
}

/// When a restriction ends of which these are known: its day, when the person was told, when it was lifted.
pub(super) fn end(until: Option<Timestamp>, told: Option<Timestamp>, lifted: Option<Timestamp>) -> Option<Timestamp> {
    lifted.or_else(|| until.zip(told).map(|(until, told)| until.max(told)))
}

const RESTRICTIONS: &str =
    "SELECT subject, reason, since, until, staff, told, told_by, told_at, lifted_by, lifted_at FROM restriction";

impl KeyStore {
    /// From now on this subject's data is only kept. Again for the same reason, the day is the one said last.
    pub async fn restrict(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        reason: RestrictionReason,
        until: Option<Timestamp>,
        (staff, at): (&StaffId, Timestamp),
    ) -> Result<(), RestrictError> {
        if until.is_some_and(|until| until <= at) {
            return Err(RestrictError::Over);
        }
        let wanted = Restriction { subject, reason, staff: staff.clone(), since: at, until, told: None, lifted: None };
        let whose = (tenant.clone(), wanted);
        let unit = self.db.run_tx("restrict", move |tx| {
            let (tenant, wanted) = whose.clone();
            Box::pin(async move { restrict_in(tx, &tenant, &wanted).await })
        });
        unit.await?;
        Ok(self.list_decided().await?)
    }

    /// Records that the person was told that their restriction ends: before it does.
    pub async fn tell_of_lifting(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        reason: RestrictionReason,
        told: Told,
    ) -> Result<(), RestrictError> {
        let sql = "UPDATE restriction SET told = $5, told_by = $6, told_at = $7 \
                   WHERE tenant = $1 AND subject = $2 AND reason = $3 AND since = $4";
        let at = told.at;
        let args = [told.channel.as_str().into(), told.by.as_str().into(), at.0.into()];
        self.change_standing(tenant, subject, reason, at, move |_| Ok((sql, args.to_vec()))).await
    }

    /// Lifts a restriction. Refused until it is on record that the person was told.
    pub async fn lift(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        reason: RestrictionReason,
        (staff, at): (&StaffId, Timestamp),
    ) -> Result<(), RestrictError> {
        let sql = "UPDATE restriction SET lifted_by = $5, lifted_at = $6 \
                   WHERE tenant = $1 AND subject = $2 AND reason = $3 AND since = $4";
        let args = [staff.as_str().into(), at.0.into()];
        let lifting = move |standing: &Restriction| match &standing.told {
            Some(told) if told.at < at => Ok((sql, args.to_vec())),
            _ => Err(RestrictError::NotTold),
        };
        self.change_standing(tenant, subject, reason, at, lifting).await
    }

    /// The tenant's restrictions that stand now, the oldest first.
    pub async fn restrictions(&self, tenant: &TenantId, now: Timestamp) -> Result<Vec<Restriction>, KeyStoreError> {
        let sql = format!("{RESTRICTIONS} WHERE tenant = $1 AND lifted_at IS NULL ORDER BY since, subject, reason");
        let rows = self.db.query(&sql, vec![tenant.as_str().into()]).await?;
        let all = rows.iter().map(restriction).collect::<Result<Vec<_>, DbError>>()?;
        Ok(all.into_iter().filter(|one| one.stands(now)).collect())
    }

    /// Every restriction of a subject, standing or over, the oldest first.
    pub async fn restrictions_of(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
    ) -> Result<Vec<Restriction>, KeyStoreError> {
        let sql = format!("{RESTRICTIONS} WHERE tenant = $1 AND subject = $2 ORDER BY since, reason");
        let rows = self.db.query(&sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
        Ok(rows.iter().map(restriction).collect::<Result<_, DbError>>()?)
    }

    /// Changes the restriction that stands for that reason, as `change` says of it.
    async fn change_standing<C>(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        reason: RestrictionReason,
        at: Timestamp,
        change: C,
    ) -> Result<(), RestrictError>
    where
        C: Fn(&Restriction) -> Result<(&'static str, Vec<Value>), RestrictError> + Clone + Send + Sync + 'static,
    {
        let tenant = tenant.clone();
        let unit = self.db.run_tx("change-restriction", move |tx| {
            let (tenant, change) = (tenant.clone(), change.clone());
            Box::pin(async move {
                let dialect = tx.dialect();
                lock::access(tx, dialect, [&tenant]).await?;
                let standing = standing(tx, &tenant, subject, reason, at).await?.ok_or(RestrictError::NoneStands)?;
                let (sql, rest) = change(&standing)?;
                let args = place(&tenant, &standing).into_iter().chain(rest).collect();
                tx.execute(sql, args).await?;
                note(tx, &RESTRICTED, &[place(&tenant, &standing).to_vec()], at).await?;
                Ok::<_, RestrictError>(())
            })
        });
        unit.await?;
        Ok(self.list_decided().await?)
    }
}

/// Locks the tenant's people and openings, so that an erasure and an opening come before or after; refuses who is gone.
pub(super) async fn begin(tx: &mut Tx, tenant: &TenantId, subject: SubjectId) -> Result<(), RestrictError> {
    let dialect = tx.dialect();
    lock::tenants(tx, dialect, [tenant]).await?;
    lock::access(tx, dialect, [tenant]).await?;
    match state_of(tx, tenant, subject).await {
        Ok(SubjectState::Active) => Ok(()),
        Err(EraseSubjectError::Store(error)) => Err(error.into()),
        Ok(SubjectState::Erased { .. }) | Err(_) => Err(RestrictError::Gone),
    }
}

async fn restrict_in(tx: &mut Tx, tenant: &TenantId, wanted: &Restriction) -> Result<(), RestrictError> {
    begin(tx, tenant, wanted.subject).await?;
    let until = wanted.until.map(|until| until.0);
    if let Some(standing) = standing(tx, tenant, wanted.subject, wanted.reason, wanted.since).await? {
        // Of another day they have not been told.
        let sql = "UPDATE restriction SET until = $5, staff = $6, told = NULL, told_by = NULL, told_at = NULL \
                   WHERE tenant = $1 AND subject = $2 AND reason = $3 AND since = $4";
        let rest = [until.into(), wanted.staff.as_str().into()];
        tx.execute(sql, place(tenant, &standing).into_iter().chain(rest).collect()).await?;
        return Ok(note(tx, &RESTRICTED, &[place(tenant, &standing).to_vec()], wanted.since).await?);
    }
    let sql = "INSERT INTO restriction (tenant, subject, reason, since, until, staff) VALUES ($1, $2, $3, $4, $5, $6)";
    let rest = [until.into(), wanted.staff.as_str().into()];
    tx.execute(sql, place(tenant, wanted).into_iter().chain(rest).collect()).await?;
    Ok(note(tx, &RESTRICTED, &[place(tenant, wanted).to_vec()], wanted.since).await?)
}

/// Which row a restriction is.
fn place(tenant: &TenantId, one: &Restriction) -> [Value; 4] {
    [tenant.as_str().into(), one.subject.to_string().into(), one.reason.as_str().into(), one.since.0.into()]
}

async fn standing(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
    reason: RestrictionReason,
    now: Timestamp,
) -> Result<Option<Restriction>, DbError> {
    let sql = format!("{RESTRICTIONS} WHERE tenant = $1 AND subject = $2 AND reason = $3 AND lifted_at IS NULL");
    let args = vec![tenant.as_str().into(), subject.to_string().into(), reason.as_str().into()];
    let rows = tx.query(&sql, args).await?;
    let all = rows.iter().map(restriction).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().find(|one| one.stands(now)))
}

/// Whether anything restricts the subject now.
pub(super) async fn is_restricted(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let sql = format!("{RESTRICTIONS} WHERE tenant = $1 AND subject = $2 AND lifted_at IS NULL");
    let rows = tx.query(&sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
    let all = rows.iter().map(restriction).collect::<Result<Vec<_>, _>>()?;
    Ok(all.iter().any(|one| one.stands(now)))
}

/// Whom of these subjects anything restricts now.
pub(super) async fn restricted_among(
    tx: &mut Tx,
    tenant: &TenantId,
    subjects: &[SubjectId],
    now: Timestamp,
) -> Result<BTreeSet<SubjectId>, DbError> {
    let dialect = tx.dialect();
    let (theirs, free) = (one_of(dialect, "s.subject"), unrestricted("s", 3));
    let sql = format!("SELECT s.subject FROM subject s WHERE s.tenant = $1 AND {theirs} AND NOT ({free})");
    let args = whose(dialect, tenant, subjects).into_iter().chain([now.0.into()]).collect();
    tx.query(&sql, args).await?.iter().map(|row| subject(row.text(0)?)).collect()
}

/// In SQL: nothing restricts the subject of the row with that name, at the time that is argument number `now`. The same as
/// [`Restriction::stands`].
pub(super) fn unrestricted(row: &str, now: u8) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM restriction r WHERE r.tenant = {row}.tenant AND r.subject = {row}.subject AND \
         r.lifted_at IS NULL AND (r.until IS NULL OR r.told_at IS NULL OR r.until > ${now} OR r.told_at > ${now}))"
    )
}

fn restriction(row: &Row) -> Result<Restriction, DbError> {
    let told = match row.opt_text(5)? {
        None => None,
        Some(channel) => Some(Told {
            channel: channel.parse().map_err(|_| corrupt("a channel is unknown"))?,
            by: slug(row.text(6)?)?,
            at: Timestamp(row.int(7)?),
        }),
    };
    Ok(Restriction {
        subject: subject(row.text(0)?)?,
        reason: row.text(1)?.parse().map_err(|_| corrupt("a restriction's reason is unknown"))?,
        since: Timestamp(row.int(2)?),
        until: row.opt_int(3)?.map(Timestamp),
        staff: slug(row.text(4)?)?,
        told,
        lifted: ended(row.opt_text(8)?, row.opt_int(9)?)?,
    })
}

pub(super) fn ended(by: Option<&str>, at: Option<i64>) -> Result<Option<(StaffId, Timestamp)>, DbError> {
    by.zip(at).map(|(by, at)| Ok((slug(by)?, Timestamp(at)))).transpose()
}

pub(super) fn slug(text: &str) -> Result<StaffId, DbError> {
    text.parse().map_err(|_| corrupt("an entry about a person's rights names nobody"))
}
