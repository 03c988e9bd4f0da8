//! Sealed details: who is behind an order, a refund or a customer record, as boxes this process cannot open. The later
//! version stands; an erased subject has none.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{Fact, SubjectId, TenantId};
use events::{Event, Payload, SealedBox};
use ledger::Timestamp;
use store::books::{self, ErasedRow, PersonKey, PersonRow, RequestRow};
use store::db::{DbError, Tx};

use crate::work::Work;

/// Folds a batch: three look-ups and four writes.
pub(crate) async fn fold(tx: &mut Tx, work: &Work) -> Result<(), DbError> {
    let events = || work.events().map(|(_, event)| event);
    let tombstones: Vec<ErasedRow> = unique(events().filter_map(tombstone), |row| (row.tenant.clone(), row.subject));
    books::save_erased(tx, &tombstones).await?;
    let requests = unique(events().filter_map(request), |row| (row.tenant.clone(), row.request));
    books::save_requests(tx, &requests).await?;
    let arrived: Vec<PersonRow> = events().flat_map(people).collect();
    let stored = books::people(tx, &arrived.iter().map(|row| row.key.clone()).collect()).await?;
    let mut latest = latest(stored.into_iter().chain(arrived));
    let subjects: BTreeSet<(TenantId, SubjectId)> =
        latest.values().map(|row| (row.key.tenant.clone(), row.subject)).collect();
    let erased = books::erased(tx, &subjects).await?;
    for row in latest.values_mut() {
        if erased.contains(&(row.key.tenant.clone(), row.subject)) {
            row.sealed = None;
        }
    }
    books::save_people(tx, &latest.into_values().collect::<Vec<_>>()).await?;
    books::erase_people(tx, &tombstones).await
}

fn latest(rows: impl Iterator<Item = PersonRow>) -> BTreeMap<PersonKey, PersonRow> {
    let mut latest: BTreeMap<PersonKey, PersonRow> = BTreeMap::new();
    for row in rows {
        let newer = |known: &PersonRow| (known.version, known.event) < (row.version, row.event);
        if latest.get(&row.key).is_none_or(newer) {
            latest.insert(row.key.clone(), row);
        }
    }
    latest
}

/// The first of each key: what is repeated within a batch is the same fact.
fn unique<K: Ord, T>(rows: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut first = BTreeMap::new();
    for row in rows {
        first.entry(key(&row)).or_insert(row);
    }
    first.into_values().collect()
}

fn people(event: &Event) -> Vec<PersonRow> {
    let Payload::Fact { fact, boxes } = &event.payload else { return Vec::new() };
    let Some((about, version)) = about(fact) else { return Vec::new() };
    let row = |sealed: &SealedBox| PersonRow {
        key: PersonKey { tenant: event.tenant.clone(), about: about.clone(), role: sealed.label.clone() },
        subject: sealed.subject,
        event: event.id,
        version,
        sealed: Some(sealed.sealed.clone()).filter(|bytes| !bytes.is_empty()),
    };
    boxes.iter().map(row).collect()
}

/// What a fact's details are about, and their version.
fn about(fact: &Fact) -> Option<(String, Timestamp)> {
    match fact {
        Fact::OrderRevised(f) => Some((format!("order/{}", f.order), f.version)),
        Fact::RefundIssued(f) => Some((format!("order/{}/refund/{}", f.order, f.refund), f.refunded_at)),
        Fact::FulfilmentRecorded(f) => Some((format!("order/{}/fulfilment/{}", f.order, f.fulfilment), f.version)),
        Fact::CustomerRecorded(f) => Some((format!("customer/{}", f.customer), f.version)),
        _ => None,
    }
}

fn tombstone(event: &Event) -> Option<ErasedRow> {
    match &event.payload {
        Payload::Fact { fact: Fact::SubjectErased(f), .. } => {
            Some(ErasedRow { tenant: event.tenant.clone(), subject: f.subject, erased_at: f.erased_at })
        }
        _ => None,
    }
}

fn request(event: &Event) -> Option<RequestRow> {
    let Payload::Fact { fact, .. } = &event.payload else { return None };
    let (kind, subject, requested_at) = match fact {
        Fact::RedactionRequested(f) => ("redact", f.subject, f.requested_at),
        Fact::DataRequested(f) => ("data_request", f.subject, f.requested_at),
        Fact::ShopRedactionRequested(f) => ("shop_redact", None, f.requested_at),
        _ => return None,
    };
    Some(RequestRow { tenant: event.tenant.clone(), request: event.id, kind, subject, requested_at })
}
