//! The access log: nothing opens that is not on record, and what is on record stays as it was written.

use std::collections::BTreeSet;

use store::db::DbError;
use store::keys::{Access, Field, KeyStoreError, Permitted, Purged};

use super::*;

/// A person with one box, sealed for them as `buyer`.
async fn somebody(keys: &KeyStore, order: &str, name: &str) -> (SubjectId, Vec<u8>) {
    let sealing = resolve(keys, person(NOVEMBER, &[(Order, order)])).await;
    (sealing.subject(), seal(&sealing, name))
}

/// A member of staff, looking at names.
fn staff(slug: &str, shown: Shown, at: Timestamp) -> AccessBy {
    let (actor, purpose) = (Actor::Staff(slug.parse().unwrap()), "support".parse().unwrap());
    AccessBy { actor, purpose, at, shown, fields: &[Field::Name, Field::Phone], ..looking() }
}

async fn open_by(keys: &KeyStore, one: &(SubjectId, Vec<u8>), by: &AccessBy) -> Result<Opened, OpenBoxError> {
    let tenant = shop();
    let sealed = BoxRef { tenant: &tenant, subject: one.0, event: EVENT, label: "buyer", sealed: &one.1 };
    keys.open_box(sealed, by).await
}

async fn execute(db: &Db, statements: &[&str]) {
    for sql in statements {
        let sql = (*sql).to_owned();
        let done = db.run_tx("test", move |tx| {
            let sql = sql.clone();
            Box::pin(async move { tx.execute(&sql, vec![]).await })
        });
        done.await.map_err(|error: DbError| error).unwrap();
    }
}

async fn first_bad(keys: &KeyStore) -> Option<i64> {
    keys.verify_access(&shop()).await.unwrap().first_bad
}

fn line(access: &Access) -> String {
    let Access { number, actor, role, purpose, shown, boxes, .. } = access;
    format!(
        "{number} {actor} {role} {purpose} {shown} {boxes} {}: {}",
        access.labels.join("+"),
        access.fields.join("+")
    )
}

#[tokio::test]
async fn an_opening_is_on_record_by_subject_and_what_does_not_open_is_not() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let zarmina = resolve(&keys, person(NOVEMBER, &[(Order, "7001")])).await;
        let (gulalai, gone) = (somebody(&keys, "7002", "Gulalai").await, somebody(&keys, "7003", "Palwasha").await);
        erase(&keys, gone.0, after(1)).await;
        let (tenant, first) = (shop(), seal(&zarmina, "Zarmina"));
        let of = |subject, label, sealed| BoxRef { tenant: &tenant, subject, event: EVENT, label, sealed };
        let boxes = [
            of(zarmina.subject(), "buyer", &first[..]),
            of(gulalai.0, "buyer", &gulalai.1),
            of(zarmina.subject(), "recipient", &first),
            of(gone.0, "buyer", &gone.1),
            of(gone.0, "buyer", &first),
            of(gone.0, "buyer", &first[..5]),
        ];
        let by = staff("support-2", Shown::Masked, after(2));
        let opened = keys.open_many(&boxes, &by).await.unwrap();
        assert!(matches!(&opened[..2], [Ok(Opened::Clear(_)), Ok(Opened::Clear(_))]));
        assert!(matches!(&opened[3..5], [Ok(Opened::Erased), Err(OpenBoxError::NotTheirs)]));

        let theirs = keys.accesses_of(&tenant, zarmina.subject()).await.unwrap();
        let numbered = theirs[0].number;
        let expected = format!("{numbered} support-2 staff support masked 2 buyer+recipient: name+phone");
        assert_eq!(theirs.iter().map(line).collect::<Vec<_>>(), [expected]);
        assert_eq!((theirs[0].at, theirs[0].request, theirs[0].subject), (by.at, by.request, zarmina.subject()));
        assert_eq!(keys.accesses_of(&tenant, gulalai.0).await.unwrap()[0].number, 3 - numbered);
        assert_eq!(keys.accesses_of(&tenant, gone.0).await.unwrap(), [], "of the erased nothing was seen");

        open_by(&keys, &gulalai, &by).await.unwrap();
        erase(&keys, gulalai.0, after(3)).await;
        let latest = keys.latest_accesses(&tenant, 2).await.unwrap();
        assert_eq!(latest.iter().map(|access| access.number).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(keys.accesses_of(&tenant, gulalai.0).await.unwrap().len(), 2, "and what was seen before stays");

        let other = "other".parse().unwrap();
        assert_eq!(keys.accesses_of(&other, gulalai.0).await.unwrap(), []);
        assert_eq!(keys.latest_accesses(&other, 9).await.unwrap(), []);
        assert_eq!(keys.verify_access(&other).await.unwrap().first_bad, None);
    }
}

#[tokio::test]
async fn nothing_opens_while_it_cannot_be_recorded() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let one = somebody(&keys, "7001", "Zarmina").await;
        execute(&db, &["ALTER TABLE access RENAME TO elsewhere"]).await;
        let refused = open_by(&keys, &one, &looking()).await;
        assert!(matches!(refused, Err(OpenBoxError::Store(KeyStoreError::Db(_)))), "{refused:?}");
        execute(&db, &["ALTER TABLE elsewhere RENAME TO access"]).await;
        open_by(&keys, &one, &looking()).await.unwrap();

        execute(&db, &["DELETE FROM access_chain"]).await;
        let refused = open_by(&keys, &one, &looking()).await;
        assert!(matches!(refused, Err(OpenBoxError::Store(_))), "a number is given once: {refused:?}");
    }
}

#[tokio::test]
async fn whoever_changes_the_record_is_found_and_the_first_place_named() {
    let last_five = "UPDATE access_chain SET number = 5, link = (SELECT link FROM access WHERE number = 5)";
    let begin_after_two =
        "UPDATE access_chain SET purged_number = 2, purged_link = (SELECT link FROM access WHERE number = 2)";
    let columns = "opened_at, actor, role, purpose, request, subject, labels, fields, shown, boxes, link";
    let one_more = format!("INSERT INTO access SELECT tenant, 7, {columns} FROM access WHERE number = 6");
    let cases: [(&[&str], i64); 12] = [
        (&["UPDATE access SET actor = 'support-9' WHERE number = 1"], 1),
        (&["UPDATE access SET opened_at = opened_at + 1 WHERE number = 6"], 6),
        (&["UPDATE access SET labels = fields, fields = labels WHERE number = 4"], 4),
        (&["UPDATE access SET link = (SELECT link FROM access WHERE number = 1) WHERE number = 2"], 2),
        (&["DELETE FROM access WHERE number = 1"], 1),
        (&["DELETE FROM access WHERE number IN (4, 5)"], 4),
        (&["DELETE FROM access WHERE number = 6"], 6),
        (&[&one_more], 7),
        (
            &[
                "UPDATE access SET number = -1 WHERE number = 2",
                "UPDATE access SET number = 2 WHERE number = 3",
                "UPDATE access SET number = 3 WHERE number = -1",
            ],
            2,
        ),
        (&["DELETE FROM access_chain"], 1),
        (&[last_five, "DELETE FROM access WHERE number = 6"], 6),
        (&[begin_after_two, "DELETE FROM access WHERE number <= 2"], 2),
    ];
    for place in places().await {
        let (keys, db) = place.open().await;
        for n in 0..6 {
            let one = somebody(&keys, &format!("70{n}"), "Zarmina").await;
            open_by(&keys, &one, &staff("support-2", Shown::Masked, after(n))).await.unwrap();
        }
        let one = somebody(&keys, "700", "Zarmina").await;
        execute(&db, &["CREATE TABLE was AS SELECT * FROM access", "CREATE TABLE ended AS SELECT * FROM access_chain"])
            .await;
        for column in ["tenant", "actor", "role", "purpose", "request", "subject", "labels", "fields", "shown"] {
            execute(&db, &[&format!("UPDATE access SET {column} = {column} || 'x' WHERE number = 3")]).await;
            assert_eq!(first_bad(&keys).await, Some(3), "{column}");
            restore(&db).await;
        }
        for (tampering, expected) in cases {
            assert_eq!(first_bad(&keys).await, None);
            execute(&db, tampering).await;
            assert_eq!(first_bad(&keys).await, Some(expected), "{tampering:?}");
            if tampering[0].contains("access_chain") {
                let refused = open_by(&keys, &one, &looking()).await;
                assert!(refused.is_err(), "to go on from there would make it whole: {tampering:?}");
                let purged = keys.purge_access(&shop(), after(100)).await;
                assert!(
                    purged.is_err() || purged == Ok(Purged { rows: 0 }),
                    "what was tampered with is kept: {purged:?}"
                );
            }
            restore(&db).await;
        }
    }
}

/// Puts the access log back to the copies that were made of it.
async fn restore(db: &Db) {
    execute(db, &["DELETE FROM access", "DELETE FROM access_chain"]).await;
    execute(db, &["INSERT INTO access SELECT * FROM was", "INSERT INTO access_chain SELECT * FROM ended"]).await;
}

#[tokio::test]
async fn a_purge_takes_the_oldest_and_the_rest_still_verifies() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let one = somebody(&keys, "7001", "Zarmina").await;
        for day in 0..10 {
            open_by(&keys, &one, &staff("support-2", Shown::Masked, after(day))).await.unwrap();
        }
        for (before, removed, left) in [(0, 0, 10), (4, 4, 6), (4, 0, 6), (10, 6, 0), (10, 0, 0)] {
            assert_eq!(keys.purge_access(&shop(), after(before)).await.unwrap().rows, removed, "before day {before}");
            let audit = keys.verify_access(&shop()).await.unwrap();
            assert_eq!((audit.rows, audit.first_bad), (left, None));
        }
        for day in 10..13 {
            open_by(&keys, &one, &staff("support-2", Shown::Masked, after(day))).await.unwrap();
        }
        let numbers: Vec<i64> =
            keys.accesses_of(&shop(), one.0).await.unwrap().iter().map(|access| access.number).collect();
        assert_eq!(numbers, [11, 12, 13], "numbers go on");
        assert_eq!(first_bad(&keys).await, None);
        execute(&db, &["DELETE FROM access WHERE number = 11"]).await;
        assert_eq!(first_bad(&keys).await, Some(11), "what nobody purged is missed");
    }
}

#[tokio::test]
async fn people_are_seen_in_clear_by_permitted_staff_and_themselves() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = somebody(&keys, "7001", "Zarmina").await;
        let support = "support-2".parse().unwrap();
        let clear = staff("support-2", Shown::Clear, NOVEMBER);
        let nobody = [
            clear.clone(),
            AccessBy { actor: Actor::Operator, ..clear.clone() },
            AccessBy { actor: Actor::Daybook, ..clear.clone() },
        ];
        keys.permit_reveal(&"other".parse().unwrap(), &support, NOVEMBER).await.unwrap();
        for by in &nobody {
            let refused = open_by(&keys, &one, by).await;
            assert!(matches!(refused, Err(OpenBoxError::Store(KeyStoreError::NotPermitted))), "{:?}", by.actor);
        }
        for changed in [true, false] {
            assert_eq!(keys.permit_reveal(&shop(), &support, after(1)).await, Ok(changed));
        }
        let permitted = Permitted { staff: support.clone(), since: after(1) };
        assert_eq!(keys.permitted_to_reveal(&shop()).await.unwrap(), [permitted]);
        open_by(&keys, &one, &clear).await.unwrap();
        assert!(open_by(&keys, &one, &nobody[1]).await.is_err(), "others are not");
        open_by(&keys, &one, &AccessBy { actor: Actor::Person, ..clear.clone() }).await.unwrap();
        for changed in [true, false] {
            assert_eq!(keys.forbid_reveal(&shop(), &support, after(2)).await, Ok(changed));
        }
        assert!(open_by(&keys, &one, &clear).await.is_err());
        let lines: Vec<String> = keys.accesses_of(&shop(), one.0).await.unwrap().iter().map(line).collect();
        // What was refused is on record too, under the name of whoever asked.
        let asked = [
            "1 support-2 staff support refused 1 buyer: name+phone",
            "2 operator operator support refused 1 buyer: name+phone",
            "3 daybook system support refused 1 buyer: name+phone",
            "4 support-2 staff support clear 1 buyer: name+phone",
            "5 operator operator support refused 1 buyer: name+phone",
            "6 self person support clear 1 buyer: name+phone",
            "7 support-2 staff support refused 1 buyer: name+phone",
        ];
        assert_eq!(lines, asked);
        assert_eq!(first_bad(&keys).await, None);
    }
}

#[tokio::test]
async fn the_record_names_nobody() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let identities = [(Order, "7001"), (Phone, "+923000000001"), (Email, "zarmina@example.com")];
        let sealing = resolve(&keys, person(NOVEMBER, &identities)).await;
        let (tenant, sealed) = (shop(), seal(&sealing, "Zarmina of Kohsar Road"));
        let one = BoxRef { tenant: &tenant, subject: sealing.subject(), event: EVENT, label: "buyer", sealed: &sealed };
        let forged = BoxRef { label: "Zarmina, Kohsar Road", ..one };
        let opened = keys.open_many(&[one, forged], &looking()).await.unwrap();
        assert!(matches!(opened[..], [Ok(_), Err(OpenBoxError::Box(_))]));
        let rows = db.query("SELECT * FROM access", vec![]).await.unwrap();
        let texts: Vec<&str> = [0, 3, 4, 5, 6, 7, 8, 9, 10].iter().map(|n| rows[0].text(*n).unwrap()).collect();
        let subject = sealing.subject().to_string();
        let request = looking().request.to_string();
        let expected =
            ["kohsar-shawls", "operator", "operator", "look-up", &request, &subject, "buyer,other", "", "masked"];
        assert_eq!((rows.len(), texts), (1, expected.to_vec()));
    }
}

/// Two processes that open at once, each its own and both the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_have_no_gaps_whoever_opens() {
    for place in places().await {
        let stores = [place.open().await.0, place.open().await.0];
        let one = somebody(&stores[0], "7001", "Zarmina").await;
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                let (keys, one) = (stores[n % 2].clone(), one.clone());
                tokio::spawn(async move { open_by(&keys, &one, &looking()).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let numbers: BTreeSet<i64> =
            stores[0].accesses_of(&shop(), one.0).await.unwrap().iter().map(|access| access.number).collect();
        assert_eq!(numbers, (1..=40).collect());
        assert_eq!(first_bad(&stores[1]).await, None);
    }
}

#[tokio::test]
async fn many_people_are_opened_at_once_and_told_of_once() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let people = (0..1_200).map(|n| person(NOVEMBER, &[(Order, &n.to_string())]));
        let sealings = keys.resolve(people.collect()).await.unwrap();
        let sealed: Vec<(SubjectId, Vec<u8>)> =
            sealings.iter().map(|sealing| (sealing.subject(), seal(sealing, "Zarmina"))).collect();
        let tenant = shop();
        let boxes: Vec<BoxRef<'_>> = sealed
            .iter()
            .map(|(subject, sealed)| BoxRef {
                tenant: &tenant,
                subject: *subject,
                event: EVENT,
                label: "buyer",
                sealed,
            })
            .collect();
        let mut watch = privacy::Watch::default();
        let by = staff("support-2", Shown::Masked, after(1));
        assert_eq!(watch.look(&keys, by.at).await.unwrap(), []);
        keys.open_many(&boxes[..99], &AccessBy { shown: Shown::Processed, actor: Actor::Daybook, ..by.clone() })
            .await
            .unwrap();
        keys.open_many(&boxes[..99], &by).await.unwrap();
        assert_eq!(watch.look(&keys, by.at).await.unwrap(), [], "what machines read counts for nobody");

        keys.open_many(&boxes, &by).await.unwrap();
        let told = watch.look(&keys, by.at).await.unwrap();
        let shown = told.iter().map(|one| (one.count.actor.as_str(), one.count.subjects, one.rule.as_str()));
        assert_eq!(shown.collect::<Vec<_>>(), [("support-2", 1_200, "limit")]);
        let an_hour_later = Timestamp(by.at.0 + 3_600_000_000);
        for at in [by.at, an_hour_later] {
            assert_eq!(watch.look(&keys, at).await.unwrap(), [], "told once");
        }
        let mut restarted = privacy::Watch::default();
        assert_eq!(restarted.look(&keys, an_hour_later).await.unwrap().len(), 1);
        keys.set_access_limit(&shop(), 1_200).await.unwrap();
        assert_eq!(privacy::Watch::default().look(&keys, an_hour_later).await.unwrap(), []);
        assert_eq!((keys.verify_access(&shop()).await.unwrap().rows, first_bad(&keys).await), (1_398, None));
    }
}
