//! What differs between the rows that were replaced and those that took their place. Both are looked at as they were at the swap,
//! and after it: nobody waits for the comparison.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Beside;
use crate::books::Projection;
use crate::db::{DbError, Dialect, Place, Tx};

/// Rows that differ, by what they are of: those that are gone or were otherwise, or those that came or are otherwise, whichever are
/// more. Nothing is in it that does not differ.
pub type Differences = BTreeMap<&'static str, u64>;

/// A comparison that has seen both sets as they are at the swap, and waits until it has happened.
#[derive(Debug)]
pub struct Comparison {
    swapped: oneshot::Sender<()>,
    task: JoinHandle<Result<Differences, DbError>>,
}

impl Comparison {
    /// Compares, now that the swap has happened. None if the connection was lost: what was replaced cannot be seen again.
    pub async fn finish(self) -> Option<Differences> {
        self.swapped.send(()).ok()?;
        self.task
            .await
            .ok()?
            .inspect_err(|error| tracing::warn!(%error, "what was replaced could not be compared"))
            .ok()
    }
}

/// What tells a transaction that reads when the swap has happened, and it that the state is seen.
type Signals = (oneshot::Sender<()>, oneshot::Receiver<()>);

impl Beside {
    /// Sees both sets as they are now, to compare them after the swap.
    pub async fn begin_comparing(&self) -> Result<Comparison, DbError> {
        let (seen, is_seen) = oneshot::channel();
        let (swapped, is_swapped) = oneshot::channel();
        let signals: Arc<Mutex<Option<Signals>>> = Arc::new(Mutex::new(Some((seen, is_swapped))));
        let (live, place, projection) = (self.live.clone(), self.place.clone(), self.projection);
        let task = tokio::spawn(async move {
            let compared = live.run_read("compare-replaced", move |tx| {
                let taken = signals.lock().unwrap_or_else(PoisonError::into_inner).take();
                let place = place.clone();
                Box::pin(async move {
                    // Begun again, it would see another state.
                    let (seen, is_swapped) = taken.ok_or(DbError::CommitUnknown)?;
                    tx.query("SELECT stage FROM checkpoint LIMIT 1", vec![]).await?;
                    seen.send(()).ok();
                    is_swapped.await.map_err(|_| DbError::CommitUnknown)?;
                    compare(tx, &place, projection).await
                })
            });
            compared.await
        });
        // Whoever did not see it ends with an error, which the comparison tells.
        is_seen.await.ok();
        Ok(Comparison { swapped, task })
    }
}

/// What must be the same if the rules are. Left out is what depends on when it was published or swept, and rows of erased people,
/// which are swept again.
fn compared(projection: Projection) -> &'static [(&'static str, &'static str)] {
    match projection {
        Projection::Books => &[
            ("cases", "SELECT tenant, part, order_name, quoted_name, state, posted, parked FROM {s}.part"),
            ("journal", "SELECT tenant, number, link FROM {s}.journal_head"),
            (
                "balances",
                "SELECT tenant, account, currency, day, SUM(debits - credits), SUM(pending_debits - pending_credits) \
                 FROM {s}.balance GROUP BY tenant, account, currency, day \
                 HAVING SUM(debits - credits) <> 0 OR SUM(pending_debits - pending_credits) <> 0",
            ),
            ("order_view", "SELECT * FROM {s}.order_view"),
            ("shipment", "SELECT * FROM {s}.shipment"),
            ("cod_position", "SELECT * FROM {s}.cod_position"),
            ("stock_movement", "SELECT * FROM {s}.stock_movement"),
        ],
        Projection::People => &[
            ("person", "SELECT * FROM {s}.person WHERE sealed IS NOT NULL"),
            ("erased_subject", "SELECT * FROM {s}.erased_subject"),
            ("privacy_request", "SELECT * FROM {s}.privacy_request"),
        ],
        Projection::Stock => &[
            ("stock", "SELECT * FROM {s}.stock"),
            ("product_cost", "SELECT * FROM {s}.product_cost"),
            ("stock_alert", "SELECT tenant, event, body FROM {s}.stock_alert"),
        ],
        Projection::Quarantine => {
            &[("quarantine", "SELECT * FROM {s}.quarantine"), ("redriven", "SELECT * FROM {s}.redriven")]
        }
    }
}

async fn compare(tx: &mut Tx, place: &Place, projection: Projection) -> Result<Differences, DbError> {
    if let Place::File(path) = place {
        tx.attach(path).await?;
    }
    if tx.dialect() == Dialect::Postgres {
        // Nobody waits for it.
        tx.execute("SET LOCAL statement_timeout = 0", vec![]).await?;
    }
    let (old, new) = place.old_and_new();
    let mut differences = Differences::new();
    for (what, sql) in compared(projection) {
        let (before, after) = (sql.replace("{s}", old), sql.replace("{s}", new));
        let differs = |one: &str, other: &str| format!("SELECT COUNT(*) FROM ({one} EXCEPT {other}) AS differing");
        let gone = count(tx, &differs(&before, &after)).await?;
        let came = count(tx, &differs(&after, &before)).await?;
        if gone.max(came) > 0 {
            differences.insert(what, gone.max(came));
        }
    }
    Ok(differences)
}

async fn count(tx: &mut Tx, sql: &str) -> Result<u64, DbError> {
    let rows = tx.query(sql, vec![]).await?;
    let count = rows.first().map_or(Ok(0), |row| row.int(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
