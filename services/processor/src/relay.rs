//! The relay: publishes the journal to the ledger topic. The journal is its own outbox, so nothing can be posted without
//! being published in the end. A crash between publishing and noting it publishes again, under the same ids; readers take
//! each number once. Alerts of stock go the same way, from an outbox of their own to the alert topic; readers take each id
//! once.

use std::sync::Arc;
use std::time::Duration;

use event_log::{Deals, EventLog};
use events::{Event, Record};
use store::books::{self, AlertKey, Unrelayed};
use store::db::{Db, DbError};
use tokio_util::sync::CancellationToken;

use crate::{Context, ProcessError, alerts};

/// Transactions published at once.
const BATCH: u32 = 2_000;

/// Publishes until `shutdown`: the journal of the partitions whose books are dealt to this process, and every alert. Passing
/// faults are waited out.
pub(crate) async fn run(context: Context, deals: Deals, shutdown: CancellationToken) -> Result<(), ProcessError> {
    loop {
        match relay_dealt(&context, &deals).await {
            Ok(()) => {}
            Err(error) if error.is_passing() => tracing::warn!(%error, "the ledger and alert topics wait"),
            Err(error) => return Err(error),
        }
        if shutdown.is_cancelled() {
            return Ok(());
        }
        tokio::select! {
            () = context.posted.notified() => {}
            // Another process may have posted, or a fault may have passed.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Two processes that publish the same journal do no harm and twice the work. While the group is sharing out, the journal waits.
async fn relay_dealt(context: &Context, deals: &Deals) -> Result<(), ProcessError> {
    if let Some(deal) = deals.now() {
        for partition in deal.partitions() {
            while !deal.is_over() && relay_some(&context.log, &context.db, *partition).await? {}
        }
    }
    relay_every_alert(&context.log, &context.db).await
}

/// Publishes everything that was posted and not yet published, in every partition, and every alert likewise.
pub async fn relay_all(log: &EventLog, db: &Db) -> Result<(), ProcessError> {
    relay_journal(log, db).await?;
    relay_every_alert(log, db).await
}

async fn relay_every_alert(log: &EventLog, db: &Db) -> Result<(), ProcessError> {
    loop {
        match relay_alerts(log, db).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Not even the key of a row reads, so it can be neither named nor set aside. Alerts wait; the journal does not.
            Err(ProcessError::Db(error @ DbError::Corrupt { .. })) => {
                tracing::error!(%error, "the stored alerts cannot be read: run `daybook rebuild stock`");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Publishes everything that was posted and not yet published, in every partition.
pub(crate) async fn relay_journal(log: &EventLog, db: &Db) -> Result<(), ProcessError> {
    for partition in 0..log.partitions() {
        while relay_some(log, db, partition).await? {}
    }
    Ok(())
}

/// Publishes what was posted and is not noted as published, and notes nothing: for who has locked the checkpoints, so that nothing
/// is posted meanwhile, and whoever relays may publish it again.
pub(crate) async fn publish_waiting(log: &EventLog, db: &Db) -> Result<(), ProcessError> {
    for (partition, mark) in books::relays(db).await? {
        let mut after = mark.relayed;
        loop {
            let rows = books::posted_behind(db, partition, after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = last.position;
            log.append(records(rows)?).await?;
        }
    }
    Ok(())
}

async fn relay_some(log: &EventLog, db: &Db, partition: u32) -> Result<bool, ProcessError> {
    let rows = books::unrelayed(db, partition, BATCH).await?;
    let Some((last, link)) = rows.last().map(|row| (row.position, row.link)) else { return Ok(false) };
    log.append(records(rows)?).await?;
    fail::fail_point!("relay::published");
    let noted =
        db.run_tx("relayed", move |tx| Box::pin(async move { books::relayed(tx, partition, last, link).await }));
    noted.await.map(|()| true).map_err(|error: DbError| error.into())
}

fn records(rows: Vec<Unrelayed>) -> Result<Vec<Record>, ProcessError> {
    let record = |row: Unrelayed| {
        let posted = events::posted_from_bytes(&row.body)
            .map_err(|_| ProcessError::DamagedJournal { tenant: row.tenant.to_string(), number: row.number })?;
        Ok(Event::posted(row.tenant, posted).encode())
    };
    rows.into_iter().map(record).collect()
}

/// Publishes the next alerts; false when there is nothing more to do. They are noted only when the topic has them, so a crash in
/// between publishes them again, under the same ids. A row that does not read is set aside and named: it holds up nothing else,
/// also if its very index is damaged, so that it cannot be set aside.
async fn relay_alerts(log: &EventLog, db: &Db) -> Result<bool, ProcessError> {
    let waiting = books::unpublished_alerts(db, BATCH).await?;
    if waiting.is_empty() {
        return Ok(false);
    }
    let (mut records, mut told, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for one in waiting {
        match alerts::sound(&one) {
            Some((row, event)) => {
                records.push(event.encode());
                told.push(row.clone());
            }
            None => damaged.push(one.key),
        }
    }
    log.append(records).await?;
    let done = Arc::new((told, damaged));
    let noted = db.run_tx("alerts-published", {
        let done = Arc::clone(&done);
        move |tx| {
            let done = Arc::clone(&done);
            Box::pin(async move {
                books::save_alerts(tx, &done.0, true).await?;
                books::set_alerts_aside(tx, &done.1).await
            })
        }
    });
    let set_aside = noted.await.map_err(|error: DbError| ProcessError::from(error))?;
    for AlertKey { tenant, event } in &done.1 {
        tracing::error!(tenant, event, "a stored alert is damaged and not published: run `daybook rebuild stock`");
        metrics::counter!("processor_alerts_damaged_total").increment(1);
    }
    Ok(!done.0.is_empty() || set_aside > 0)
}
