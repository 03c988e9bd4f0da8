//! The books and the read models: what a consumer loads, writes and compares inside one transaction, and what a reader asks
//! for. Rows are typed here; no SQL leaves this crate.

mod alerts;
mod as_of;
mod audit;
mod chain;
mod checkpoint;
mod identity;
mod intake;
mod inventory;
mod journal;
mod known;
mod months;
mod movements;
mod on_hand;
mod parts;
mod paused;
mod people;
mod pieces;
mod quarantine;
mod read;
mod reset;
mod scan;
mod tables;
mod tenants;
mod totals;
mod views;
mod vouchers;

pub use alerts::{
    AlertKey, AlertRow, WaitingAlert, low_levels, save_alerts, set_alerts_aside, standing_alerts, unpublished_alerts,
    untold_alerts, waiting_alerts,
};
pub use as_of::{AsOf, PostedScan, totals};
pub use audit::{Damaged, JournalAudit, rows_to_audit};
pub use chain::{ChainAudit, Chained, RemovedRow, has_removed, removed_balances};
pub use checkpoint::{
    Checkpoint, Fenced, Poison, Stage, are_whole, begin_edition, checkpoints, compare, count_poison, lock, lock_all,
    reached, save_checkpoint, save_poison, save_version, versions,
};
pub use identity::identity;
pub use intake::{Intake, intakes, pause_tenant, resume_tenant, save_rate, tenant_and_intake};
pub use inventory::{CostRow, StockRow, costs, save_costs, save_stock, stock};
pub use journal::{
    BalancesByDayKnown, Head, JournalRow, Relay, Unrelayed, add_balances, append_journal, entries_json, heads,
    positions, posted_behind, relayed, save_heads, save_positions, unrelayed,
};
pub use known::{order_names, people_of_all, quarantined_after, quarantined_by_subject};
pub use months::{BalancesByMonth, MonthKey, balances_by_month, by_month};
pub use movements::{
    CardPlaces, MovementKey, Movements, delete_movements, movements_before, movements_by_key, movements_by_part,
    movements_from, movements_page, save_movements,
};
pub use on_hand::{OnHand, on_hand};
pub use parts::{
    Names, PartRow, PartRows, all_keys, count_parts, orders_by_name, parcels_by_quoted_name, parts_by_key,
};
pub use paused::{Ends, pause, paused, resume};
pub use people::{
    ErasedRow, PersonKey, PersonRow, RequestRow, all_erased, erase_people, erased, people, redactions_waiting,
    save_erased, save_people, save_requests, shop_redactions, shop_requests,
};
pub use quarantine::{
    QuarantineKey, QuarantineRow, WaitingInputs, count_quarantined, quarantined, redriven, save_quarantined,
    save_redriven, waiting_inputs,
};
pub use read::{
    Ageing, CodSummary, JournalLine, case_of, cod_by_courier, count_orders, has_open_cod, journal_of, order,
    order_by_name, orders, orders_of, owner_of, parked, part, people_about, people_of, recent_journal, trial_balance,
};
pub(crate) use reset::fold_anew;
pub use reset::{Projection, reset};
pub use scan::{
    BalanceRow, CashSums, JournalScan, PartScan, SetHash, all_heads, balances, outstanding, progress,
    read_model_hashes, relays, sealed_table_hashes,
};
pub use tenants::{TenantRow, policies, save_tenant, tenant, tenants, tenants_behind};
pub use totals::{
    DeclinedTotals, LateFact, ReplacedRows, count_replaced, declined_totals, late_facts, old_parts, order_parts_of,
    sweep, sweep_again,
};
pub use views::{CodRow, OrderView, ShipmentRow, ViewRows, cod_state, parcel_state};
pub use vouchers::{
    TURN, approval_limits, close_tenant, closed_since, end_turn, parts_of, reopen_tenant, save_approval_limit,
    take_turn, vouchers,
};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::DbError;

/// The first byte of every stored state. Another number means that the read models must be rebuilt.
const STATE_FORMAT: u8 = 6;

fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, DbError> {
    postcard::to_extend(value, vec![STATE_FORMAT]).map_err(|_| DbError::Misfit { what: what.to_owned() })
}

fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, DbError> {
    match bytes.split_first() {
        Some((&STATE_FORMAT, rest)) => postcard::from_bytes(rest).map_err(|_| corrupt(what)),
        Some(_) => Err(corrupt(&format!("{what} of another format: run `daybook rebuild --all`"))),
        None => Err(corrupt(what)),
    }
}

fn corrupt(what: &str) -> DbError {
    DbError::Corrupt { what: what.to_owned() }
}

/// Reads an id from a stored text, naming the column when it is not one.
pub(crate) fn parsed<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, DbError> {
    text.parse().map_err(|_| corrupt(what))
}

/// Unsigned numbers are stored as signed ones; none here comes near the limit.
fn signed(what: &'static str, number: u64) -> Result<i64, DbError> {
    i64::try_from(number).map_err(|_| DbError::Misfit { what: what.to_owned() })
}

fn unsigned(what: &'static str, number: i64) -> Result<u64, DbError> {
    u64::try_from(number).map_err(|_| corrupt(what))
}
