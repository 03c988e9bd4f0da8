//! The restore drill for what people decided: a key store from before somebody was restricted, objected or withdrew, from before staff
//! lost their permission or an account was closed, is put back. It serves nobody until all of that stands again.

use std::path::PathBuf;
use std::time::Duration;

use commerce::{StaffId, TenantId};
use store::db::Db;
use store::keys::{
    Channel, ClosedBy, Closure, ConsentError, ConsentFact, Hold, HoldReason, KeyStoreError, KeyringError, Objection,
    Permitted, Processing, Reapplied, Reopened, Restriction, RestrictionReason, Said, Told, Wording, sha256_of,
};

use super::restore::{back_up, open_for_repair, put_back, refused};
use super::*;
use Processing::Marketing;
use RestrictionReason::Accuracy;

fn staff() -> StaffId {
    "support-1".parse().unwrap()
}

fn others() -> TenantId {
    "others".parse().unwrap()
}

fn list(place: &Place) -> PathBuf {
    place.folder.path().join("epochs/decided")
}

fn lines(place: &Place) -> Vec<String> {
    std::fs::read_to_string(list(place)).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn said(subject: SubjectId, at: Timestamp) -> Said {
    let evidence = "ticket-812".parse().unwrap();
    Said { subject, processing: Marketing, channel: Channel::Page, evidence, staff: staff(), at }
}

async fn ask_for_consent(keys: &KeyStore) {
    let text = "May we write to you?".to_owned();
    let version = "2026-11".parse().unwrap();
    let sha256 = sha256_of(&text);
    let wording = Wording { processing: Marketing, version, since: NOVEMBER, sha256, text, keeps_older: false };
    keys.set_wording(&shop(), wording).await.unwrap();
}

async fn consent(keys: &KeyStore, subject: SubjectId, at: Timestamp) -> Result<i64, ConsentError> {
    keys.give_consent(&shop(), said(subject, at), &"2026-11".parse().unwrap()).await
}

async fn restrict(keys: &KeyStore, subject: SubjectId, at: Timestamp) {
    keys.restrict(&shop(), subject, Accuracy, None, (&staff(), at)).await.unwrap();
}

async fn lift(keys: &KeyStore, subject: SubjectId, told_at: Timestamp, at: Timestamp) {
    let told = Told { channel: Channel::Email, by: staff(), at: told_at };
    keys.tell_of_lifting(&shop(), subject, Accuracy, told).await.unwrap();
    keys.lift(&shop(), subject, Accuracy, (&staff(), at)).await.unwrap();
}

async fn hold(keys: &KeyStore, subject: SubjectId, at: Timestamp) {
    let hold = Hold { subject, reason: HoldReason::Legal, staff: staff(), since: at, until: after(90) };
    keys.hold(&shop(), hold).await.unwrap();
}

/// Everything that is decided, as the key store says it.
#[derive(Debug, PartialEq)]
struct Standing {
    people: Vec<(Vec<Restriction>, Vec<Objection>, Vec<ConsentFact>)>,
    permitted: Vec<Permitted>,
    closures: Vec<Closure>,
    holds: Vec<Hold>,
}

async fn standing(keys: &KeyStore, people: &People) -> Standing {
    let mut all = Vec::new();
    for (subject, _) in &people.boxes {
        let restrictions = keys.restrictions_of(&shop(), *subject).await.unwrap();
        let objections = keys.objections_of(&shop(), *subject).await.unwrap();
        all.push((restrictions, objections, keys.consents_of(&shop(), *subject).await.unwrap()));
    }
    let permitted = keys.permitted_to_reveal(&shop()).await.unwrap();
    let (closures, holds) = (keys.closures().await.unwrap(), keys.holds(&shop(), after(9)).await.unwrap());
    Standing { people: all, permitted, closures, holds }
}

#[tokio::test]
async fn whatever_was_decided_after_the_backup_stands_again() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 7).await;
        let [restricted, objects, withdraws, lifted, held, released, consents] =
            std::array::from_fn(|number| people.boxes[number].0);
        ask_for_consent(&keys).await;
        consent(&keys, withdraws, after(0)).await.unwrap();
        keys.permit_reveal(&shop(), &staff(), after(0)).await.unwrap();
        restrict(&keys, lifted, after(0)).await;
        hold(&keys, released, after(0)).await;
        keys.close(&others(), ClosedBy::Shop, after(0)).await.unwrap();
        drop(keys);
        let (keys, _) = place.open().await;
        let before = standing(&keys, &people).await;
        back_up(&place, &db).await;

        restrict(&keys, restricted, after(1)).await;
        keys.restrict(&shop(), restricted, Accuracy, Some(after(60)), (&staff(), after(2))).await.unwrap();
        assert!(keys.object(&shop(), objects, Processing::Support, (&staff(), after(1))).await.unwrap());
        keys.withdraw_consent(&shop(), said(withdraws, after(1))).await.unwrap();
        assert!(keys.forbid_reveal(&shop(), &staff(), after(1)).await.unwrap());
        keys.close(&shop(), ClosedBy::Operator, after(1)).await.unwrap();
        hold(&keys, held, after(1)).await;
        // And what permits again.
        lift(&keys, lifted, after(1), after(2)).await;
        assert_eq!(keys.reopen(&others(), after(1)).await.unwrap(), Reopened::Now);
        assert!(keys.permit_reveal(&shop(), &"support-2".parse().unwrap(), after(1)).await.unwrap());
        assert!(keys.release(&shop(), released, HoldReason::Legal, after(1)).await.unwrap());
        keys.object(&shop(), consents, Marketing, (&staff(), after(1))).await.unwrap();
        consent(&keys, consents, after(2)).await.unwrap();
        let decided = standing(&keys, &people).await;
        put_back(&place, db).await;

        // A row of each, save two of who withdrew (which is an objection too) and of who objected and then consented.
        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenDecisions(13)));
        let (keys, _) = open_for_repair(&place).await;
        assert_eq!(keys.forgotten_decisions().await.unwrap().len(), 13);
        assert_eq!(standing(&keys, &people).await, before, "this is what would happen");
        let done = keys.reapply_erasures(after(3)).await.unwrap();
        assert_eq!(done, Reapplied { decisions: 13, restored: true, ..Reapplied::default() });
        assert_eq!(standing(&keys, &people).await, decided);
        assert!(keys.is_closed(&shop()).await.unwrap() && !keys.is_closed(&others()).await.unwrap());
        assert_eq!(keys.reapply_erasures(after(4)).await.unwrap(), Reapplied::default(), "nothing is left to do");
        drop(keys);
        let (keys, _) = place.open().await;
        assert_eq!(standing(&keys, &people).await, decided);
    }
}

/// Somebody was restricted and then erased: nothing of them is left to restrict, and nothing is entered again.
#[tokio::test]
async fn of_whom_was_erased_nothing_is_decided_any_more() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 2).await;
        back_up(&place, &db).await;
        restrict(&keys, people.boxes[0].0, after(1)).await;
        restrict(&keys, people.boxes[1].0, after(1)).await;
        erase(&keys, people.boxes[0].0, after(2)).await;
        assert_eq!(keys.forgotten_decisions().await.unwrap(), []);
        put_back(&place, db).await;
        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenErasures(1)));
        let (keys, db) = open_for_repair(&place).await;
        let done = keys.reapply_erasures(after(3)).await.unwrap();
        assert_eq!((done.erasures, done.decisions), (1, 1));
        assert_eq!(count(&db, "restriction").await, 1);
        drop(keys);
        drop(place.open().await);
    }
}

#[tokio::test]
async fn thousands_are_entered_again_in_pieces_that_may_be_interrupted() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 10_000, 1_200).await;
        back_up(&place, &db).await;
        for (subject, _) in &people.boxes {
            assert!(keys.object(&shop(), *subject, Marketing, (&staff(), after(1))).await.unwrap());
        }
        put_back(&place, db).await;
        let (keys, db) = open_for_repair(&place).await;
        let again = keys.clone();
        let interrupted = tokio::spawn(async move { again.reapply_erasures(after(2)).await });
        let some = async || count(&db, "objection").await > 0;
        testkit::wait_until(Duration::from_secs(60), some).await.unwrap();
        interrupted.abort();
        drop(interrupted.await);
        keys.reapply_erasures(after(2)).await.unwrap();
        assert_eq!(count(&db, "objection WHERE ended_at IS NULL").await, 1_200);
        assert_eq!(lines(&place).len(), 1_200, "nothing was listed twice");
        drop(keys);
        drop(place.open().await);
    }
}

/// Killed between the decision and its line, or the keyring could not be written: it stands, nobody was told that it does, and the
/// next look lists it. A backup of that very moment has the line too, and does not put it behind what was decided since.
#[tokio::test]
async fn a_decision_that_could_not_be_listed_is_listed_by_the_next_look() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 1).await;
        let subject = people.boxes[0].0;
        ask_for_consent(&keys).await;
        std::fs::create_dir(list(&place)).unwrap();
        let told = consent(&keys, subject, after(1)).await;
        let not_listed = matches!(&told, Err(ConsentError::Store(KeyStoreError::NotListed(error)))
            if matches!(**error, KeyStoreError::Keyring(KeyringError::Io { .. })));
        assert!(not_listed, "it stands, and is not safe yet: {told:?}");
        assert_eq!(keys.consents_of(&shop(), subject).await.unwrap().len(), 1);
        back_up(&place, &db).await;
        std::fs::remove_dir(list(&place)).unwrap();
        assert_eq!(keys.forgotten_decisions().await.unwrap(), []);
        assert_eq!(lines(&place).len(), 1);
        keys.withdraw_consent(&shop(), said(subject, after(2))).await.unwrap();
        let listed = lines(&place);
        assert_eq!(listed.len(), 3, "with the objection");
        put_back(&place, db).await;

        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenDecisions(2)));
        let (keys, _) = open_for_repair(&place).await;
        keys.reapply_erasures(after(3)).await.unwrap();
        assert_eq!(lines(&place), listed);
        let consents = keys.consents_of(&shop(), subject).await.unwrap();
        assert_eq!(consents.iter().map(|one| one.wording.is_some()).collect::<Vec<_>>(), [true, false]);
        drop(keys);
        drop(place.open().await);
    }
}

/// What was decided before there was a list, or before it was lost, is listed when the key store is next opened, once.
#[tokio::test]
async fn decisions_from_before_the_list_protect_as_well() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 3).await;
        restrict(&keys, people.boxes[0].0, after(1)).await;
        drop(keys);
        let (keys, _) = place.open().await;
        back_up(&place, &db).await;
        lift(&keys, people.boxes[0].0, after(2), after(3)).await;
        keys.object(&shop(), people.boxes[1].0, Marketing, (&staff(), after(2))).await.unwrap();
        keys.close(&shop(), ClosedBy::Operator, after(2)).await.unwrap();
        let decided = standing(&keys, &people).await;
        std::fs::remove_file(list(&place)).unwrap();
        for _ in 0..3 {
            drop(place.open().await);
            assert_eq!(lines(&place).len(), 3);
        }
        put_back(&place, db).await;
        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenDecisions(3)));
        let (keys, _) = open_for_repair(&place).await;
        keys.reapply_erasures(after(4)).await.unwrap();
        assert_eq!(standing(&keys, &people).await, decided);
        drop(keys);
        drop(place.open().await);
    }
}

/// The keyring was put back from its copy, and not the database: what was decided since stands, and is listed again.
#[tokio::test]
async fn an_older_list_undoes_nothing() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let people = People::new(&keys, 7_000, 2).await;
        restrict(&keys, people.boxes[0].0, after(1)).await;
        keys.permit_reveal(&shop(), &staff(), after(1)).await.unwrap();
        let copy = std::fs::read(list(&place)).unwrap();
        lift(&keys, people.boxes[0].0, after(2), after(3)).await;
        keys.forbid_reveal(&shop(), &staff(), after(2)).await.unwrap();
        keys.object(&shop(), people.boxes[1].0, Marketing, (&staff(), after(2))).await.unwrap();
        let decided = standing(&keys, &people).await;
        drop(keys);
        std::fs::write(list(&place), copy).unwrap();

        let (keys, _) = place.open().await;
        assert_eq!(standing(&keys, &people).await, decided);
        assert_eq!(lines(&place).len(), 5, "the restriction as it stands now, the objection, and no permission");
    }
}

/// The mark of one state of the database and the rows of another: the whole list is compared.
#[tokio::test]
async fn rows_that_are_missing_behind_the_mark_are_noticed() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 1).await;
        restrict(&keys, people.boxes[0].0, after(1)).await;
        drop(keys);
        drop(place.open().await);
        lose_restrictions(&db).await;
        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenDecisions(1)));
        let (keys, _) = open_for_repair(&place).await;
        assert_eq!(keys.reapply_erasures(after(2)).await.unwrap().decisions, 1);
        drop(keys);
        drop(place.open().await);
    }
}

async fn lose_restrictions(db: &Db) {
    execute(db, "DELETE FROM restriction").await;
}

async fn execute(db: &Db, sql: &'static str) {
    let done = db.run_tx("test", move |tx| Box::pin(async move { tx.execute(sql, vec![]).await }));
    done.await.map_err(|error: store::db::DbError| error).unwrap();
}

/// Several processes that permit and forbid the same staff, and hold and release the same people: the list has the order in which it
/// was committed, so that its last line about each is how it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_the_order_of_the_decisions_however_many_decide_at_once() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let stores = [keys.clone(), place.open().await.0];
        let people = People::new(&keys, 7_000, 2).await;
        let tasks: Vec<_> = (0..6_usize)
            .map(|task| {
                let (keys, subject) = (stores[task % 2].clone(), people.boxes[task % 2].0);
                tokio::spawn(async move {
                    for round in 0..8 {
                        let at = after(round);
                        if (task + usize::try_from(round).unwrap()) % 2 == 0 {
                            keys.permit_reveal(&shop(), &staff(), at).await.unwrap();
                            keys.release(&shop(), subject, HoldReason::Legal, at).await.unwrap();
                        } else {
                            keys.forbid_reveal(&shop(), &staff(), at).await.unwrap();
                            hold(&keys, subject, at).await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let decided = standing(&keys, &people).await;
        assert_eq!(count(&db, "deciding").await, 0);
        execute(&db, "DELETE FROM erased_list").await;
        assert_eq!(keys.forgotten_decisions().await.unwrap(), [], "the whole list says what stands");
        execute(&db, "DELETE FROM may_reveal").await;
        execute(&db, "DELETE FROM hold").await;
        execute(&db, "DELETE FROM erased_list").await;
        keys.reapply_erasures(after(9)).await.unwrap();
        assert_eq!(standing(&keys, &people).await, decided);
    }
}

#[tokio::test]
async fn a_damaged_line_is_named_and_nothing_is_entered_past_it() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 2).await;
        back_up(&place, &db).await;
        for (subject, _) in &people.boxes {
            keys.object(&shop(), *subject, Marketing, (&staff(), after(1))).await.unwrap();
        }
        let whole = std::fs::read_to_string(list(&place)).unwrap();
        std::fs::write(list(&place), whole.replacen("marketing", "marketinh", 1)).unwrap();
        put_back(&place, db).await;
        let damaged = KeyringError::DamagedList { path: list(&place), byte: 0 };
        assert_eq!(refused(&place).await, Some(OpenKeysError::Keyring(damaged.clone())));
        let (keys, _) = open_for_repair(&place).await;
        assert_eq!(keys.reapply_erasures(after(2)).await, Err(KeyStoreError::Keyring(damaged)));
        std::fs::write(list(&place), whole).unwrap();
        assert_eq!(keys.reapply_erasures(after(2)).await.unwrap().decisions, 2);
        drop(keys);
        drop(place.open().await);
    }
}

/// The file names nobody: slugs, random ids, times and words of this program.
#[tokio::test]
async fn the_list_says_nothing_of_what_people_typed_or_were_asked() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    let people = People::new(&keys, 7_000, 1).await;
    ask_for_consent(&keys).await;
    consent(&keys, people.boxes[0].0, after(1)).await.unwrap();
    let listed = lines(&place);
    assert_eq!(listed.len(), 1);
    assert!(!listed[0].contains("May we") && !listed[0].contains("Zarmina"), "{listed:?}");
    assert!(listed[0].contains(&sha256_of("May we write to you?")) && listed[0].contains("ticket-812"), "{listed:?}");
}
