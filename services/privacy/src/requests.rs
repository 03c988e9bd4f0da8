//! Requests of people, worked on: taken in from shops, carried out, and closed when something else has settled them.
//!
//! [`take_in`] opens a record for each message of a shop that has none; [`carry_out`] does what a request asks for; [`settle`] goes on
//! with what a crash or a hold has left, and closes what has become void. Each can be repeated at any time: what is done is done once,
//! because each begins from what the key store says.

mod deadlines;
mod enforce;

pub use deadlines::{Deadlines, Pressing};
pub use enforce::{EnforceError, enforce};

use std::collections::BTreeMap;

use commerce::{Reason, SubjectId};
use event_log::EventLog;
use ledger::{BusinessZone, Timestamp};
use store::books::{self, RequestRow};
use store::db::{Db, DbError};
use store::keys::{
    Actor, EraseSubjectError, ErasureReason, Filed, HoldReason, KeyStore, KeyStoreError, NewRequest, Request,
    RequestChannel, RequestError, RequestKind, RequestState, Step, Verification,
};

use crate::book_holds::{self, BookHoldsError};
use crate::{EraseError, erase};

/// What became of a request that was to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedOut {
    /// It is done, and closed.
    Done(Request),
    /// Its erasure is on record and waits for a hold; it is carried out by itself when the last one has ended.
    Waits {
        /// As it is now: under way.
        request: Request,
        /// Why they are held.
        reason: HoldReason,
        /// When that hold ends by itself.
        until: Timestamp,
    },
}

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CarryOutError {
    /// It may not be, or the key store did not answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What came of it is for a person to say.
    #[error(
        "say what came of it with --outcome, such as archive-handed-over, corrected or answered: it was done by people, and not by \
         this command"
    )]
    OutcomeNeeded,
    /// The erasure did not finish. It is on record, and does.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The books were not asked whether something of theirs is open. Try again.
    #[error(transparent)]
    Holds(#[from] BookHoldsError),
    /// What the person decided did not take effect. Try again.
    #[error(transparent)]
    Enforce(#[from] EnforceError),
}

/// Why shops' messages were not all taken in. They are tried again.
#[derive(Debug, thiserror::Error)]
pub enum TakeInError {
    /// The read models, where messages wait, did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The key store did not take one, or did not answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The key store did not say which it knows.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
}

/// Why not everything was settled. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The key store did not say what is open.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// A request that could not be carried out or closed; the others were.
    #[error(transparent)]
    CarryOut(#[from] CarryOutError),
}

/// Opens a record for each message of a shop that has none; gives how many. The id of a message's event is that of its request, so it
/// is one however often the message comes; one for what the person has asked for already joins that.
pub async fn take_in(keys: &KeyStore, db: &Db) -> Result<usize, TakeInError> {
    let asked = books::shop_requests(db).await?;
    if asked.is_empty() {
        return Ok(0);
    }
    let known = keys.known_requests().await?;
    let tenants = books::tenants(db).await?;
    let zones: BTreeMap<_, BusinessZone> = tenants.into_iter().map(|row| (row.tenant, row.zone)).collect();
    let mut opened = 0;
    for row in asked.into_iter().filter(|row| !known.contains(&(row.tenant.clone(), row.request))) {
        let zone = zones.get(&row.tenant).copied().unwrap_or(BusinessZone::UTC);
        opened += usize::from(file_of_shop(keys, &row, zone).await?);
    }
    Ok(opened)
}

async fn file_of_shop(keys: &KeyStore, row: &RequestRow, zone: BusinessZone) -> Result<bool, RequestError> {
    let kind = match row.kind {
        "redact" => RequestKind::Erasure,
        "data_request" => RequestKind::Access,
        _ => RequestKind::Closure,
    };
    let new = NewRequest {
        id: row.request,
        subject: row.subject,
        kind,
        channel: RequestChannel::Shop,
        verified: Some(Verification::Shop),
        by: Actor::Daybook,
        words: None,
        received_at: row.requested_at,
        zone,
    };
    match keys.file_request(&row.tenant, new.clone()).await {
        Ok(filed) => Ok(!matches!(filed, Filed::Known(_))),
        // A key store restored from before they came: nothing of theirs is held.
        Err(RequestError::UnknownSubject) => {
            let of_nobody = NewRequest { subject: None, ..new };
            keys.file_request(&row.tenant, of_nobody).await.map(|_| true)
        }
        Err(error) => Err(error),
    }
}

/// Does what a request asks for, and closes it with its outcome: the usual one of its kind unless another is given. What has yet to be
/// verified or approved is refused, and so nothing of it happens. An erasure that a hold keeps waiting is under way from then on.
pub async fn carry_out(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    request: &Request,
    outcome: Option<Reason>,
    by: &Actor,
    now: Timestamp,
) -> Result<CarriedOut, CarryOutError> {
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => usual_outcome(request.terms.kind).ok_or(CarryOutError::OutcomeNeeded)?,
    };
    let step = async |step| keys.step_request(&request.tenant, request.id, step, by, now).await;
    let begun = match request.state {
        RequestState::UnderWay => request.clone(),
        _ => step(Step::Begin).await?,
    };
    match (request.terms.kind, request.subject) {
        (RequestKind::Erasure, Some(subject)) => {
            book_holds::look(keys, db, &request.tenant, subject, now).await?;
            match erase_for(keys, log, db, request, subject, now).await {
                Ok(()) => {}
                Err(EraseError::Keys(EraseSubjectError::Held { reason, until })) => {
                    return Ok(CarriedOut::Waits { request: begun, reason, until });
                }
                Err(error) => return Err(error.into()),
            }
        }
        _ => enforce(keys, request, &outcome, by, now).await?,
    }
    Ok(CarriedOut::Done(step(Step::CarryOut(outcome)).await?))
}

async fn erase_for(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    request: &Request,
    subject: SubjectId,
    now: Timestamp,
) -> Result<(), EraseError> {
    let reason = match request.channel {
        RequestChannel::Shop => ErasureReason::Shop,
        RequestChannel::Operator | RequestChannel::Page => ErasureReason::Person,
    };
    erase(keys, log, db, &request.tenant, subject, reason, now).await.map(drop)
}

/// What comes of a request of this kind that is carried out as it was asked.
fn usual_outcome(kind: RequestKind) -> Option<Reason> {
    let text = match kind {
        RequestKind::Erasure => "erased",
        RequestKind::Restriction => "restricted",
        RequestKind::Objection => "objection-applied",
        RequestKind::ConsentWithdrawal => "consent-withdrawn",
        RequestKind::MarketingOptOut => "opted-out",
        // What was handed over, corrected or answered was done by people, and they say so.
        RequestKind::Access
        | RequestKind::Portability
        | RequestKind::ActivityHistory
        | RequestKind::Correction
        | RequestKind::Complaint
        | RequestKind::Closure => return None,
    };
    text.parse().ok()
}

/// Carries out erasures that were approved or under way when something stopped, and closes requests that have become void; gives how many
/// were closed. One that fails does not keep the others waiting.
pub async fn settle(keys: &KeyStore, log: &EventLog, db: &Db, now: Timestamp) -> Result<usize, SettleError> {
    let (mut closed, mut failure) = (0, None);
    for request in keys.requests_of_erased().await? {
        let Some(step) = void(&request) else { continue };
        match keys.step_request(&request.tenant, request.id, step, &Actor::Daybook, now).await {
            Ok(_) => closed += 1,
            Err(error) => failure = failure.or(Some(error.into())),
        }
    }
    for request in keys.open_requests().await? {
        match go_on(keys, log, db, &request, now).await {
            Ok(done) => closed += usize::from(done),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(closed), |error| Err(error.into()))
}

/// How a request ends because its person is erased.
fn void(request: &Request) -> Option<Step> {
    match (request.terms.kind, &request.state) {
        (RequestKind::Erasure, RequestState::Approved | RequestState::UnderWay) => {
            Some(Step::CarryOut(Request::erased()))
        }
        (kind, _) if kind.outlives_erasure() => None,
        _ => Some(Step::Overtake),
    }
}

/// Takes a request as far as it goes without anybody; true if that closed it.
async fn go_on(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    request: &Request,
    now: Timestamp,
) -> Result<bool, CarryOutError> {
    let by = &Actor::Daybook;
    let Some(subject) = request.subject else {
        if !request.terms.kind.is_of_person() {
            return close_ended(keys, request, now).await;
        }
        let nobody = Step::CarryOut(Request::nobody_known());
        return Ok(keys.step_request(&request.tenant, request.id, nobody, by, now).await.map(|_| true)?);
    };
    let due = match (request.terms.kind, &request.state) {
        (RequestKind::Erasure, RequestState::Approved) => true,
        // Once it is on record as an erasure, that goes on by itself.
        (RequestKind::Erasure, RequestState::UnderWay) => {
            keys.erasure_of(&request.tenant, subject).await.map_err(RequestError::from)?.is_none()
        }
        // Begun, and stopped before it was closed: what it changes may be changed again.
        (kind, RequestState::UnderWay) => usual_outcome(kind).is_some(),
        _ => false,
    };
    if !due {
        return Ok(false);
    }
    let done = carry_out(keys, log, db, request, None, by, now).await?;
    Ok(matches!(done, CarriedOut::Done(_)))
}

/// Closes what a shop asked for about itself once its account has ended, which it does by itself; true if it has.
async fn close_ended(keys: &KeyStore, request: &Request, now: Timestamp) -> Result<bool, CarryOutError> {
    let closure = keys.closure(&request.tenant).await.map_err(RequestError::from)?;
    let outcome = "account-ended".parse().ok().filter(|_| closure.is_some_and(|one| one.begun_at.is_some()));
    let Some(outcome) = outcome else { return Ok(false) };
    let ended = Step::CarryOut(outcome);
    Ok(keys.step_request(&request.tenant, request.id, ended, &Actor::Daybook, now).await.map(|_| true)?)
}

/// The first half of a round of the role: takes in. What fails is told, and tried again in the next.
pub(crate) async fn receive(config: &crate::Config) {
    match take_in(&config.keys, &config.db).await {
        Ok(0) => {}
        Ok(opened) => tracing::info!(opened, "took in requests of shops"),
        Err(error) => tracing::warn!(%error, "requests of shops are waiting to be taken in; trying again"),
    }
}

/// The second half: settles, and looks at the due dates.
pub(crate) async fn attend(config: &crate::Config, deadlines: &mut Deadlines, now: Timestamp) {
    match settle(&config.keys, &config.log, &config.db, now).await {
        Ok(0) => {}
        Ok(closed) => tracing::info!(closed, "closed people's requests"),
        Err(error) => tracing::warn!(%error, "not all requests could be carried out; trying again"),
    }
    match deadlines.look(&config.keys, now).await {
        Ok((pressing, told)) => {
            deadlines::measure(pressing);
            told.iter().for_each(deadlines::tell);
        }
        Err(error) => tracing::warn!(%error, "the due dates of requests could not be watched; trying again"),
    }
}
