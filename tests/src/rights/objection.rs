//! Objection (GDPR Art. 21): somebody does not want to be looked up for support any more.

use store::keys::{Objection, RestrictError};

use super::*;
use crate::keys::{NOVEMBER, places};

use Processing::{Delivery, LegalClaims, Support};

#[tokio::test]
async fn what_somebody_objects_to_opens_nothing_of_theirs() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        for expected in [true, false] {
            assert_eq!(keys.object(&shop(), one.subject, Support, (&staff(), day(1))).await, Ok(expected));
        }
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-812", day(2))).await, "restricted");
        assert_eq!(seen(&keys, &one, &for_purpose("delivery", day(2))).await, "name", "for everything else it opens");
        assert_eq!(seen(&keys, &one, &themselves(day(2))).await, "name");
        assert_eq!(looks(&keys, &one).await[0], "support-2 ticket-812 objected");

        for expected in [true, false] {
            assert_eq!(keys.end_objection(&shop(), one.subject, Support, (&staff(), day(3))).await, Ok(expected));
        }
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-812", day(3))).await, "name");
        let ended = Some((staff(), day(3)));
        let was = Objection { subject: one.subject, processing: Support, staff: staff(), since: day(1), ended };
        assert_eq!(keys.objections_of(&shop(), one.subject).await.unwrap(), [was], "that it stood stays on record");
        assert_eq!(keys.objections(&shop()).await.unwrap(), []);
    }
}

#[tokio::test]
async fn to_what_a_contract_or_a_law_demands_nobody_can_object() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        for processing in [Delivery, LegalClaims] {
            let refused = keys.object(&shop(), one.subject, processing, (&staff(), day(1))).await;
            assert_eq!(refused, Err(RestrictError::NoRight(processing)));
        }
        let nobody = SubjectId(uuid::Uuid::from_u128(1));
        assert_eq!(keys.object(&shop(), nobody, Support, (&staff(), day(1))).await, Err(RestrictError::Gone));
    }
}
