//! By when an epoch's key is destroyed is fixed when it begins: receipts promise it, and nothing that is set later moves it.

use super::*;
use crate::keys::days;

/// When each epoch began, counted in hours after the first, and after how many hours its key is destroyed.
async fn promised(keys: &KeyStore) -> Vec<(i64, i64)> {
    let hours = |at: Timestamp| (at.0 - NOVEMBER.0) / (DAY / 24);
    let epochs = keys.epochs().await.unwrap();
    epochs.iter().map(|epoch| (hours(epoch.begun_at), hours(epoch.destroy_by))).collect()
}

/// Hours of so many days, and some.
const fn hours(days: i64, more: i64) -> i64 {
    days * 24 + more
}

async fn told(keys: &KeyStore, subject: SubjectId, at: Timestamp) -> Copies {
    privacy::copies(keys, &shop(), subject, at).await.unwrap()
}

/// The numbers of the epochs whose keys lie in the keyring.
async fn held(keys: &KeyStore) -> Vec<u32> {
    keys.epochs().await.unwrap().iter().filter(|epoch| epoch.held).map(|epoch| epoch.epoch.0).collect()
}

#[tokio::test]
async fn no_setting_moves_what_a_receipt_has_promised() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let people = People::new(&keys, 7_000, 3).await;
        let subject = people.boxes[0].0;
        erase(&keys, subject, after(0)).await;
        let promise = Copies::OpenUntil(hours_after(31, 2));
        assert_eq!(told(&keys, subject, after(0)).await, promise);
        for (other, why) in
            [(days(1, 0), "no backups are kept any more"), (days(9, 300), "backups are kept for longer")]
        {
            let (keys, _) = place.open_with(other).await;
            assert_eq!(told(&keys, subject, after(0)).await, promise, "{why}");
            let kept = privacy::keep_epochs(&keys, hours_after(0, 12)).await.unwrap();
            assert_eq!((kept.destroyed, held(&keys).await[0]), (vec![], 1), "{why}");
            assert_eq!(told(&keys, subject, hours_after(0, 12)).await, promise, "{why}");
        }
        rotate(&place.open_with(days(1, 0)).await.0, hours_after(0, 13)).await;
        let begun = [(0, hours(31, 2)), (12, hours(309, 14)), (13, hours(1, 15))];
        assert_eq!(promised(&keys).await, begun, "backups that are to be kept for longer begin an epoch at once");
        let (keys, _) = place.open_with(days(9, 300)).await;
        let kept = privacy::keep_epochs(&keys, hours_after(31, 1)).await.unwrap();
        assert_eq!(kept.destroyed, [EpochId(1)], "as promised, though backups are now kept for longer");
        assert_eq!(told(&keys, subject, after(40)).await, Copies::GoneSince(hours_after(31, 1)));
        assert_eq!(people.opened(&keys).await, (2, 1));
    }
}

#[tokio::test]
async fn an_epoch_that_is_ended_early_by_hand_keeps_its_date() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    for hour in [1, 2] {
        rotate(&keys, hours_after(0, hour)).await;
    }
    assert_eq!(promised(&keys).await, [(0, hours(31, 2)), (1, hours(31, 3)), (2, hours(31, 4))]);
    assert_eq!(keys.destroy_epochs(hours_after(31, 2)).await.unwrap(), [EpochId(1), EpochId(2)]);
}

/// Nothing ran for a while: the date holds, and the epoch goes as soon as it has retired and its readers are done.
#[tokio::test]
async fn an_epoch_that_was_current_for_too_long_is_destroyed_as_soon_as_it_has_retired() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let people = People::new(&keys, 7_000, 3).await;
        let subject = people.boxes[0].0;
        erase(&keys, subject, after(0)).await;
        assert_eq!(
            told(&keys, subject, after(50)).await,
            Copies::Overdue(hours_after(31, 2)),
            "no date that has passed"
        );
        let kept = privacy::keep_epochs(&keys, after(50)).await.unwrap();
        assert_eq!((kept.begun, kept.destroyed), (Some(EpochId(2)), vec![]));
        let minute = Timestamp(after(50).0 + 60_000_000);
        let kept = privacy::keep_epochs(&keys, minute).await.unwrap();
        assert_eq!((kept.begun, kept.destroyed), (None, vec![EpochId(1)]));
        assert_eq!(told(&keys, subject, minute).await, Copies::GoneSince(minute));
        assert_eq!(people.opened(&keys).await, (2, 1));
    }
}

/// A key store of before, in which no epoch has a date: each gets one when it is opened, by the settings of then.
#[tokio::test]
async fn an_older_key_stores_epochs_get_their_date_once() {
    for place in places().await {
        let (keys, db) = place.open().await;
        rotate(&keys, after(2)).await;
        write(&db, "UPDATE epoch SET destroy_by = NULL").await;
        let (keys, _) = place.open_with(days(1, 7)).await;
        let dated = [(0, hours(9, 1)), (hours(2, 0), hours(10, 2))];
        assert_eq!(promised(&keys).await, dated, "a week after the one retired, and after the other is to retire");
        assert_eq!(promised(&place.open_with(days(1, 300)).await.0).await, dated);

        // One that a program of before begins while this one runs.
        write(&db, "UPDATE epoch SET destroy_by = NULL WHERE epoch = 2").await;
        assert_eq!(keys.destroy_epochs(after(100)).await.unwrap(), [EpochId(1)]);
        keys.reconcile_epochs(after(3)).await.unwrap();
        assert_eq!(promised(&place.open_with(days(1, 300)).await.0).await, dated);
    }
}

/// An epoch that only the keyring knows has the backups' time from when it was found.
#[tokio::test]
async fn an_epoch_that_only_the_keyring_knows_gets_its_date_when_it_is_found() {
    let place = Place::folder();
    let (keys, db) = place.open().await;
    rotate(&keys, after(1)).await;
    write(&db, "DELETE FROM epoch WHERE epoch = 2").await;
    write(&db, "UPDATE epoch SET state = 'current', retired_at = NULL WHERE epoch = 1").await;
    let (keys, _) = place.open_with(days(1, 10)).await;
    assert_eq!(keys.reconcile_epochs(after(5)).await.unwrap(), 1);
    let found = [(0, hours(31, 2)), (hours(5, 0), hours(15, 1)), (hours(5, 0), hours(16, 2))];
    assert_eq!(promised(&keys).await, found);
}

/// As long as a destroyed key lies in the keyring again, no receipt says that copies are gone.
#[tokio::test]
async fn copies_are_not_gone_while_a_destroyed_key_is_back() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    let subject = People::new(&keys, 7_000, 1).await.boxes[0].0;
    let file = place.folder.path().join("epochs/1.key");
    let old = std::fs::read(&file).unwrap();
    erase(&keys, subject, after(0)).await;
    rotate(&keys, after(1)).await;
    keys.destroy_epochs(hours_after(31, 2)).await.unwrap();
    assert_eq!(told(&keys, subject, after(32)).await, Copies::GoneSince(hours_after(31, 2)));
    std::fs::write(&file, old).unwrap();
    assert_eq!(told(&keys, subject, after(32)).await, Copies::Overdue(hours_after(31, 2)));
    keys.reconcile_epochs(after(33)).await.unwrap();
    assert_eq!(told(&keys, subject, after(33)).await, Copies::GoneSince(hours_after(31, 2)));
}
