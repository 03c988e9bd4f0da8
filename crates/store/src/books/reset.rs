//! Dropping what can be folded again.

use super::checkpoint::{Checkpoint, Stage, lock_all, save_checkpoint, save_version};
use crate::db::{DbError, Dialect, Tx};

/// What a consumer folds the log into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Projection {
    /// Cases, journal, balances, orders, shipments, cash positions, goods at cost.
    Books,
    /// Sealed details, tombstones, privacy requests.
    People,
    /// Stock, costs and alerts.
    Stock,
    /// What was not understood.
    Quarantine,
}

impl Projection {
    /// Every projection.
    pub const ALL: [Projection; 4] = [Projection::Books, Projection::People, Projection::Stock, Projection::Quarantine];

    /// Its name in checkpoints, commands and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Projection::Books => "books",
            Projection::People => "people",
            Projection::Stock => "stock",
            Projection::Quarantine => "quarantine",
        }
    }

    /// The version of the rules by which the log is folded into its tables. One more whenever the same facts give other rows, or
    /// rows of another format: what was folded by other rules is to be folded again.
    pub fn version(self) -> u32 {
        match self {
            Projection::Books | Projection::People | Projection::Stock | Projection::Quarantine => 0,
        }
    }

    /// The tables that are its fold.
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Projection::Books => &[
                "part",
                "journal",
                "journal_head",
                "relay",
                "balance",
                "balance_month",
                "order_view",
                "shipment",
                "cod_position",
                "stock_movement",
                "replaced_part",
                "journal_removed",
                "balance_removed",
                "late_fact",
                "declined_totals",
            ],
            Projection::People => &["person", "erased_subject", "privacy_request"],
            Projection::Stock => &["stock", "product_cost", "stock_alert"],
            Projection::Quarantine => &["quarantine", "redriven"],
        }
    }
}

/// Empties a projection's tables and puts its checkpoints back to the start, in one transaction. False, with nothing done,
/// while the journal holds transactions that the ledger topic does not: they would be lost.
pub async fn reset(tx: &mut Tx, projection: Projection, partitions: u32, stage: Stage) -> Result<bool, DbError> {
    // Whoever is folding ends first, and finds its checkpoint moved when it comes back.
    let stood = lock_all(tx, projection.name(), partitions).await?;
    if projection == Projection::Books {
        let waiting = tx.query("SELECT 1 FROM relay WHERE relayed < position LIMIT 1", vec![]).await?;
        if !waiting.is_empty() {
            return Ok(false);
        }
    }
    tx.execute("DELETE FROM poison WHERE consumer = $1", vec![projection.name().into()]).await?;
    for table in projection.tables() {
        let empty = match tx.dialect() {
            // At once, however large the table is; SQLite does the same for a DELETE without a condition.
            Dialect::Postgres => format!("TRUNCATE {table}"),
            Dialect::Sqlite => format!("DELETE FROM {table}"),
        };
        tx.execute(&empty, vec![]).await?;
    }
    for (partition, was) in stood {
        let anew = Checkpoint { edition: was.edition.saturating_add(1), ..Checkpoint::start(stage) };
        save_checkpoint(tx, projection.name(), partition, &anew).await?;
    }
    save_version(tx, projection, None).await?;
    Ok(true)
}

/// Begins every projection from the start of the log, in a database that nothing was folded into: what the ledger and alert topics
/// have is not published anew. For books whose log was restored.
pub(crate) async fn fold_anew(tx: &mut Tx, partitions: u32) -> Result<(), DbError> {
    for projection in Projection::ALL {
        for partition in 0..partitions {
            save_checkpoint(tx, projection.name(), partition, &Checkpoint::start(Stage::Rebuilding)).await?;
        }
    }
    Ok(())
}
