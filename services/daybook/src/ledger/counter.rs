//! Where people hand in what is for the books: one merchant's books as they stand, and the way onto the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use commerce::{Accounts, ApprovalLimits, Calendar, Fact, Part, PartKey, Voucher, VoucherId};
use events::{Event, Source};
use ledger::{Admitted, Day, Earlier, Proposal, Refused, Standing, Timestamp};
use store::books::{self, TenantRow};
use uuid::Uuid;

use super::declined::{self, Declined, Entered, check_day};
use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::Answer;
use crate::platform::{Platform, now};
use crate::tenant;

/// One merchant's books, open for entries.
pub(crate) struct Counter<'s> {
    settings: &'s Settings,
    pub(crate) platform: Platform,
    pub(crate) row: TenantRow,
}

/// Whoever comes to the counter while somebody else is there asks again after this long.
const ASKS_AGAIN: Duration = Duration::from_millis(50);

/// Opens one merchant's books and lets `serve` decide and record, one process at a time, or only decide, if it is a dry run: what is decided by how the books stand
/// (a balance, what is outstanding) holds until it is folded. A turn ends by itself after [`books::TURN`], because whoever has
/// it may be killed; who takes longer than that may meet somebody.
pub(crate) async fn at_counter<'s>(
    settings: &'s Settings,
    of: &OfTenant,
    dry_run: bool,
    serve: impl AsyncFnOnce(&Counter<'s>) -> Result<Answer>,
) -> Result<Answer> {
    let counter = Counter::open(settings, of).await?;
    if dry_run {
        return serve(&counter).await;
    }
    // What has piled up takes nobody's turn.
    counter.fold().await?;
    let (db, tenant, holder) = (&counter.platform.db, &counter.row.tenant, Uuid::new_v4());
    while !books::take_turn(db, tenant, holder, now()).await? {
        tokio::time::sleep(ASKS_AGAIN).await;
    }
    let served = match counter.fold().await {
        Ok(()) => serve(&counter).await,
        Err(error) => Err(error),
    };
    if let Err(error) = books::end_turn(db, tenant, holder).await {
        // It ends by itself; what was answered is true all the same.
        tracing::warn!(%error, "a turn at the counter was not ended");
    }
    served
}

/// The parts that govern what may be entered.
pub(crate) struct Rules {
    pub(crate) calendar: Calendar,
    pub(crate) accounts: Accounts,
}

impl<'s> Counter<'s> {
    pub(crate) async fn open(settings: &'s Settings, of: &OfTenant) -> Result<Counter<'s>> {
        let platform = Platform::open(settings).await?;
        let row = tenant::chosen(&platform.db, of).await?;
        Ok(Counter { settings, platform, row })
    }

    /// Folds what waits on the log, so that what is decided next is decided on all of it.
    pub(crate) async fn fold(&self) -> Result<()> {
        let (log, db) = (&self.platform.log, &self.platform.db);
        Ok(processor::catch_up(self.platform.processor_config(self.settings), log, db).await?)
    }

    /// Records that wait to be folded.
    pub(crate) async fn lag(&self) -> Result<u64> {
        Ok(processor::lag(&self.platform.log, &self.platform.db).await?)
    }

    /// Puts a fact on the log and folds it. Refused for what totals stand for: it would be in no books.
    pub(crate) async fn record(&self, fact: Fact) -> Result<()> {
        let parts = PartKey::of(&fact).into_iter().collect();
        let rows = books::parts_of(&self.platform.db, &self.row.tenant, parts).await?;
        if let Some(row) = rows.iter().find(|row| row.part.replaced().is_some()) {
            bail!(
                "totals stand for the detail of {}: what comes for it now is a voucher under an id of its own",
                row.key
            );
        }
        let event = Event::fact(self.row.tenant.clone(), Source::DAYBOOK, now(), fact, Vec::new());
        self.platform.log.append(vec![event.encode()]).await?;
        self.fold().await
    }

    /// The merchant's calendar and added accounts.
    pub(crate) async fn rules(&self) -> Result<Rules> {
        let mut rules = Rules { calendar: Calendar::default(), accounts: Accounts::default() };
        let keys = BTreeSet::from([PartKey::Calendar, PartKey::Accounts]);
        for row in books::parts_of(&self.platform.db, &self.row.tenant, keys).await? {
            match row.part {
                Part::Calendar(calendar) => rules.calendar = calendar,
                Part::Accounts(accounts) => rules.accounts = accounts,
                _ => {}
            }
        }
        Ok(rules)
    }

    /// The amounts above which one person does not decide alone.
    pub(crate) async fn limits(&self) -> Result<ApprovalLimits> {
        Ok(books::approval_limits(&self.platform.db, &self.row.tenant).await?)
    }

    /// The vouchers with these ids that are known, and those that say they reverse them.
    pub(crate) async fn vouchers(&self, ids: BTreeSet<VoucherId>) -> Result<BTreeMap<VoucherId, Voucher>> {
        let mut known = self.stored(ids).await?;
        let reversals = known.values().flat_map(|voucher| &voucher.reversed_by).cloned().collect();
        known.extend(self.stored(reversals).await?);
        Ok(known)
    }

    async fn stored(&self, ids: BTreeSet<VoucherId>) -> Result<BTreeMap<VoucherId, Voucher>> {
        let keys = ids.into_iter().map(PartKey::Voucher).collect();
        let rows = books::parts_of(&self.platform.db, &self.row.tenant, keys).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match (row.key, row.part) {
                (PartKey::Voucher(id), Part::Voucher(voucher)) => Some((id, voucher)),
                _ => None,
            })
            .collect())
    }

    /// Admits or refuses a voucher by how the books stand.
    pub(crate) async fn admit(&self, proposal: &Proposal<'_>) -> Result<Result<Admitted, Declined>> {
        let (rules, policy) = (self.rules().await?, self.row.policy());
        let mut standing = self.standing(&rules).await?;
        let asks = proposal.earlier != Earlier::Same && !standing.tenant_closed;
        if let Some(declined) = check_day(proposal.day, self.today()).err().filter(|_| asks) {
            return Ok(Err(declined));
        }
        for account in proposal.entries.iter().map(|entry| &entry.account) {
            if let Some(rule) = rules.accounts.rule(&policy.chart, account) {
                standing.accounts.insert(account.clone(), rule);
            }
        }
        for row in books::trial_balance(&self.platform.db, &self.row.tenant).await?.rows {
            // One of the two is zero.
            standing.balances.insert((row.account, row.currency), row.debit.saturating_sub(row.credit));
        }
        Ok(ledger::admit(proposal, &standing).map_err(Declined::from))
    }

    /// Takes or declines what is no voucher, by how the books stand.
    pub(crate) async fn take(&self, entered: &Entered<'_>) -> Result<Result<Admitted, Declined>> {
        let standing = self.standing(&self.rules().await?).await?;
        Ok(declined::admit(entered, &standing, self.today()))
    }

    /// The part as it is folded.
    pub(crate) async fn part(&self, key: &PartKey) -> Result<Option<Part>> {
        let rows = books::parts_of(&self.platform.db, &self.row.tenant, BTreeSet::from([key.clone()])).await?;
        Ok(rows.into_iter().next().map(|row| row.part))
    }

    /// The merchant's day.
    pub(crate) fn today(&self) -> Day {
        now().day(self.row.zone)
    }

    async fn standing(&self, rules: &Rules) -> Result<Standing> {
        Ok(Standing {
            tenant_closed: self.closed_since().await?.is_some(),
            closed_through: rules.calendar.closed_through(),
            ..Standing::default()
        })
    }

    pub(crate) async fn closed_since(&self) -> Result<Option<Timestamp>> {
        Ok(books::closed_since(&self.platform.db, &self.row.tenant).await?)
    }
}

/// Why something is refused, by its name; nothing was written.
pub(crate) fn refusal(refused: &Refused) -> Answer {
    Declined::from(*refused).answer()
}
