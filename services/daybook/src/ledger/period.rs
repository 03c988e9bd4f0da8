//! `daybook ledger close` and `reopen`: which days take entries.

use anyhow::{Result, bail};
use commerce::{Calendar, Fact, PeriodClosed, PeriodReopened, StandingReversals, VoucherState};
use ledger::{Day, Timestamp};
use serde_json::json;
use store::books;

use super::arguments::{Close, Reopen};
use super::counter::Counter;
use crate::output::Answer;
use crate::platform::now;

/// `daybook ledger close`.
pub(super) async fn close(counter: &Counter<'_>, asked: &Close) -> Result<Answer> {
    let through = Day::from_date(asked.through);
    let (calendar, at) = (counter.rules().await?.calendar, now());
    let closed = calendar.closed_through();
    if closed == Some(through) {
        return answer(counter, true).await;
    }
    if let Some(closed) = closed.filter(|closed| *closed > through) {
        bail!("the books are closed up to {closed} already: open days again with `daybook ledger reopen`");
    }
    if through >= at.day(counter.row.zone) {
        bail!("the day {through} is not over yet in {}", counter.row.zone.name());
    }
    let (by, reason) = (asked.because.by.clone(), asked.because.reason.clone());
    let closed = PeriodClosed { decided_at: after(&calendar, at), through, by, reason };
    counter.record(Fact::PeriodClosed(closed)).await?;
    answer(counter, false).await
}

/// `daybook ledger reopen`.
pub(super) async fn reopen(counter: &Counter<'_>, asked: &Reopen) -> Result<Answer> {
    let through = asked.through.map(Day::from_date);
    let calendar = counter.rules().await?.calendar;
    let closed = calendar.closed_through();
    if closed == through {
        return answer(counter, true).await;
    }
    if through > closed {
        bail!("that would close days: close them with `daybook ledger close`");
    }
    let (by, reason) = (asked.because.by.clone(), asked.because.reason.clone());
    let reopened = PeriodReopened { decided_at: after(&calendar, now()), through, by, reason };
    counter.record(Fact::PeriodReopened(reopened)).await?;
    answer(counter, false).await
}

/// An instant after every decision: the latest stands, even when a clock went back.
fn after(calendar: &Calendar, now: Timestamp) -> Timestamp {
    let last = calendar.decisions.last().map(|decision| Timestamp(decision.decided_at.0.saturating_add(1)));
    last.map_or(now, |last| last.max(now))
}

/// How the calendar stands, with the vouchers that can no longer be approved on their day.
async fn answer(counter: &Counter<'_>, already: bool) -> Result<Answer> {
    let calendar = counter.rules().await?.calendar;
    let closed = calendar.closed_through();
    let mut waiting = Vec::new();
    let rows = books::vouchers(&counter.platform.db, &counter.row.tenant).await?;
    let reversals = StandingReversals::among(rows.iter().filter_map(|row| row.part.voucher()));
    for voucher in rows.iter().filter_map(|row| row.part.voucher()) {
        let late = voucher.entered.as_ref().filter(|entered| closed.is_some_and(|closed| entered.day <= closed));
        if let (Some(entered), Some(VoucherState::Waiting)) = (late, voucher.state(&reversals)) {
            waiting.push(entered.voucher.to_string());
        }
    }
    let decisions: Vec<_> = calendar
        .decisions
        .iter()
        .map(|one| {
            json!({
                "decided_at": one.decided_at.to_string(),
                "closed_through": one.through.map(|day| day.to_string()),
                "reopens": one.reopens,
                "by": one.by.as_str(),
                "reason": one.reason.as_str(),
            })
        })
        .collect();
    let mut text = match closed {
        Some(day) => format!("the books are closed up to and including {day}\n"),
        None => "no day is closed\n".to_owned(),
    };
    if !waiting.is_empty() {
        text.push_str(&format!("these wait for approval on closed days: {}\n", waiting.join(", ")));
    }
    let json = json!({
        "tenant": counter.row.tenant.as_str(),
        "closed_through": closed.map(|day| day.to_string()),
        "already": already,
        "waiting": waiting,
        "decisions": decisions,
    });
    Ok(Answer::new(&json, text))
}
