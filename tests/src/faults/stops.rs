//! A processor that is stopped in the middle of its work (SIGSTOP), is taken for dead, and goes on where it was when another one
//! has long done its work: what it had in hand is refused.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_from_the_dead_writes_nothing_stale() {
    let (extent, seed) = extent();
    let (stops, side_by_side) = extent.stops;
    let rounds = stops.div_ceil(side_by_side);
    let each = (0..side_by_side).map(|place| stop_and_wake(seed.wrapping_add(u64::from(place)), rounds));
    futures::future::join_all(each).await;
    println!("{} times stopped, taken over, and woken", rounds * side_by_side);
}

/// One installation with two processors, of which one is stopped while there is work.
async fn stop_and_wake(seed: u64, rounds: u32) {
    let events = traffic(1_500 * rounds, seed);
    let calm = calm(&events).await;
    let backend = Backend::fresh(Kind::Servers, 4).await;
    let mut processes = [start(&backend, "processor", &[]), start(&backend, "processor", &[])];
    for (round, share) in events.chunks(events.len().div_ceil(usize::try_from(rounds).unwrap())).enumerate() {
        let before = folded(&backend.db).await;
        append(&backend.log, share).await;
        let moved = testkit::wait_until(LONG, async || folded(&backend.db).await > before).await;
        moved.unwrap_or_else(|error| panic!("nothing is folded: {error}: {}", processes[0].stderr()));
        processes[round % 2].signal("STOP").unwrap();
        // The other one does the work of both. What the stopped one holds locked is free when its session is ended.
        let taken_over = testkit::wait_until(LONG, async || is_folded(&backend).await).await;
        taken_over.unwrap_or_else(|error| panic!("not taken over: {error}: {}", processes[(round + 1) % 2].stderr()));
        let done = open_hash(&backend.db).await;
        processes[round % 2].signal("CONT").unwrap();
        // It is awake when it folds what comes after, or leaves it to the other.
        append(&backend.log, &share[..share.len().min(20)]).await;
        testkit::wait_until(LONG, async || is_folded(&backend).await).await.unwrap();
        assert_eq!(open_hash(&backend.db).await, done, "facts that were there already change nothing");
    }
    for process in &mut processes {
        let status = process.terminate(LONG).await.unwrap();
        assert!(status.success(), "{}", process.stderr());
    }
    require_calm_books(&backend, &calm, "stopped and woken").await;
}
