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

/// Two processors at once, each of which kills itself now and then between its checkpoint and its work. Gives what shows.
async fn found_out(events: &[Event], calm: &BooksHash, points: &str) -> Option<String> {
    let backend = Backend::fresh(Kind::Servers, 4).await;
    for share in events.chunks(events.len().div_ceil(10)) {
        append(&backend.log, share).await;
        let armed = |at: &str| vec![("FAILPOINTS", points.to_owned()), ("DAYBOOK_KILL_AT", format!("{at}=3"))];
        let mut both = [
            start(&backend, "processor", &armed("processor::decided")),
            start(&backend, "processor", &armed("processor::written")),
        ];
        let over = testkit::wait_until(Duration::from_secs(20), async || {
            both.iter_mut().all(|process| process.try_ended().unwrap().is_some()) || is_folded(&backend).await
        });
        // Whether it comes to an end is not the question here.
        over.await.ok();
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
