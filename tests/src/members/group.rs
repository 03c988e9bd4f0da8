//! Membership by itself: who is dealt what, and who waits for whom.

use std::collections::BTreeSet;
use std::time::Duration;

use event_log::{Deals, EventLog};
use testkit::wait_until;

use super::{DEADLINE, PARTITIONS};
use crate::backend::{Backend, Kind};

const SESSION: Duration = Duration::from_secs(6);

/// Holds a deal until it is over, and then the next, as a worker does.
fn works(mut deals: Deals) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(deal) = deals.next().await {
            deal.over().await;
        }
    })
}

fn held(deals: &Deals) -> BTreeSet<u32> {
    deals.now().map(|deal| deal.partitions().clone()).unwrap_or_default()
}

async fn holds(deals: &Deals, count: usize) {
    wait_until(DEADLINE, async || deals.held() == count).await.unwrap();
}

async fn log(kind: Kind) -> (Backend, EventLog) {
    let backend = Backend::fresh(kind, PARTITIONS).await;
    let log = backend.log.clone();
    (backend, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_share_and_other_groups_do_not_care() {
    let (_backend, log) = log(Kind::Servers).await;
    let one = log.member("shared", SESSION).unwrap();
    works(one.deals());
    holds(&one.deals(), 4).await;
    let other = log.member("shared", SESSION).unwrap();
    works(other.deals());
    holds(&other.deals(), 2).await;
    holds(&one.deals(), 2).await;
    let all: BTreeSet<u32> = held(&one.deals()).union(&held(&other.deals())).copied().collect();
    assert_eq!(all, (0..PARTITIONS).collect());

    let stranger = log.member("another", SESSION).unwrap();
    holds(&stranger.deals(), 4).await;
    let mut more = Vec::new();
    for _ in 0..3 {
        let member = log.member("shared", SESSION).unwrap();
        works(member.deals());
        more.push(member);
    }
    let dealt = async || more.iter().chain([&one, &other]).map(|member| member.deals().held()).collect::<Vec<_>>();
    wait_until(DEADLINE, async || {
        let mut dealt = dealt().await;
        dealt.sort_unstable();
        dealt == [0, 1, 1, 1, 1]
    })
    .await
    .unwrap();
    for member in more {
        member.leave().await;
    }
    one.leave().await;
    holds(&other.deals(), 4).await;
    assert_eq!(stranger.deals().dealt(), 1, "another group was left in peace");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_dealt_what_another_still_writes() {
    let (_backend, log) = log(Kind::Servers).await;
    let busy = log.member("busy", SESSION).unwrap();
    let deal = busy.deals().next().await.unwrap();
    assert_eq!(deal.partitions().len(), 4);
    let waiting = log.member("busy", SESSION).unwrap();
    tokio::time::timeout(DEADLINE, deal.over()).await.unwrap();
    let mut deals = waiting.deals();
    assert!(tokio::time::timeout(Duration::from_secs(2), deals.next()).await.is_err(), "it is still being written");
    drop(deal);
    let next = tokio::time::timeout(DEADLINE, deals.next()).await.unwrap().unwrap();
    assert_eq!(next.partitions().len(), 2);
    holds(&busy.deals(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_lets_go_is_not_waited_for_for_ever() {
    let (_backend, log) = log(Kind::Servers).await;
    let stuck = log.member("stuck", SESSION).unwrap();
    let _never_dropped = stuck.deals().next().await.unwrap();
    let other = log.member("stuck", SESSION).unwrap();
    holds(&other.deals(), 2).await;
}

#[tokio::test]
async fn whoever_opens_a_file_holds_all_of_it() {
    let (_backend, log) = log(Kind::Embedded).await;
    let [one, other] = [log.member("shared", SESSION).unwrap(), log.member("shared", SESSION).unwrap()];
    assert_eq!((one.deals().held(), other.deals().held()), (4, 4));
}
