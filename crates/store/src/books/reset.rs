//! Dropping what can be folded again.

use super::checkpoint::{Checkpoint, Stage, save_checkpoint};
use crate::db::{DbError, Tx};

/// A consumer, with the tables that are its fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection {
    /// Its name in checkpoints and metrics.
    pub name: &'static str,
    /// Its tables.
    pub tables: &'static [&'static str],
}

impl Projection {
    /// Cases, journal, balances, orders, shipments, cash positions.
    pub const BOOKS: Projection = Projection {
        name: "books",
        tables: &["part", "journal", "journal_head", "relay", "balance", "order_view", "shipment", "cod_position"],
    };
    /// Sealed details, tombstones, privacy requests.
    pub const PEOPLE: Projection =
        Projection { name: "people", tables: &["person", "erased_subject", "privacy_request"] };
    /// Stock and costs.
    pub const STOCK: Projection = Projection { name: "stock", tables: &["stock", "product_cost"] };
    /// What was not understood.
    pub const QUARANTINE: Projection = Projection { name: "quarantine", tables: &["quarantine"] };

    /// Every projection.
    pub const ALL: [Projection; 4] = [Self::BOOKS, Self::PEOPLE, Self::STOCK, Self::QUARANTINE];
}

/// Empties a projection's tables and puts its checkpoints back to the start, in one transaction.
pub async fn reset(tx: &mut Tx, projection: Projection, partitions: u32, stage: Stage) -> Result<(), DbError> {
    tx.execute("DELETE FROM poison WHERE consumer = $1", vec![projection.name.into()]).await?;
    for table in projection.tables {
        tx.execute(&format!("DELETE FROM {table}"), vec![]).await?;
    }
    for partition in 0..partitions {
        save_checkpoint(tx, projection.name, partition, &Checkpoint::start(stage)).await?;
    }
    Ok(())
}
