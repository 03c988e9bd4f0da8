//! What readers ask for: trial balance, cash by courier and age, orders with their parts and journal. Each is one query, and
//! each is of one tenant.

use std::collections::BTreeMap;

use commerce::{Courier, OrderId, PartKey, TenantId, TrackingNumber};
use ledger::{Currency, Day, Posted, Timestamp, Total, TrialBalance};
use serde::Serialize;

use super::journal::journal_row;
use super::parts::{PartRow, row as part_row};
use super::people::{PersonRow, person_row};
use super::views::OrderView;
use super::{corrupt, parsed};
use crate::db::{Db, DbError, Row, Value};

/// Outstanding cash by days since delivery, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Ageing {
    /// 0 to 7 days.
    pub days_0_7: i64,
    /// 8 to 14 days.
    pub days_8_14: i64,
    /// 15 to 30 days.
    pub days_15_30: i64,
    /// 31 days and more.
    pub days_31_up: i64,
}

/// A courier's cash in one currency, minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodSummary {
    /// The courier's slug.
    pub courier: String,
    /// ISO 4217.
    pub currency: String,
    /// Collected at the door.
    pub expected: i64,
    /// Paid out, net.
    pub remitted: i64,
    /// Kept back as fees and their tax.
    pub fees: i64,
    /// Given up, or claimed of the courier as damages.
    pub written_off: i64,
    /// Still owed by the courier.
    pub outstanding: i64,
    /// With parcels that are under way.
    pub on_the_way: i64,
    /// The outstanding cash by age; cash on undelivered parcels has none and is in the first column.
    pub ageing: Ageing,
}

/// A posted transaction as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// As it was posted.
    pub posted: Posted,
}

/// Net balances of a tenant's accounts.
pub async fn trial_balance(db: &Db, tenant: &TenantId) -> Result<TrialBalance, DbError> {
    let sql = "SELECT account, currency, CAST(SUM(debits) AS BIGINT), CAST(SUM(credits) AS BIGINT) FROM balance_month \
               WHERE tenant = $1 GROUP BY account, currency";
    let rows = db.query(sql, vec![tenant.as_str().into()]).await?;
    let totals: Vec<_> = rows
        .iter()
        .map(|row| {
            let total = Total::posted(row.int(2)?, row.int(3)?);
            Ok((parsed("balance.account", row.text(0)?)?, parsed::<Currency>("balance.currency", row.text(1)?)?, total))
        })
        .collect::<Result<_, DbError>>()?;
    TrialBalance::from_totals(totals).map_err(|_| corrupt("balance: a sum does not fit"))
}

/// Cash by courier and currency, aged to `today`.
pub async fn cod_by_courier(db: &Db, tenant: &TenantId, today: Day) -> Result<Vec<CodSummary>, DbError> {
    let sql = "SELECT courier, currency, expected, remitted, fees, outstanding, on_the_way, delivered_on, written_off \
               FROM cod_position WHERE tenant = $1 \
               AND (expected <> 0 OR remitted <> 0 OR fees <> 0 OR written_off <> 0 OR on_the_way <> 0)";
    let rows = db.query(sql, vec![tenant.as_str().into()]).await?;
    let mut summaries: BTreeMap<(String, String), CodSummary> = BTreeMap::new();
    for row in &rows {
        let (courier, currency) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        let summary = summaries.entry((courier.clone(), currency.clone())).or_insert_with(|| CodSummary {
            courier,
            currency,
            expected: 0,
            remitted: 0,
            fees: 0,
            written_off: 0,
            outstanding: 0,
            on_the_way: 0,
            ageing: Ageing::default(),
        });
        summary.add(row, today)?;
    }
    Ok(summaries.into_values().collect())
}

impl CodSummary {
    fn add(&mut self, row: &Row, today: Day) -> Result<(), DbError> {
        let outstanding = row.int(5)?;
        let delivered = row.opt_int(7)?.map(|day| Day(i32::try_from(day).unwrap_or(today.0)));
        let age = delivered.map_or(0, |day| today.since(day));
        let bucket = match age {
            ..=7 => &mut self.ageing.days_0_7,
            8..=14 => &mut self.ageing.days_8_14,
            15..=30 => &mut self.ageing.days_15_30,
            31.. => &mut self.ageing.days_31_up,
        };
        add(bucket, outstanding)?;
        add(&mut self.expected, row.int(2)?)?;
        add(&mut self.remitted, row.int(3)?)?;
        add(&mut self.fees, row.int(4)?)?;
        add(&mut self.written_off, row.int(8)?)?;
        add(&mut self.outstanding, outstanding)?;
        add(&mut self.on_the_way, row.int(6)?)
    }
}

fn add(sum: &mut i64, more: i64) -> Result<(), DbError> {
    *sum = sum.checked_add(more).ok_or_else(|| corrupt("cod_position: a sum does not fit"))?;
    Ok(())
}

const ORDER_COLUMNS: &str =
    "tenant, order_id, name, placed_at, currency, total, cod, status, refunded, parcels, city, country";

/// A tenant's latest orders.
pub async fn orders(db: &Db, tenant: &TenantId, limit: u32) -> Result<Vec<OrderView>, DbError> {
    let sql = format!(
        "SELECT {ORDER_COLUMNS} FROM order_view WHERE tenant = $1 AND placed_at IS NOT NULL \
         ORDER BY placed_at DESC, order_id DESC LIMIT $2"
    );
    db.query(&sql, vec![tenant.as_str().into(), limit.into()]).await?.iter().map(order_view).collect()
}

/// One order.
pub async fn order(db: &Db, tenant: &TenantId, order: OrderId) -> Result<Option<OrderView>, DbError> {
    let sql = format!("SELECT {ORDER_COLUMNS} FROM order_view WHERE tenant = $1 AND order_id = $2");
    let rows = db.query(&sql, vec![tenant.as_str().into(), order.to_string().into()]).await?;
    rows.first().map(order_view).transpose()
}

/// The order printed under a name, without its `#`.
pub async fn order_by_name(db: &Db, tenant: &TenantId, name: &str) -> Result<Option<OrderView>, DbError> {
    let sql =
        format!("SELECT {ORDER_COLUMNS} FROM order_view WHERE tenant = $1 AND name = $2 ORDER BY order_id LIMIT 1");
    let rows = db.query(&sql, vec![tenant.as_str().into(), name.into()]).await?;
    rows.first().map(order_view).transpose()
}

/// How many orders a tenant has.
pub async fn count_orders(db: &Db, tenant: &TenantId) -> Result<i64, DbError> {
    let rows = db.query("SELECT COUNT(*) FROM order_view WHERE tenant = $1", vec![tenant.as_str().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// An order's part and those of the parcels it owns, by claim or by the printed name.
pub async fn case_of(db: &Db, tenant: &TenantId, order: OrderId) -> Result<Vec<PartRow>, DbError> {
    let sql = "SELECT tenant, part, order_name, quoted_name, state, posted, parked FROM part WHERE tenant = $1 AND part IN \
               (SELECT $2 UNION ALL SELECT 'parcel/' || courier || '/' || tracking FROM shipment \
               WHERE tenant = $1 AND order_id = $3)";
    let args = vec![tenant.as_str().into(), PartKey::Order(order).to_string().into(), order.to_string().into()];
    db.query(sql, args).await?.iter().map(part_row).collect()
}

/// The order that owns a parcel, by claim or by the printed name.
pub async fn owner_of(
    db: &Db,
    tenant: &TenantId,
    courier: &Courier,
    tracking: &TrackingNumber,
) -> Result<Option<OrderId>, DbError> {
    let sql = "SELECT order_id FROM shipment \
               WHERE tenant = $1 AND courier = $2 AND tracking = $3 AND order_id IS NOT NULL";
    let args = vec![tenant.as_str().into(), courier.as_str().into(), tracking.as_str().into()];
    db.query(sql, args).await?.first().map(|row| parsed("shipment.order_id", row.text(0)?)).transpose()
}

/// One part, if any fact of it was folded.
pub async fn part(db: &Db, tenant: &TenantId, key: &PartKey) -> Result<Option<PartRow>, DbError> {
    let sql =
        "SELECT tenant, part, order_name, quoted_name, state, posted, parked FROM part WHERE tenant = $1 AND part = $2";
    db.query(sql, vec![tenant.as_str().into(), key.to_string().into()]).await?.first().map(part_row).transpose()
}

/// Parts whose cases cannot be posted, with the reason.
pub async fn parked(db: &Db, tenant: &TenantId) -> Result<Vec<(String, String)>, DbError> {
    let sql = "SELECT part, parked FROM part WHERE tenant = $1 AND parked IS NOT NULL ORDER BY part";
    let rows = db.query(sql, vec![tenant.as_str().into()]).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
}

/// Everything posted for a part, in order.
pub async fn journal_of(db: &Db, tenant: &TenantId, part: &PartKey) -> Result<Vec<JournalLine>, DbError> {
    let filter = "tenant = $1 AND part = $2 ORDER BY number";
    journal_lines(db, filter, vec![tenant.as_str().into(), part.to_string().into()]).await
}

/// A tenant's latest transactions, latest first.
pub async fn recent_journal(db: &Db, tenant: &TenantId, limit: u32) -> Result<Vec<JournalLine>, DbError> {
    journal_lines(db, "tenant = $1 ORDER BY number DESC LIMIT $2", vec![tenant.as_str().into(), limit.into()]).await
}

async fn journal_lines(db: &Db, filter: &str, args: Vec<Value>) -> Result<Vec<JournalLine>, DbError> {
    let columns = "tenant, number, partition_no, position, part, effective, recorded, entries, body, link";
    let rows = db.query(&format!("SELECT {columns} FROM journal WHERE {filter}"), args).await?;
    let line = |row: &Row| {
        let posted = events::posted_from_bytes(&journal_row(row)?.body).map_err(|_| corrupt("journal.body"))?;
        Ok(JournalLine { posted })
    };
    rows.iter().map(line).collect()
}

/// Sealed details about an order and its refunds, or about a customer record.
pub async fn people_about(db: &Db, tenant: &TenantId, about: &str) -> Result<Vec<PersonRow>, DbError> {
    let sql = "SELECT tenant, about, role, subject, event, version, sealed FROM person \
               WHERE tenant = $1 AND (about = $2 OR (about > $3 AND about < $4)) ORDER BY about, role";
    // What lies below `about/`: `0` follows `/`. A range of the key, on either database.
    let below = (format!("{about}/"), format!("{about}0"));
    db.query(sql, vec![tenant.as_str().into(), about.into(), below.0.into(), below.1.into()])
        .await?
        .iter()
        .map(person_row)
        .collect()
}

/// Everything sealed that is held about a subject.
pub async fn people_of(db: &Db, tenant: &TenantId, subject: commerce::SubjectId) -> Result<Vec<PersonRow>, DbError> {
    let sql = "SELECT tenant, about, role, subject, event, version, sealed FROM person \
               WHERE tenant = $1 AND subject = $2 ORDER BY about, role";
    db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?.iter().map(person_row).collect()
}

/// Whether a courier has cash or a parcel of an order that names this person.
pub async fn has_open_cod(db: &Db, tenant: &TenantId, subject: commerce::SubjectId) -> Result<bool, DbError> {
    // What is about an order itself is `order/ID`; about a part of it, more follows, which no order's id is equal to.
    let sql = "SELECT 1 FROM shipment s JOIN cod_position c \
               ON c.tenant = s.tenant AND c.courier = s.courier AND c.tracking = s.tracking \
               WHERE s.tenant = $1 AND (c.outstanding > 0 OR c.on_the_way > 0) AND s.order_id IN \
               (SELECT SUBSTR(about, 7) FROM person WHERE tenant = $1 AND subject = $2 AND about LIKE 'order/%') LIMIT 1";
    let rows = db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
    Ok(!rows.is_empty())
}

/// The orders that name this person, as they stand.
pub async fn orders_of(
    db: &Db,
    tenant: &TenantId,
    subject: commerce::SubjectId,
) -> Result<Vec<commerce::Order>, DbError> {
    let sql = "SELECT tenant, part, order_name, quoted_name, state, posted, parked FROM part WHERE tenant = $1 AND part IN \
               (SELECT about FROM person WHERE tenant = $1 AND subject = $2 AND about LIKE 'order/%') ORDER BY part";
    let rows = db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
    let parts = rows.iter().map(part_row).collect::<Result<Vec<_>, _>>()?;
    let order = |row: PartRow| match row.part {
        commerce::Part::Order(order) => Some(order),
        _ => None,
    };
    Ok(parts.into_iter().filter_map(order).collect())
}

fn order_view(row: &Row) -> Result<OrderView, DbError> {
    Ok(OrderView {
        tenant: parsed("order_view.tenant", row.text(0)?)?,
        order: parsed("order_view.order_id", row.text(1)?)?,
        name: row.opt_text(2)?.map(str::to_owned),
        placed_at: row.opt_int(3)?.map(Timestamp),
        currency: row.opt_text(4)?.map(str::to_owned),
        total: row.opt_int(5)?,
        cod: row.int(6)? != 0,
        status: row.text(7)?.to_owned(),
        refunded: row.int(8)?,
        parcels: row.int(9)?,
        city: row.opt_text(10)?.map(str::to_owned),
        country: row.opt_text(11)?.map(str::to_owned),
    })
}
