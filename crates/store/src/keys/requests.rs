//! Requests of people about their data: what somebody asked for, how far it has come, by when it is due, and every step of it.
//!
//! Which step may follow which is decided by `state`, which is pure; here its answers are written, each with a row on the trail, in one
//! transaction under the tenant's lock. Nothing of it can be rebuilt, and nothing of it names anybody: what a person wrote is
//! sealed under their key, and opening it is on the access log like any other opening.
//!
//! Somebody who asks for the same again while the first request is open joins it ([`Filed::Joined`]): the first one keeps its due date
//! and remembers how many joined. What a shop's message asks for has the id of the message's event, so one that comes again opens
//! nothing ([`Filed::Known`]).

mod due;
mod read;
mod rows;
mod state;
mod words;

pub use due::{Deadline, Urgency};
pub use read::WaitingErasure;
use state::next;
pub use state::{NotAllowed, RequestKind, RequestState, Step, Terms, UnknownRequestKind, Verification};
pub use words::{MOST_WORDS, Words};

use commerce::{Reason, SubjectId, TenantId};
use ledger::{BusinessZone, Timestamp};
use subject_keys::Pii;
use uuid::Uuid;

use super::access::Actor;
use super::erasure::{EraseSubjectError, one_of, state_of, whose};
use super::identity::SubjectState;

use super::{KeyStore, KeyStoreError, lock};
use crate::db::{DbError, Tx, Value};
use rows::{SELECT, insert, open_like, read_request, record, save};

/// The way by which a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestChannel {
    /// Somebody of the merchant's entered it.
    Operator,
    /// The person, on the page for it.
    Page,
    /// The shop's platform, in a signed message.
    Shop,
}

/// A request that comes in.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// A random id, or that of the event that says so.
    pub id: Uuid,
    /// Who asks. Nobody where a shop means somebody who is not known here, or itself.
    pub subject: Option<SubjectId>,
    /// For what.
    pub kind: RequestKind,
    /// How it came.
    pub channel: RequestChannel,
    /// How it was shown that it is they who ask, if it was.
    pub verified: Option<Verification>,
    /// Who enters it.
    pub by: Actor,
    /// What they wrote, if anything: sealed before it is stored.
    pub words: Option<Pii<String>>,
    /// When it came.
    pub received_at: Timestamp,
    /// The merchant's time, in whose days it is due.
    pub zone: BusinessZone,
}

/// A request on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose customer.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// Who asks, if they are known here.
    pub subject: Option<SubjectId>,
    /// For what, and how it is to be treated.
    pub terms: Terms,
    /// How it came.
    pub channel: RequestChannel,
    /// How far it has come.
    pub state: RequestState,
    /// How many others joined it.
    pub joined: i64,
    /// When it came.
    pub received_at: Timestamp,
    /// By when it is to be answered.
    pub deadline: Deadline,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Whether the person wrote something that can still be opened.
    pub has_words: bool,
    /// How many steps are on the trail.
    steps: i64,
}

/// A step on the trail. Texts are slugs and words of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// From 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who: a slug of the merchant's staff, `operator`, `daybook` or `self`.
    pub actor: String,
    /// As what: `staff`, `operator`, `system` or `person`.
    pub role: String,
    /// What: `received`, `verified`, `approved`, `begun`, `carried-out`, `overtaken`, `refused`, `withdrawn`, `joined` or `merged`.
    pub step: String,
    /// How it was verified; the outcome; the reason; the id of the other request.
    pub detail: Option<String>,
}

/// What became of a request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filed {
    /// It is on record.
    Opened(Request),
    /// The person had asked for the same: this request goes on for both.
    Joined(Request),
    /// The same message came before: this is what stands.
    Known(Request),
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The key store did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// There is no request with this id.
    #[error("there is no such request")]
    Unknown,
    /// Nobody is known by this id.
    #[error("no such subject is known here")]
    UnknownSubject,
    /// They are erased, so nothing that they write can be sealed for them. File the request without it.
    #[error("they are erased: nothing can be sealed for them any more")]
    Erased,
    /// More than a request takes.
    #[error("what somebody writes with a request has at most {MOST_WORDS} bytes")]
    TooLong,
    /// The step is not one that may follow.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

impl From<DbError> for RequestError {
    fn from(error: DbError) -> Self {
        RequestError::Store(error.into())
    }
}

impl From<EraseSubjectError> for RequestError {
    fn from(error: EraseSubjectError) -> Self {
        match error {
            EraseSubjectError::Store(error) => RequestError::Store(error),
            _ => RequestError::UnknownSubject,
        }
    }
}

impl RequestChannel {
    const ALL: [RequestChannel; 3] = [RequestChannel::Operator, RequestChannel::Page, RequestChannel::Shop];

    /// `operator`, `page` or `shop`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestChannel::Operator => "operator",
            RequestChannel::Page => "page",
            RequestChannel::Shop => "shop",
        }
    }
}

impl Filed {
    /// The request that goes on.
    pub fn request(&self) -> &Request {
        match self {
            Filed::Opened(request) | Filed::Joined(request) | Filed::Known(request) => request,
        }
    }
}

impl KeyStore {
    /// Puts a request on record, or with one of the same kind that the person has open. A message that came before changes nothing.
    pub async fn file_request(&self, tenant: &TenantId, new: NewRequest) -> Result<Filed, RequestError> {
        if new.words.as_ref().is_some_and(|words| words.expose().len() > MOST_WORDS) {
            return Err(RequestError::TooLong);
        }
        if new.words.is_some() {
            self.require_current_key().await?;
        }
        let what = (self.clone(), tenant.clone(), new);
        self.db
            .run_tx("file-request", move |tx| {
                let (store, tenant, new) = what.clone();
                Box::pin(async move { store.file_in(tx, &tenant, &new).await })
            })
            .await
    }

    async fn file_in(&self, tx: &mut Tx, tenant: &TenantId, new: &NewRequest) -> Result<Filed, RequestError> {
        let dialect = tx.dialect();
        lock::tenants(tx, dialect, [tenant]).await?;
        if let Some(known) = find(tx, tenant, new.id).await? {
            return Ok(Filed::Known(known));
        }
        let state = match new.subject {
            Some(subject) => Some(state_of(tx, tenant, subject).await?),
            None => None,
        };
        let two_people = new.kind == RequestKind::Erasure && needs_two(tx, tenant).await?;
        let mut request = Request::new(tenant, new, Terms { kind: new.kind, two_people });
        let words = match (&new.words, new.subject) {
            (None, _) | (Some(_), None) => None,
            (Some(_), Some(_)) if state != Some(SubjectState::Active) => return Err(RequestError::Erased),
            (Some(words), Some(subject)) => Some(self.seal_words(tx, tenant, subject, new, words).await?),
        };
        request.has_words = words.is_some();
        match open_like(tx, &request).await? {
            Some(first) => join(tx, first, request, words, new).await,
            None => open(tx, request, words, new).await,
        }
    }

    /// Takes a step of a request; gives the request as it then is.
    pub async fn step_request(
        &self,
        tenant: &TenantId,
        id: Uuid,
        step: Step,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Request, RequestError> {
        let what = (tenant.clone(), step, by.clone());
        self.db
            .run_tx("step-request", move |tx| {
                let (tenant, step, by) = what.clone();
                Box::pin(async move {
                    let dialect = tx.dialect();
                    lock::tenants(tx, dialect, [&tenant]).await?;
                    let mut request = find(tx, &tenant, id).await?.ok_or(RequestError::Unknown)?;
                    take(tx, &mut request, &step, &by, at).await?;
                    Ok(request)
                })
            })
            .await
    }

    /// Whether it takes two people to have somebody of this tenant erased on request. It does, unless the tenant said otherwise.
    pub async fn erasure_takes_two(&self, tenant: &TenantId) -> Result<bool, KeyStoreError> {
        let rows = self.db.query(RULE, vec![tenant.as_str().into()]).await?;
        Ok(rows.first().map(|row| row.int(0)).transpose()? != Some(0))
    }

    /// Sets that, for requests that come from now on.
    pub async fn set_erasure_takes_two(&self, tenant: &TenantId, two: bool) -> Result<(), KeyStoreError> {
        let args: Vec<Value> = vec![tenant.as_str().into(), two.into()];
        let unit = self.db.run_tx("set-request-rule", move |tx| {
            let args = args.clone();
            let sql = "INSERT INTO request_rule (tenant, two_people) VALUES ($1, $2) ON CONFLICT (tenant) \
                       DO UPDATE SET two_people = EXCLUDED.two_people";
            Box::pin(async move { tx.execute(sql, args).await })
        });
        unit.await.map_err(|error: DbError| error)?;
        Ok(())
    }
}

const RULE: &str = "SELECT two_people FROM request_rule WHERE tenant = $1";

async fn needs_two(tx: &mut Tx, tenant: &TenantId) -> Result<bool, DbError> {
    let rows = tx.query(RULE, vec![tenant.as_str().into()]).await?;
    Ok(rows.first().map(|row| row.int(0)).transpose()? != Some(0))
}

async fn find(tx: &mut Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Request>, DbError> {
    let sql = format!("{SELECT} WHERE tenant = $1 AND request = $2");
    let rows = tx.query(&sql, vec![tenant.as_str().into(), id.to_string().into()]).await?;
    rows.first().map(read_request).transpose()
}

/// A request of which there is no other open one.
async fn open(
    tx: &mut Tx,
    mut request: Request,
    words: Option<Vec<u8>>,
    new: &NewRequest,
) -> Result<Filed, RequestError> {
    insert(tx, &request, words).await?;
    record(tx, &mut request, "received", Some(new.channel.as_str()), &new.by, new.received_at).await?;
    match new.verified {
        Some(how) => take(tx, &mut request, &Step::Verify(how), &new.by, new.received_at).await?,
        None => save(tx, &request).await?,
    }
    Ok(Filed::Opened(request))
}

/// A request for what is asked already: it is on record, closed, and the first one goes on, verified if either was.
async fn join(
    tx: &mut Tx,
    mut first: Request,
    mut request: Request,
    words: Option<Vec<u8>>,
    new: &NewRequest,
) -> Result<Filed, RequestError> {
    let (by, at) = (&new.by, new.received_at);
    request.state = RequestState::Merged(first.id);
    request.closed_at = Some(at);
    insert(tx, &request, words).await?;
    record(tx, &mut request, "received", Some(new.channel.as_str()), by, at).await?;
    record(tx, &mut request, "merged", Some(&first.id.to_string()), by, at).await?;
    save(tx, &request).await?;
    take(tx, &mut first, &Step::Join(request.id), by, at).await?;
    if let Some(how) = new.verified {
        match take(tx, &mut first, &Step::Verify(how), by, at).await {
            // It was verified before, or goes on already.
            Ok(()) | Err(RequestError::NotAllowed(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Filed::Joined(first))
}

/// Takes a step, and puts it on the trail.
async fn take(tx: &mut Tx, request: &mut Request, step: &Step, by: &Actor, at: Timestamp) -> Result<(), RequestError> {
    request.state = next(request.terms, &request.state, step, by)?;
    if let Step::Join(_) = step {
        request.joined += 1;
    }
    if !request.state.is_open() {
        request.closed_at = Some(at);
    }
    record(tx, request, step.as_str(), step.detail().as_deref(), by, at).await?;
    Ok(save(tx, request).await?)
}

/// Lets go of what erased people wrote: it opens no more, and its bytes are of no use to anybody.
pub(super) async fn forget(tx: &mut Tx, tenant: &TenantId, subjects: &[SubjectId]) -> Result<(), DbError> {
    let dialect = tx.dialect();
    let theirs = one_of(dialect, "subject");
    let words = format!("UPDATE request SET words = NULL WHERE tenant = $1 AND {theirs} AND words IS NOT NULL");
    tx.execute(&words, whose(dialect, tenant, subjects)).await.map(|_| ())
}

/// The same for everybody who is erased, after a restored key store has learnt again who is.
pub(super) async fn forget_of_erased(tx: &mut Tx) -> Result<(), DbError> {
    let words = "UPDATE request SET words = NULL WHERE words IS NOT NULL AND EXISTS (SELECT 1 FROM subject s \
                 WHERE s.tenant = request.tenant AND s.subject = request.subject AND s.state = 'erased')";
    tx.execute(words, vec![]).await.map(|_| ())
}

impl Request {
    fn new(tenant: &TenantId, new: &NewRequest, terms: Terms) -> Request {
        Request {
            tenant: tenant.clone(),
            id: new.id,
            subject: new.subject,
            terms,
            channel: new.channel,
            state: RequestState::Received,
            joined: 0,
            received_at: new.received_at,
            deadline: Deadline::of(new.received_at, new.zone),
            closed_at: None,
            has_words: false,
            steps: 0,
        }
    }

    /// How much it presses now: what is closed does not.
    pub fn urgency(&self, now: Timestamp) -> Urgency {
        if self.state.is_open() { self.deadline.urgency(now) } else { Urgency::InTime }
    }
}

impl Step {
    fn detail(&self) -> Option<String> {
        match self {
            Step::Verify(how) => Some(how.as_str().to_owned()),
            Step::CarryOut(slug) | Step::Refuse(slug) => Some(slug.as_str().to_owned()),
            Step::Join(other) => Some(other.to_string()),
            Step::Approve | Step::Begin | Step::Overtake | Step::Withdraw => None,
        }
    }
}

impl Request {
    /// The outcome of an erasure that was asked for and done.
    pub fn erased() -> Reason {
        state::slug("erased")
    }

    /// The outcome of what a shop asks about somebody of whom nothing is held.
    pub fn nobody_known() -> Reason {
        state::slug("nobody-known")
    }
}
