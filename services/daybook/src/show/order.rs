//! `show order`: one order with everything that is known about it.

use anyhow::{Context, Error, Result, bail};
use commerce::{Case, CodPosition, LineItem, OrderId, OrderName, Part, PartKey};
use serde::Serialize;
use store::books::{self, OrderView, PartRow, TenantRow};
use store::db::Db;
use store::keys::{AccessBy, Actor, Field, KeyStoreError, Purpose, Shown};
use uuid::Uuid;

use super::journal::{self, Line};
use super::person::{self, Who, who_text};
use super::timeline::{Moment, timeline};
use crate::cli::ShowOrder;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, amount, strong};
use crate::platform::{Platform, now};
use crate::tenant;

/// Everything about an order. Amounts in minor units of `currency`.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    tenant: String,
    order: String,
    name: Option<String>,
    placed_at: Option<String>,
    status: String,
    currency: Option<String>,
    total: Option<i64>,
    cod: bool,
    refunded: i64,
    city: Option<String>,
    country: Option<String>,
    zone: &'static str,
    parked: Vec<String>,
    /// Who is behind it.
    pub(crate) people: Vec<Who>,
    lines: Vec<Item>,
    timeline: Vec<Moment>,
    journal: Vec<Line>,
    cash: Vec<Cash>,
}

/// A line of the order.
#[derive(Debug, Serialize)]
struct Item {
    line: String,
    sku: Option<String>,
    quantity: i64,
    unit_price: i64,
    discount: i64,
}

/// Where a parcel's cash stands.
#[derive(Debug, Serialize)]
struct Cash {
    courier: String,
    tracking: String,
    currency: String,
    state: &'static str,
    expected: i64,
    remitted: i64,
    fees: i64,
    written_off: i64,
    outstanding: i64,
    on_the_way: i64,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &ShowOrder) -> Result<Answer> {
    let shown = if asked.reveal { Shown::Clear } else { Shown::Masked };
    let actor = asked.by.clone().map_or(Actor::Operator, Actor::Staff);
    let by = access(actor, asked.purpose.clone().unwrap_or_else(Purpose::look_up), shown);
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let order = find(&platform.db, &row, &asked.order).await?;
    let id = order.order;
    let page = page(&platform, &row, order, &by).await.map_err(|error| explained(error, &row, &by))?;
    if shown == Shown::Clear {
        let (by, purpose) = (by.actor.name(), &by.purpose);
        tracing::info!(tenant = %row.tenant, order = %id, by, %purpose, "personal data was asked for in clear");
    }
    Ok(Answer::new(&page, page.text()))
}

/// A look at an order, as it goes on record.
pub(crate) fn access(actor: Actor, purpose: Purpose, shown: Shown) -> AccessBy {
    let fields = &[Field::Name, Field::Phone, Field::Email, Field::Address];
    AccessBy { actor, purpose, request: Uuid::new_v4(), at: now(), shown, fields }
}

/// A refusal, with what helps.
fn explained(error: Error, row: &TenantRow, by: &AccessBy) -> Error {
    match error.downcast_ref::<KeyStoreError>() {
        Some(KeyStoreError::NotPermitted) => error.context(format!(
            "`{0}` may not see people of `{1}` in clear: let them with `daybook privacy permit {0} --tenant {1}`",
            by.actor.name(),
            row.tenant
        )),
        _ => error,
    }
}

/// The order of that id, or printed under that name.
pub(crate) async fn find(db: &Db, row: &TenantRow, text: &str) -> Result<OrderView> {
    if let Ok(id) = text.parse::<OrderId>()
        && let Some(order) = books::order(db, &row.tenant, id).await?
    {
        return Ok(order);
    }
    if let Some(name) = OrderName::from_text(text)
        && let Some(order) = books::order_by_name(db, &row.tenant, name.as_str()).await?
    {
        return Ok(order);
    }
    if let Ok(id) = text.parse::<OrderId>()
        && let Some(stored) = books::part(db, &row.tenant, &PartKey::Order(id)).await?
        && let Some(replaced) = stored.part.replaced()
    {
        let (on, totals) = (replaced.at.day(row.zone), &replaced.totals);
        bail!("the detail of order {id} was replaced by totals on {on}: see totals/{totals} in the journal");
    }
    bail!(
        "the tenant `{}` has no such order: give its id or its printed name; `daybook lag` says whether records wait",
        row.tenant
    )
}

/// Collects everything about an order.
pub(crate) async fn page(platform: &Platform, row: &TenantRow, order: OrderView, by: &AccessBy) -> Result<Page> {
    let (db, tenant) = (&platform.db, &row.tenant);
    let parts = books::case_of(db, tenant, order.order).await?;
    let sealed = books::people_about(db, tenant, &PartKey::Order(order.order).to_string()).await?;
    let mut posted = Vec::new();
    for part in &parts {
        posted.extend(books::journal_of(db, tenant, &part.key).await?.into_iter().map(|line| line.posted));
    }
    Ok(Page {
        people: person::open(&platform.keys, &sealed, by).await?,
        lines: items(&parts),
        timeline: timeline(&parts, row.zone),
        zone: row.zone.name(),
        journal: journal::lines(posted),
        cash: cash(&parts, row),
        parked: parts.iter().filter_map(|part| part.parked.clone()).collect(),
        tenant: tenant.to_string(),
        order: order.order.to_string(),
        name: order.name,
        placed_at: order.placed_at.map(|at| at.to_string()),
        status: order.status,
        currency: order.currency,
        total: order.total,
        cod: order.cod,
        refunded: order.refunded,
        city: order.city,
        country: order.country,
    })
}

fn items(parts: &[PartRow]) -> Vec<Item> {
    let terms = parts.iter().find_map(|row| match &row.part {
        Part::Order(order) => order.terms.as_ref(),
        _ => None,
    });
    let item = |line: &LineItem| Item {
        line: line.line.to_string(),
        sku: line.sku.as_ref().map(ToString::to_string),
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: line.discount,
    };
    terms.map(|terms| terms.lines.iter().map(item).collect()).unwrap_or_default()
}

fn cash(parts: &[PartRow], row: &TenantRow) -> Vec<Cash> {
    let case: Case<'_> = parts.iter().map(|part| (part.key.clone(), &part.part)).collect();
    let policy = row.policy();
    let positions = case.keys().filter_map(|key| commerce::cod_position(&case, key, &policy));
    let shown = |position: CodPosition| Cash {
        courier: position.courier.to_string(),
        tracking: position.tracking.to_string(),
        currency: position.currency.code().to_owned(),
        state: books::cod_state(position.state),
        expected: position.expected,
        remitted: position.remitted,
        fees: position.fees,
        written_off: position.written_off,
        outstanding: position.outstanding,
        on_the_way: position.on_the_way,
    };
    positions.map(shown).collect()
}

impl Page {
    /// The page for people.
    pub(crate) fn text(&self) -> String {
        let mut text = self.heading();
        for (title, body) in [
            ("who", who_text(&self.people).to_string()),
            ("lines", self.lines_text()),
            (&*format!("timeline, on the clocks of {}", self.zone), self.timeline_text()),
            ("journal", journal::text(&self.journal)),
            ("cash on delivery", self.cash_text()),
        ] {
            if !body.is_empty() {
                text.push_str(&format!("\n{}\n{body}", strong(title)));
            }
        }
        for reason in &self.parked {
            text.push_str(&format!("\nnot posted: {reason}\n"));
        }
        text
    }

    fn heading(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" (#{name})")).unwrap_or_default();
        let currency = self.currency.as_deref().unwrap_or_default();
        let total = self.total.map(|total| format!(", {} {currency}", amount(total, currency))).unwrap_or_default();
        let paid = if self.cod { "cash on delivery" } else { "prepaid" };
        let to = [&self.city, &self.country].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let to = if to.is_empty() { to } else { format!(", to {to}") };
        format!("{}: {}{total}, {paid}{to}\n", strong(&format!("order {}{name}", self.order)), self.status)
    }

    fn lines_text(&self) -> String {
        let currency = self.currency.as_deref().unwrap_or_default();
        let mut table = Table::plain([Align::Right, Align::Left, Align::Right, Align::Left]).indented(2);
        for item in &self.lines {
            let off =
                if item.discount == 0 { String::new() } else { format!("less {}", amount(item.discount, currency)) };
            let sku = item.sku.clone().unwrap_or_else(|| format!("line {}", item.line));
            table.row([format!("{} x", item.quantity), sku, amount(item.unit_price, currency), off]);
        }
        table.to_string()
    }

    fn timeline_text(&self) -> String {
        let mut table = Table::plain([Align::Left, Align::Left, Align::Left]).indented(2);
        for moment in &self.timeline {
            table.row([moment.local.clone(), moment.what.to_owned(), moment.details.clone()]);
        }
        table.to_string()
    }

    fn cash_text(&self) -> String {
        let mut text = String::new();
        for one in &self.cash {
            let money = |minor: i64| amount(minor, &one.currency);
            let line = format!(
                "  {} {}: {}; expected {}, remitted {}, fees {}, written off {}, outstanding {} {}",
                one.courier,
                one.tracking,
                one.state.replace('_', " "),
                money(one.expected + one.on_the_way),
                money(one.remitted),
                money(one.fees),
                money(one.written_off),
                money(one.outstanding),
                one.currency
            );
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

/// The id of the order that is meant, whether or not its facts were folded yet.
pub(crate) async fn id_of(db: &Db, row: &TenantRow, text: &str) -> Result<OrderId> {
    match find(db, row, text).await {
        Ok(order) => Ok(order.order),
        Err(unknown) => text.parse::<OrderId>().ok().context(unknown),
    }
}
