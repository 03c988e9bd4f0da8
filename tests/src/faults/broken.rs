//! The suite itself is tried: builds that are wrong on purpose must be found out by what it looks at.

use super::producers::{deliveries, facts};
use super::stops::Sleeper;
use super::*;
use crate::erasure::{Platform, try_send};

/// What is wrong, the points that make it so, and what happens to one of two processors.
const WRONG: [(&str, &str, (&str, &str)); 2] = [
    ("nobody is fenced", "books::compare=return", ("DAYBOOK_STOP_AT", "books::decided=1")),
    (
        "checkpoints move before anything is written",
        "books::compare=return;processor::checkpoints-first=return",
        ("DAYBOOK_KILL_AT", "processor::decided=6"),
    ),
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
    for (what, points, happens) in WRONG {
        let found = found_out(&events, &calm, points, happens).await;
        println!("{what}: found out {found:?}");
        assert!(found.is_some(), "{what}, and nothing shows it");
    }
}

/// Each of these is tried right, when nothing may show, and wrong, when something must.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_twice_or_not_kept_is_found_out() {
    if !is_whole() {
        println!("wrong builds are tried by `make faults`, which builds them");
        return;
    }
    let (_, seed) = extent();
    assert_eq!(rebuilt_from_repetitions("", seed).await, None);
    let found = rebuilt_from_repetitions("books::repetitions=return", seed).await;
    println!("repetitions are taken for new: found out {found:?}");
    assert!(found.is_some(), "repetitions are taken for new, and nothing shows it");
    assert_eq!(answered_and_killed("", seed).await, None);
    let found = answered_and_killed("event-log::early-answer=return", seed).await;
    println!("answered before it is durable: found out {found:?}");
    assert!(found.is_some(), "answered before it is durable, and nothing shows it");
}

/// A processor dies between publishing and noting it, so its successor publishes the same again; then the books are rebuilt from
/// what was published. Gives what shows.
async fn rebuilt_from_repetitions(points: &str, seed: u64) -> Option<String> {
    let events = traffic(1_500, seed);
    let calm = calm(&events).await;
    let backend = Backend::fresh(Kind::Embedded, 4).await;
    for share in events.chunks(events.len().div_ceil(3)) {
        append(&backend.log, share).await;
        let kill = ("DAYBOOK_KILL_AT", "relay::published=1".to_owned());
        let status = start(&backend, "processor", &[kill]).ended(LONG).await.unwrap();
        assert!(was_killed(status), "{status}");
    }
    processor::catch_up(config(4_000), &backend.log, &backend.db).await.unwrap();
    let wrong = ("FAILPOINTS", points.to_owned());
    let mut rebuild = start_command(&backend, &["rebuild", "books"], &[wrong]);
    if !rebuild.ended(LONG).await.unwrap().success() {
        return Some(rebuild.stderr());
    }
    what_shows(&backend, &calm).await
}

/// Ingest is killed as soon as it has answered, again and again. Gives what shows.
async fn answered_and_killed(points: &str, seed: u64) -> Option<String> {
    let deliveries = deliveries(60, seed);
    let calm = calm(&facts(&deliveries)).await;
    let backend = Backend::fresh(Kind::Embedded, 4).await;
    let environment = environment(&backend, &[]);
    let platform = Platform { backend, environment };
    platform.add_tenant().await;
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    for share in deliveries.chunks(6) {
        let mut process = start(&platform.backend, "ingest", &[("FAILPOINTS", points.to_owned())]);
        let base = format!("http://127.0.0.1:{}", process.port(LONG).await.unwrap());
        for delivery in share {
            let status = try_send(&client, &base, delivery).await.unwrap();
            assert!(status.is_success(), "{status}: {}", process.stderr());
        }
        process.kill().unwrap();
    }
    processor::catch_up(config(4_000), &platform.backend.log, &platform.backend.db).await.unwrap();
    what_shows(&platform.backend, &calm).await
}

async fn what_shows(backend: &Backend, calm: &BooksHash) -> Option<String> {
    let mut found = findings(backend).await;
    if open_hash(&backend.db).await != *calm {
        found.insert(0, "other books".to_owned());
    }
    found.into_iter().next()
}

/// Two processors, of which one is stopped with its work decided and woken when the other one has done it, or kills itself between
/// its checkpoint and its work. Gives what shows.
async fn found_out(
    events: &[Event],
    calm: &BooksHash,
    points: &str,
    (variable, at): (&'static str, &str),
) -> Option<String> {
    let backend = Backend::fresh(Kind::Servers, 4).await;
    let wrong = || ("FAILPOINTS", points.to_owned());
    let other = start(&backend, "processor", &[wrong()]);
    for share in events.chunks(events.len().div_ceil(6)) {
        let mut one = Sleeper::start(&backend, &[wrong(), (variable, at.to_owned())]).await;
        append(&backend.log, share).await;
        let mut is_over = async || one.process.is_stopped() || one.process.try_ended().unwrap().is_some();
        let happened = testkit::wait_until(LONG, &mut is_over).await;
        happened.unwrap_or_else(|error| panic!("nothing happens to it: {error}: {}", other.stderr()));
        if one.process.try_ended().unwrap().is_none() {
            testkit::wait_until(LONG / 2, async || is_folded(&backend).await).await.ok();
            one.process.signal("CONT").unwrap();
            // Whether it comes to an end is not the question here.
            one.process.terminate(LONG / 12).await.ok();
        }
    }
    let caught_up = processor::catch_up(config(4_000), &backend.log, &backend.db).await;
    if let Err(error) = caught_up {
        return Some(error.to_string());
    }
    what_shows(&backend, calm).await
}
