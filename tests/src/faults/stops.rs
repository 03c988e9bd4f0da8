//! A processor that is stopped in the middle of its work (SIGSTOP), is taken for dead, and goes on where it was when another one
//! has long done its work: what it had in hand is refused.

use super::*;

/// Where it stops itself, if it is one that can: with a batch decided that is not written, and within the transaction.
const POINTS: [&str; 2] = ["books::decided", "processor::written"];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_from_the_dead_writes_nothing_stale() {
    let (extent, seed) = extent();
    let (stops, side_by_side) = extent.stops;
    let rounds = stops.div_ceil(side_by_side);
    let each = (0..side_by_side).map(|place| stop_and_wake(seed.wrapping_add(u64::from(place)), rounds));
    futures::future::join_all(each).await;
    println!("{} times stopped, taken over, and woken", rounds * side_by_side);
}

/// One installation with two processors, of which one is stopped while it has work.
async fn stop_and_wake(seed: u64, rounds: u32) {
    let events = traffic(1_500 * rounds, seed);
    let calm = calm(&events).await;
    let backend = Backend::fresh(Kind::Servers, 4).await;
    let mut other = start(&backend, "processor", &[]);
    for (round, share) in events.chunks(events.len().div_ceil(usize::try_from(rounds).unwrap())).enumerate() {
        let point = is_whole().then(|| POINTS[round % POINTS.len()]);
        let stop_at: Vec<_> = point.map(|point| ("DAYBOOK_STOP_AT", format!("{point}=1"))).into_iter().collect();
        let mut sleeper = Sleeper::start(&backend, &stop_at).await;
        sleeper.put_to_sleep_in_its_work(&backend, share, point.is_some()).await;
        // The other one does the work of both. What the stopped one holds locked is free when its session is ended.
        let taken_over = testkit::wait_until(LONG, async || is_folded(&backend).await).await;
        taken_over.unwrap_or_else(|error| panic!("not taken over: {error}: {}", other.stderr()));
        let done = open_hash(&backend.db).await;
        sleeper.process.signal("CONT").unwrap();
        if point == Some(POINTS[0]) {
            let refused = testkit::wait_until(LONG, async || sleeper.metric("processor_fenced_total").await > 0).await;
            refused.unwrap_or_else(|error| panic!("what it had in hand was not refused: {error}"));
        }
        // It is awake when it folds what comes after, or leaves it to the other.
        append(&backend.log, &share[..share.len().min(20)]).await;
        testkit::wait_until(LONG, async || is_folded(&backend).await).await.unwrap();
        assert_eq!(open_hash(&backend.db).await, done, "facts that were there already change nothing");
        let status = sleeper.process.terminate(LONG).await.unwrap();
        assert!(status.success(), "{}", sleeper.process.stderr());
    }
    assert!(other.terminate(LONG).await.unwrap().success(), "{}", other.stderr());
    require_calm_books(&backend, &calm, "stopped and woken").await;
}

/// A processor that will be stopped.
pub(super) struct Sleeper {
    pub(super) process: Daybook,
    port: u16,
    client: reqwest::Client,
}

impl Sleeper {
    /// One that has been dealt partitions beside another one's.
    pub(super) async fn start(backend: &Backend, more: &[(&'static str, String)]) -> Sleeper {
        let mut process = start(backend, "processor", more);
        let port = process.port(LONG).await.unwrap_or_else(|error| panic!("{error}: {}", process.stderr()));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        let sleeper = Sleeper { process, port, client };
        let dealt = testkit::wait_until(LONG, async || sleeper.metric("processor_partitions_held").await > 0).await;
        dealt.unwrap_or_else(|error| panic!("it is dealt nothing: {error}: {}", sleeper.process.stderr()));
        sleeper
    }

    async fn metric(&self, name: &str) -> u64 {
        crate::members::books_metric(&self.client, self.port, name).await
    }

    /// Gives it work; it stops itself there, or is stopped as soon as anything is folded.
    async fn put_to_sleep_in_its_work(&mut self, backend: &Backend, share: &[Event], by_itself: bool) {
        let before = folded(&backend.db).await;
        append(&backend.log, share).await;
        let at_work = async || match by_itself {
            true => self.process.is_stopped(),
            false => folded(&backend.db).await > before,
        };
        let at_work = testkit::wait_until(LONG, at_work).await;
        at_work.unwrap_or_else(|error| panic!("it came to no work: {error}: {}", self.process.stderr()));
        if !by_itself {
            self.process.signal("STOP").unwrap();
        }
    }
}
