//! Vouchers on their way into the books: entered, approved, withdrawn, reversed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use commerce::{
    Fact, Part, PartKey, StandingReversals, Voucher, VoucherApproved, VoucherEntered, VoucherId, VoucherState,
    VoucherWithdrawn,
};
use ledger::{Admitted, Day, Entry, Refused};
use serde::Serialize;
use store::books;

use super::arguments::{Approve, Enter, Reverse, Withdraw};
use super::body;
use super::counter::{Counter, at_counter, refusal};
use super::declined::Declined;
use super::standing::{Content, Standing, state_name};
use crate::config::Settings;
use crate::output::{Answer, strong};
use crate::platform::now;
use crate::show::journal::{Line, lines, text};

/// What became of a voucher.
#[derive(Serialize)]
struct Outcome {
    tenant: String,
    voucher: String,
    #[serde(flatten)]
    standing: Standing,
    already: bool,
    dry_run: bool,
    lag: u64,
    parked: Option<String>,
    content: Content,
    journal: Vec<Line>,
}

impl Outcome {
    /// Bad when the voucher is not in the books and cannot come there by waiting.
    fn answer(&self) -> Answer {
        let (voucher, state) = (strong(&self.voucher), state_name(self.standing.state));
        let before = if self.already { ", as it was before" } else { "" };
        let mut said = match self.dry_run {
            true => format!("the voucher {voucher} would be {state}; nothing was written\n"),
            false => format!("the voucher {voucher} is {state}{before}\n"),
        };
        if self.journal.is_empty() || self.standing.state != VoucherState::Posted {
            said.push_str(&self.content.text(&self.standing));
        }
        said.push_str(&text(&self.journal));
        let why = self.standing.why();
        if !why.is_empty() {
            said.push_str(&format!("it is not in the books: {why}\n"));
        }
        if let Some(reason) = &self.parked {
            said.push_str(&format!("it cannot be posted: {reason}\n"));
        }
        if self.dry_run && self.lag > 0 {
            said.push_str(&format!("{} records wait to be folded, and may change that\n", self.lag));
        }
        Answer::new(self, said).with_verdict(self.parked.is_none() && self.standing.refused.is_none())
    }
}

/// A voucher that was entered, with those that its state depends on.
struct Found {
    entered: VoucherEntered,
    known: BTreeMap<VoucherId, Voucher>,
}

impl Found {
    fn state(&self) -> Option<VoucherState> {
        self.known.get(&self.entered.voucher)?.state(&StandingReversals::among(self.known.values()))
    }

    /// As it would be with one more fact of it.
    fn with(mut self, fact: &Fact) -> Found {
        let id = self.entered.voucher.clone();
        let known = self.known.remove(&id).unwrap_or_else(|| Voucher::of(id.clone()));
        let mut part = Part::Voucher(known);
        part.merge(fact);
        self.known.extend(part.voucher().map(|voucher| (id, voucher.clone())));
        self
    }

    /// What is answered of it before anything is looked up: nothing is posted.
    fn outcome(&self, counter: &Counter<'_>, lag: u64) -> Result<Outcome> {
        let (id, reversals) = (&self.entered.voucher, StandingReversals::among(self.known.values()));
        let standing = self.known.get(id).and_then(|voucher| Standing::of(voucher, &reversals));
        Ok(Outcome {
            tenant: counter.row.tenant.to_string(),
            voucher: id.to_string(),
            standing: standing.with_context(|| format!("there is no voucher {id}"))?,
            already: false,
            dry_run: false,
            lag,
            parked: None,
            content: Content::of(&self.entered),
            journal: Vec::new(),
        })
    }
}

/// `daybook ledger enter`.
pub(super) async fn enter(settings: &Settings, asked: &Enter) -> Result<Answer> {
    // Read before it is anybody's turn: somebody may be typing it.
    let entered = body::read(&body::text_of(&asked.file)?, now())?;
    at_counter(settings, &asked.of, asked.dry_run, async |counter| hand_in(counter, entered, asked.dry_run).await).await
}

/// `daybook ledger reverse`.
pub(super) async fn reverse(counter: &Counter<'_>, asked: &Reverse) -> Result<Answer> {
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
    hand_in(counter, reversal, false).await
}

/// Admits a voucher, puts it on the log and answers what became of it.
async fn hand_in(counter: &Counter<'_>, entered: VoucherEntered, dry_run: bool) -> Result<Answer> {
    // What does not add up is refused below; until then it is as if a second person were needed.
    let needs_approval = commerce::needs_approval(&entered.entries, &counter.limits().await?).unwrap_or(true);
    let entered = VoucherEntered { needs_approval, ..entered };
    let id = entered.voucher.clone();
    let ids = std::iter::once(id.clone()).chain(entered.reverses.clone()).collect();
    let known = counter.vouchers(ids).await?;
    match counter.admit(&commerce::propose(&entered, &known)).await? {
        Err(declined) => return Ok(declined.answer()),
        Ok(Admitted::Already) => return Ok(outcome(counter, find(counter, &id).await?, true).await?.answer()),
        Ok(Admitted::New) if dry_run => {
            let fact = Fact::VoucherEntered(entered.clone());
            return would(counter, Found { entered, known }.with(&fact)).await;
        }
        Ok(Admitted::New) => {}
    }
    counter.record(Fact::VoucherEntered(entered.clone())).await?;
    // Somebody may have used the same id at the same moment: the log decides.
    let found = find(counter, &id).await?;
    if found.entered != entered {
        return Ok(refusal(&Refused::DuplicateKey));
    }
    Ok(outcome(counter, found, false).await?.answer())
}

/// `daybook ledger approve`: of what stands under the id now, or not at all.
pub(super) async fn approve(counter: &Counter<'_>, asked: &Approve) -> Result<Answer> {
    let (id, by) = (asked.voucher.clone(), asked.by.clone());
    let found = find(counter, &id).await?;
    let (state, digest) = (found.state(), found.entered.digest());
    if asked.digest.is_some_and(|seen| seen != digest) {
        return Ok(Declined::OtherContent.answer());
    }
    match state {
        Some(VoucherState::Waiting) if by == found.entered.by => {
            bail!("the voucher {id} is approved by somebody else than who entered it")
        }
        Some(VoucherState::Waiting) => {}
        Some(VoucherState::Withdrawn) => bail!("the voucher {id} was withdrawn"),
        _ => return Ok(outcome(counter, found, true).await?.answer()),
    }
    // The books may have moved since it was entered: what it reverses, a balance, a closed period.
    let proposal = commerce::propose_approval(&found.entered, &found.known);
    if let Err(declined) = counter.admit(&proposal).await? {
        return Ok(declined.answer());
    }
    let (approved_at, voucher, digest) = (now(), id.clone(), Some(digest));
    let fact = Fact::VoucherApproved(VoucherApproved { approved_at, voucher, by, digest });
    if asked.dry_run {
        return would(counter, found.with(&fact)).await;
    }
    counter.record(fact).await?;
    // Somebody may have entered something else under the id at the same moment: then this is no approval of that.
    let outcome = outcome(counter, find(counter, &id).await?, false).await?;
    let (is_counted, answer) = (outcome.standing.state != VoucherState::Waiting, outcome.answer());
    let good = answer.good && is_counted;
    Ok(answer.with_verdict(good))
}

/// `daybook ledger withdraw`.
pub(super) async fn withdraw(counter: &Counter<'_>, asked: &Withdraw) -> Result<Answer> {
    let id = asked.voucher.clone();
    let found = find(counter, &id).await?;
    match found.state() {
        Some(VoucherState::Waiting | VoucherState::Declined) => {}
        Some(VoucherState::Withdrawn) => return Ok(outcome(counter, found, true).await?.answer()),
        _ => bail!("the voucher {id} is posted: take it back with `daybook ledger reverse {id}`"),
    }
    let (by, reason) = (asked.because.by.clone(), asked.because.reason.clone());
    let withdrawn = VoucherWithdrawn { withdrawn_at: now(), voucher: id.clone(), by, reason };
    counter.record(Fact::VoucherWithdrawn(withdrawn)).await?;
    Ok(outcome(counter, find(counter, &id).await?, false).await?.answer())
}

async fn find(counter: &Counter<'_>, id: &VoucherId) -> Result<Found> {
    let mut known = counter.vouchers(BTreeSet::from([id.clone()])).await?;
    let entered = known.get(id).and_then(|voucher| voucher.entered.clone());
    let entered = entered.with_context(|| format!("there is no voucher {id}"))?;
    known.extend(counter.vouchers(entered.reverses.iter().cloned().collect()).await?);
    Ok(Found { entered, known })
}

/// What would be; nothing was written.
async fn would(counter: &Counter<'_>, found: Found) -> Result<Answer> {
    let outcome = found.outcome(counter, counter.lag().await?)?;
    Ok(Outcome { dry_run: true, ..outcome }.answer())
}

/// How a voucher stands, with its transactions.
async fn outcome(counter: &Counter<'_>, found: Found, already: bool) -> Result<Outcome> {
    let id = found.entered.voucher.clone();
    let (db, tenant, key) = (&counter.platform.db, &counter.row.tenant, PartKey::Voucher(id));
    let outcome = found.outcome(counter, counter.lag().await?)?;
    let posted = books::journal_of(db, tenant, &key).await?.into_iter().map(|line| line.posted).collect();
    let row = books::parts_of(db, tenant, BTreeSet::from([key])).await?.pop();
    let (journal, parked) = (lines(posted), row.and_then(|row| row.parked));
    Ok(Outcome { already, parked, journal, ..outcome })
}
