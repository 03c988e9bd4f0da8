//! Vouchers on their way into the books: entered, approved, withdrawn, reversed.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use commerce::{Fact, PartKey, Voucher, VoucherApproved, VoucherEntered, VoucherId, VoucherState, VoucherWithdrawn};
use ledger::{Admitted, Day, Entry, Refused};
use serde::Serialize;
use store::books;

use super::arguments::{Approve, Enter, Reverse, Withdraw};
use super::body;
use super::counter::{Counter, refusal};
use super::list::state_name;
use crate::config::Settings;
use crate::output::{Answer, strong};
use crate::platform::now;
use crate::show::journal::{Line, lines, text};

/// What became of a voucher.
#[derive(Serialize)]
struct Outcome {
    tenant: String,
    voucher: String,
    state: &'static str,
    already: bool,
    dry_run: bool,
    lag: u64,
    parked: Option<String>,
    journal: Vec<Line>,
}

/// `daybook ledger enter`.
pub(super) async fn enter(settings: &Settings, asked: &Enter) -> Result<Answer> {
    let entered = body::read(&body::text_of(&asked.file)?, now())?;
    let counter = Counter::open(settings, &asked.of).await?;
    if !asked.dry_run {
        counter.fold().await?;
    }
    hand_in(&counter, entered, asked.dry_run).await
}

/// `daybook ledger reverse`.
pub(super) async fn reverse(settings: &Settings, asked: &Reverse) -> Result<Answer> {
    let counter = Counter::open(settings, &asked.of).await?;
    counter.fold().await?;
    let known = counter.vouchers(BTreeSet::from([asked.voucher.clone()])).await?;
    let Some(original) = known.get(&asked.voucher).and_then(|voucher| voucher.entered.as_ref()) else {
        let closed = counter.closed_since().await?.is_some();
        return Ok(refusal(if closed { &Refused::TenantClosed } else { &Refused::UnknownReversed }));
    };
    let id = match &asked.id {
        Some(id) => id.clone(),
        None => format!("{}.reversed", asked.voucher).parse().context("name the reversal with --id")?,
    };
    let at = now();
    let reversal = VoucherEntered {
        entered_at: at,
        voucher: id,
        day: asked.day.map_or_else(|| at.day(counter.row.zone), Day::from_date),
        entries: original.entries.iter().map(Entry::opposite).collect(),
        reverses: Some(asked.voucher.clone()),
        by: asked.because.by.clone(),
        reason: asked.because.reason.clone(),
        attachments: original.attachments.clone(),
        ..original.clone()
    };
    hand_in(&counter, reversal, false).await
}

/// Admits a voucher, puts it on the log and answers what became of it.
async fn hand_in(counter: &Counter<'_>, entered: VoucherEntered, dry_run: bool) -> Result<Answer> {
    // What does not add up is refused below; until then it is as if a second person were needed.
    let needs_approval = commerce::needs_approval(&entered.entries, &counter.limits().await?).unwrap_or(true);
    let entered = VoucherEntered { needs_approval, ..entered };
    let id = entered.voucher.clone();
    let ids = std::iter::once(id.clone()).chain(entered.reverses.clone()).collect();
    let known = counter.vouchers(ids).await?;
    match counter.admit(&entered, &known).await? {
        Err(declined) => return Ok(declined.answer()),
        Ok(Admitted::Already) => return outcome(counter, &id, true).await,
        Ok(Admitted::New) if dry_run => return would(counter, &entered).await,
        Ok(Admitted::New) => {}
    }
    counter.record(Fact::VoucherEntered(entered.clone())).await?;
    // Somebody may have used the same id at the same moment: the log decides.
    let stands = counter.vouchers(BTreeSet::from([id.clone()])).await?;
    if stands.get(&id).and_then(|voucher| voucher.entered.as_ref()) != Some(&entered) {
        return Ok(refusal(&Refused::DuplicateKey));
    }
    outcome(counter, &id, false).await
}

/// `daybook ledger approve`.
pub(super) async fn approve(settings: &Settings, asked: &Approve) -> Result<Answer> {
    let (id, by) = (asked.voucher.clone(), asked.by.clone());
    let counter = Counter::open(settings, &asked.of).await?;
    counter.fold().await?;
    let (voucher, entered) = find(&counter, &id).await?;
    match voucher.state() {
        Some(VoucherState::Waiting) if by == entered.by => {
            bail!("the voucher {id} is approved by somebody else than who entered it")
        }
        Some(VoucherState::Waiting) => {}
        Some(VoucherState::Withdrawn) => bail!("the voucher {id} was withdrawn"),
        _ => return outcome(&counter, &id, true).await,
    }
    // The books may have moved since it was entered: what it reverses, a balance, a closed period.
    let mut known = counter.vouchers(entered.reverses.iter().cloned().collect()).await?;
    known.remove(&id);
    if let Err(declined) = counter.admit(&entered, &known).await? {
        return Ok(declined.answer());
    }
    counter.record(Fact::VoucherApproved(VoucherApproved { approved_at: now(), voucher: id.clone(), by })).await?;
    outcome(&counter, &id, false).await
}

/// `daybook ledger withdraw`.
pub(super) async fn withdraw(settings: &Settings, asked: &Withdraw) -> Result<Answer> {
    let id = asked.voucher.clone();
    let counter = Counter::open(settings, &asked.of).await?;
    counter.fold().await?;
    match find(&counter, &id).await?.0.state() {
        Some(VoucherState::Waiting) => {}
        Some(VoucherState::Withdrawn) => return outcome(&counter, &id, true).await,
        _ => bail!("the voucher {id} is posted: take it back with `daybook ledger reverse {id}`"),
    }
    let (by, reason) = (asked.because.by.clone(), asked.because.reason.clone());
    let withdrawn = VoucherWithdrawn { withdrawn_at: now(), voucher: id.clone(), by, reason };
    counter.record(Fact::VoucherWithdrawn(withdrawn)).await?;
    outcome(&counter, &id, false).await
}

async fn find(counter: &Counter<'_>, id: &VoucherId) -> Result<(Voucher, VoucherEntered)> {
    let found = counter.vouchers(BTreeSet::from([id.clone()])).await?.remove(id);
    let voucher = found.with_context(|| format!("there is no voucher {id}"))?;
    let entered = voucher.entered.clone().with_context(|| format!("there is no voucher {id}"))?;
    Ok((voucher, entered))
}

/// What entering it would do.
async fn would(counter: &Counter<'_>, entered: &VoucherEntered) -> Result<Answer> {
    let state = if entered.needs_approval { "waiting" } else { "posted" };
    let lag = counter.lag().await?;
    let (tenant, voucher) = (counter.row.tenant.to_string(), entered.voucher.to_string());
    let mut text = format!("the voucher {} would be {state}; nothing was written\n", strong(&voucher));
    if lag > 0 {
        text.push_str(&format!("{lag} records wait to be folded, and may change that\n"));
    }
    let (already, dry_run, parked, journal) = (false, true, None, Vec::new());
    Ok(Answer::new(&Outcome { tenant, voucher, state, already, dry_run, lag, parked, journal }, text))
}

/// How a voucher stands, with its transactions.
async fn outcome(counter: &Counter<'_>, id: &VoucherId, already: bool) -> Result<Answer> {
    let (db, tenant, key) = (&counter.platform.db, &counter.row.tenant, PartKey::Voucher(id.clone()));
    let state = find(counter, id).await?.0.state().map_or("unknown", state_name);
    let posted = books::journal_of(db, tenant, &key).await?.into_iter().map(|line| line.posted).collect();
    let row = books::parts_of(db, tenant, BTreeSet::from([key])).await?.pop();
    let (journal, parked) = (lines(posted), row.and_then(|row| row.parked));
    let shown = Outcome {
        tenant: tenant.to_string(),
        voucher: id.to_string(),
        state,
        already,
        dry_run: false,
        lag: counter.lag().await?,
        parked,
        journal,
    };
    let before = if already { ", as it was before" } else { "" };
    let mut said = format!("the voucher {} is {state}{before}\n{}", strong(id.as_str()), text(&shown.journal));
    if let Some(reason) = &shown.parked {
        said.push_str(&format!("it cannot be posted: {reason}\n"));
    }
    let good = shown.parked.is_none();
    Ok(Answer::new(&shown, said).with_verdict(good))
}
