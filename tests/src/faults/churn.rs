//! Processors that join and leave all the time: every two seconds one comes and another one goes, for minutes.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_costs_nothing() {
    let (extent, seed) = extent();
    let events = traffic(extent.churn * 100, seed);
    let calm = calm(&events).await;
    let backend = Backend::fresh(Kind::Servers, 4).await;
    let mut members = vec![start(&backend, "processor", &[])];
    let mut pace = tokio::time::interval(Duration::from_secs(2));
    for share in events.chunks(events.len().div_ceil(usize::try_from(extent.churn).unwrap())) {
        pace.tick().await;
        append(&backend.log, share).await;
        members.push(start(&backend, "processor", &[]));
        if members.len() > 3 {
            let mut oldest = members.remove(0);
            let status = oldest.terminate(LONG).await.unwrap();
            assert!(status.success(), "{status}: {}", oldest.stderr());
        }
    }
    let caught_up = testkit::wait_until(LONG, async || is_folded(&backend).await).await;
    caught_up.unwrap_or_else(|error| panic!("not folded: {error}"));
    for member in &mut members {
        assert!(member.terminate(LONG).await.unwrap().success(), "{}", member.stderr());
    }
    require_calm_books(&backend, &calm, "joined and left").await;
    println!("{} joined, as many left", extent.churn);
}
