//! Reading one tenant's books: every query of this crate is here, and each is of one tenant.

use commerce::{OrderId, PartKey, TenantId};
use ledger::{Day, Timestamp, TrialBalance};
use store::books::{self, CodSummary, JournalLine, OrderView, PartRow, TenantRow};
use store::db::DbError;

use crate::App;
use crate::refusal::Refusal;

/// Orders on the first page, and in JSON unless asked otherwise.
pub(crate) const LATEST: u32 = 20;

/// A tenant, read at an instant.
pub(crate) struct Shop<'a> {
    app: &'a App,
    /// Who, and how it keeps its books.
    pub(crate) row: TenantRow,
    /// The instant of reading.
    pub(crate) now: Timestamp,
}

/// What the first page is made of.
pub(crate) struct Books {
    pub(crate) trial: TrialBalance,
    pub(crate) cod: Vec<CodSummary>,
    pub(crate) orders: Vec<OrderView>,
    pub(crate) order_count: i64,
    pub(crate) quarantined: i64,
    /// Part and reason.
    pub(crate) parked: Vec<(String, String)>,
}

/// What an order's page is made of.
pub(crate) struct OrderFile {
    pub(crate) order: OrderView,
    pub(crate) parts: Vec<PartRow>,
    /// Of all its parts, by number.
    pub(crate) journal: Vec<JournalLine>,
}

impl App {
    /// The tenant a path names. A name that no tenant could have and a tenant that is not here are the same.
    pub(crate) async fn shop(&self, tenant: &str) -> Result<Shop<'_>, Refusal> {
        let tenant: TenantId = tenant.parse().map_err(|_| Refusal::NotFound)?;
        let row = books::tenant(&self.db, &tenant).await?.ok_or(Refusal::NotFound)?;
        Ok(self.open(row))
    }

    /// Every tenant's name.
    pub(crate) async fn tenants(&self) -> Result<Vec<TenantRow>, DbError> {
        books::tenants(&self.db).await
    }

    /// A tenant that was just read.
    pub(crate) fn open(&self, row: TenantRow) -> Shop<'_> {
        Shop { app: self, row, now: (self.clock)() }
    }
}

impl Shop<'_> {
    /// The business day of the reading.
    pub(crate) fn today(&self) -> Day {
        self.now.day(self.row.zone)
    }

    pub(crate) async fn trial_balance(&self) -> Result<TrialBalance, DbError> {
        books::trial_balance(&self.app.db, &self.row.tenant).await
    }

    pub(crate) async fn cod(&self) -> Result<Vec<CodSummary>, DbError> {
        books::cod_by_courier(&self.app.db, &self.row.tenant, self.today()).await
    }

    pub(crate) async fn orders(&self, limit: u32) -> Result<Vec<OrderView>, DbError> {
        books::orders(&self.app.db, &self.row.tenant, limit).await
    }

    pub(crate) async fn order_count(&self) -> Result<i64, DbError> {
        books::count_orders(&self.app.db, &self.row.tenant).await
    }

    pub(crate) async fn books(&self) -> Result<Books, DbError> {
        let (db, tenant) = (&self.app.db, &self.row.tenant);
        Ok(Books {
            trial: self.trial_balance().await?,
            cod: self.cod().await?,
            orders: self.orders(LATEST).await?,
            order_count: self.order_count().await?,
            quarantined: books::count_quarantined(db, tenant).await?,
            parked: books::parked(db, tenant).await?,
        })
    }

    /// One order with all its parts and what is posted for them.
    pub(crate) async fn order(&self, order: OrderId) -> Result<OrderFile, Refusal> {
        let (db, tenant) = (&self.app.db, &self.row.tenant);
        let order_row = books::order(db, tenant, order).await?.ok_or(Refusal::NotFound)?;
        let parts = books::case_of(db, tenant, order).await?;
        let mut journal = Vec::new();
        for key in keys(order, &parts) {
            journal.extend(books::journal_of(db, tenant, &key).await?);
        }
        journal.sort_by_key(|line| line.posted.number);
        Ok(OrderFile { order: order_row, parts, journal })
    }
}

/// The order itself is asked for even if its part is not there: a page must not hide what is posted for it.
fn keys(order: OrderId, parts: &[PartRow]) -> std::collections::BTreeSet<PartKey> {
    std::iter::once(PartKey::Order(order)).chain(parts.iter().map(|part| part.key.clone())).collect()
}
