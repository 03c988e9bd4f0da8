//! Damage is met before it spreads: a rebuild over a log that cannot be read drops nothing, and what has gone from the list
//! of the quarantine is named.

use std::path::Path;
use std::time::Duration;

use commerce::SubjectId;
use events::{Event, Quarantined, Reason, SealedBox, Source};
use ledger::Timestamp;
use processor::Refused;
use store::books::Projection;
use store::db::{Db, DbError};
use testkit::Daybook;
use uuid::Uuid;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, sample};

/// Spoils the log's fourth record, as a failing disk does.
async fn spoil(folder: &Path) {
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("log.db"));
    let mut raw = sqlx::ConnectOptions::connect(&file).await.unwrap();
    let flip =
        "UPDATE record SET body = CAST(substr(body, 1, 3) || x'ff' || substr(body, 5) AS BLOB) WHERE position = 4";
    assert_eq!(sqlx::query(flip).execute(&mut raw).await.unwrap().rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_refused_by_whoever_would_fold_it() {
    let (events, _) = sample(30, 29);
    let backend = Backend::fresh(Kind::Embedded, 1).await;
    append(&backend.log, &events).await;
    processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
    processor::refuse_damage(&backend.log, &Projection::ALL, &mut |_| {}).await.unwrap();
    spoil(backend.folder.path()).await;
    let mut read = 0;
    let refused = processor::refuse_damage(&backend.log, &Projection::ALL, &mut |more| read += more).await;
    let Err(Refused::Unreadable { topic, partition, offset, count, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((partition, count), (0, 1));
    let names = format!("{topic}, partition {partition}, offset {offset}");
    let found = findings(&backend).await;
    assert!(found.iter().any(|finding| finding.contains(&names)), "verify says the same: {found:?}");
    assert!(read > events.len() as u64, "every topic is read, once: {read}");
    processor::refuse_damage(&backend.log, &[Projection::Quarantine], &mut |_| {}).await.unwrap();
}

/// Runs a command on the folder: its exit code, and what it printed.
async fn daybook(data: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut running = Daybook::start(data, args, &[("DAYBOOK_KAFKA", ""), ("DAYBOOK_POSTGRES", "")]).unwrap();
    let status = running.ended(Duration::from_secs(60)).await.unwrap();
    (status.code(), running.stdout() + &running.stderr())
}

const INVOICES: &str = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n\
                        800001,VASE-1,blue vase,2,2011-02-01 09:00:00,7.50,601,United Kingdom\n\
                        800002,VASE-2,red vase,1,2011-02-02 09:00:00,9.00,602,United Kingdom\n\
                        800003,VASE-1,blue vase,4,2011-02-03 09:00:00,7.50,601,United Kingdom\n";

#[tokio::test]
async fn a_rebuild_over_a_damaged_log_drops_nothing_unless_told_to() {
    let data = testkit::scratch();
    let (data, file) = (data.path(), data.path().join("invoices.csv"));
    std::fs::write(&file, INVOICES).unwrap();
    let import = ["import", "retail", file.to_str().unwrap(), "--tenant", "porcelain"];
    assert_eq!(daybook(data, &import).await.0, Some(0));
    let (_, books) = daybook(data, &["show", "books"]).await;
    spoil(data).await;
    for asked in ["--all", "books"] {
        let (code, said) = daybook(data, &["rebuild", asked]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(", offset ") && said.contains("nothing was rebuilt"), "{said}");
        assert_eq!(daybook(data, &["show", "books"]).await, (Some(0), books.clone()));
    }
    let (code, said) = daybook(data, &["rebuild", "--all", "--despite-damage"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = daybook(data, &["show", "books", "--tenant", "porzelain"]).await;
    assert!(code == Some(1) && said.contains("there are porcelain") && !said.contains("tenant add"), "{said}");
}

#[tokio::test]
async fn an_import_of_something_else_leaves_nothing_behind() {
    let data = testkit::scratch();
    let file = data.path().join("letter.txt");
    std::fs::write(&file, "Dear shop,\nwhere is my vase?\n").unwrap();
    let folder = data.path().join("platform");
    let (code, said) = daybook(&folder, &["import", "retail", file.to_str().unwrap(), "--tenant", "porcelain"]).await;
    assert!(code == Some(1) && said.contains("nothing was imported"), "{said}");
    assert!(!folder.exists(), "no tenant, and no platform to hold one");
}

fn input(body: &str) -> Event {
    let subject = SubjectId(Uuid::nil());
    let content = SealedBox { subject, label: "quarantine".to_owned(), sealed: vec![7; 40] };
    let (origin, digest) = (Source::SHOPIFY, Uuid::new_v5(&Uuid::NAMESPACE_OID, body.as_bytes()));
    let (topic, received_at) = ("orders/create".to_owned(), Timestamp(5));
    let input = Quarantined { reason: Reason::UnreadableJson, origin, topic, received_at, digest, content };
    Event::quarantined("porcelain".parse().unwrap(), input)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_gone_from_the_list_of_the_quarantine_is_named() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, 2).await;
        let (kept, gone, redriven) = (input("kept"), input("gone"), input("redriven"));
        let notice = Event::redriven(kept.tenant.clone(), redriven.id, Timestamp(9));
        append(&backend.log, &[kept.clone(), gone.clone(), gone.clone(), redriven, notice]).await;
        processor::catch_up(config(100), &backend.log, &backend.db).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        append(&backend.log, &[input("not folded yet")]).await;
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}: what waits to be folded is not missing");

        let id = gone.id.to_string();
        execute(&backend.db, "DELETE FROM quarantine WHERE event = $1", &id).await;
        let found = findings(&backend).await;
        assert!(found.len() == 1 && found[0].contains(&id) && found[0].contains("not listed"), "{kind:?}: {found:?}");
        execute(&backend.db, "UPDATE quarantine SET event = $1", &id).await;
        let found = findings(&backend).await;
        assert_eq!(found.len(), 1, "{kind:?}: only the other is missing now: {found:?}");
        processor::rebuild(config(100), &backend.log, &backend.db, Projection::Quarantine, &mut |_| {}).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}: it is a fold of the log");
    }
}

async fn execute(db: &Db, sql: &'static str, id: &str) {
    let id = id.to_owned();
    let done = db.run_tx("tamper", move |tx| {
        let id = id.clone();
        Box::pin(async move { tx.execute(sql, vec![id.into()]).await })
    });
    let rows: u64 = done.await.map_err(|error: DbError| error).unwrap();
    assert_eq!(rows, 1);
}
