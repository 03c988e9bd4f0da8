//! Holds on both databases: a wish to be erased is on record, waits while one stands, and is carried out when the last has ended.

use commerce::SubjectId;
use ledger::Timestamp;
use store::keys::{
    DueKeys, DueMonths, EraseSubjectError, Erased, ErasureReason, Hold, HoldError, HoldReason, KeyStore, KeysOf,
    RetentionClass,
};
use uuid::Uuid;

use super::{NOVEMBER, Order, active, after, erase, person, places, resolve, shop};

fn held(subject: SubjectId, reason: HoldReason, until: Timestamp) -> Hold {
    Hold { subject, reason, staff: "support-2".parse().unwrap(), since: NOVEMBER, until }
}

async fn somebody(keys: &KeyStore, order: &str, at: Timestamp) -> SubjectId {
    active(&resolve(keys, person(at, &[(Order, order)])).await).unwrap()
}

#[tokio::test]
async fn nobody_is_erased_while_a_hold_stands() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let subject = somebody(&keys, "1", NOVEMBER).await;
        keys.hold(&shop(), held(subject, HoldReason::Cod, after(5))).await.unwrap();
        keys.hold(&shop(), held(subject, HoldReason::Dispute, after(10))).await.unwrap();
        keys.hold(&shop(), held(subject, HoldReason::Dispute, after(20))).await.unwrap();
        let standing: Vec<_> = keys.holds(&shop(), after(1)).await.unwrap();
        let expected = [(HoldReason::Cod, after(5)), (HoldReason::Dispute, after(20))];
        assert_eq!(standing.iter().map(|hold| (hold.reason, hold.until)).collect::<Vec<_>>(), expected);

        keys.request_erasure(&shop(), subject, ErasureReason::Person, NOVEMBER).await.unwrap();
        let destroy = async |day| keys.destroy(&shop(), subject, after(day)).await;
        let refused = EraseSubjectError::Held { reason: HoldReason::Dispute, until: after(20) };
        for day in [1, 7] {
            assert_eq!(destroy(day).await, Err(refused.clone()), "day {day}");
            assert_eq!(keys.due_erasures(after(day)).await.unwrap(), []);
        }
        assert_eq!(keys.unfinished_erasures().await.unwrap().len(), 1, "the wish is on record");

        for expected in [true, false] {
            assert_eq!(keys.release(&shop(), subject, HoldReason::Dispute, after(3)).await.unwrap(), expected);
        }
        let waits = EraseSubjectError::Held { reason: HoldReason::Cod, until: after(5) };
        assert_eq!(destroy(4).await, Err(waits), "the other one stands");
        assert_eq!(keys.due_erasures(after(5)).await.unwrap().len(), 1, "it ended by itself");
        assert_eq!(destroy(5).await, Ok(Erased::Now(after(5))));
        let late = keys.hold(&shop(), held(subject, HoldReason::Legal, after(20))).await;
        assert_eq!(late, Err(HoldError::Gone), "what is destroyed cannot be kept");
    }
}

#[tokio::test]
async fn a_hold_is_of_somebody_and_ends_in_the_future() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let subject = somebody(&keys, "1", NOVEMBER).await;
        let over = keys.hold(&shop(), held(subject, HoldReason::Legal, NOVEMBER)).await;
        assert_eq!(over, Err(HoldError::Over));
        let nobody = keys.hold(&shop(), held(SubjectId(Uuid::from_u128(1)), HoldReason::Legal, after(1))).await;
        assert_eq!(nobody, Err(HoldError::Gone));
        keys.hold(&shop(), held(subject, HoldReason::Legal, after(1))).await.unwrap();
        let other = "swat-honey".parse().unwrap();
        assert_eq!(keys.holds(&other, NOVEMBER).await.unwrap(), [], "nobody else's");
        assert!(!keys.release(&other, subject, HoldReason::Legal, after(3)).await.unwrap());
    }
}

#[tokio::test]
async fn time_takes_nothing_of_who_is_held() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let (one, two) = (somebody(&keys, "1", after(-850)).await, somebody(&keys, "2", after(-850)).await);
        keys.hold(&shop(), held(one, HoldReason::Legal, after(30))).await.unwrap();
        let first_kept = RetentionClass::Customers.usual().first_month_kept(NOVEMBER);
        let due = DueMonths { tenant: shop(), first_kept: first_kept.clone(), of: KeysOf::People, except: vec![] };
        let told = async |day| {
            let subjects = keys.due_subjects(&due, after(day)).await.unwrap();
            (keys.due_keys(&due, after(day)).await.unwrap(), subjects)
        };
        assert_eq!(told(1).await, (DueKeys { keys: 1, subjects: 1 }, vec![two]));
        erase(&keys, two, NOVEMBER).await;
        assert_eq!(keys.expire_keys(&due, after(1)).await.unwrap(), 0);
        assert_eq!(told(31).await, (DueKeys { keys: 1, subjects: 1 }, vec![one]));
        assert_eq!(keys.expire_keys(&due, after(31)).await.unwrap(), 1);
    }
}
