//! Consent (GDPR Art. 7): asked in exact words, given, proved, and withdrawn as easily.

use store::keys::{Channel, ConsentError, Objection, RestrictionReason, Said, Wording, sha256_of};

use super::*;
use crate::keys::{NOVEMBER, places};

use Processing::{Marketing, Support};

fn wording(version: &str, text: &str, since: Timestamp, keeps_older: bool) -> Wording {
    let (version, text) = (version.parse().unwrap(), text.to_owned());
    Wording { processing: Marketing, version, since, sha256: sha256_of(&text), text, keeps_older }
}

fn said(one: &Customer, at: Timestamp) -> Said {
    let (subject, evidence) = (one.subject, "form-77".parse().unwrap());
    Said { subject, processing: Marketing, channel: Channel::Page, evidence, staff: staff(), at }
}

#[tokio::test]
async fn marketing_opens_nothing_without_a_consent_that_stands() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        let offer = async |at| seen(&keys, &one, &for_purpose("marketing/winter", day(at))).await;
        let give =
            async |at, version: &str| keys.give_consent(&shop(), said(&one, day(at)), &version.parse().unwrap()).await;
        assert_eq!(offer(0).await, "restricted");
        assert_eq!(give(0, "2026-11").await, Err(ConsentError::NoWording));
        keys.set_wording(&shop(), wording("2026-11", "May we write to you?", day(1), false)).await.unwrap();
        assert_eq!(give(1, "2026-11").await, Ok(1));
        assert_eq!(offer(1).await, "name");

        // New words keep the consents to the old ones, or ask anew.
        keys.set_wording(&shop(), wording("2026-12", "May we write you a letter?", day(2), true)).await.unwrap();
        assert_eq!(offer(2).await, "name");
        keys.set_wording(&shop(), wording("2027", "May we write and call you?", day(3), false)).await.unwrap();
        assert_eq!(offer(3).await, "restricted");
        assert_eq!(give(3, "2026-12").await, Err(ConsentError::NoWording), "to what is asked no more");
        let changed = keys.set_wording(&shop(), wording("2027", "May we call you?", day(3), false)).await;
        assert_eq!(changed, Err(ConsentError::OtherWords), "what was agreed to never changes");
        assert_eq!(give(4, "2027").await, Ok(2));
        assert_eq!(offer(4).await, "name");

        // Opting out: the withdrawal is a fact of its own, and an objection.
        assert_eq!(keys.withdraw_consent(&shop(), said(&one, day(5))).await, Ok(3));
        assert_eq!(offer(5).await, "restricted");
        let standing = |objection: &Objection| (objection.processing, objection.ended.is_none());
        let objections = keys.objections_of(&shop(), one.subject).await.unwrap();
        assert_eq!(objections.iter().map(standing).collect::<Vec<_>>(), [(Marketing, true)]);

        // Whoever consents again has changed their mind.
        assert_eq!(give(6, "2027").await, Ok(4));
        assert_eq!(offer(6).await, "name");

        let history = keys.consents_of(&shop(), one.subject).await.unwrap();
        let facts: Vec<_> = history.iter().map(|fact| (fact.number, fact.wording.is_some())).collect();
        assert_eq!(facts, [(1, true), (2, true), (3, false), (4, true)]);
        assert_eq!(history[0].wording.as_deref(), Some(&*sha256_of("May we write to you?")));
        assert_eq!((history[0].channel, history[0].evidence.as_str()), (Channel::Page, "form-77"));
        let shown: Vec<String> = looks(&keys, &one).await;
        assert_eq!(shown[0], "support-2 marketing/winter no-consent");
    }
}

#[tokio::test]
async fn a_consent_opens_what_is_restricted_for_its_own_purpose_only() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        let words = Wording { processing: Support, ..wording("1", "May we look?", day(0), false) };
        keys.set_wording(&shop(), words).await.unwrap();
        keys.restrict(&shop(), one.subject, RestrictionReason::Accuracy, None, (&staff(), day(1))).await.unwrap();
        let consent = Said { processing: Support, ..said(&one, day(2)) };
        keys.give_consent(&shop(), consent.clone(), &"1".parse().unwrap()).await.unwrap();
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(2))).await, "name");
        assert_eq!(seen(&keys, &one, &for_purpose("delivery", day(2))).await, "restricted");
        keys.withdraw_consent(&shop(), Said { at: day(3), ..consent }).await.unwrap();
        assert_eq!(seen(&keys, &one, &for_purpose("ticket-1", day(3))).await, "restricted");
    }
}

#[tokio::test]
async fn nobody_consents_for_who_is_erased() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let one = customer(&keys, "7001", NOVEMBER).await;
        crate::keys::erase(&keys, one.subject, day(1)).await;
        let refused = keys.withdraw_consent(&shop(), said(&one, day(2))).await;
        assert_eq!(refused, Err(ConsentError::Gone));
    }
}
