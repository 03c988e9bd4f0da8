//! Time limits on both databases: months that are due lose their keys, and nothing else does.

use store::keys::{DueKeys, Limit, Month, RetentionClass, RetentionDays};
use subject_keys::Opened;

use super::{Customer, NOVEMBER, Order, active, after, count, open, person, places, resolve, seal, shop};

fn month(text: &str) -> Month {
    let found = (0..100).map(|n| Month::of(after(-n * 20))).find(|month| month.as_str() == text);
    found.unwrap()
}

#[tokio::test]
async fn keys_end_by_months_and_people_with_their_last_one() {
    for place in places().await {
        let (keys, db) = place.open().await;
        // Two people ordered in July 2024; one of them again in October 2026. NOVEMBER is in November 2026.
        let (old, recent) = (after(-850), after(-20));
        let gone = resolve(&keys, person(old, &[(Order, "1"), (Customer, "31")])).await;
        let back = resolve(&keys, person(old, &[(Order, "2"), (Customer, "32")])).await;
        let again = resolve(&keys, person(recent, &[(Order, "3"), (Customer, "32")])).await;
        let [gone_id, back_id, again_id] = [&gone, &back, &again].map(|sealing| active(sealing).unwrap());
        assert_eq!(back_id, again_id);
        let boxes = [seal(&gone, "one"), seal(&back, "two"), seal(&again, "three")];

        let first_kept = RetentionClass::Customers.usual().first_month_kept(NOVEMBER);
        assert_eq!(first_kept, month("2024-11"));
        assert_eq!(keys.due_keys(&shop(), &first_kept, NOVEMBER).await.unwrap(), DueKeys { keys: 2, subjects: 2 });
        assert_eq!(
            keys.due_subjects(&shop(), &first_kept, NOVEMBER).await.unwrap(),
            [gone_id],
            "the other has a later month"
        );
        super::erase(&keys, gone_id, NOVEMBER).await;
        for expected in [1, 0] {
            assert_eq!(keys.expire_keys(&shop(), &first_kept, NOVEMBER).await.unwrap(), expected);
        }
        assert_eq!(keys.due_keys(&shop(), &first_kept, NOVEMBER).await.unwrap(), DueKeys::default());

        let opened = async |subject, sealed: &[u8]| open(&keys, subject, sealed).await.unwrap();
        assert!(matches!(opened(gone_id, &boxes[0]).await, Opened::Erased));
        assert!(matches!(opened(back_id, &boxes[1]).await, Opened::Erased), "that month is over");
        assert!(matches!(opened(back_id, &boxes[2]).await, Opened::Clear(_)), "they live on");
        assert_eq!(count(&db, "page WHERE state = 'lossy'").await, 1, "the next rotation leaves the page");

        let late = resolve(&keys, person(old, &[(Order, "2"), (Customer, "32")])).await;
        assert_eq!((active(&late), late.subject()), (None, back_id), "no late copy brings that month back");
        let new = resolve(&keys, person(NOVEMBER, &[(Order, "4"), (Customer, "32")])).await;
        assert_eq!(active(&new), Some(back_id));
    }
}

#[tokio::test]
async fn more_keys_than_one_transaction_takes_are_all_destroyed() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let old = (0..2_300).map(|n| person(after(-850 + n % 3 * 30), &[(Order, &n.to_string())]));
        let people: Vec<_> = old.chain([person(NOVEMBER, &[(Order, "9000")])]).collect();
        keys.resolve(people).await.unwrap();
        let first_kept = RetentionClass::Customers.usual().first_month_kept(NOVEMBER);
        assert_eq!(keys.expire_keys(&shop(), &first_kept, NOVEMBER).await.unwrap(), 2_300);
        assert_eq!(count(&db, "subject_key WHERE state = 'active'").await, 1);
        assert_eq!(count(&db, "subject_key WHERE state = 'destroyed' AND wrapped IS NULL").await, 2_300);
    }
}

#[tokio::test]
async fn a_merchants_own_limit_stands_until_it_is_taken_back() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let usual = |class: RetentionClass| Limit { class, days: class.usual(), own: false };
        let other = "swat-honey".parse().unwrap();
        let all = RetentionClass::ALL.map(usual);
        assert_eq!(keys.retention(&shop()).await.unwrap(), all);
        let days = RetentionDays::new(365).unwrap();
        for _ in 0..2 {
            keys.set_retention(&shop(), RetentionClass::Accesses, Some(days)).await.unwrap();
        }
        let own = Limit { class: RetentionClass::Accesses, days, own: true };
        assert_eq!(keys.retention(&shop()).await.unwrap(), [all[0], all[1], own]);
        assert_eq!(keys.retention(&other).await.unwrap(), all, "nobody else's");
        keys.set_retention(&shop(), RetentionClass::Accesses, None).await.unwrap();
        assert_eq!(keys.retention(&shop()).await.unwrap(), all);
    }
}
