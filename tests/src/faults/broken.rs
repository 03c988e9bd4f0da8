//! The suite itself is tried: builds that are wrong on purpose must be found out by what it looks at.

use super::*;

/// What is wrong, and the points that make it so.
const WRONG: [(&str, &str); 2] = [
    ("nobody is fenced", "books::compare=return"),
    ("checkpoints move before anything is written", "books::compare=return;processor::checkpoints-first=return"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_build_is_found_out() {
    if !is_whole() {
        println!("wrong builds are tried by `make faults`, which builds them");
        return;
    }
    let (_, seed) = extent();
    let events = traffic(6_000, seed);
    let calm = calm(&events).await;
    for (what, points) in WRONG {
        let found = found_out(&events, &calm, points).await;
        println!("{what}: found out {found:?}");
        assert!(found.is_some(), "{what}, and nothing shows it");
    }
}

/// Two processors, of which one is stopped in its work and woken when the other has taken it over, and then kills itself between its
/// checkpoint and its work. Gives what shows.
async fn found_out(events: &[Event], calm: &BooksHash, points: &str) -> Option<String> {
    let backend = Backend::fresh(Kind::Servers, 4).await;
    let wrong = || ("FAILPOINTS", points.to_owned());
    for share in events.chunks(events.len().div_ceil(6)) {
        let kill = ("DAYBOOK_KILL_AT", "processor::decided=6".to_owned());
        let (mut one, other) =
            (start(&backend, "processor", &[wrong(), kill]), start(&backend, "processor", &[wrong()]));
        let before = folded(&backend.db).await;
        append(&backend.log, share).await;
        let moved = testkit::wait_until(LONG, async || folded(&backend.db).await > before).await;
        moved.unwrap_or_else(|error| panic!("nothing is folded: {error}: {}", other.stderr()));
        if one.try_ended().unwrap().is_none() {
            one.signal("STOP").unwrap();
            testkit::wait_until(LONG / 2, async || is_folded(&backend).await).await.ok();
            one.signal("CONT").unwrap();
        }
        // Whether it comes to an end is not the question here.
        testkit::wait_until(LONG / 12, async || one.try_ended().unwrap().is_some()).await.ok();
    }
    let caught_up = processor::catch_up(config(4_000), &backend.log, &backend.db).await;
    if let Err(error) = caught_up {
        return Some(error.to_string());
    }
    let mut found = findings(&backend).await;
    if open_hash(&backend.db).await != *calm {
        found.insert(0, "other books".to_owned());
    }
    found.into_iter().next()
}
