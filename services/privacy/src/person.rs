//! Everything that is held about one person, gathered for that person: their details, their orders, who looked at them, what they asked
//! for and decided, what is kept and for how long. Gathering opens their boxes, in one question to the key store and one for each request
//! that they wrote something with; each puts it on record.
//!
//! Only what is of this very person is opened. An order that somebody else placed for them gives their details as its recipient, and
//! nothing of what was bought.

mod decisions;

pub use decisions::Decision;

use std::collections::BTreeSet;

use commerce::{OrderId, Part, PartKey, SubjectId};
use connectors::Details;
use ledger::{Currency, Money, Timestamp};
use serde::Serialize;
use store::books::{self, OrderView, PersonRow, TenantRow, parcel_state};
use store::db::{Db, DbError};
use store::keys::{
    Access, AccessBy, BoxRef, KeyStore, KeyStoreError, OpenBoxError, Request, RequestState, RetentionClass, Shown,
    Taken, Words,
};
use subject_keys::Opened;

/// What is held about one person. It is personal data: it goes to them, and to no log.
#[derive(Serialize)]
pub struct Held {
    /// `daybook-personal-data/1`.
    pub format: &'static str,
    /// Whose customer.
    pub tenant: String,
    /// The random id under which they are known.
    pub subject: String,
    /// When it was gathered.
    pub made_at: String,
    /// Their details, by what they came with.
    pub details: Vec<Detail>,
    /// What they ordered, the latest last.
    pub orders: Vec<Ordered>,
    /// Who looked at their details.
    pub accesses: Vec<Looked>,
    /// What they asked for.
    pub requests: Vec<Asked>,
    /// What they decided about it.
    pub decisions: Vec<Decision>,
    /// What must not be erased yet.
    pub holds: Vec<Kept>,
    /// What is held, why, and for how long.
    pub kept: Vec<Kept>,
}

/// Details as they came with an order or a customer record.
#[derive(Serialize)]
pub struct Detail {
    /// `order/123`, `order/123/refund/4`, `customer/5`.
    pub about: String,
    /// `buyer`, `recipient` or `customer`.
    pub role: String,
    /// False if the box does not open: it is erased, or damaged.
    pub readable: bool,
    /// What is in it.
    #[serde(flatten)]
    pub details: Details,
}

/// An order.
#[derive(Serialize)]
pub struct Ordered {
    /// The shop's number.
    pub order: String,
    /// Its printed name.
    pub name: Option<String>,
    /// When it was placed.
    pub placed_at: Option<String>,
    /// In a word.
    pub status: String,
    /// `cash on delivery` or `prepaid`.
    pub payment: &'static str,
    /// ISO 4217.
    pub currency: Option<String>,
    /// In decimals, with the currency.
    pub total: Option<String>,
    /// Given back, in decimals, with the currency.
    pub refunded: Option<String>,
    /// Where it went.
    pub city: Option<String>,
    /// Where it went.
    pub country: Option<String>,
    /// What was bought.
    pub lines: Vec<Line>,
    /// How it was sent.
    pub parcels: Vec<Sent>,
    /// By when their details of it are destroyed, if nothing holds them.
    pub details_kept_until: Option<String>,
}

/// A line of an order.
#[derive(Serialize)]
pub struct Line {
    /// What.
    pub sku: Option<String>,
    /// How many.
    pub quantity: i64,
    /// For how much each, in decimals, with the currency.
    pub unit_price: String,
}

/// A parcel.
#[derive(Serialize)]
pub struct Sent {
    /// By whom it was carried.
    pub courier: String,
    /// Under which number.
    pub tracking: String,
    /// Where it stands.
    pub state: &'static str,
}

/// Somebody looked.
#[derive(Serialize)]
pub struct Looked {
    /// When.
    pub at: String,
    /// A slug of the merchant's staff, `operator`, `daybook` or `self`.
    pub who: String,
    /// `staff`, `operator`, `system` or `person`.
    pub role: String,
    /// Why.
    pub purpose: String,
    /// Of which boxes.
    pub labels: Vec<String>,
    /// Which details.
    pub fields: Vec<String>,
    /// `masked`, `clear`, `processed` or `refused`.
    pub shown: String,
}

/// Something they asked for.
#[derive(Serialize)]
pub struct Asked {
    /// Its id.
    pub request: String,
    /// What for.
    pub kind: &'static str,
    /// When.
    pub received_at: String,
    /// By when it is answered.
    pub due_at: String,
    /// How far it has come.
    pub state: String,
    /// What came of it, or why it was refused.
    pub outcome: Option<String>,
    /// What they wrote.
    pub words: Option<String>,
    /// Every step.
    pub steps: Vec<Stepped>,
}

/// A step of what they asked for.
#[derive(Serialize)]
pub struct Stepped {
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// What.
    pub step: String,
    /// The outcome, the reason, how they were verified.
    pub detail: Option<String>,
}

/// Something that is kept.
#[derive(Serialize)]
pub struct Kept {
    /// What.
    pub what: String,
    /// Why, and on which ground.
    pub why: String,
    /// For how long.
    pub until: String,
}

/// Why nothing was gathered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GatherError {
    /// The key store did not answer, or who asks may not see people in clear.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// What they wrote with a request did not open.
    #[error(transparent)]
    Words(#[from] OpenBoxError),
    /// The books did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Gathers what is held about somebody. `by` is who gathers it and why, in clear.
pub async fn gather(
    keys: &KeyStore,
    db: &Db,
    row: &TenantRow,
    subject: SubjectId,
    by: &AccessBy,
) -> Result<Held, GatherError> {
    let boxes = books::people_of(db, &row.tenant, subject).await?;
    let details = open(keys, &boxes, by).await?;
    let kept_days = days_of(keys, row, RetentionClass::Customers).await?;
    let mut orders = Vec::new();
    for order in bought(&boxes) {
        if let Some(view) = books::order(db, &row.tenant, order).await? {
            orders.push(ordered(db, row, view, kept_days).await?);
        }
    }
    let requests = asked(keys, row, subject, by).await?;
    let accesses = keys.accesses_of(&row.tenant, subject).await?.into_iter().map(looked).collect();
    let holds = holds(keys, row, subject, by.at).await?;
    Ok(Held {
        format: "daybook-personal-data/1",
        tenant: row.tenant.to_string(),
        subject: subject.to_string(),
        made_at: by.at.to_string(),
        details,
        orders,
        accesses,
        requests,
        decisions: decisions::of(keys, row, subject).await?,
        holds,
        kept: kept(kept_days, days_of(keys, row, RetentionClass::Accesses).await?),
    })
}

async fn open(keys: &KeyStore, rows: &[PersonRow], by: &AccessBy) -> Result<Vec<Detail>, KeyStoreError> {
    let held: Vec<&[u8]> = rows.iter().map(|row| row.sealed.as_deref().unwrap_or_default()).collect();
    let boxes: Vec<BoxRef<'_>> = rows.iter().zip(&held).map(|(row, sealed)| box_of(row, sealed)).collect();
    let opened = keys.open_many(&boxes, by).await?;
    Ok(rows.iter().zip(opened).map(|(row, opened)| detail(row, opened)).collect())
}

fn box_of<'a>(row: &'a PersonRow, sealed: &'a [u8]) -> BoxRef<'a> {
    BoxRef { tenant: &row.key.tenant, subject: row.subject, event: row.event, label: &row.key.role, sealed }
}

fn detail(row: &PersonRow, opened: Result<Opened, OpenBoxError>) -> Detail {
    let clear = opened.ok().and_then(Opened::clear);
    let details = clear.and_then(|content| serde_json::from_slice(&content).ok());
    let (about, role) = (row.key.about.clone(), row.key.role.clone());
    Detail { about, role, readable: details.is_some(), details: details.unwrap_or_default() }
}

/// The orders that they placed themselves.
fn bought(rows: &[PersonRow]) -> BTreeSet<OrderId> {
    let order = |row: &PersonRow| row.key.about.strip_prefix("order/")?.split('/').next()?.parse().ok();
    rows.iter().filter(|row| row.key.role == "buyer").filter_map(order).collect()
}

async fn ordered(db: &Db, row: &TenantRow, view: OrderView, kept_days: u16) -> Result<Ordered, DbError> {
    let parts = books::case_of(db, &row.tenant, view.order).await?;
    let (mut lines, mut parcels) = (Vec::new(), Vec::new());
    for part in parts {
        match (part.key, part.part) {
            (_, Part::Order(order)) => {
                let terms = order.terms.as_ref();
                lines.extend(terms.into_iter().flat_map(|terms| {
                    terms.lines.iter().map(|line| Line {
                        sku: line.sku.as_ref().map(ToString::to_string),
                        quantity: line.quantity,
                        unit_price: money(Some(terms.currency), line.unit_price),
                    })
                }));
            }
            (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => parcels.push(Sent {
                courier: courier.to_string(),
                tracking: tracking.to_string(),
                state: parcel_state(parcel.state()),
            }),
            _ => {}
        }
    }
    let currency: Option<Currency> = view.currency.as_deref().and_then(|code| code.parse().ok());
    Ok(Ordered {
        order: view.order.to_string(),
        name: view.name,
        placed_at: view.placed_at.map(|at| at.to_string()),
        status: view.status,
        payment: if view.cod { "cash on delivery" } else { "prepaid" },
        currency: view.currency,
        total: view.total.map(|minor| money(currency, minor)),
        refunded: (view.refunded != 0).then(|| money(currency, view.refunded)),
        city: view.city,
        country: view.country,
        lines,
        parcels,
        details_kept_until: view.placed_at.map(|at| latest(at, kept_days)),
    })
}

fn money(currency: Option<Currency>, minor: i64) -> String {
    currency.map_or_else(|| minor.to_string(), |currency| Money { minor, currency }.to_string())
}

/// Keys end by whole months, so this is the latest day on which those of an order placed then do.
fn latest(placed_at: Timestamp, days: u16) -> String {
    const DAY: i64 = 86_400_000_000;
    let at = Timestamp(placed_at.0.saturating_add(i64::from(days).saturating_add(32).saturating_mul(DAY)));
    at.day(ledger::BusinessZone::UTC).to_string()
}

async fn days_of(keys: &KeyStore, row: &TenantRow, class: RetentionClass) -> Result<u16, KeyStoreError> {
    let limits = keys.retention(&row.tenant).await?;
    Ok(limits.iter().find(|limit| limit.class == class).map_or(class.usual(), |limit| limit.days).get())
}

async fn holds(
    keys: &KeyStore,
    row: &TenantRow,
    subject: SubjectId,
    now: Timestamp,
) -> Result<Vec<Kept>, KeyStoreError> {
    let all = keys.holds(&row.tenant, now).await?;
    let of = all.into_iter().filter(|hold| hold.subject == subject);
    Ok(of
        .map(|hold| Kept {
            what: "everything about you: it is not erased before that day".to_owned(),
            why: hold.reason.as_str().to_owned(),
            until: hold.until.to_string(),
        })
        .collect())
}

fn looked(access: Access) -> Looked {
    let Access { at, actor, role, purpose, labels, fields, shown, .. } = access;
    Looked { at: at.to_string(), who: actor, role, purpose, labels, fields, shown }
}

async fn asked(keys: &KeyStore, row: &TenantRow, subject: SubjectId, by: &AccessBy) -> Result<Vec<Asked>, GatherError> {
    let mut all = Vec::new();
    for request in keys.requests_of(&row.tenant, subject).await? {
        let words = match (request.has_words, by.shown) {
            (true, Shown::Clear) => match keys.request_words(&row.tenant, request.id, by).await {
                // One that is damaged takes nothing else from them; `daybook verify` is for the operator.
                Err(OpenBoxError::Box(_) | OpenBoxError::NoSuchKey | OpenBoxError::NotTheirs) => Words::None,
                words => words?,
            },
            _ => Words::None,
        };
        let steps = keys.request_trail(&row.tenant, request.id).await?.into_iter().map(stepped).collect();
        all.push(told(&request, words, steps));
    }
    Ok(all)
}

fn told(request: &Request, words: Words, steps: Vec<Stepped>) -> Asked {
    Asked {
        request: request.id.to_string(),
        kind: request.terms.kind.as_str(),
        received_at: request.received_at.to_string(),
        due_at: request.deadline.due_at.to_string(),
        state: request.state.as_str().to_owned(),
        outcome: match &request.state {
            RequestState::CarriedOut(slug) | RequestState::Refused(slug) => Some(slug.to_string()),
            RequestState::Merged(first) => Some(first.to_string()),
            _ => None,
        },
        words: match words {
            Words::None => None,
            Words::Written(words) => Some(String::from_utf8_lossy(&words).into_owned()),
        },
        steps,
    }
}

fn stepped(step: Taken) -> Stepped {
    let Taken { at, actor, step, detail, .. } = step;
    Stepped { at: at.to_string(), who: actor, step, detail }
}

/// What is held of every customer, in words.
fn kept(customers: u16, accesses: u16) -> Vec<Kept> {
    let rows = [
        (
            "your name, phone number, e-mail and postal address, what you typed, your IP address and browser, with each order",
            "to deliver what you ordered and to answer for it (contract)".to_owned(),
            format!("{customers} days from each order, by whole months; then the keys are destroyed"),
        ),
        (
            "your orders, amounts and parcels, without your details",
            "the merchant's books (legal obligation)".to_owned(),
            "as long as the law asks for; they name nobody".to_owned(),
        ),
        (
            "who looked at your details",
            "so that it can be answered for (legal obligation)".to_owned(),
            format!("{accesses} days"),
        ),
        (
            "what you asked for, and how it was answered",
            "so that it can be answered for (legal obligation)".to_owned(),
            "what you wrote goes with your details; that you asked, and the outcome, is kept without naming you"
                .to_owned(),
        ),
    ];
    rows.map(|(what, why, until)| Kept { what: what.to_owned(), why, until }).into()
}

/// Shows nothing of what is held.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} of {})", self.subject, self.tenant)
    }
}
