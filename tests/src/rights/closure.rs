//! The end of an account, in the key store: what decides that there is no way back, what goes, and when it is time.

use store::keys::{ClosedBy, NextPass, Reopened, RetentionReport};

use super::*;
use crate::keys::{NOVEMBER, count, erase, places};

const HOUR: i64 = 3_600_000_000;

#[tokio::test]
async fn an_account_is_opened_again_or_ends_and_never_both() {
    for place in places().await {
        let (keys, other) = (place.open().await.0, place.open().await.0);
        assert_eq!(keys.reopen(&shop(), day(0)).await.unwrap(), Reopened::WasOpen);
        assert!(!keys.begin_ending(&shop(), day(9), day(9)).await.unwrap(), "it is open");
        for by in [ClosedBy::Operator, ClosedBy::Shop] {
            let closure = keys.close(&shop(), by, day(1)).await.unwrap();
            assert_eq!((closure.closed_at, closure.by), (day(1), ClosedBy::Operator), "once");
        }
        assert!(keys.is_closed(&shop()).await.unwrap());
        assert!(!keys.begin_ending(&shop(), day(1), day(9)).await.unwrap(), "its time is not over");
        for _ in 0..20 {
            let account = shop();
            let (reopened, begun) =
                tokio::join!(other.reopen(&account, day(8)), keys.begin_ending(&account, day(9), day(9)));
            match (reopened.unwrap(), begun.unwrap()) {
                (Reopened::Now, false) => drop(keys.close(&shop(), ClosedBy::Operator, day(2)).await.unwrap()),
                (Reopened::TooLate, true) => {}
                both => panic!("{both:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_index_goes_with_the_last_of_its_people_and_its_key_with_the_access_log() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        seen(&keys, &one, &for_purpose("ticket-1", day(1))).await;
        assert_eq!(keys.delete_index(&shop()).await.unwrap(), 0, "somebody is left");
        erase(&keys, one.subject, day(2)).await;
        assert!(keys.delete_index(&shop()).await.unwrap() > 0);
        assert_eq!((count(&db, "identity").await, count(&db, "index_key").await), (0, 1));
        assert_eq!(keys.verify_access(&shop()).await.unwrap().first_bad, None, "the log is as it was");
        keys.purge_access(&shop(), day(3)).await.unwrap();
        assert_eq!((keys.delete_index(&shop()).await.unwrap(), count(&db, "index_key").await), (2, 0));
        assert_eq!(keys.delete_index(&shop()).await.unwrap(), 0);
        assert_eq!(keys.verify_access(&shop()).await.unwrap().first_bad, None);
    }
}

#[tokio::test]
async fn when_it_goes_is_on_record_and_outlives_a_restart() {
    for place in places().await {
        let hour = |number: i64| Timestamp(NOVEMBER.0 + number * HOUR);
        let next = async |at| place.open().await.0.next_pass(at).await.unwrap();
        assert_eq!(next(hour(0)).await, NextPass::At(hour(1)), "a new platform, or one that was down, waits an hour");
        assert_eq!(next(Timestamp(hour(1).0 - 1)).await, NextPass::At(hour(1)), "and restarted it waits no longer");
        assert_eq!(next(hour(1)).await, NextPass::Due);
        place.open().await.0.begin_pass(hour(1)).await.unwrap();
        assert_eq!((next(hour(1)).await, next(hour(2)).await), (NextPass::At(hour(2)), NextPass::Due));
        assert_eq!(next(hour(50)).await, NextPass::At(hour(51)), "it was down");
    }
}

#[tokio::test]
async fn what_went_is_reported_and_empty_reports_do_not_pile_up() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let empty = RetentionReport {
            at: day(0),
            by: "daybook".to_owned(),
            erased: 0,
            keys: 0,
            quarantined: 0,
            accesses: 0,
            secrets: 0,
            index_rows: 0,
            replaced: 0,
            failed: false,
        };
        let all = [
            empty.clone(),
            RetentionReport { at: day(1), erased: 7, ..empty.clone() },
            RetentionReport { at: day(2), failed: true, ..empty.clone() },
            RetentionReport { at: day(100), by: "operator".to_owned(), ..empty },
        ];
        for one in &all {
            keys.report_pass(&shop(), one.clone()).await.unwrap();
        }
        let stored = keys.retention_reports(&shop(), 9).await.unwrap();
        assert_eq!(stored, [all[3].clone(), all[2].clone(), all[1].clone()]);
        assert_eq!(keys.retention_reports(&"swat-honey".parse().unwrap(), 9).await.unwrap(), []);
    }
}
