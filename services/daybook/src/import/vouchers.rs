//! `import journal`: another platform's journal as vouchers of this one. What stands of it is entered as it counted, day by day,
//! so that every account has the balance it had there. Nothing is written before the whole file has been checked and compared
//! with the tenant's books; the same file again writes only what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use commerce::{
    AccountOpened, Accounts, ApprovalLimits, Fact, Policy, StaffId, Voucher, VoucherEntered, VoucherId, VoucherKind,
};
use events::{Event, Source};
use ledger::{Account, Currency, Entry, MoneyError, Posted, Refused, Timestamp, TrialBalance};
use serde_json::json;
use store::books;

use super::journal::{self, Checked};
use crate::cli::{ImportJournal, OfTenant};
use crate::config::Settings;
use crate::ledger::{Counter, refusal};
use crate::output::{Answer, bar_of_bytes, bar_of_items, plural};
use crate::platform::now;
use crate::show;

/// Runs the command.
pub(super) async fn run(settings: &Settings, asked: &ImportJournal) -> Result<Answer> {
    let started = Instant::now();
    let named = || format!("the file {}", asked.file.display());
    let file = File::open(&asked.file).with_context(named)?;
    let bar = bar_of_bytes("journal checked", file.metadata()?.len());
    let (checked, file) = tokio::task::spawn_blocking(move || {
        let checked = Checked::read(bar.wrap_read(&file));
        bar.finish_and_clear();
        checked.map(|checked| (checked, file))
    })
    .await?
    .with_context(named)?;
    let counter = Counter::open(settings, &OfTenant { tenant: Some(asked.tenant.clone()) }).await?;
    super::fold(settings, &counter.platform).await?;
    let rules = counter.rules().await?;
    let closed = rules.calendar.closed_through();
    let (policy, limits) = (counter.row.policy(), counter.limits().await?);
    let landing = Landing { by: asked.by.clone(), at: now(), accounts: rules.accounts, policy, limits };
    let mut import =
        Import { counter, file, checked, landing, moved: BTreeMap::new(), opened: BTreeSet::new(), already: 0 };
    import.compare().await?;
    if import.already < import.checked.vouchers() {
        if let Some(refused) = import.refused(closed).await? {
            return Ok(refusal(&refused));
        }
        import.write().await?;
        super::fold(settings, &import.counter.platform).await?;
    }
    import.answer(started).await
}

/// How a transaction of the journal lands in the books here.
struct Landing {
    by: StaffId,
    at: Timestamp,
    accounts: Accounts,
    policy: Policy,
    limits: ApprovalLimits,
}

/// Where the entries of an account go.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    account: Account,
    /// True when the tenant has no such account yet.
    is_new: bool,
    /// The one currency the tenant's account holds.
    only: Option<Currency>,
}

impl Landing {
    /// The account itself, unless a sub-ledger stands behind it here: what that sub-ledger has not seen would make it differ
    /// from the ledger, so it goes beside it.
    fn target(&self, account: &Account) -> Result<Target> {
        let chart = &self.policy.chart;
        let is_control = self.accounts.rule(chart, account).is_some_and(|rule| rule.control);
        let account = if is_control { beside(account)? } else { account.clone() };
        let rule = self.accounts.rule(chart, &account);
        Ok(Target { account, is_new: rule.is_none(), only: rule.and_then(|rule| rule.currency) })
    }

    fn voucher(&self, posted: &Posted) -> Result<VoucherEntered> {
        let entries = journal::posted_entries(&posted.transaction);
        let entries: Vec<Entry> =
            entries.enumerate().map(|(index, entry)| self.entry(index, entry)).collect::<Result<_>>()?;
        ensure!(
            !commerce::needs_approval(&entries, &self.limits)?,
            "it is above the merchant's limit for one person: lift it with `daybook ledger limit --currency CURRENCY --none` until this is done"
        );
        Ok(VoucherEntered {
            entered_at: self.at,
            voucher: voucher_id(posted.number)?,
            kind: VoucherKind::Imported,
            day: posted.transaction.effective(),
            entries,
            reverses: posted.reverses.map(voucher_id).transpose()?,
            by: self.by.clone(),
            reason: "imported-journal".parse()?,
            attachments: Vec::new(),
            needs_approval: false,
        })
    }

    fn entry(&self, index: usize, entry: &Entry) -> Result<Entry> {
        let target = self.target(&entry.account)?;
        if target.only.is_some_and(|only| only != entry.amount.currency) {
            bail!(Refused::WrongCurrency { index });
        }
        Ok(Entry { account: target.account, ..entry.clone() })
    }

    fn opened(&self, account: &Account) -> Fact {
        let (opened_at, account, by) = (self.at, account.clone(), self.by.clone());
        Fact::AccountOpened(AccountOpened { opened_at, account, currency: None, never_negative: false, by })
    }
}

/// `assets:imported:cod-receivable:postex` for `assets:cod-receivable:postex`: an account of the same class that only people
/// enter on.
fn beside(account: &Account) -> Result<Account> {
    let (class, rest) = account.as_str().split_once(':').context("an account has a class")?;
    format!("{class}:imported:{rest}").parse().with_context(|| format!("an account beside {account}"))
}

fn voucher_id(number: u64) -> Result<VoucherId> {
    Ok(format!("imported-{number:06}").parse()?)
}

/// True when the same was brought in before, whoever did it and whenever.
fn is_the_same(stands: &VoucherEntered, voucher: &VoucherEntered) -> bool {
    let (entered_at, by) = (stands.entered_at, stands.by.clone());
    *stands == VoucherEntered { entered_at, by, ..voucher.clone() }
}

/// An import under way.
struct Import<'s> {
    counter: Counter<'s>,
    file: File,
    checked: Checked,
    landing: Landing,
    /// Accounts with a sub-ledger, and where their entries go instead.
    moved: BTreeMap<Account, Account>,
    /// Accounts the tenant does not have yet.
    opened: BTreeSet<Account>,
    /// Vouchers that stand already.
    already: u64,
}

impl Import<'_> {
    /// Compares the journal with what stands in the books, and writes nothing.
    async fn compare(&mut self) -> Result<()> {
        let bar = bar_of_items("compared", self.checked.audited.transactions);
        let (mut pages, reading) = journal::pages(self.file.try_clone()?, &self.checked.audited);
        while let Some(page) = pages.recv().await {
            bar.inc(page.len() as u64);
            for posted in page.iter().filter(|posted| self.checked.is_brought_in(posted.number)) {
                for entry in journal::posted_entries(&posted.transaction) {
                    let target = self.landing.target(&entry.account)?;
                    if target.account != entry.account {
                        self.moved.insert(entry.account.clone(), target.account.clone());
                    }
                    if target.is_new {
                        self.opened.insert(target.account);
                    }
                }
            }
            let (already, _) = self.missing(&page).await?;
            self.already += already;
        }
        bar.finish_and_clear();
        reading.await?
    }

    /// Why nothing may be written: the books are closed, or something else stands in them.
    async fn refused(&self, closed: Option<ledger::Day>) -> Result<Option<Refused>> {
        if self.counter.closed_since().await?.is_some() {
            return Ok(Some(Refused::TenantClosed));
        }
        if let (Some(day), Some(closed_through)) = (self.checked.first_day(), closed)
            && day <= closed_through
        {
            return Ok(Some(Refused::ClosedPeriod { day, closed_through }));
        }
        let tenant = &self.counter.row.tenant;
        if super::posted(&self.counter.platform, tenant).await? != self.already {
            bail!(
                "something else stands in the books of {tenant}: a journal comes into empty ones; nothing was written"
            );
        }
        Ok(None)
    }

    /// Puts the accounts and the vouchers that are missing on the log.
    async fn write(&self) -> Result<()> {
        self.append(self.opened.iter().map(|account| self.landing.opened(account)).collect()).await?;
        let bar = bar_of_items("vouchers entered", self.checked.vouchers());
        let (mut pages, reading) = journal::pages(self.file.try_clone()?, &self.checked.audited);
        while let Some(page) = pages.recv().await {
            let (already, missing) = self.missing(&page).await?;
            bar.inc(already + missing.len() as u64);
            self.append(missing.into_iter().map(Fact::VoucherEntered).collect()).await?;
        }
        bar.finish_and_clear();
        reading.await?
    }

    async fn append(&self, facts: Vec<Fact>) -> Result<()> {
        let tenant = &self.counter.row.tenant;
        let event = |fact| Event::fact(tenant.clone(), Source::DAYBOOK, self.landing.at, fact, Vec::new()).encode();
        let records: Vec<_> = facts.into_iter().map(event).collect();
        if !records.is_empty() {
            self.counter.platform.log.append(records).await?;
        }
        Ok(())
    }

    /// How many vouchers of a page stand already, and those that do not.
    async fn missing(&self, page: &[Posted]) -> Result<(u64, Vec<VoucherEntered>)> {
        let brought_in: Vec<&Posted> = page.iter().filter(|posted| self.checked.is_brought_in(posted.number)).collect();
        let ids = brought_in.iter().map(|posted| voucher_id(posted.number)).collect::<Result<_>>()?;
        let known = self.counter.vouchers(ids).await?;
        let (mut already, mut missing) = (0, Vec::new());
        for posted in brought_in {
            let place = || format!("nothing was written: number {} of the journal", posted.number);
            let voucher = self.landing.voucher(posted).with_context(place)?;
            match known.get(&voucher.voucher).and_then(|known: &Voucher| known.entered.as_ref()) {
                None => missing.push(voucher),
                Some(stands) if is_the_same(stands, &voucher) => already += 1,
                Some(_) => return Err(Refused::DuplicateKey).with_context(place),
            }
        }
        Ok((already, missing))
    }

    async fn answer(&self, started: Instant) -> Result<Answer> {
        let (platform, tenant, checked) = (&self.counter.platform, &self.counter.row.tenant, &self.checked);
        let trial = books::trial_balance(&platform.db, tenant).await?;
        // What people entered since is not of the journal, and then there is nothing to compare.
        let is_alone = super::posted(platform, tenant).await? == checked.vouchers();
        let here = nets(&trial, |account| Ok(account.clone()))?;
        let there = nets(&checked.audited.trial, |account| Ok(self.landing.target(account)?.account))?;
        let agrees = is_alone.then_some(here == there);
        let books = show::books_answer(tenant, &trial)?;
        let vouchers = checked.vouchers() - self.already;
        let json = json!({
            "tenant": tenant.as_str(),
            "from": checked.audited.header.tenant,
            "transactions": checked.audited.transactions,
            "vouchers": vouchers,
            "already": self.already,
            "left_out": { "undone": checked.undone(), "pending_entries": checked.pending() },
            "accounts_opened": self.opened,
            "moved": self.moved,
            "agrees": agrees,
            "milliseconds": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "books": books.json,
        });
        let text = format!("{}\n{}", self.text(vouchers, agrees), books.text);
        Ok(Answer::new(&json, text).with_verdict(books.good && agrees != Some(false)))
    }

    fn text(&self, vouchers: u64, agrees: Option<bool>) -> String {
        let checked = &self.checked;
        let mut text = format!(
            "{} of {} read: {} entered for {}, {} there before\n",
            plural(checked.audited.transactions, "transaction", "transactions"),
            checked.audited.header.tenant,
            plural(vouchers, "voucher", "vouchers"),
            self.counter.row.tenant,
            self.already,
        );
        let (undone, pending) = (checked.undone(), checked.pending());
        if undone + pending > 0 {
            let undone = plural(undone, "transaction", "transactions");
            let pending = plural(pending, "entry", "entries");
            text.push_str(&format!("left out: {undone} that took each other back, {pending} of money only promised\n"));
        }
        for (from, to) in &self.moved {
            text.push_str(&format!("moved: {from} to {to}, as a sub-ledger stands behind the first\n"));
        }
        text + match agrees {
            Some(true) => "every account has the balance it had there\n",
            Some(false) => "balances differ from the journal: run `daybook ledger verify`\n",
            None => "other entries stand beside it, so balances are not compared\n",
        }
    }
}

/// Nets by account and currency, zeros left out.
fn nets(
    trial: &TrialBalance,
    target: impl Fn(&Account) -> Result<Account>,
) -> Result<BTreeMap<(Account, Currency), i64>> {
    let mut nets: BTreeMap<_, i64> = BTreeMap::new();
    for row in &trial.rows {
        let net = nets.entry((target(&row.account)?, row.currency)).or_default();
        let moved = row.debit.checked_sub(row.credit).and_then(|moved| net.checked_add(moved));
        *net = moved.ok_or(MoneyError::Overflow)?;
    }
    nets.retain(|_, net| *net != 0);
    Ok(nets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accounts_with_a_sub_ledger_are_moved() {
        let landing = Landing {
            by: "finance-2".parse().unwrap(),
            at: Timestamp(0),
            accounts: Accounts::default(),
            policy: Policy::default(),
            limits: ApprovalLimits::default(),
        };
        for (account, goes_to, is_new) in [
            ("assets:cod-receivable:postex", "assets:imported:cod-receivable:postex", true),
            ("assets:inventory", "assets:imported:inventory", true),
            ("liabilities:courier-payable:postex", "liabilities:courier-payable:postex", false),
            ("assets:bank", "assets:bank", false),
            ("expenses:rent", "expenses:rent", true),
        ] {
            let target = landing.target(&account.parse().unwrap()).unwrap();
            assert_eq!((target.account.as_str(), target.is_new), (goes_to, is_new), "{account}");
        }
    }
}
