//! One order from its placing to the bank, and then its buyer is erased.

use anyhow::{Context, Result};
use commerce::{OrderId, Part, StaffId};
use serde::Serialize;
use store::books::{self, OrderView, PartScan};
use store::keys::{Actor, ErasureReason, IdentityHint, IdentityKind, Purpose, Shown};
use subject_keys::Pii;

use super::section;
use super::stage::Stage;
use crate::erase::{self, Receipt};
use crate::output::{mark, say};
use crate::platform::now;
use crate::show::{self, Page, Who, who_text};

/// What was told.
pub(super) struct Story {
    /// The order, people masked.
    pub(super) order: Page,
    /// The erasure.
    pub(super) erasure: Erasure,
}

/// An erasure, seen from before and after.
#[derive(Serialize)]
pub(super) struct Erasure {
    before: Vec<Who>,
    after: Vec<Who>,
    receipt: Receipt,
    books_unchanged: bool,
}

impl Story {
    /// True when the person is gone and no total has moved.
    pub(super) fn good(&self) -> bool {
        let erasure = &self.erasure;
        let gone = |who: &&Who| who.subject == erasure.receipt.subject;
        let erased = !erasure.after.is_empty() && erasure.after.iter().filter(gone).all(|who| who.state == "erased");
        let was_there = erasure.before.iter().any(|who| who.name.is_some() && who.phone.is_some());
        was_there && erased && erasure.books_unchanged && erasure.receipt.shown_as_erased
    }
}

/// Shows one order, erases its buyer, and shows what is left.
pub(super) async fn tell(stage: &Stage, as_json: bool) -> Result<Story> {
    let order = telling_order(stage).await?;
    let page = page(stage, &order, Shown::Masked).await?;
    say(&section("one order", &page.text()), as_json);
    let erasure = erase_buyer(stage, &order).await?;
    let text = format!(
        "before\n{}after\n{}{}  {} the trial balance is the same to the last byte\n",
        who_text(&erasure.before),
        who_text(&erasure.after),
        erase::text(&erasure.receipt),
        mark(erasure.books_unchanged),
    );
    say(&section("its buyer is erased", &text), as_json);
    Ok(Story { order: page, erasure })
}

async fn erase_buyer(stage: &Stage, order: &OrderView) -> Result<Erasure> {
    let (platform, tenant) = (&stage.platform, &stage.tenant.tenant);
    let before = page(stage, order, Shown::Clear).await?.people;
    let books_before = show::books_answer(tenant, &books::trial_balance(&platform.db, tenant).await?)?;
    let hint = IdentityHint { kind: IdentityKind::Order, value: Pii::new(order.order.to_string()) };
    let found = platform.keys.find_subject(tenant, &[hint]).await?;
    let (subject, _) = found.context("the order's buyer is not known to the key store")?;
    let receipt = erase::erase(platform, &stage.settings, &stage.tenant, subject, ErasureReason::Person).await?;
    let after = page(stage, order, Shown::Clear).await?.people;
    let books_after = show::books_answer(tenant, &books::trial_balance(&platform.db, tenant).await?)?;
    Ok(Erasure { before, after, receipt, books_unchanged: books_before == books_after })
}

/// The order as a member of the shop's staff sees it, who is let see people in clear first.
async fn page(stage: &Stage, order: &OrderView, shown: Shown) -> Result<Page> {
    let (staff, purpose): (StaffId, Purpose) = ("support-1".parse()?, "demo".parse()?);
    stage.platform.keys.permit_reveal(&stage.tenant.tenant, &staff, now()).await?;
    let by = show::access(Actor::Staff(staff), purpose, shown);
    show::page(&stage.platform, &stage.tenant, order.clone(), &by).await
}

/// An order with much to tell: paid in cash, delivered, settled in two parts, if possible refunded; the first of them.
async fn telling_order(stage: &Stage) -> Result<OrderView> {
    let (db, tenant) = (&stage.platform.db, &stage.tenant.tenant);
    let (mut settled, mut refunded): (Vec<OrderId>, Vec<OrderId>) = (Vec::new(), Vec::new());
    let mut scan = PartScan::new(db);
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            break;
        }
        for row in rows.iter().filter(|row| row.tenant == *tenant) {
            match &row.part {
                Part::Parcel(parcel) if parcel.settled.len() == 2 => settled.extend(parcel.claims.orders().next()),
                Part::Order(order) if !order.refunds.is_empty() => refunded.extend(order.id()),
                _ => {}
            }
        }
    }
    settled.sort();
    let both = settled.iter().find(|order| refunded.contains(order));
    let chosen = both.or(settled.first()).context("no order is settled: let the shop take more with --orders")?;
    books::order(db, tenant, *chosen).await?.context("the settled order is not in the read models")
}
