//! What an old copy of the key store says of a person's phone number. Whoever has it, today's keys, and the tenant's index
//! key can try all numbers that there are; after the window that finds nobody who was erased.

use subject_keys::EpochKey;

use super::*;
use crate::keys::Place;
use IdentityKind::{Email, Order, Phone};

fn phone(number: usize) -> String {
    format!("+923{number:09}")
}

/// So many people with an order, a phone and an e-mail address each, in batches; gives who they are.
async fn customers(keys: &KeyStore, number: usize) -> Vec<SubjectId> {
    let mut subjects = Vec::new();
    for batch in (0..number).collect::<Vec<_>>().chunks(100) {
        let people = batch.iter().map(|number| {
            let (order, email) = (number.to_string(), format!("{number}@example.com"));
            person(NOVEMBER, &[(Order, &order), (Phone, &phone(*number)), (Email, &email)])
        });
        subjects.extend(keys.resolve(people.collect()).await.unwrap().iter().map(Sealing::subject));
    }
    subjects
}

/// Who is known by each of these phone numbers.
async fn known(keys: &KeyStore, numbers: std::ops::Range<usize>) -> Vec<Option<SubjectId>> {
    let mut known = Vec::new();
    for number in numbers {
        let hint = person(NOVEMBER, &[(Phone, &phone(number))]).identities;
        known.push(keys.find_subject(&shop(), &hint).await.unwrap().map(|(subject, _)| subject));
    }
    known
}

#[tokio::test]
async fn with_every_copy_ever_made_no_phone_number_of_an_erased_person_is_found_once_the_window_is_over() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let ring = place.folder.path().join("epochs");
        let people = customers(&keys, 1_500).await;
        let all: Vec<String> = (0..1_500).map(phone).collect();
        let owners = |found: &std::collections::BTreeSet<(String, uuid::Uuid)>, which: usize| {
            let is_found = |place: &usize| found.contains(&(all[*place].clone(), people[*place].0));
            (0..1_500).filter(|place| place % 2 == which).filter(is_found).count()
        };
        let pages = async |sql| {
            let rows = db.query(sql, vec![]).await.unwrap();
            rows.iter().map(|row| row.int(0).unwrap()).collect::<std::collections::BTreeSet<i64>>()
        };
        let mut attacker = Attacker::default();
        attacker.copy(&db).await;
        for subject in people.iter().step_by(2) {
            erase(&keys, *subject, after(1)).await;
        }
        attacker.copy(&db).await;
        let found = attacker.try_phones(&root(), &ring, &all);
        assert_eq!((owners(&found, 0), owners(&found, 1)), (750, 750), "a copy from before the erasure names them");

        // Some come back as somebody new, before the pages they were on are left.
        let again: Vec<_> = (0..20).map(|number| person(after(2), &[(Phone, &phone(number * 2))])).collect();
        keys.resolve(again).await.unwrap();
        let lossy = pages("SELECT page FROM index_page WHERE state = 'lossy'").await;
        let on_lossy =
            count(&db, "paged_identity WHERE page IN (SELECT page FROM index_page WHERE state = 'lossy')").await;
        assert!(on_lossy > 1_000, "nearly every page has lost somebody: {on_lossy}");
        let moved = rotate(&keys, after(2)).await;
        assert_eq!(i64::try_from(moved.identities), Ok(on_lossy), "whoever is left on a page that has lost somebody");
        let new = pages("SELECT DISTINCT page FROM paged_identity").await;
        assert!(new.is_disjoint(&lossy), "and nobody stays on one");
        attacker.copy(&db).await;
        rotate(&keys, after(3)).await;
        attacker.copy(&db).await;
        assert_eq!(owners(&attacker.try_phones(&root(), &ring, &all), 0), 750, "until the window is over");

        assert_eq!(keys.destroy_epochs(after(32)).await, Ok(vec![EpochId(1)]));
        let erasure = keys.erasure_of(&shop(), people[0]).await.unwrap().unwrap();
        assert_eq!(erasure.epoch, Some(EpochId(1)), "which is what the receipt says");
        attacker.copy(&db).await;
        let found = attacker.try_phones(&root(), &ring, &all);
        assert_eq!((owners(&found, 0), owners(&found, 1)), (0, 750), "the attack works: it finds who lives");
        for keys in [keys, place.open().await.0] {
            let known = known(&keys, 100..200).await;
            let expected = |number: usize| (number % 2 == 1).then(|| people[number]);
            assert_eq!(known, (100..200).map(expected).collect::<Vec<_>>());
        }
    }
}

/// A page that lost nobody is only wrapped anew, however many are on it.
#[tokio::test]
async fn rotation_touches_no_identity_of_a_page_that_lost_none() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = customers(&keys, 300).await;
        let rows = async || {
            let rows = db.query("SELECT page, mark, sealed FROM paged_identity ORDER BY page, mark", vec![]).await;
            rows.unwrap().iter().map(|row| row.blob(2).unwrap().to_vec()).collect::<Vec<_>>()
        };
        let before = rows().await;
        let pages = count(&db, "index_page").await;
        assert!(pages > 4 && count(&db, "index_page WHERE epoch = 1").await == pages);
        let moved = rotate(&keys, after(1)).await;
        let index_pages = u64::try_from(pages).unwrap();
        assert_eq!(moved, Moved { pages: 1, index_pages, tenants: 1, ..Moved::default() });
        assert_eq!((rows().await == before, before.len()), (true, 600));
        assert_eq!(count(&db, "index_page WHERE epoch = 2").await, pages);

        erase(&keys, people[0], after(2)).await;
        let lossy = count(&db, "index_page WHERE state = 'lossy'").await;
        assert!((1..=2).contains(&lossy), "the phone and the address lie on one page or on two");
        assert_eq!(keys.epochs().await.unwrap()[1].lossy, 1 + lossy, "and the page of keys");
    }
}

#[tokio::test]
async fn an_epoch_that_an_index_page_hangs_on_is_not_destroyed() {
    for place in places().await {
        let (keys, db) = place.open().await;
        customers(&keys, 1).await;
        keys.begin_epoch(after(1), None).await.unwrap();
        let refused = keys.destroy_epochs(after(40)).await;
        assert_eq!(refused, Err(DestroyEpochError::InUse { epoch: EpochId(1), pages: 2, tenants: 1 }));
        keys.rewrap(|_| {}).await.unwrap();
        assert_eq!(keys.destroy_epochs(after(40)).await, Ok(vec![EpochId(1)]));
        assert_eq!(count(&db, "index_page").await, 1);
        assert_eq!(known(&keys, 0..2).await.iter().flatten().count(), 1);
    }
}

/// Puts identities back as an earlier version stored them: blinded, in the table of orders and customers.
async fn as_before(place: &Place, db: &Db, people: &[SubjectId]) {
    let rows = db.query("SELECT epoch, wrapped FROM index_key", vec![]).await.unwrap();
    assert_eq!(rows[0].int(0), Ok(1));
    let file = std::fs::read_to_string(place.folder.path().join("epochs/1.key")).unwrap();
    let epoch: EpochKey = root().unwrap_epoch(EpochId(1), &hex::decode(file.trim()).unwrap()).unwrap();
    let key = epoch.unwrap_index(shop().as_str(), rows[0].blob(1).unwrap()).unwrap();
    let rows: Vec<(Vec<u8>, String)> = people
        .iter()
        .enumerate()
        .map(|(number, subject)| (key.blind("phone", &phone(number)).to_vec(), subject.to_string()))
        .collect();
    let unit = db.run_tx("before", move |tx| {
        let rows = rows.clone();
        Box::pin(async move {
            tx.execute("DELETE FROM paged_identity", vec![]).await?;
            tx.execute("DELETE FROM index_page", vec![]).await?;
            for (tag, subject) in rows {
                let sql = "INSERT INTO identity (tenant, blind, kind, subject) VALUES ($1, $2, 'phone', $3)";
                tx.execute(sql, vec![shop().as_str().into(), tag.into(), subject.into()]).await?;
            }
            Ok::<(), store::db::DbError>(())
        })
    });
    unit.await.unwrap();
}

#[tokio::test]
async fn an_older_key_store_moves_its_phone_numbers_to_index_pages() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = customers(&keys, 1_200).await;
        as_before(&place, &db, &people).await;
        assert_eq!(count(&db, "identity WHERE kind = 'phone'").await, 1_200);

        // Several processes may open it at once.
        let opening = [place.database().await, place.database().await];
        let opening = opening.map(|db| tokio::spawn(KeyStore::open(db, place.keyring(7), SCHEDULE, NOVEMBER)));
        for store in opening {
            let known = known(&store.await.unwrap().unwrap(), 0..1_200).await;
            assert_eq!(known, people.iter().copied().map(Some).collect::<Vec<_>>());
        }
        assert_eq!(count(&db, "identity WHERE kind NOT IN ('order', 'customer')").await, 0);
        assert_eq!(count(&db, "paged_identity").await, 1_200);
    }
}

/// Not even the unused parts of the file, or its write-ahead log, say what they were.
#[tokio::test]
async fn what_moved_to_index_pages_leaves_no_bytes_in_any_file() {
    for _ in 0..12 {
        let place = Place::folder();
        let (keys, db) = place.open().await;
        let people = customers(&keys, 300).await;
        as_before(&place, &db, &people).await;
        let rows = db.query("SELECT blind FROM identity WHERE kind = 'phone'", vec![]).await.unwrap();
        let part = |row: &store::db::Row| row.blob(0).unwrap()[8..24].to_vec();
        let tags: std::collections::BTreeSet<Vec<u8>> = rows.iter().map(part).collect();
        let left = || {
            let files = std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let parts = files.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap());
            parts.map(|bytes| bytes.windows(16).filter(|part| tags.contains(*part)).count()).sum::<usize>()
        };
        assert!(left() >= 300);
        drop(place.open().await);
        assert_eq!((left(), count(&db, "paged_identity").await), (0, 300));
    }
}
