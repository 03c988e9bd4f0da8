//! Requests as rows: what is written of them, and read back. What is not as this program writes it is damage.

use ledger::Timestamp;
use uuid::Uuid;

use super::super::access::Actor;
use super::super::corrupt;
use super::super::resolve::{subject, tenant};
use super::{Deadline, Request, RequestChannel, RequestState, Taken, Terms};
use crate::db::{DbError, Row, Tx, Value};

pub(super) const SELECT: &str = "SELECT tenant, request, subject, kind, channel, state, detail, first_by, two_people, joined, steps, \
                                 received_at, warn_at, due_at, closed_at, \
                                 CASE WHEN words IS NULL THEN 0 ELSE 1 END FROM request";

/// Adds a request. Its state and counts are written again with each step.
pub(super) async fn insert(tx: &mut Tx, request: &Request, words: Option<Vec<u8>>) -> Result<(), DbError> {
    let sql = "INSERT INTO request (tenant, request, subject, kind, channel, state, two_people, joined, steps, received_at, \
               warn_at, due_at, closed_at, words) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10, $11, $12)";
    let args = vec![
        request.tenant.as_str().into(),
        request.id.to_string().into(),
        request.subject.map(|subject| subject.to_string()).into(),
        request.terms.kind.as_str().into(),
        request.channel.as_str().into(),
        request.state.as_str().into(),
        request.terms.two_people.into(),
        request.received_at.0.into(),
        request.deadline.warn_at.0.into(),
        request.deadline.due_at.0.into(),
        request.closed_at.map(|at| at.0).into(),
        words.into(),
    ];
    tx.execute(sql, args).await.map(|_| ())
}

/// Writes what steps change.
pub(super) async fn save(tx: &mut Tx, request: &Request) -> Result<(), DbError> {
    let (detail, first_by) = match &request.state {
        RequestState::ApprovedOnce(staff) => (None, Some(staff.to_string())),
        RequestState::CarriedOut(slug) | RequestState::Refused(slug) => (Some(slug.to_string()), None),
        RequestState::Merged(first) => (Some(first.to_string()), None),
        _ => (None, None),
    };
    let sql = "UPDATE request SET state = $3, detail = $4, first_by = $5, joined = $6, steps = $7, closed_at = $8 \
               WHERE tenant = $1 AND request = $2";
    let args = vec![
        request.tenant.as_str().into(),
        request.id.to_string().into(),
        request.state.as_str().into(),
        detail.into(),
        first_by.into(),
        request.joined.into(),
        request.steps.into(),
        request.closed_at.map(|at| at.0).into(),
    ];
    tx.execute(sql, args).await.map(|_| ())
}

/// Puts a step on the trail.
pub(super) async fn record(
    tx: &mut Tx,
    request: &mut Request,
    step: &str,
    detail: Option<&str>,
    by: &Actor,
    at: Timestamp,
) -> Result<(), DbError> {
    request.steps += 1;
    let sql = "INSERT INTO request_step (tenant, request, number, taken_at, actor, role, step, detail) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args: Vec<Value> = vec![
        request.tenant.as_str().into(),
        request.id.to_string().into(),
        request.steps.into(),
        at.0.into(),
        by.name().into(),
        by.role().into(),
        step.into(),
        detail.into(),
    ];
    tx.execute(sql, args).await.map(|_| ())
}

/// The open request of the same kind that this person, or for itself this tenant, has.
pub(super) async fn open_like(tx: &mut Tx, request: &Request) -> Result<Option<Request>, DbError> {
    let mut args: Vec<Value> = vec![request.tenant.as_str().into(), request.terms.kind.as_str().into()];
    let whose = match request.subject {
        Some(subject) => {
            args.push(subject.to_string().into());
            "subject = $3"
        }
        // What a shop asks about people who are not known here is about different people.
        None if request.terms.kind.is_of_person() => return Ok(None),
        None => "subject IS NULL",
    };
    let sql = format!("{SELECT} WHERE tenant = $1 AND kind = $2 AND {whose} AND closed_at IS NULL");
    tx.query(&sql, args).await?.first().map(read_request).transpose()
}

pub(super) fn read_request(row: &Row) -> Result<Request, DbError> {
    let kind = row.text(3)?.parse().map_err(|_| corrupt("a request's kind is unknown"))?;
    let channel = RequestChannel::ALL.into_iter().find(|channel| Ok(channel.as_str()) == row.text(4));
    Ok(Request {
        tenant: tenant(row.text(0)?)?,
        id: request_id(row.text(1)?)?,
        subject: row.opt_text(2)?.map(subject).transpose()?,
        terms: Terms { kind, two_people: row.int(8)? != 0 },
        channel: channel.ok_or_else(|| corrupt("a request's channel is unknown"))?,
        state: read_state(row.text(5)?, row.opt_text(6)?, row.opt_text(7)?)?,
        joined: row.int(9)?,
        steps: row.int(10)?,
        received_at: Timestamp(row.int(11)?),
        deadline: Deadline { warn_at: Timestamp(row.int(12)?), due_at: Timestamp(row.int(13)?) },
        closed_at: row.opt_int(14)?.map(Timestamp),
        has_words: row.int(15)? != 0,
    })
}

fn read_state(state: &str, detail: Option<&str>, first_by: Option<&str>) -> Result<RequestState, DbError> {
    let slug = || detail.and_then(|text| text.parse().ok()).ok_or_else(|| corrupt("a request's outcome is not a slug"));
    Ok(match state {
        "received" => RequestState::Received,
        "verified" => RequestState::Verified,
        "approved-once" => {
            let first = first_by.and_then(|text| text.parse().ok());
            RequestState::ApprovedOnce(first.ok_or_else(|| corrupt("a request was approved by nobody"))?)
        }
        "approved" => RequestState::Approved,
        "under-way" => RequestState::UnderWay,
        "carried-out" => RequestState::CarriedOut(slug()?),
        "refused" => RequestState::Refused(slug()?),
        "withdrawn" => RequestState::Withdrawn,
        "merged" => RequestState::Merged(request_id(detail.unwrap_or_default())?),
        _ => return Err(corrupt("a request's state is unknown")),
    })
}

pub(super) fn read_taken(row: &Row) -> Result<Taken, DbError> {
    Ok(Taken {
        number: row.int(0)?,
        at: Timestamp(row.int(1)?),
        actor: row.text(2)?.to_owned(),
        role: row.text(3)?.to_owned(),
        step: row.text(4)?.to_owned(),
        detail: row.opt_text(5)?.map(str::to_owned),
    })
}

pub(super) fn request_id(text: &str) -> Result<Uuid, DbError> {
    Uuid::parse_str(text).map_err(|_| corrupt("a request's id is not a UUID"))
}
