//! `kill -9` in the middle of folding: at random, and by the process itself at each point where a crash could hurt.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Between deciding and writing, within the transaction, after it; and between publishing and noting it.
const POINTS: [&str; 4] = ["processor::decided", "processor::written", "processor::committed", "relay::published"];

/// How one process ended.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum End {
    /// By our hand, with records still to fold.
    AtRandom,
    /// By its own, at a point.
    At(&'static str),
    /// It had folded everything before.
    Done,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processors_lose_and_double_nothing() {
    let (extent, seed) = extent();
    let events = traffic(extent.events, seed);
    let calm = calm(&events).await;
    for kind in [Kind::Embedded, Kind::Servers] {
        let rough = Backend::fresh(kind, 4).await;
        let mut random = StdRng::seed_from_u64(seed);
        let mut ends: BTreeMap<End, u32> = BTreeMap::new();
        let share = events.len().div_ceil(usize::try_from(extent.kills).unwrap());
        for (turn, events) in events.chunks(share).enumerate() {
            append(&rough.log, events).await;
            let point = (is_whole() && turn % 2 == 1).then(|| POINTS[turn / 2 % POINTS.len()]);
            *ends.entry(start_and_kill(&rough, point, &mut random).await).or_default() += 1;
        }
        require_calm_books(&rough, &calm, &format!("{kind:?}")).await;
        println!("{kind:?}, {} events: {ends:?}", events.len());
        let hit = ends.iter().filter(|(end, _)| **end != End::Done).map(|(_, times)| times).sum::<u32>();
        assert!(hit * 2 > extent.kills, "most kills hit the work: {ends:?}");
        let points = POINTS.into_iter().filter(|_| is_whole());
        let missed: Vec<_> = points.filter(|point| !ends.contains_key(&End::At(point))).collect();
        assert!(missed.is_empty(), "nothing was killed at {missed:?}");
    }
}

/// Starts a processor, lets it fold something, and kills it, or waits until it has killed itself.
async fn start_and_kill(backend: &Backend, point: Option<&'static str>, random: &mut StdRng) -> End {
    let before = folded(&backend.db).await;
    let times = random.random_range(1..4_u8);
    let more: Vec<_> = point.map(|point| ("DAYBOOK_KILL_AT", format!("{point}={times}"))).into_iter().collect();
    let mut process = start(backend, "processor", &more);
    let mut ended = None;
    let moved = testkit::wait_until(LONG, async || {
        ended = process.try_ended().unwrap();
        ended.is_some() || (folded(&backend.db).await > before && (point.is_none() || is_folded(backend).await))
    });
    moved.await.unwrap_or_else(|error| panic!("the processor folds nothing: {error}: {}", process.stderr()));
    match (ended, point) {
        (Some(status), Some(point)) if was_killed(status) => End::At(point),
        (Some(status), _) => panic!("the processor ended with {status}: {}", process.stderr()),
        (None, _) => {
            tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
            process.kill().unwrap();
            if is_folded(backend).await { End::Done } else { End::AtRandom }
        }
    }
}
