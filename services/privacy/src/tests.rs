//! Erasures start to finish: crashes after every step, holds, shops' wishes, and many at once.

use super::*;
use event_log::ReadFrom;
use events::{Payload, Topic};
use store::db::{Dialect, Durability};
use store::keys::{
    Hold, HoldReason, IdentityHint, IdentityKind, Keyring, Month, PersonRef, Schedule, load_or_create_root,
};
use store::schema::{books_migrations, keys_migrations};

const ERASED: Timestamp = Timestamp(1_700_000_000_000_000);
const LATER: Timestamp = Timestamp(1_700_000_999_000_000);

/// A folder with a key store and a log, opened anew as often as a process would start.
struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Shop {
        Shop(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> (KeyStore, EventLog) {
        let at = |name: &str| self.0.path().join(name);
        let schema = keys_migrations(Dialect::Sqlite);
        let db = Db::open_sqlite(&at("keys.db"), Durability::Full, &schema).await.unwrap();
        let keyring = Keyring::in_folder(load_or_create_root(&at("root.key")).unwrap(), &at("epochs"));
        let schedule = Schedule { epoch: Duration::from_secs(86_400), backups: Duration::from_secs(86_400) };
        let keys = KeyStore::open(db, keyring, schedule, ERASED).await.unwrap();
        (keys, EventLog::open_sqlite(&at("log.db"), 3).await.unwrap())
    }

    async fn books(&self) -> Db {
        let schema = books_migrations(Dialect::Sqlite);
        Db::open_sqlite(&self.0.path().join("books.db"), Durability::Normal, &schema).await.unwrap()
    }
}

fn tenant() -> TenantId {
    "kohsar-shawls".parse().unwrap()
}

async fn buyer(keys: &KeyStore, order: &str) -> SubjectId {
    let hint = IdentityHint { kind: IdentityKind::Order, value: order.to_owned().into() };
    let person = PersonRef { tenant: tenant(), identities: vec![hint], month: Month::of(ERASED), at: ERASED };
    keys.resolve(vec![person]).await.unwrap().remove(0).subject()
}

/// The ids of the erased subjects that the log tells of, with the events' ids, as a reader that drops repeats sees them.
async fn announced(log: &EventLog) -> Vec<(SubjectId, Timestamp)> {
    let partition = log.partition_of(&tenant());
    let mut reader = log.reader(&[ReadFrom { topic: Topic::Privacy, partition, offset: 0 }]).unwrap();
    let batch = reader.next_batch(100, Duration::from_millis(10)).await.unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for stored in &batch.records {
        let event = Event::decode(&stored.record).unwrap();
        if let Payload::Fact { fact: Fact::SubjectErased(fact), .. } = event.payload {
            seen.insert(event.id, (fact.subject, fact.erased_at));
        }
    }
    seen.into_values().collect()
}

#[tokio::test]
async fn an_erasure_is_destroyed_announced_and_a_repeat_is_a_value() {
    let shop = Shop::new();
    let (keys, log) = shop.open().await;
    let subject = buyer(&keys, "7001").await;
    let first =
        erase(&keys, &log, &shop.books().await, &tenant(), subject, ErasureReason::Person, ERASED).await.unwrap();
    assert_eq!(first, Receipt { tenant: tenant(), subject, erased: Erased::Now(ERASED), inputs: Reached::default() });
    let second = erase(&keys, &log, &shop.books().await, &tenant(), subject, ErasureReason::Shop, LATER).await.unwrap();
    assert_eq!(second.erased, Erased::Already(ERASED));
    assert_eq!(announced(&log).await, [(subject, ERASED)]);
    assert_eq!(keys.unfinished_erasures().await.unwrap(), []);
}

#[tokio::test]
async fn nobody_is_erased_by_a_wrong_id() {
    let shop = Shop::new();
    let (keys, log) = shop.open().await;
    let nobody = SubjectId(uuid::Uuid::from_u128(1));
    let refused = erase(&keys, &log, &shop.books().await, &tenant(), nobody, ErasureReason::Person, ERASED).await;
    assert!(matches!(refused, Err(EraseError::Keys(EraseSubjectError::UnknownSubject))));
    assert_eq!((announced(&log).await, keys.unfinished_erasures().await.unwrap()), (vec![], vec![]));
}

/// Does the first steps of an erasure and stops there, as a crash would.
async fn stop_after(steps: usize, keys: &KeyStore, log: &EventLog, subject: SubjectId) {
    let tenant = tenant();
    keys.request_erasure(&tenant, subject, ErasureReason::Person, ERASED).await.unwrap();
    if steps > 1 {
        keys.destroy(&tenant, subject, ERASED).await.unwrap();
    }
    if steps > 2 {
        log.append(vec![announcement(&tenant, subject, ERASED).encode()]).await.unwrap();
    }
}

#[tokio::test]
async fn a_crash_after_any_step_is_made_good_at_the_next_start() {
    for (steps, stage, erased_at) in
        [(1, Stage::Requested, LATER), (2, Stage::Destroyed, ERASED), (3, Stage::Destroyed, ERASED)]
    {
        let shop = Shop::new();
        let (keys, log) = shop.open().await;
        let subject = buyer(&keys, "7002").await;
        stop_after(steps, &keys, &log, subject).await;
        drop((keys, log));

        let (keys, log) = shop.open().await;
        assert_eq!(keys.unfinished_erasures().await.unwrap().first().map(|erasure| erasure.stage), Some(stage));
        assert_eq!(resume(&keys, &log, &shop.books().await, LATER).await.unwrap(), 1, "stopped after step {steps}");
        assert_eq!(resume(&keys, &log, &shop.books().await, LATER).await.unwrap(), 0);
        assert_eq!(announced(&log).await, [(subject, erased_at)]);
        assert_eq!(keys.destroy(&tenant(), subject, LATER).await.unwrap(), Erased::Already(erased_at));
    }
}

#[tokio::test]
async fn a_wish_under_a_hold_is_carried_out_when_the_hold_has_ended() {
    let shop = Shop::new();
    let (keys, log) = shop.open().await;
    let subject = buyer(&keys, "7004").await;
    let staff = "support-2".parse().unwrap();
    let hold = Hold { subject, reason: HoldReason::Dispute, staff, since: Timestamp(0), until: LATER };
    keys.hold(&tenant(), hold).await.unwrap();
    let refused = erase(&keys, &log, &shop.books().await, &tenant(), subject, ErasureReason::Person, ERASED).await;
    assert!(matches!(refused, Err(EraseError::Keys(EraseSubjectError::Held { until: LATER, .. }))));
    assert_eq!((resume(&keys, &log, &shop.books().await, ERASED).await.unwrap(), announced(&log).await), (0, vec![]));
    assert_eq!(
        (resume(&keys, &log, &shop.books().await, LATER).await.unwrap(), announced(&log).await),
        (1, vec![(subject, LATER)])
    );
}

#[tokio::test]
async fn many_go_together_and_whoever_must_wait_holds_up_nobody() {
    let shop = Shop::new();
    let ((keys, log), db) = (shop.open().await, shop.books().await);
    let mut people = Vec::new();
    for order in 0..600 {
        people.push(buyer(&keys, &format!("many-{order}")).await);
    }
    let (held, done, nobody) = (people[7], people[550], SubjectId(uuid::Uuid::from_u128(1)));
    let staff = "support-2".parse().unwrap();
    let hold = Hold { subject: held, reason: HoldReason::Legal, staff, since: Timestamp(0), until: LATER };
    keys.hold(&tenant(), hold).await.unwrap();
    erase(&keys, &log, &db, &tenant(), done, ErasureReason::Shop, Timestamp(ERASED.0 - 1)).await.unwrap();
    people.push(nobody);

    let outcomes = erase_all(&keys, &log, &db, &tenant(), &people, ErasureReason::Person, ERASED).await;
    assert_eq!(outcomes.len(), 601);
    for (subject, outcome) in &outcomes {
        match outcome.as_ref().map(|receipt| receipt.erased) {
            Ok(Erased::Now(ERASED)) => {}
            Ok(Erased::Already(at)) => assert_eq!((*subject, at.0), (done, ERASED.0 - 1)),
            Err(EraseError::Keys(EraseSubjectError::Held { until: LATER, .. })) => assert_eq!(*subject, held),
            Err(EraseError::Keys(EraseSubjectError::UnknownSubject)) => assert_eq!(*subject, nobody),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(keys.unfinished_erasures().await.unwrap().len(), 1, "who is held waits, and nobody else");
    assert_eq!(
        (resume(&keys, &log, &db, LATER).await.unwrap(), keys.unfinished_erasures().await.unwrap()),
        (1, vec![])
    );
}

#[tokio::test]
async fn the_role_finishes_what_it_finds_and_stops_when_told() {
    let shop = Shop::new();
    let (keys, log) = shop.open().await;
    let subject = buyer(&keys, "7003").await;
    stop_after(1, &keys, &log, subject).await;
    let shutdown = CancellationToken::new();
    let every = Duration::from_millis(5);
    let config = Config { keys: keys.clone(), log: log.clone(), db: shop.books().await, every };
    let role = tokio::spawn(run(config, shutdown.clone()));
    let finished = async {
        while !keys.unfinished_erasures().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), finished).await.unwrap();
    shutdown.cancel();
    role.await.unwrap();
    assert_eq!(announced(&log).await.len(), 1);
}

#[tokio::test]
async fn a_person_whose_shop_asks_for_it_is_erased_once() {
    let shop = Shop::new();
    let ((keys, log), db) = (shop.open().await, shop.books().await);
    let subject = buyer(&keys, "7004").await;
    let request = |id: u128, subject| books::RequestRow {
        tenant: tenant(),
        request: uuid::Uuid::from_u128(id),
        kind: "redact",
        subject,
        requested_at: ERASED,
    };
    let requests = vec![request(1, Some(subject)), request(2, Some(subject)), request(3, None)];
    let recorded = db.run_tx("requests", move |tx| {
        let requests = requests.clone();
        Box::pin(async move { books::save_requests(tx, &requests).await })
    });
    let _: () = recorded.await.map_err(|error: DbError| error).unwrap();
    assert_eq!(answer_redactions(&keys, &log, &db, LATER).await.unwrap(), 1);
    // Until the projection has folded the announcement the request still waits, and is not answered again.
    assert_eq!(answer_redactions(&keys, &log, &db, LATER).await.unwrap(), 0);
    assert_eq!(announced(&log).await, [(subject, LATER)]);
}
