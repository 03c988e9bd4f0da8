//! Consent (GDPR Art. 7): what people were asked, and what they said, as facts that are only added.
//!
//! What is recorded is the SHA-256 of the exact words somebody agreed to; the words themselves are the merchant's, kept once for all.
//! Whether a consent stands is a fold of the facts ([`standing`]), and whether it counts follows from the wordings ([`accepted`]):
//! a new wording either keeps the consents to earlier ones, or asks everybody anew.
//!
//! Marketing opens nothing without one ([`KeyStore::open_many`]). While somebody's data is restricted, a consent opens it for its
//! own purpose (Art. 18(2)). Withdrawing is as easy as giving, and withdrawing a consent to marketing is an objection to it too.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{StaffId, SubjectId, TenantId};
use ledger::Timestamp;
use sha2::{Digest, Sha256};

use super::access::Purpose;
use super::decided::{CONSENTED, note};
use super::objection::{end_objection_in, object_in};
use super::processing::Processing;
use super::resolve::subject;
use super::restriction::{Channel, RestrictError, begin, slug};
use super::{KeyStore, KeyStoreError, corrupt};
use crate::db::{DbError, Row, Tx, Value};

/// What people are asked to consent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// For which purpose.
    pub processing: Processing,
    /// Its name, such as `2026-11`: of the form of a [`Purpose`].
    pub version: Purpose,
    /// Since when it is asked.
    pub since: Timestamp,
    /// The SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// The text.
    pub text: String,
    /// Whether consents to the wordings before it go on counting.
    pub keeps_older: bool,
}

/// Something a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentFact {
    /// Who.
    pub subject: SubjectId,
    /// Its number among what they said, from 1.
    pub number: i64,
    /// For which purpose.
    pub processing: Processing,
    /// The SHA-256 of the words they consented to; none when they withdrew.
    pub wording: Option<String>,
    /// By which way.
    pub channel: Channel,
    /// Where the proof lies: a ticket or a document's number, of the form of a [`Purpose`].
    pub evidence: Purpose,
    /// Who entered it: a slug.
    pub staff: StaffId,
    /// When.
    pub at: Timestamp,
}

/// What is about to be recorded of what somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub subject: SubjectId,
    /// For which purpose.
    pub processing: Processing,
    /// By which way.
    pub channel: Channel,
    /// Where the proof lies.
    pub evidence: Purpose,
    /// Who enters it.
    pub staff: StaffId,
    /// When.
    pub at: Timestamp,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The key store did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// Nobody is known by that id, or they are erased.
    #[error("there is nobody to consent: they are erased, or unknown")]
    Gone,
    /// There is no such wording, or consents to it count no more.
    #[error("there is no wording of that version that counts: see `daybook privacy consent wordings`")]
    NoWording,
    /// That version says something else.
    #[error("that version is in use with other words, and what somebody agreed to never changes: choose a new version")]
    OtherWords,
}

impl From<DbError> for ConsentError {
    fn from(error: DbError) -> Self {
        ConsentError::Store(error.into())
    }
}

impl From<RestrictError> for ConsentError {
    fn from(error: RestrictError) -> Self {
        match error {
            RestrictError::Store(error) => ConsentError::Store(error),
            _ => ConsentError::Gone,
        }
    }
}

/// The SHA-256 of a text, in hexadecimal.
pub fn sha256_of(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The consents that stand after these facts of one person, in the order of their numbers: to which words, by purpose.
pub fn standing<'a>(facts: impl IntoIterator<Item = (Processing, Option<&'a str>)>) -> BTreeMap<Processing, &'a str> {
    let mut standing = BTreeMap::new();
    for (processing, wording) in facts {
        match wording {
            Some(wording) => standing.insert(processing, wording),
            None => standing.remove(&processing),
        };
    }
    standing
}

/// The words to which a consent counts: those asked now, and those before them as long as each new wording kept its elders.
/// Takes (since, SHA-256, keeps older) of one purpose, in any order.
pub fn accepted<'a>(wordings: impl IntoIterator<Item = (Timestamp, &'a str, bool)>) -> BTreeSet<&'a str> {
    let mut all: Vec<_> = wordings.into_iter().collect();
    all.sort_unstable_by(|one, other| other.cmp(one));
    let mut kept = BTreeSet::new();
    for (_, sha256, keeps_older) in all {
        kept.insert(sha256);
        if !keeps_older {
            break;
        }
    }
    kept
}

const WORDINGS: &str = "SELECT processing, version, since, sha256, wording, keeps_older FROM consent_wording";

impl KeyStore {
    /// From now on people are asked in these words. Again with the same words nothing changes, also not since when.
    pub async fn set_wording(&self, tenant: &TenantId, wording: Wording) -> Result<(), ConsentError> {
        let whose = (tenant.clone(), wording);
        let unit = self.db.run_tx("set-wording", move |tx| {
            let (tenant, wording) = whose.clone();
            Box::pin(async move { set_wording_in(tx, &tenant, &wording).await })
        });
        unit.await
    }

    /// The tenant's wordings, by purpose, the oldest first.
    pub async fn wordings(&self, tenant: &TenantId) -> Result<Vec<Wording>, KeyStoreError> {
        let sql = format!("{WORDINGS} WHERE tenant = $1 ORDER BY processing, since, version");
        let rows = self.db.query(&sql, vec![tenant.as_str().into()]).await?;
        Ok(rows.iter().map(wording).collect::<Result<_, DbError>>()?)
    }

    /// Records that somebody consented to this version of the words, and ends their objection to that purpose. Gives the number.
    pub async fn give_consent(&self, tenant: &TenantId, said: Said, version: &Purpose) -> Result<i64, ConsentError> {
        let whose = (tenant.clone(), said, version.clone());
        let unit = self.db.run_tx("give-consent", move |tx| {
            let (tenant, said, version) = whose.clone();
            Box::pin(async move {
                begin(tx, &tenant, said.subject).await?;
                let sha256 = words_of(tx, &tenant, said.processing, &version).await?;
                let by = (&said.staff, said.at);
                end_objection_in(tx, &tenant, said.subject, said.processing, by).await?;
                append(tx, &tenant, &said, Some(&sha256)).await
            })
        });
        let number = unit.await?;
        self.list_decided().await?;
        Ok(number)
    }

    /// Records that somebody withdrew, whether or not a consent stood; from marketing it is an objection too. Gives the number.
    pub async fn withdraw_consent(&self, tenant: &TenantId, said: Said) -> Result<i64, ConsentError> {
        let whose = (tenant.clone(), said);
        let unit = self.db.run_tx("withdraw-consent", move |tx| {
            let (tenant, said) = whose.clone();
            Box::pin(async move {
                begin(tx, &tenant, said.subject).await?;
                if said.processing == Processing::Marketing {
                    object_in(tx, &tenant, said.subject, said.processing, (&said.staff, said.at)).await?;
                }
                append(tx, &tenant, &said, None).await
            })
        });
        let number = unit.await?;
        self.list_decided().await?;
        Ok(number)
    }

    /// What a subject said, in that order.
    pub async fn consents_of(&self, tenant: &TenantId, subject: SubjectId) -> Result<Vec<ConsentFact>, KeyStoreError> {
        let sql = "SELECT subject, number, processing, wording, channel, evidence, staff, said_at FROM consent \
                   WHERE tenant = $1 AND subject = $2 ORDER BY number";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
        Ok(rows.iter().map(fact).collect::<Result<_, DbError>>()?)
    }
}

async fn set_wording_in(tx: &mut Tx, tenant: &TenantId, wording: &Wording) -> Result<(), ConsentError> {
    let Wording { processing, version, since, sha256, text, keeps_older } = wording;
    let insert = "INSERT INTO consent_wording (tenant, processing, version, since, sha256, wording, keeps_older) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, processing, version) DO NOTHING";
    let place: [Value; 3] = [tenant.as_str().into(), processing.as_str().into(), version.as_str().into()];
    let rest = [since.0.into(), sha256.as_str().into(), text.as_str().into(), i64::from(*keeps_older).into()];
    if tx.execute(insert, place.iter().cloned().chain(rest).collect()).await? > 0 {
        return Ok(());
    }
    let sql = "SELECT 1 FROM consent_wording WHERE tenant = $1 AND processing = $2 AND version = $3 AND sha256 = $4 \
               AND keeps_older = $5";
    let same = [sha256.as_str().into(), i64::from(*keeps_older).into()];
    match tx.query(sql, place.into_iter().chain(same).collect()).await?.is_empty() {
        true => Err(ConsentError::OtherWords),
        false => Ok(()),
    }
}

/// The SHA-256 of that version's words, if consents to them count.
async fn words_of(
    tx: &mut Tx,
    tenant: &TenantId,
    processing: Processing,
    version: &Purpose,
) -> Result<String, ConsentError> {
    let sql = format!("{WORDINGS} WHERE tenant = $1 AND processing = $2");
    let rows = tx.query(&sql, vec![tenant.as_str().into(), processing.as_str().into()]).await?;
    let all = rows.iter().map(wording).collect::<Result<Vec<_>, _>>()?;
    let counting = accepted(all.iter().map(|one| (one.since, one.sha256.as_str(), one.keeps_older)));
    let asked = all.iter().find(|one| one.version == *version && counting.contains(one.sha256.as_str()));
    asked.map(|one| one.sha256.clone()).ok_or(ConsentError::NoWording)
}

async fn append(tx: &mut Tx, tenant: &TenantId, said: &Said, wording: Option<&str>) -> Result<i64, ConsentError> {
    let whose = || -> [Value; 2] { [tenant.as_str().into(), said.subject.to_string().into()] };
    let last = "SELECT MAX(number) FROM consent WHERE tenant = $1 AND subject = $2";
    let last = tx.query(last, whose().to_vec()).await?;
    let number = last.first().map_or(Ok(None), |row| row.opt_int(0))?.unwrap_or(0).saturating_add(1);
    let sql = "INSERT INTO consent (tenant, subject, number, processing, wording, channel, evidence, staff, said_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let rest = [
        number.into(),
        said.processing.as_str().into(),
        wording.into(),
        said.channel.as_str().into(),
        said.evidence.as_str().into(),
        said.staff.as_str().into(),
        said.at.0.into(),
    ];
    tx.execute(sql, whose().into_iter().chain(rest).collect()).await?;
    let key = whose().into_iter().chain([number.into()]).collect();
    note(tx, &CONSENTED, &[key], said.at).await?;
    Ok(number)
}

fn wording(row: &Row) -> Result<Wording, DbError> {
    Ok(Wording {
        processing: processing(row.text(0)?)?,
        version: row.text(1)?.parse().map_err(|_| corrupt("a wording has no version"))?,
        since: Timestamp(row.int(2)?),
        sha256: row.text(3)?.to_owned(),
        text: row.text(4)?.to_owned(),
        keeps_older: row.int(5)? != 0,
    })
}

fn fact(row: &Row) -> Result<ConsentFact, DbError> {
    Ok(ConsentFact {
        subject: subject(row.text(0)?)?,
        number: row.int(1)?,
        processing: processing(row.text(2)?)?,
        wording: row.opt_text(3)?.map(str::to_owned),
        channel: row.text(4)?.parse().map_err(|_| corrupt("a channel is unknown"))?,
        evidence: row.text(5)?.parse().map_err(|_| corrupt("a consent has no evidence"))?,
        staff: slug(row.text(6)?)?,
        at: Timestamp(row.int(7)?),
    })
}

pub(super) fn processing(text: &str) -> Result<Processing, DbError> {
    text.parse().map_err(|_| corrupt("a purpose of processing is unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Processing::{Marketing, Support};

    #[test]
    fn the_last_word_stands() {
        let facts = [
            (Marketing, Some("a")),
            (Support, Some("s")),
            (Marketing, None),
            (Marketing, Some("b")),
            (Support, None),
            (Support, None),
        ];
        for (said, expected) in
            [(0, vec![]), (1, vec![(Marketing, "a")]), (3, vec![(Support, "s")]), (6, vec![(Marketing, "b")])]
        {
            let standing: Vec<_> = standing(facts[..said].iter().copied()).into_iter().collect();
            assert_eq!(standing, expected, "after {said}");
        }
    }

    #[test]
    fn a_new_wording_keeps_its_elders_or_asks_anew() {
        let one = (Timestamp(1), "one", false);
        let two = |keeps| (Timestamp(2), "two", keeps);
        let three = |keeps| (Timestamp(3), "three", keeps);
        for (wordings, expected) in [
            (vec![], vec![]),
            (vec![one], vec!["one"]),
            (vec![one, two(true)], vec!["one", "two"]),
            (vec![two(false), one], vec!["two"]),
            (vec![one, two(false), three(true)], vec!["three", "two"]),
            (vec![one, two(true), three(false)], vec!["three"]),
        ] {
            assert_eq!(accepted(wordings.clone()).into_iter().collect::<Vec<_>>(), expected, "{wordings:?}");
        }
    }
}
