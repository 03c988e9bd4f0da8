//! A damaged row of the outbox, or a damaged record of the alert topic, holds up nothing else, is named, and is put right by a
//! rebuild of stock.

use commerce::stock::StockAlert;
use event_log::EventLog;
use events::{Event, Topic};
use ledger::Timestamp;
use store::books::Projection;
use store::db::{Db, DbError, Value};

use super::{BOTH, PARTITIONS, append, config, count, fold, in_order, said, shop, topic};
use crate::backend::{Backend, Kind};
use crate::books::{findings, sample};

/// The event of the alert that a count of item 302 gives.
fn alert(version: i64, available: i64) -> Event {
    let payload = count(302, (version, available)).payload;
    let events::Payload::Fact { fact: commerce::Fact::StockCounted(count), .. } = payload else { unreachable!() };
    Event::stock_alerted(shop(), Timestamp(0), StockAlert::standing(&count).unwrap())
}

async fn execute(db: &Db, sql: &'static str, args: Vec<Value>) {
    let done = db.run_tx("damage", move |tx| {
        let args = args.clone();
        Box::pin(async move { tx.execute(sql, args).await })
    });
    let rows: u64 = done.await.map_err(|error: DbError| error).unwrap();
    assert!(rows > 0, "{sql}");
}

async fn ends(log: &EventLog, topic: Topic) -> u64 {
    log.end_offsets(topic).await.unwrap().iter().sum()
}

async fn rebuild_stock(backend: &Backend) {
    let projections = [Projection::Stock];
    processor::refuse_damage(&backend.log, &projections, &mut |_| {}).await.unwrap();
    processor::rebuild(config(5), &backend.log, &backend.db, Projection::Stock, &mut |_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_passed_by_and_named_until_it_is_derived_again() {
    let told_of_302 = [("oversold", 2, -1), ("oversold", 3, -4)];
    for kind in BOTH {
        for (version, available, others) in [(2, -1, &told_of_302[1..]), (3, -4, &told_of_302[..1])] {
            let backend = Backend::fresh(kind, PARTITIONS).await;
            // What is derived later leaves the row as it is.
            let damaged = alert(version, available);
            let sql = "INSERT INTO stock_alert (tenant, event, position, recorded, body, published) \
                       VALUES ('alert-shop', $1, 0, 0, $2, 0)";
            let args = vec![damaged.id.to_string().as_str().into(), [0xff].as_slice().into()];
            execute(&backend.db, sql, args).await;
            let row = format!("outbox of alerts, alert-shop, {}", damaged.id);
            let names_it = |found: &[String]| found.iter().any(|finding| finding.contains(&row));
            assert!(names_it(&findings(&backend).await), "{kind:?}: before the relay has met it");

            append(&backend.log, &sample(5, 3).0).await;
            fold(&backend, &in_order(), 100).await;
            let told = topic(&backend).await;
            assert_eq!((told.len(), said(&told, 302)), (4, others.to_vec()), "{kind:?}: the others are published");
            assert!(ends(&backend.log, Topic::Ledger).await > 0, "{kind:?}: and so is the journal");
            let found = findings(&backend).await;
            let invariant = "the alert topic tells which levels of stock are low";
            assert!(names_it(&found) && found.iter().all(|one| one.starts_with(invariant)), "{kind:?}: {found:?}");
            // The level that nobody was told of is named too; one that is no longer so is not.
            assert_eq!(found.len(), if version == 3 { 2 } else { 1 }, "{kind:?}: {found:?}");
            fold(&backend, &in_order(), 100).await;
            assert_eq!(topic(&backend).await, told, "{kind:?}");

            rebuild_stock(&backend).await;
            let after = topic(&backend).await;
            assert_eq!(after[..4], told, "{kind:?}");
            let again = after.last().map(|(id, ..)| *id);
            assert_eq!((after.len(), again), (5, Some(damaged.id)), "{kind:?}: only it was still to be told");
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        }
    }
}

/// An id with one bit flipped still reads as that id. Told under it, it would be noted under the right one, and told for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_under_an_id_in_capitals_is_set_aside() {
    for kind in BOTH {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        let damaged = alert(3, -4);
        let key = damaged.id.to_string().to_uppercase();
        let sql = "INSERT INTO stock_alert (tenant, event, position, recorded, body, published) \
                   VALUES ('alert-shop', $1, 0, 0, $2, 0)";
        execute(&backend.db, sql, vec![key.as_str().into(), damaged.encode().body.into()]).await;
        fold(&backend, &in_order(), 100).await;
        let told = topic(&backend).await;
        assert_eq!(said(&told, 302), [("oversold", 2, -1), ("oversold", 3, -4)], "{kind:?}");
        let found = findings(&backend).await;
        assert!(found.len() == 1 && found[0].contains(&key), "{kind:?}: {found:?}");
        rebuild_stock(&backend).await;
        assert_eq!((topic(&backend).await, findings(&backend).await), (told, vec![]), "{kind:?}");
    }
}

/// PostgreSQL checks what text it reads; a file of SQLite may hold anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_readable_key_stops_alerts_and_nothing_else() {
    let backend = Backend::fresh(Kind::Embedded, PARTITIONS).await;
    fold(&backend, &in_order(), 100).await;
    let told = topic(&backend).await;
    let sql = "UPDATE stock_alert SET tenant = CAST(x'ff' AS TEXT), published = 0 WHERE event = $1";
    execute(&backend.db, sql, vec![alert(3, -4).id.to_string().as_str().into()]).await;
    append(&backend.log, &sample(5, 3).0).await;
    fold(&backend, &[count(302, (9, 10))], 100).await;
    assert!(ends(&backend.log, Topic::Ledger).await > 0);
    let found = findings(&backend).await;
    assert!(found.len() == 1 && found[0].contains("run `daybook rebuild stock`"), "{found:?}");
    rebuild_stock(&backend).await;
    let after = topic(&backend).await;
    assert_eq!((after.len(), said(&after, 302).last()), (told.len() + 1, Some(&("restocked", 9, 10))));
    assert_eq!(findings(&backend).await, Vec::<String>::new());
}

/// What the topic no longer tells is told again, under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_of_the_alert_topic_refuses_no_rebuild() {
    let backend = Backend::fresh(Kind::Embedded, PARTITIONS).await;
    fold(&backend, &in_order(), 100).await;
    let ended = ends(&backend.log, Topic::Alert).await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(backend.folder.path().join("log.db"));
    let mut raw = sqlx::ConnectOptions::connect(&file).await.unwrap();
    let spoil = "UPDATE record SET body = x'ff' WHERE position = (SELECT MAX(position) FROM record)";
    assert_eq!(sqlx::query(spoil).execute(&mut raw).await.unwrap().rows_affected(), 1);
    assert!(!findings(&backend).await.is_empty(), "the record itself is named");
    rebuild_stock(&backend).await;
    assert_eq!(ends(&backend.log, Topic::Alert).await, ended + 1);
    let found = findings(&backend).await;
    let of_levels = found.iter().filter(|one| one.contains("levels of stock"));
    assert_eq!(of_levels.count(), 0, "{found:?}");
}
