//! Membership of a group that shares the partitions out: who reads which of them, until the group changes.
//!
//! Membership is for economy alone: it keeps two processes from doing the same work. It is no lock. A member that slept
//! through its own exclusion, or took longer to let go than the group waited, works on for a while beside its successor. What
//! keeps an effect from being written twice is the comparison of checkpoints in the transaction that writes it.
//!
//! A [`Deal`] holds until the group takes it back. Whoever works on its partitions keeps the deal, watches [`Deal::over`],
//! finishes what is being written and drops it; the group waits for that, though not for ever, before the partitions go to
//! somebody else.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::kafka::KafkaMember;

/// Membership of a group. Dropping it leaves the group, as [`Membership::leave`] does, and waits for nothing.
pub struct Membership {
    deals: Deals,
    kind: Kind,
}

enum Kind {
    Kafka(KafkaMember),
    /// A file has no group: whoever opens it has all partitions, for good.
    Alone(#[expect(dead_code, reason = "it keeps the one deal in force")] Dealer),
}

impl Membership {
    pub(crate) fn of(deals: Deals, member: KafkaMember) -> Membership {
        Membership { deals, kind: Kind::Kafka(member) }
    }

    /// Holds all partitions.
    pub(crate) fn alone(partitions: u32) -> Membership {
        let (dealer, deals) = Dealer::new();
        dealer.deal((0..partitions).collect());
        Membership { deals, kind: Kind::Alone(dealer) }
    }

    /// What this member is dealt, to be watched by as many as share the work.
    pub fn deals(&self) -> Deals {
        self.deals.clone()
    }

    /// Leaves the group, so that others take over at once and not after a timeout. Waits a few seconds for the group to know.
    pub async fn leave(self) {
        match self.kind {
            Kind::Kafka(member) => member.leave().await,
            Kind::Alone(_) => {}
        }
    }
}

/// Partitions dealt to this member. They are its own until [`Deal::over`]; the group waits with giving them to another member
/// until every clone is dropped.
#[derive(Clone)]
pub struct Deal {
    partitions: Arc<BTreeSet<u32>>,
    over: CancellationToken,
    /// Nothing is ever sent: that the last one is gone is what the dealer waits for.
    _lease: mpsc::Sender<Infallible>,
}

impl Deal {
    /// The partitions, none if there are more members than partitions.
    pub fn partitions(&self) -> &BTreeSet<u32> {
        &self.partitions
    }

    /// True once the group has taken it back.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Waits until the group takes it back.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl fmt::Debug for Deal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Deal").field("partitions", &self.partitions).field("over", &self.is_over()).finish()
    }
}

/// What a member has at the moment. Clones watch the same.
#[derive(Clone)]
pub struct Deals {
    hand: watch::Receiver<Hand>,
}

#[derive(Default)]
struct Hand {
    deal: Option<Deal>,
    dealt: u64,
}

impl Deals {
    /// The deal in force; waits for one while the group is about to share out anew. None when the membership has ended.
    pub async fn next(&mut self) -> Option<Deal> {
        self.hand.wait_for(|hand| hand.deal.is_some()).await.ok()?.deal.clone()
    }

    /// The deal in force, if there is one.
    pub fn now(&self) -> Option<Deal> {
        self.hand.borrow().deal.clone()
    }

    /// How many partitions this member has at the moment.
    pub fn held(&self) -> usize {
        self.hand.borrow().deal.as_ref().map_or(0, |deal| deal.partitions.len())
    }

    /// How often the group has dealt to this member, the first time included.
    pub fn dealt(&self) -> u64 {
        self.hand.borrow().dealt
    }
}

/// Deals, and takes back.
pub(crate) struct Dealer {
    hand: watch::Sender<Hand>,
    out: Mutex<Option<Out>>,
}

/// A deal that is out: how to say that it is over, and what ends when all have let go of it.
struct Out {
    over: CancellationToken,
    returned: mpsc::Receiver<Infallible>,
}

impl Dealer {
    pub(crate) fn new() -> (Dealer, Deals) {
        let (hand, watched) = watch::channel(Hand::default());
        (Dealer { hand, out: Mutex::default() }, Deals { hand: watched })
    }

    /// Deals those partitions. What was dealt before is over, and is not waited for.
    pub(crate) fn deal(&self, partitions: BTreeSet<u32>) {
        self.take_back(Duration::ZERO);
        let (lease, returned) = mpsc::channel();
        let over = CancellationToken::new();
        *self.lock() = Some(Out { over: over.clone(), returned });
        let deal = Deal { partitions: Arc::new(partitions), over, _lease: lease };
        self.hand.send_modify(|hand| *hand = Hand { deal: Some(deal), dealt: hand.dealt.saturating_add(1) });
    }

    /// Says that the deal is over and waits that long for everybody to let go of it. True when all have.
    pub(crate) fn take_back(&self, patience: Duration) -> bool {
        let Some(out) = self.lock().take() else { return true };
        self.hand.send_modify(|hand| hand.deal = None);
        out.over.cancel();
        matches!(out.returned.recv_timeout(patience), Err(mpsc::RecvTimeoutError::Disconnected))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Out>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Dealer {
    fn drop(&mut self) {
        self.take_back(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn partitions<const N: usize>(numbers: [u32; N]) -> BTreeSet<u32> {
        BTreeSet::from(numbers)
    }

    #[tokio::test]
    async fn a_deal_is_waited_for_until_everybody_has_let_go() {
        let (dealer, mut deals) = Dealer::new();
        assert_eq!((deals.held(), deals.dealt()), (0, 0));
        dealer.deal(partitions([1, 3]));
        let (one, other) = (deals.next().await.unwrap(), deals.now().unwrap());
        assert_eq!((one.partitions(), deals.held(), deals.dealt()), (&partitions([1, 3]), 2, 1));
        drop(other);
        assert!(!dealer.take_back(Duration::ZERO), "one is still at work");
        assert!(one.is_over() && deals.now().is_none());
        dealer.deal(partitions([2]));
        let worker = tokio::spawn({
            let deal = deals.next().await.unwrap();
            async move { deal.over().await }
        });
        let returned = tokio::task::spawn_blocking(move || (dealer.take_back(LONG), dealer)).await.unwrap();
        assert!(returned.0, "whoever hears that it is over drops it");
        worker.await.unwrap();
        assert_eq!((deals.held(), deals.dealt()), (0, 2));
    }

    #[tokio::test]
    async fn who_waits_for_a_deal_hears_of_it_or_of_the_end() {
        let (dealer, mut deals) = Dealer::new();
        let mut waiting = deals.clone();
        let heard = tokio::spawn(async move { waiting.next().await.map(|deal| deal.partitions().clone()) });
        dealer.deal(partitions([0]));
        assert_eq!(heard.await.unwrap(), Some(partitions([0])));
        let deal = deals.next().await.unwrap();
        drop(dealer);
        assert!(deal.is_over());
        assert!(deals.next().await.is_none());
    }

    #[tokio::test]
    async fn alone_is_everything_for_good() {
        let membership = Membership::alone(3);
        let deal = membership.deals().next().await.unwrap();
        assert_eq!((deal.partitions(), deal.is_over()), (&partitions([0, 1, 2]), false));
        membership.leave().await;
        assert!(deal.is_over());
    }
}
