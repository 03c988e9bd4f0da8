//! The other rights: to see one's data and who looked at it, to have it corrected, to have it erased.

use store::keys::{DueMonths, KeysOf, RetentionClass};

use super::*;
use crate::keys::{NOVEMBER, erase, places};

#[tokio::test]
async fn access_and_history_the_person_sees_their_data_and_everybody_who_looked() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        seen(&keys, &one, &for_purpose("ticket-812", day(1))).await;
        assert_eq!(seen(&keys, &one, &themselves(day(2))).await, "name");
        assert_eq!(looks(&keys, &one).await, ["support-2 ticket-812 masked", "self own-request clear"]);
    }
}

#[tokio::test]
async fn correction_is_a_new_fact_and_the_old_box_stays_sealed_until_its_key_is_destroyed() {
    for place in places().await {
        let (keys, _) = place.open().await;
        // The name as it was misspelt in July 2024, and as they had it corrected in November 2026.
        let (wrong, right) = (customer(&keys, "7001", day(-850)).await, customer(&keys, "7001", NOVEMBER).await);
        assert_eq!(wrong.subject, right.subject, "the same person");
        assert_ne!(wrong.name, right.name, "and another box, under another key");
        assert_eq!(seen(&keys, &wrong, &themselves(day(1))).await, "name", "nothing is written over");

        let first_kept = RetentionClass::Customers.usual().first_month_kept(NOVEMBER);
        let due = DueMonths { tenant: shop(), first_kept, of: KeysOf::People, except: vec![] };
        assert_eq!(keys.expire_keys(&due, day(1)).await.unwrap(), 1);
        assert_eq!(seen(&keys, &wrong, &themselves(day(2))).await, "erased", "it goes with its month");
        assert_eq!(seen(&keys, &right, &themselves(day(2))).await, "name");
    }
}

#[tokio::test]
async fn erasure_ends_every_look_and_leaves_the_record_of_them() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        seen(&keys, &one, &for_purpose("ticket-812", day(1))).await;
        erase(&keys, one.subject, day(2)).await;
        for by in [for_purpose("legal-claims", day(3)), for_purpose("storage", day(3)), themselves(day(3))] {
            assert_eq!(seen(&keys, &one, &by).await, "erased");
        }
        assert_eq!(looks(&keys, &one).await, ["support-2 ticket-812 masked"], "and nobody is seen to look any more");
    }
}
