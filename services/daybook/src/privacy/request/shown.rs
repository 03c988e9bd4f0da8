//! Requests as they are printed.

use anyhow::Result;
use commerce::SubjectId;
use ledger::Timestamp;
use serde_json::{Value, json};
use store::books::TenantRow;
use store::keys::{KeyStore, Request, RequestState, Taken, Urgency, WaitingErasure};

use crate::output::{Align, Answer, Table, plural};

/// A request; `hold` is what its erasure waits for.
pub(super) fn as_json(request: &Request, hold: Option<Value>, now: Timestamp) -> Value {
    json!({
        "tenant": request.tenant.as_str(),
        "request": request.id.to_string(),
        "subject": request.subject.map(|subject| subject.to_string()),
        "kind": request.terms.kind.as_str(),
        "channel": request.channel.as_str(),
        "state": request.state.as_str(),
        "detail": detail(&request.state),
        "two_people": request.terms.two_people,
        "joined": request.joined,
        "received_at": request.received_at.to_string(),
        "due_at": request.deadline.due_at.to_string(),
        "urgency": request.urgency(now).as_str(),
        "closed_at": request.closed_at.map(|at| at.to_string()),
        "has_words": request.has_words,
        "waits_for": hold,
    })
}

/// The outcome, the reason, the other request, or who approved first.
fn detail(state: &RequestState) -> Option<String> {
    match state {
        RequestState::CarriedOut(slug) | RequestState::Refused(slug) => Some(slug.to_string()),
        RequestState::Merged(first) => Some(first.to_string()),
        RequestState::ApprovedOnce(staff) => Some(staff.to_string()),
        _ => None,
    }
}

/// How a request stands, in a sentence.
pub(super) fn line(request: &Request) -> String {
    let next = match (&request.state, request.terms.two_people) {
        (RequestState::Verified, true) => {
            "; two people have to approve it: `daybook privacy request approve ID --by WHO`"
        }
        (RequestState::ApprovedOnce(_), _) => "; somebody else has to approve it too",
        (RequestState::Verified, false) => "; `daybook privacy request complete ID --by WHO` carries it out",
        _ => "",
    };
    format!("request {} ({}) is {}{next}\n", request.id, request.terms.kind.as_str(), words(&request.state))
}

fn words(state: &RequestState) -> String {
    let name = state.as_str().replace('-', " ");
    match (state, detail(state)) {
        (RequestState::ApprovedOnce(_), Some(staff)) => format!("{name} by {staff}"),
        (_, Some(detail)) => format!("{name}: {detail}"),
        (_, None) => name,
    }
}

/// The answer of `list`; its verdict is whether none is overdue.
pub(super) async fn list(keys: &KeyStore, row: &TenantRow, all: bool, now: Timestamp) -> Result<Answer> {
    let requests = keys.requests(&row.tenant, all).await?;
    let waiting = keys.waiting_erasures(&row.tenant, now).await?;
    let overdue = requests.iter().filter(|request| request.urgency(now) == Urgency::Overdue).count();
    let hold_of = |request: &Request| {
        let of = |subject: SubjectId| waiting.iter().find(|one| one.hold.subject == subject);
        let erasure = request.state == RequestState::UnderWay;
        request.subject.filter(|_| erasure).and_then(of).map(hold)
    };
    let listed: Vec<Value> = requests.iter().map(|request| as_json(request, hold_of(request), now)).collect();
    let wishes: Vec<Value> = waiting.iter().map(wish).collect();
    let json = json!({
        "tenant": row.tenant.as_str(), "requests": listed, "waiting_erasures": wishes, "overdue": overdue,
    });
    let text = format!("{}{}", table(&requests, now), waiting_text(&waiting));
    Ok(Answer::new(&json, text).with_verdict(overdue == 0))
}

fn hold(one: &WaitingErasure) -> Value {
    json!({ "reason": one.hold.reason.as_str(), "until": one.hold.until.to_string() })
}

fn wish(one: &WaitingErasure) -> Value {
    json!({
        "subject": one.hold.subject.to_string(), "requested_at": one.requested_at.to_string(),
        "reason": one.hold.reason.as_str(), "by": one.hold.staff, "until": one.hold.until.to_string(),
    })
}

fn table(requests: &[Request], now: Timestamp) -> String {
    if requests.is_empty() {
        return "no request is open\n".to_owned();
    }
    let columns = ["request", "kind", "subject", "state", "received", "due", ""].map(|name| (Align::Left, name));
    let mut table = Table::new(columns);
    for request in requests {
        let subject = request.subject.map_or_else(|| "(nobody known)".to_owned(), |subject| subject.to_string());
        let press = match request.urgency(now) {
            Urgency::InTime => String::new(),
            Urgency::Soon => "soon".to_owned(),
            Urgency::Overdue => "OVERDUE".to_owned(),
        };
        table.row([
            request.id.to_string(),
            request.terms.kind.as_str().to_owned(),
            subject,
            words(&request.state),
            request.received_at.to_string(),
            request.deadline.due_at.to_string(),
            press,
        ]);
    }
    format!("{table}{}\n", plural(requests.len() as u64, "request", "requests"))
}

fn waiting_text(waiting: &[WaitingErasure]) -> String {
    if waiting.is_empty() {
        return String::new();
    }
    let columns = ["to be erased", "since", "waits for", "said by", "until"].map(|name| (Align::Left, name));
    let mut table = Table::new(columns);
    for WaitingErasure { requested_at, hold } in waiting {
        let (reason, staff) = (hold.reason.as_str().to_owned(), hold.staff.to_string());
        table.row([hold.subject.to_string(), requested_at.to_string(), reason, staff, hold.until.to_string()]);
    }
    format!("\n{table}")
}

/// The answer of `show`.
pub(super) async fn one(keys: &KeyStore, request: &Request, written: Option<String>, now: Timestamp) -> Result<Answer> {
    let trail = keys.request_trail(&request.tenant, request.id).await?;
    let mut json = as_json(request, None, now);
    json["trail"] = trail.iter().map(taken).collect();
    json["words"] = written.clone().into();
    let columns = ["when", "who", "what", ""].map(|name| (Align::Left, name));
    let mut table = Table::new(columns);
    for step in &trail {
        let who = format!("{} ({})", step.actor, step.role);
        table.row([step.at.to_string(), who, step.step.clone(), step.detail.clone().unwrap_or_default()]);
    }
    let written = written.map(|words| format!("\n{words}\n")).unwrap_or_default();
    let due = format!("due by {}\n", request.deadline.due_at);
    Ok(Answer::new(&json, format!("{}{due}{table}{written}", line(request))))
}

fn taken(step: &Taken) -> Value {
    json!({
        "number": step.number, "at": step.at.to_string(), "actor": step.actor, "role": step.role, "step": step.step,
        "detail": step.detail,
    })
}
