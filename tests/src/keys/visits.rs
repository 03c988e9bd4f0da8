//! Visits on both databases: a code is right once, in time and for its own visit, and a session is of somebody who lives.

use commerce::OrderId;
use store::keys::SessionToken;
use uuid::Uuid;

use super::{NOVEMBER, Order, active, count, erase, person, places, resolve, shop};
use ledger::Timestamp;

const MINUTE: i64 = 60_000_000;

fn minutes(later: i64) -> Timestamp {
    Timestamp(NOVEMBER.0 + later * MINUTE)
}

#[tokio::test]
async fn a_code_is_right_once_and_in_time_and_a_session_ends_with_its_person() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let subject = active(&resolve(&keys, person(NOVEMBER, &[(Order, "7")])).await).unwrap();
        let whom = Some((subject, OrderId(7)));
        let (visit, told) = keys.begin_visit(&shop(), whom, NOVEMBER).await.unwrap();
        let code = told.unwrap().code;
        let (nobodys, none) = keys.begin_visit(&shop(), None, NOVEMBER).await.unwrap();
        assert_eq!(none, None);
        let attempt = async |visit: Uuid, given: &str, at| keys.try_code(&shop(), visit, given, at).await.unwrap();
        for (visit, given, at) in
            [(nobodys, &*code, 1), (Uuid::nil(), &code, 1), (visit, "", 1), (visit, "00", 1), (visit, &code, 10)]
        {
            assert_eq!(attempt(visit, given, minutes(at)).await, None, "{at}");
        }
        let token = attempt(visit, &format!(" {code}"), minutes(9)).await.unwrap();
        assert_eq!(attempt(visit, &code, minutes(9)).await, None, "once");
        let session = async |token: &SessionToken, at| keys.session(&shop(), token, minutes(at)).await.unwrap();
        assert_eq!(session(&token, 23).await, Some(subject));
        assert_eq!((session(&token, 24).await, session(&SessionToken::given("00"), 10).await), (None, None));
        let other = "swat-honey".parse().unwrap();
        assert_eq!(keys.session(&other, &token, minutes(10)).await.unwrap(), None, "another merchant's page");

        let (late, told) = keys.begin_visit(&shop(), whom, minutes(30)).await.unwrap();
        assert_eq!(count(&db, "visit_session").await, 0, "what is over is forgotten");
        let late_token = attempt(late, &told.unwrap().code, minutes(30)).await.unwrap();
        let (waiting, told) = keys.begin_visit(&shop(), whom, minutes(30)).await.unwrap();
        erase(&keys, subject, minutes(31)).await;
        assert_eq!(session(&late_token, 31).await, None, "at once");
        assert_eq!(attempt(waiting, &told.unwrap().code, minutes(31)).await, None);
        assert_eq!(count(&db, "visit_code").await + count(&db, "visit_session").await, 0, "nothing of it is left");
    }
}

#[tokio::test]
async fn five_tries_are_five_however_many_try_at_once() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let subject = active(&resolve(&keys, person(NOVEMBER, &[(Order, "7")])).await).unwrap();
        let (visit, told) = keys.begin_visit(&shop(), Some((subject, OrderId(7))), NOVEMBER).await.unwrap();
        let tenant = shop();
        let tries = (0..12).map(|_| keys.try_code(&tenant, visit, "wrong", minutes(1)));
        assert!(futures::future::join_all(tries).await.into_iter().all(|tried| tried.unwrap().is_none()));
        let code = told.unwrap().code;
        assert_eq!(keys.try_code(&tenant, visit, &code, minutes(1)).await.unwrap(), None, "its tries are used up");
    }
}
