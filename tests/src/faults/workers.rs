//! How many workers share the work, and how much they take at a time, is to be seen nowhere.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_and_eight_give_the_same_books() {
    let (extent, seed) = extent();
    let events = traffic(extent.events / 10, seed);
    let calm = calm(&events).await;
    for kind in [Kind::Embedded, Kind::Servers] {
        for (workers, batch) in [(1, 4_000), (8, 4_000), (8, 33)] {
            let backend = Backend::fresh(kind, 8).await;
            append(&backend.log, &events).await;
            let config = processor::Config { workers, ..config(batch) };
            processor::catch_up(config, &backend.log, &backend.db).await.unwrap();
            require_calm_books(&backend, &calm, &format!("{kind:?}, {workers} workers, batches of {batch}")).await;
        }
    }
}
