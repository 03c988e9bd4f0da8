//! A key store from before an erasure is put back, as the operator meets it.

use super::*;

/// The database's files: the write-ahead log's index is made anew.
const FILES: [&str; 3] = ["keys.db", "keys.db-wal", "keys.db-shm"];

fn copy(from: &Path, to: &Path) {
    for name in FILES {
        drop(std::fs::remove_file(to.join(name)));
        if name != FILES[2] && from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// A shop with five orders; gives one of somebody whom it knows.
async fn a_shop_with_orders(data: &Path, files: &Path) -> String {
    let workload = orders_as_files(files, 5);
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    daybook(data, &["import", "shopify-orders", files.to_str().unwrap()]).await.text();
    customer(&workload).order_id.to_string()
}

#[tokio::test]
async fn a_restored_key_store_serves_nobody_until_erasures_are_applied_again() {
    let (data, files, backup) = (scratch(), scratch(), scratch());
    let data = data.path();
    let order = a_shop_with_orders(data, files.path()).await;
    copy(data, backup.path());
    assert_eq!(daybook(data, &["erase", "--order", &order, "--yes", "--json"]).await.json()["already"], false);
    copy(backup.path(), data);

    let up = ["up", "--listen", "127.0.0.1:0"];
    for refused in [&up[..], &["ingest", "--listen", "127.0.0.1:0"], &["privacy"], &["show", "order", &order]] {
        let ran = daybook(data, refused).await;
        assert_eq!(ran.code, Some(1), "{refused:?}: {}", ran.out);
        assert!(
            ran.err.contains("forgotten erasures (1)") && ran.err.contains("daybook privacy reapply"),
            "{}",
            ran.err
        );
    }
    for (asked, told) in [("verify", "1 erasure forgotten"), ("doctor", "1 erasures are forgotten")] {
        let ran = daybook(data, &[asked]).await;
        assert_eq!(ran.code, Some(1), "{asked}: {}", ran.out);
        assert!(ran.out.contains(told) && ran.out.contains("daybook privacy reapply"), "{}", ran.out);
    }
    let status = daybook(data, &["keys", "status"]).await;
    assert!(status.code == Some(1) && status.out.contains("daybook privacy reapply"), "{}", status.out);

    let done = daybook(data, &["privacy", "reapply", "--json"]).await.json();
    assert_eq!([&done["applied"], &done["announced"]].map(Value::as_u64), [Some(1), Some(1)], "{done}");
    let again = daybook(data, &["privacy", "reapply", "--json"]).await.json();
    assert_eq!([&again["applied"], &again["announced"]].map(Value::as_u64), [Some(0), Some(0)], "{again}");
    let shown = daybook(data, &["show", "order", &order, "--json"]).await.json();
    assert_eq!(shown["people"][0]["state"], "erased", "{shown}");
    for asked in [&["verify"][..], &["doctor"], &["keys", "status"]] {
        daybook(data, asked).await.text();
    }
    let mut running = Daybook::start(data, &up, &EMBEDDED).unwrap();
    running.port(SOON).await.unwrap();
    execute(data, FORGET).await;
    let stopped = running.ended(SOON).await.unwrap();
    assert_eq!(stopped.code(), Some(1), "put back under it while it runs");
    assert!(running.stderr().contains("daybook privacy reapply"), "{}", running.stderr());
}

/// The list went with the key store, or was cut: neither knows of the second erasure. The log does, and single commands ask it.
#[tokio::test]
async fn a_key_store_that_is_restored_beside_a_lost_list_serves_nobody_either() {
    let (data, files, backup) = (scratch(), scratch(), scratch());
    let data = data.path();
    let people = orders_as_files(files.path(), 8).people;
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    daybook(data, &["import", "shopify-orders", files.path().to_str().unwrap()]).await.text();
    let orders: Vec<String> = people.iter().map(|person| person.order_id.to_string()).collect();
    assert_eq!(daybook(data, &["erase", "--order", &orders[0], "--yes", "--json"]).await.json()["already"], false);
    daybook(data, &["show", "order", &orders[0]]).await.text();
    copy(data, backup.path());
    let mut erased = 0;
    for order in &orders[1..] {
        let done = daybook(data, &["erase", "--order", order, "--yes", "--json"]).await.json();
        erased += u64::from(done["already"] == false);
    }
    assert!(erased > 0);
    daybook(data, &["verify"]).await.text();
    copy(backup.path(), data);
    std::fs::remove_file(data.join("epochs/erased")).unwrap();

    for _ in 0..2 {
        let ran = daybook(data, &["show", "order", &orders[1]]).await;
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        assert!(ran.err.contains(&format!("forgotten erasures ({erased})")), "{}", ran.err);
    }
    let done = daybook(data, &["privacy", "reapply", "--json"]).await.json();
    assert_eq!(done["applied"], erased, "{done}");
    daybook(data, &["show", "order", &orders[1]]).await.text();
    daybook(data, &["verify"]).await.text();
}

/// What a merchant decided after the backup stands again.
#[tokio::test]
async fn a_restored_key_store_serves_nobody_until_what_was_decided_stands_again() {
    let (data, files, backup) = (scratch(), scratch(), scratch());
    let data = data.path();
    let order = a_shop_with_orders(data, files.path()).await;
    daybook(data, &["privacy", "permit", "support-2"]).await.text();
    copy(data, backup.path());
    daybook(data, &["privacy", "forbid", "support-2"]).await.text();
    daybook(data, &["privacy", "restrict", "--order", &order, "--reason", "accuracy", "--by", "support-1"])
        .await
        .text();
    copy(backup.path(), data);

    for refused in [&["privacy", "permitted"][..], &["show", "order", &order], &["privacy"]] {
        let ran = daybook(data, refused).await;
        assert_eq!(ran.code, Some(1), "{refused:?}: {}", ran.out);
        let named = ran.err.contains("forgotten decisions (2)") && ran.err.contains("daybook privacy reapply");
        assert!(named, "{}", ran.err);
    }
    for (asked, told) in [
        (&["verify"][..], "2 decisions forgotten"),
        (&["doctor"], "2 decisions are forgotten"),
        (&["keys", "status"], "2 decisions are forgotten"),
    ] {
        let ran = daybook(data, asked).await;
        assert!(ran.code == Some(1) && ran.out.contains(told), "{asked:?}: {}", ran.out);
    }
    let done = daybook(data, &["privacy", "reapply", "--json"]).await.json();
    assert_eq!([&done["applied"], &done["decisions"]].map(Value::as_u64), [Some(0), Some(2)], "{done}");
    let again = daybook(data, &["privacy", "reapply", "--json"]).await.json();
    assert_eq!(again["decisions"], 0, "{again}");
    let permitted = daybook(data, &["privacy", "permitted", "--json"]).await;
    assert!(!permitted.text().contains("support-2"), "{}", permitted.out);
    for asked in [&["verify"][..], &["doctor"], &["keys", "status"]] {
        daybook(data, asked).await.text();
    }
    let mut running = Daybook::start(data, &["up", "--listen", "127.0.0.1:0"], &EMBEDDED).unwrap();
    running.port(SOON).await.unwrap();
    execute(data, &["DELETE FROM restriction", "DELETE FROM erased_list WHERE list = 'decided'"]).await;
    let stopped = running.ended(SOON).await.unwrap();
    assert_eq!(stopped.code(), Some(1), "put back under it while it runs");
    assert!(running.stderr().contains("forgotten decisions (1)"), "{}", running.stderr());
}

#[tokio::test]
async fn the_doctor_reads_the_whole_list_of_erasures() {
    let (data, files) = (scratch(), scratch());
    let data = data.path();
    let people = orders_as_files(files.path(), 8).people;
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    daybook(data, &["import", "shopify-orders", files.path().to_str().unwrap()]).await.text();
    let mut erased = 0;
    for person in &people {
        let order = person.order_id.to_string();
        erased += usize::from(
            daybook(data, &["erase", "--order", &order, "--yes", "--json"]).await.json()["already"] == false,
        );
    }
    assert!(erased > 1);
    let checked = daybook(data, &["doctor"]).await;
    assert!(checked.text().contains(&format!("{erased} erasures are listed in the keyring")), "{}", checked.out);

    let list = data.join("epochs/erased");
    let damaged = std::fs::read_to_string(&list).unwrap().replacen("kohsar", "kohsaf", 1);
    std::fs::write(&list, damaged).unwrap();
    let order = people[0].order_id.to_string();
    daybook(data, &["show", "order", &order]).await.text();
    let checked = daybook(data, &["doctor"]).await;
    assert!(checked.code == Some(1) && checked.out.contains("is damaged at byte 0"), "{}", checked.out);
}

/// What makes the rows of the database those of before the erasure.
const FORGET: &[&str] = &[
    "UPDATE subject SET state = 'active', erased_at = NULL WHERE state = 'erased'",
    "DELETE FROM erased_list",
    "DELETE FROM erasure",
];

/// Changes the key store's database beside whoever has it open; the last statement changes one row.
async fn execute(data: &Path, statements: &'static [&'static str]) {
    let migrations = keys_migrations(Dialect::Sqlite);
    let db = Db::open_sqlite(&data.join("keys.db"), Durability::Full, &migrations).await.unwrap();
    let changed = db.run_tx("test", move |tx| {
        Box::pin(async move {
            let mut changed = 0;
            for sql in statements {
                changed = tx.execute(sql, vec![]).await?;
            }
            Ok(changed)
        })
    });
    assert_eq!(changed.await.map_err(|error: DbError| error), Ok(1));
    db.close().await;
}
