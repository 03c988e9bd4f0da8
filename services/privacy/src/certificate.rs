//! The certificate of an erasure: what was done in every place where something about a person can lie, and its re-check
//! against the running system.
//!
//! [`look`] asks the stores, in six statements whatever the person left behind. What follows from the answers is pure.

use audit::{CopiesOpen, Place, Statement};
use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use store::books;
use store::db::{Db, DbError};
use store::keys::{Copies, Erasure, ErasureReason, KeyStore, KeyStoreError, Remains, Stage};

use crate::epochs::{CopiesError, copies};
use crate::inputs::{CountError, Older, older};

/// What a certificate claims, and what it does not.
const WORDS: &str = "Cryptographically erased: every key under which this person's details were sealed here is destroyed, and no \
                     such key can be made again. Sealed details that no key opens stay in the event log. The ledger is kept, \
                     under a random number in the person's place, because the law requires financial records. Such data is \
                     pseudonymous, and not anonymous: the shop and its couriers know its orders by their own numbers. What \
                     they, or whoever was shown the details in clear, have written down elsewhere is not covered.";

/// What the stores hold of somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The erasure on record.
    pub erasure: Erasure,
    /// What the key store still has.
    pub remains: Remains,
    /// What copies of the destroyed keys are worth; unknown for those destroyed before there were epochs.
    pub copies: Option<Copies>,
    /// Details in the read models.
    pub details: usize,
    /// Those of them that still have a sealed box.
    pub sealed: usize,
    /// Times somebody was shown them in clear, as far as the access log goes back.
    pub seen_in_clear: usize,
    /// The merchant's inputs in quarantine.
    pub quarantined: u64,
    /// Those of them that are not sealed under a key of their own, and may name anybody.
    pub older: Older,
}

impl From<CountError> for CertificateError {
    fn from(error: CountError) -> Self {
        match error {
            CountError::Keys(error) => CertificateError::Keys(error),
            CountError::Db(error) => CertificateError::Db(error),
        }
    }
}

/// Why nothing can be certified.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The key store did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The read models did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Nobody of that id was erased here, or the erasure is not finished: `daybook erase` finishes it.
    #[error("there is no finished erasure of that subject here: `daybook erase` makes or finishes it")]
    NotErased,
}

/// Looks in every store for what is left of somebody.
pub async fn look(
    keys: &KeyStore,
    db: &Db,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<Found, CertificateError> {
    let erasure = keys.erasure_of(tenant, subject).await?.ok_or(CertificateError::NotErased)?;
    let copies = match copies(keys, tenant, subject, now).await {
        Ok(copies) => Some(copies),
        Err(CopiesError::Unknown) => None,
        Err(CopiesError::Store(error)) => return Err(error.into()),
    };
    let people = books::people_of(db, tenant, subject).await?;
    let in_clear = |access: &&store::keys::Access| access.shown == store::keys::Shown::Clear.as_str();
    Ok(Found {
        erasure,
        remains: keys.remains(tenant, subject).await?,
        copies,
        details: people.len(),
        sealed: people.iter().filter(|person| person.sealed.is_some()).count(),
        seen_in_clear: keys.accesses_of(tenant, subject).await?.iter().filter(in_clear).count(),
        quarantined: books::count_quarantined(db, tenant).await?.unsigned_abs(),
        older: older(keys, db, tenant).await?,
    })
}

/// What is to be signed. Refuses an erasure that is not finished, or that left something behind.
pub fn statement(found: &Found, now: Timestamp) -> Result<Statement, CertificateError> {
    let Erasure { tenant, subject, reason, requested_at, destroyed_at, .. } = &found.erasure;
    let (Some(destroyed_at), true) = (destroyed_at, is_finished(found)) else {
        return Err(CertificateError::NotErased);
    };
    Ok(Statement {
        tenant: tenant.to_string(),
        subject: subject.to_string(),
        reason: reason.as_str().to_owned(),
        requested_at: requested_at.to_string(),
        unreadable_since: destroyed_at.to_string(),
        copies: open(found.copies),
        places: places(found),
        words: WORDS.to_owned(),
        issued_at: now.to_string(),
    })
}

fn is_finished(found: &Found) -> bool {
    found.erasure.stage == Stage::Announced && found.remains == Remains::default() && found.sealed == 0
}

fn open(copies: Option<Copies>) -> CopiesOpen {
    match copies {
        None => CopiesOpen::Unknown,
        Some(Copies::GoneSince(at)) => CopiesOpen::Gone { since: at.to_string() },
        Some(Copies::OpenUntil(at)) => CopiesOpen::Open { until: at.to_string() },
        Some(Copies::Overdue(at)) => CopiesOpen::Overdue { since: at.to_string() },
    }
}

/// Every place of this system, whether it held anything or not.
fn places(found: &Found) -> Vec<Place> {
    let until = match found.copies {
        Some(Copies::OpenUntil(at) | Copies::Overdue(at)) => Some(at.to_string()),
        Some(Copies::GoneSince(_)) | None => None,
    };
    let place = |place: &str, holds: &str, done: String, opens_until: Option<&String>| Place {
        place: place.to_owned(),
        holds: holds.to_owned(),
        done,
        opens_until: opens_until.cloned(),
    };
    let text = str::to_owned;
    let emptied = format!("{} emptied, none left; a rebuild does not bring them back", found.details);
    let seen =
        format!("{} openings in clear on record; what was written down then is out of reach", found.seen_in_clear);
    let inputs_open = until.clone().max(found.older.until.map(|at| at.to_string()));
    vec![
        place("event log", "sealed details", text("kept; no key opens them"), until.as_ref()),
        place("read models", "sealed details", emptied, until.as_ref()),
        place("quarantine", "whole inputs that were not understood", quarantine(found), inputs_open.as_ref()),
        place(
            "key store: keys",
            "the person's keys, wrapped",
            text("destroyed; a tombstone forbids new ones"),
            until.as_ref(),
        ),
        place("key store: index", "keyed hashes of phone, e-mail, order and customer id", fenced(), until.as_ref()),
        place(
            "key store: requests",
            "what the person wrote with a request, sealed; and their sessions",
            text("deleted; that they asked, and the outcome, is kept under the random id"),
            until.as_ref(),
        ),
        place("keyring", "epoch keys, in no database", text("destroyed as their backups expire"), until.as_ref()),
        place(
            "list of erasures",
            "the random id, beside the keyring",
            text("kept, so that a restored key store forgets no erasure"),
            None,
        ),
        place(
            "list of decisions",
            "what the person decided, and holds on them, by slugs of staff and dates, under the random id, beside the keyring",
            text("kept without end; nothing of it applies to the erased"),
            None,
        ),
        place("memory of processes", "keys in use", text("dropped within two seconds of the erasure"), None),
        place(
            "backups and write-ahead logs",
            "copies of all of the above",
            text("not rewritten; their epochs end"),
            until.as_ref(),
        ),
        place("exports", "journals and reports without personal data", text("nothing to do"), None),
        place(
            "archives",
            "what was handed to the person on request, encrypted to a passphrase that is kept nowhere",
            text("out of reach: whoever was handed one has it"),
            None,
        ),
        place("screens", "details shown on purpose", seen, None),
        place("service logs, metrics, headers, keys of records", "no personal data, ever", text("nothing to do"), None),
        place("access log", "who looked, under the random id", text("kept until it is purged"), None),
        place("ledger", "amounts, under the random id", text("kept: the law requires it"), None),
    ]
}

/// What became of input that named them. Whoever is erased because their time is over keeps what came since, which has a time of its
/// own; what earlier versions took in cannot go alone.
fn quarantine(found: &Found) -> String {
    let named = match found.erasure.reason {
        ErasureReason::Person | ErasureReason::Shop => {
            "inputs in which their phone, e-mail address or numbers were found"
        }
        ErasureReason::Retention => "inputs of their time in which their phone, e-mail address or numbers were found",
    };
    let Older { inputs, until } = found.older;
    let older = match until {
        Some(until) if inputs > 0 => format!(
            ", {inputs} of them sealed by months under a version from before each had a key of its own: one that names the person is \
             gone by {until}"
        ),
        Some(_) | None => String::new(),
    };
    format!("{named} are destroyed; {} inputs wait now{older}", found.quarantined)
}

fn fenced() -> String {
    "phone and e-mail deleted; order and customer id kept, so that late copies of old inputs are recognised and dropped"
        .to_owned()
}

/// One thing that a certificate says, looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it says.
    pub claim: &'static str,
    /// What was found.
    pub found: String,
    /// Whether that agrees.
    pub holds: bool,
}

/// What a certificate says, in a place that knows nothing of its erasure.
pub fn unknown_here() -> Vec<Check> {
    let found = "no erasure of that subject is on record here: it was made on another platform, or this key store and its keyring were \
                 put back to a state from before it; nothing it says can be confirmed here";
    vec![Check { claim: "its erasure is known here", found: found.to_owned(), holds: false }]
}

/// Compares what was certified with what is found now.
pub fn re_check(stated: &Statement, found: &Found, now: Timestamp) -> Vec<Check> {
    let Erasure { tenant, subject, stage, destroyed_at, .. } = &found.erasure;
    let (unreadable, remains) = (destroyed_at.map(|at| at.to_string()), found.remains);
    let check = |claim, holds, found| Check { claim, found, holds };
    let (kept, copies) = kept_promise(&stated.copies, found.copies, now);
    vec![
        check(
            "it is about this person",
            (stated.tenant.as_str(), stated.subject.clone()) == (tenant.as_str(), subject.to_string()),
            format!("subject {subject} of {tenant}"),
        ),
        check(
            "unreadable since then",
            unreadable.as_ref() == Some(&stated.unreadable_since),
            unreadable.unwrap_or_else(|| "their keys are not destroyed".to_owned()),
        ),
        check(
            "no key is left",
            remains.keys == 0,
            format!("{} keys, {} not a tombstone", remains.keys, remains.living),
        ),
        check(
            "nothing leads back to them",
            remains.identities == 0,
            format!("{} entries in the index", remains.identities),
        ),
        check("a tombstone stands", remains.living == 0, tombstone(remains)),
        check("the log was told", *stage == Stage::Announced, announced(*stage)),
        check(
            "the read models are empty",
            found.sealed == 0,
            format!("{} of {} have a box", found.sealed, found.details),
        ),
        check("copies end as promised", kept, copies),
    ]
}

fn tombstone(remains: Remains) -> String {
    if remains.living == 0 { "the subject is erased".to_owned() } else { "the subject is alive".to_owned() }
}

fn announced(stage: Stage) -> String {
    if stage == Stage::Announced { "it does".to_owned() } else { "not yet".to_owned() }
}

/// Whether what is known of copies now is no worse than what was said then.
fn kept_promise(stated: &CopiesOpen, found: Option<Copies>, now: Timestamp) -> (bool, String) {
    let (now, found) = (now.to_string(), open(found));
    let kept = match (stated, &found) {
        (CopiesOpen::Unknown | CopiesOpen::Overdue { .. }, _) | (_, CopiesOpen::Gone { .. }) => true,
        (_, CopiesOpen::Unknown | CopiesOpen::Overdue { .. }) | (CopiesOpen::Gone { .. }, CopiesOpen::Open { .. }) => {
            false
        }
        (CopiesOpen::Open { until }, CopiesOpen::Open { .. }) => *until >= now,
    };
    (kept, found.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn day(days: i64) -> Timestamp {
        Timestamp(20_000 * DAY + days * DAY)
    }

    /// Erased on day 1, copies open until day 32.
    fn found() -> Found {
        Found {
            erasure: Erasure {
                tenant: "kohsar-shawls".parse().unwrap(),
                subject: SubjectId(uuid::Uuid::from_u128(7)),
                reason: ErasureReason::Person,
                stage: Stage::Announced,
                requested_at: day(0),
                destroyed_at: Some(day(1)),
                epoch: None,
            },
            remains: Remains::default(),
            copies: Some(Copies::OpenUntil(day(32))),
            details: 3,
            sealed: 0,
            seen_in_clear: 2,
            quarantined: 1,
            older: Older::default(),
        }
    }

    fn failing(stated: &Statement, found: &Found, now: Timestamp) -> Vec<&'static str> {
        re_check(stated, found, now).into_iter().filter(|check| !check.holds).map(|check| check.claim).collect()
    }

    #[test]
    fn only_a_finished_erasure_that_left_nothing_is_certified() {
        let stated = statement(&found(), day(2)).unwrap();
        assert_eq!(stated.unreadable_since, day(1).to_string());
        assert_eq!(stated.copies, CopiesOpen::Open { until: day(32).to_string() });
        assert_eq!(failing(&stated, &found(), day(2)), Vec::<&str>::new());
        let unfinished = Erasure { stage: Stage::Destroyed, ..found().erasure };
        for left in [
            Found { erasure: unfinished, ..found() },
            Found { remains: Remains { keys: 1, ..Remains::default() }, ..found() },
            Found { remains: Remains { identities: 1, ..Remains::default() }, ..found() },
            Found { remains: Remains { living: 1, ..Remains::default() }, ..found() },
            Found { sealed: 1, ..found() },
        ] {
            assert!(matches!(statement(&left, day(2)), Err(CertificateError::NotErased)), "{left:?}");
        }
    }

    #[test]
    fn whatever_comes_back_is_told() {
        let stated = statement(&found(), day(2)).unwrap();
        let other = Erasure { subject: SubjectId(uuid::Uuid::from_u128(8)), ..found().erasure };
        let again = Erasure { destroyed_at: Some(day(9)), ..found().erasure };
        let untold = Erasure { stage: Stage::Destroyed, ..found().erasure };
        for (changed, claim) in [
            (Found { erasure: other, ..found() }, "it is about this person"),
            (Found { erasure: again, ..found() }, "unreadable since then"),
            (Found { erasure: untold, ..found() }, "the log was told"),
            (Found { remains: Remains { keys: 1, ..Remains::default() }, ..found() }, "no key is left"),
            (
                Found { remains: Remains { identities: 1, ..Remains::default() }, ..found() },
                "nothing leads back to them",
            ),
            (Found { remains: Remains { living: 1, ..Remains::default() }, ..found() }, "a tombstone stands"),
            (Found { sealed: 1, ..found() }, "the read models are empty"),
        ] {
            assert_eq!(failing(&stated, &changed, day(2)), [claim]);
        }
    }

    #[test]
    fn the_promised_day_is_kept_or_broken() {
        let open = |days| Some(Copies::OpenUntil(day(days)));
        let gone = |days| Some(Copies::GoneSince(day(days)));
        let overdue = |days| Some(Copies::Overdue(day(days)));
        for (said, is, on, kept) in [
            (open(32), open(32), 20, true),
            // Later than was said, but the day has not come.
            (open(32), open(40), 20, true),
            (open(32), open(40), 33, false),
            (open(32), gone(31), 33, true),
            (open(32), gone(35), 40, true),
            (gone(31), gone(31), 40, true),
            (gone(31), open(50), 40, false),
            (open(32), overdue(32), 33, false),
            (gone(31), overdue(31), 40, false),
            (overdue(32), overdue(32), 40, true),
            (open(32), None, 33, false),
            (None, None, 33, true),
        ] {
            let stated = statement(&Found { copies: said, ..found() }, day(2)).unwrap();
            let now = Found { copies: is, ..found() };
            let expected: &[&str] = if kept { &[] } else { &["copies end as promised"] };
            assert_eq!(failing(&stated, &now, day(on)), expected, "said {said:?}, is {is:?} on day {on}");
        }
    }

    #[test]
    fn every_place_is_named_and_dated_where_copies_matter() {
        let dated = |found: &Found| {
            let places = statement(found, day(2)).unwrap().places;
            (places.len(), places.iter().filter(|place| place.opens_until.is_some()).count())
        };
        // Keys of inputs that named them are in the same copies as theirs.
        assert_eq!(dated(&found()), (17, 8));
        let gone = Found { copies: Some(Copies::GoneSince(day(32))), ..found() };
        assert_eq!(dated(&gone), (17, 0));
        let older = Older { inputs: 1, until: Some(day(40)) };
        assert_eq!(dated(&Found { older, ..gone.clone() }), (17, 1));
        assert!(quarantine(&Found { older, ..gone }).ends_with(&format!("gone by {}", day(40))));
    }
}
