//! Restriction (GDPR Art. 18): somebody says that what is known of them is wrong. Until that is settled it is only kept.

use store::keys::{
    AccessBy, Actor, Channel, DueKeys, DueMonths, KeysOf, Purpose, RestrictError, RestrictionReason, RetentionClass,
    Shown, Told,
};

use super::*;
use crate::keys::{NOVEMBER, active, places};

use RestrictionReason::{Accuracy, Claims};

#[tokio::test]
async fn while_somebody_is_restricted_their_data_is_only_kept() {
    for place in places().await {
        let (keys, other_process) = (place.open().await.0, place.open().await.0);
        let (one, neighbour) = (customer(&keys, "7001", NOVEMBER).await, customer(&keys, "7002", NOVEMBER).await);
        keys.permit_reveal(&shop(), &staff(), NOVEMBER).await.unwrap();
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(1))).await, "name");

        keys.restrict(&shop(), one.subject, Accuracy, None, (&staff(), day(2))).await.unwrap();

        let by = |purpose| for_purpose(purpose, day(3));
        for stays_shut in [
            by("ticket-2"),
            AccessBy { shown: Shown::Clear, ..by("delivery") },
            AccessBy { actor: Actor::Operator, purpose: Purpose::look_up(), ..by("support") },
            AccessBy { actor: Actor::Daybook, shown: Shown::Processed, ..by("notices") },
            by("marketing"),
        ] {
            assert_eq!(seen(&keys, &one, &stays_shut).await, "restricted", "{}", stays_shut.purpose);
            assert_eq!(seen(&other_process, &one, &stays_shut).await, "restricted", "in every process at once");
        }
        for opens in [themselves(day(3)), by("legal-claims/court-7"), by("own-request"), by("storage")] {
            assert_eq!(seen(&keys, &one, &opens).await, "name", "{}", opens.purpose);
        }
        assert_eq!(seen(&keys, &neighbour, &by("ticket-2")).await, "name", "nobody else's");

        // What arrives is sealed and kept as before, and it stays shut too.
        let again = customer(&keys, "7001", day(3)).await;
        assert_eq!(again.subject, one.subject);
        assert_eq!(seen(&keys, &again, &by("ticket-3")).await, "restricted");

        let record = looks(&keys, &one).await;
        assert_eq!(
            record[..3],
            ["support-2 ticket-1 masked", "support-2 ticket-2 restricted", "support-2 ticket-2 restricted"]
        );
        assert!(record.contains(&"self own-request clear".to_owned()));
        assert_eq!(keys.verify_access(&shop()).await.unwrap().first_bad, None);
    }
}

#[tokio::test]
async fn nobody_is_freed_of_it_before_they_were_told() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        let lift = async |at| keys.lift(&shop(), one.subject, Accuracy, (&staff(), at)).await;
        let tell = async |at| {
            let told = Told { channel: Channel::Email, by: staff(), at };
            keys.tell_of_lifting(&shop(), one.subject, Accuracy, told).await
        };
        assert_eq!(tell(day(0)).await, Err(RestrictError::NoneStands));
        keys.restrict(&shop(), one.subject, Accuracy, None, (&staff(), day(0))).await.unwrap();
        assert_eq!(lift(day(1)).await, Err(RestrictError::NotTold));
        tell(day(2)).await.unwrap();
        assert_eq!(lift(day(2)).await, Err(RestrictError::NotTold), "before, and not with it");
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(2))).await, "restricted", "open-ended: it waits");
        lift(day(3)).await.unwrap();
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(3))).await, "name");
        assert_eq!(lift(day(4)).await, Err(RestrictError::NoneStands));

        let history = keys.restrictions_of(&shop(), one.subject).await.unwrap();
        let told = history[0].told.clone().map(|told| (told.channel, told.by, told.at));
        assert_eq!(told, Some((Channel::Email, staff(), day(2))), "who told them, how and when stays on record");
        assert_eq!(history[0].lifted, Some((staff(), day(3))));
        assert_eq!(keys.restrictions(&shop(), day(3)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn its_day_ends_it_for_whoever_was_told() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        let restrict = async |until| keys.restrict(&shop(), one.subject, Accuracy, until, (&staff(), day(0))).await;
        assert_eq!(restrict(Some(day(0))).await, Err(RestrictError::Over));
        restrict(Some(day(5))).await.unwrap();
        let standing = async |at| keys.restrictions(&shop(), at).await.unwrap();
        let waits = async |at| standing(at).await.iter().map(|one| one.waits_for_telling(at)).collect::<Vec<_>>();
        assert_eq!((waits(day(4)).await, waits(day(6)).await), (vec![false], vec![true]));
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(6))).await, "restricted", "nobody told them");

        let told = Told { channel: Channel::Phone, by: staff(), at: day(7) };
        keys.tell_of_lifting(&shop(), one.subject, Accuracy, told.clone()).await.unwrap();
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(8))).await, "name");

        // Once more, and told in time; said again with another day, they have to be told again.
        restrict(Some(day(20))).await.unwrap();
        keys.tell_of_lifting(&shop(), one.subject, Accuracy, Told { at: day(15), ..told }).await.unwrap();
        assert_eq!((standing(day(19)).await.len(), standing(day(20)).await.len()), (1, 0));
    }
}

#[tokio::test]
async fn time_takes_nobody_who_is_restricted_and_their_own_wish_does() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let (kept, due) = (customer(&keys, "1", day(-850)).await, customer(&keys, "2", day(-850)).await);
        keys.restrict(&shop(), kept.subject, Claims, None, (&staff(), NOVEMBER)).await.unwrap();
        let days = RetentionClass::Customers.usual();
        let months = DueMonths {
            tenant: shop(),
            first_kept: days.first_month_kept(NOVEMBER),
            of: KeysOf::People,
            except: vec![],
        };
        assert_eq!(keys.due_keys(&months, day(1)).await.unwrap(), DueKeys { keys: 1, subjects: 1 });
        assert_eq!(keys.due_subjects(&months, day(1)).await.unwrap(), [due.subject]);
        assert!(!keys.request_expiry(&shop(), kept.subject, days.before(NOVEMBER), day(1)).await.unwrap());
        assert_eq!(keys.expire_keys(&months, day(1)).await.unwrap(), 1, "the other one's");
        assert_eq!(seen(&keys, &kept, &themselves(day(1))).await, "name");

        crate::keys::erase(&keys, kept.subject, day(2)).await;
        assert_eq!(seen(&keys, &kept, &themselves(day(2))).await, "erased");
        let late = keys.restrict(&shop(), kept.subject, Accuracy, None, (&staff(), day(3))).await;
        assert_eq!(late, Err(RestrictError::Gone));
        let back = resolve(&keys, person(day(3), &[(IdentityKind::Order, "9"), (IdentityKind::Customer, "1")])).await;
        assert!(
            active(&back).is_some_and(|subject| subject != kept.subject),
            "who comes back is somebody new, and free"
        );
    }
}
