//! Time limits on both databases: months that are due lose their keys, and nothing else does.

use store::keys::{
    DueKeys, DueMonths, EraseSubjectError, Erased, ErasureReason, IdentityKind, KeysOf, Limit, Month, Remains,
    RetentionClass, RetentionDays,
};
use subject_keys::Opened;

use IdentityKind::{Input, Quarantine};

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
        let due = DueMonths { tenant: shop(), first_kept: first_kept.clone(), of: KeysOf::People, except: vec![] };
        assert_eq!(first_kept, month("2024-11"));
        assert_eq!(keys.due_keys(&due, NOVEMBER).await.unwrap(), DueKeys { keys: 2, subjects: 2 });
        assert_eq!(keys.due_subjects(&due, NOVEMBER).await.unwrap(), [gone_id], "the other has a later month");
        super::erase(&keys, gone_id, NOVEMBER).await;
        for expected in [1, 0] {
            assert_eq!(keys.expire_keys(&due, NOVEMBER).await.unwrap(), expected);
        }
        assert_eq!(keys.due_keys(&due, NOVEMBER).await.unwrap(), DueKeys::default());

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
        let due = DueMonths { tenant: shop(), first_kept: first_kept.clone(), of: KeysOf::People, except: vec![] };
        assert_eq!(keys.expire_keys(&due, NOVEMBER).await.unwrap(), 2_300);
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
        assert_eq!(keys.retention(&shop()).await.unwrap(), [all[0], all[1], own, all[3], all[4]]);
        assert_eq!(keys.retention(&other).await.unwrap(), all, "nobody else's");
        keys.set_retention(&shop(), RetentionClass::Accesses, None).await.unwrap();
        assert_eq!(keys.retention(&shop()).await.unwrap(), all);
    }
}

/// Somebody whose time was over comes back with orders that are not past theirs, however they reach daybook: imported after the old
/// ones, or sent while nothing ran.
#[tokio::test]
async fn who_comes_back_is_somebody_new_with_whatever_is_not_past_its_time() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let days = RetentionClass::Customers.usual();
        let old = resolve(&keys, person(after(-850), &[(Order, "1"), (Customer, "31")])).await;
        assert!(keys.request_expiry(&shop(), old.subject(), days.before(NOVEMBER), NOVEMBER).await.unwrap());
        keys.destroy(&shop(), old.subject(), NOVEMBER).await.unwrap();

        let late = resolve(&keys, person(after(-850), &[(Order, "1"), (Customer, "31")])).await;
        assert_eq!(active(&late), None, "a late copy of the old order");
        let older = resolve(&keys, person(after(-800), &[(Order, "2"), (Customer, "31")])).await;
        assert_eq!(active(&older), None, "and what is as old");
        let back = resolve(&keys, person(after(-20), &[(Order, "3"), (Customer, "31")])).await;
        assert!(active(&back).is_some_and(|subject| subject != old.subject()), "dated before the erasure, and kept");
        let again = resolve(&keys, person(after(-850), &[(Order, "1"), (Customer, "31")])).await;
        assert_eq!(active(&again), None, "the old order stays what it was");
    }
}

#[tokio::test]
async fn whoever_orders_or_is_held_meanwhile_is_not_taken_for_due() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let kept_from = RetentionClass::Customers.usual().before(NOVEMBER);
        let old = resolve(&keys, person(after(-850), &[(Order, "1"), (Customer, "31")])).await.subject();
        assert!(keys.request_expiry(&shop(), old, kept_from, NOVEMBER).await.unwrap());
        resolve(&keys, person(NOVEMBER, &[(Order, "2"), (Customer, "31")])).await;
        assert_eq!(keys.destroy(&shop(), old, NOVEMBER).await, Err(EraseSubjectError::NotDue));
        assert_eq!(keys.unfinished_erasures().await.unwrap(), [], "it is off the record");
        assert!(!keys.request_expiry(&shop(), old, kept_from, NOVEMBER).await.unwrap());

        // Their own wish is another matter, also while time would have had them.
        let other = resolve(&keys, person(after(-850), &[(Order, "3"), (Customer, "32")])).await.subject();
        assert!(keys.request_expiry(&shop(), other, kept_from, NOVEMBER).await.unwrap());
        keys.request_erasure(&shop(), other, ErasureReason::Person, NOVEMBER).await.unwrap();
        resolve(&keys, person(NOVEMBER, &[(Order, "4"), (Customer, "32")])).await;
        assert_eq!(keys.destroy(&shop(), other, NOVEMBER).await, Ok(Erased::Now(NOVEMBER)));
    }
}

#[tokio::test]
async fn what_waits_in_quarantine_has_a_time_of_its_own() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let at = after(-850);
        // As earlier versions took it in, by months, and as it is now.
        let keeper = resolve(&keys, person(at, &[(Quarantine, Month::of(at).as_str())])).await.subject();
        let input = resolve(&keys, person(at, &[(Input, "input-1")])).await.subject();
        let customer = resolve(&keys, person(at, &[(Order, "1")])).await.subject();
        let months = [Month::of(at), Month::of(NOVEMBER)];
        assert_eq!(keys.quarantine_of(&shop(), &months).await.unwrap(), [keeper]);
        assert_eq!(keys.quarantine_of(&shop(), &[]).await.unwrap(), []);
        let all = [keeper, input, customer].into();
        assert_eq!(keys.inputs_among(&shop(), &all).await.unwrap(), [input].into());

        let first_kept = RetentionClass::Customers.usual().first_month_kept(NOVEMBER);
        let inputs = DueMonths { tenant: shop(), first_kept, of: KeysOf::Inputs, except: vec![] };
        let people = DueMonths { of: KeysOf::People, except: vec![keeper], ..inputs.clone() };
        for (due, whose) in [(&people, customer), (&inputs, input)] {
            assert_eq!(keys.due_subjects(due, NOVEMBER).await.unwrap(), [whose]);
            assert_eq!(keys.due_keys(due, NOVEMBER).await.unwrap(), DueKeys { keys: 1, subjects: 1 });
        }
        assert_eq!(keys.expire_keys(&people, NOVEMBER).await.unwrap(), 1);
        assert_eq!(keys.quarantine_of(&shop(), &months).await.unwrap(), [keeper]);
        assert_eq!(keys.due_subjects(&inputs, NOVEMBER).await.unwrap(), [input]);

        // Erased, it is known again whenever the very same comes, and gets no key in any month.
        super::erase(&keys, input, NOVEMBER).await;
        for late in [at, NOVEMBER, after(400)] {
            let again = resolve(&keys, person(late, &[(Input, "input-1")])).await;
            assert_eq!((active(&again), again.subject()), (None, input));
        }
        assert_eq!(count(&db, "subject_key").await, 3);
        assert_eq!(keys.remains(&shop(), input).await.unwrap(), Remains::default());
    }
}

#[tokio::test]
async fn a_clock_that_jumps_destroys_nothing_until_somebody_says_it_is_right() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let may = async |day, sure| keys.may_expire(after(day), sure).await.unwrap();
        let told = [may(0, false).await, may(31, false).await, may(800, false).await, may(801, false).await];
        assert_eq!(told, [true, true, false, false]);
        assert_eq!((may(32, false).await, may(900, true).await, may(901, false).await), (true, true, true));
    }
}
