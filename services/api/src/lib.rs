//! The first page and a small read-only JSON API over the books.
//!
//! | path | shows |
//! | --- | --- |
//! | `/` | the page of the only tenant, or a list of tenants |
//! | `/t/{tenant}` | trial balance, cash on delivery by courier and age, latest orders, what waits for a person |
//! | `/t/{tenant}/orders/{order}` | one order: its parcels, timeline, journal and cash |
//! | `/api/v1/t/{tenant}/trial-balance`, `…/cod`, `…/orders?limit=` | the same figures as JSON |
//! | `/assets/…` | the style sheet and the icon, from inside the program |
//!
//! # JSON
//!
//! Amounts are whole numbers of minor units, with their currency and its `decimals` beside them. Numbers may exceed what a
//! double holds exactly, so read them as 64-bit integers; ids are strings. `as_of` is an instant in UTC (RFC 3339); `day` is
//! the business day it falls on in the tenant's `zone`.
//!
//! - `trial-balance`: `{tenant, as_of, day, zone, currencies: [{currency, decimals, accounts: [{account, currency, debit,
//!   credit}], debits, credits, balanced}]}`
//! - `cod`: `{tenant, as_of, day, zone, currencies: [{currency, decimals, couriers: [{courier, expected, remitted, fees, written_off,
//!   outstanding, on_the_way, days_0_7, days_8_14, days_15_30, days_31_up}], totals: {…}}]}`
//! - `orders`: `{tenant, as_of, day, zone, count, orders: [{order, name, placed_at, city, country, payment, currency,
//!   total, refunded, status, parcels}]}`, latest first; `limit` is 1 to 500, 20 unless given; `payment` is `cod` or `prepaid`.
//!
//! What is refused is answered in `application/problem+json` (RFC 9457): 400 for a bad limit, 404 for a tenant that is not
//! here, 503 with `Retry-After` while the database is away.
//!
//! # What is not here
//!
//! No key store is within reach of all that, so nothing personal can be shown: only ids, amounts, cities and states. Nobody is asked who
//! they are either: serve this on a loopback address, or behind something that asks. [`visit`] alone shows a person what is held
//! about them, once they have shown that it is they; it can be served to the public.

mod cash;
mod headers;
mod json;
mod pages;
mod refusal;
mod shop;
mod view;
pub mod visit;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;
use ledger::Timestamp;
use store::db::{Db, DbError};

/// What every handler works on.
#[derive(Clone)]
struct App {
    db: Db,
    clock: fn() -> Timestamp,
}

/// The pages, the JSON API and a page for every path that is not there. Merge it with routers that have no fallback.
pub fn router(db: Db, clock: fn() -> Timestamp) -> Router {
    Router::new()
        .route("/", get(pages::first))
        .route("/t/{tenant}", get(pages::books))
        .route("/t/{tenant}/orders/{order}", get(pages::order))
        .route("/api/v1/t/{tenant}/trial-balance", get(json::trial_balance))
        .route("/api/v1/t/{tenant}/cod", get(json::cod))
        .route("/api/v1/t/{tenant}/orders", get(json::orders))
        .route("/assets/daybook.css", get(headers::style_sheet))
        .route("/assets/daybook.svg", get(headers::icon))
        .fallback(pages::not_found)
        .layer(map_response(headers::guard))
        .with_state(App { db, clock })
}

/// Whether pages can be served: the books answer. For a readiness probe.
pub async fn ready(db: &Db) -> Result<(), DbError> {
    store::books::tenants(db).await.map(drop)
}
