//! The processor killed with `kill -9` in the middle of its work, twenty times, on both back ends: in the end the books are
//! those of a run that nobody disturbed. A kill test speaks of crashed processes; it says nothing about a power cut.

use std::path::Path;
use std::time::Duration;

use store::books::{self, Projection};
use store::db::Db;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash, sample};

const KILLS: usize = 20;

/// Small batches, so that a kill has something to hit.
fn environment(backend: &Backend) -> Vec<(&'static str, String)> {
    let mut environment = backend.environment();
    environment.extend([("DAYBOOK_BATCH", "25".to_owned()), ("DAYBOOK_PARTITIONS", "2".to_owned())]);
    // Who is started in the place of a killed one is dealt nothing until the group has given that one up.
    environment.push(("DAYBOOK_SESSION_SECONDS", "2".to_owned()));
    environment
}

/// Records folded so far, over all projections and partitions.
async fn folded(db: &Db) -> u64 {
    let mut sum = 0;
    for projection in Projection::ALL {
        let checkpoints = books::checkpoints(db, projection.name()).await.unwrap();
        sum += checkpoints.values().flat_map(|c| c.offsets.values()).sum::<u64>();
    }
    sum
}

/// Starts the processor, waits until it has folded something, kills it. True if it was killed before it was done.
async fn start_and_kill(backend: &Backend, data: &Path) -> bool {
    let before = folded(&backend.db).await;
    let environment = environment(backend);
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut process = testkit::Daybook::start(data, &["processor"], &environment).unwrap();
    let moved = testkit::wait_until(Duration::from_secs(60), async || folded(&backend.db).await > before).await;
    let said = process.stderr();
    moved.unwrap_or_else(|error| panic!("the processor folds nothing: {error}: {said}"));
    process.kill().unwrap();
    processor::lag(&backend.log, &backend.db).await.unwrap() > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_change_nothing() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let (events, _) = sample(260, 29);
        let calm = Backend::fresh(kind, 2).await;
        append(&calm.log, &events).await;
        processor::catch_up(config(500), &calm.log, &calm.db).await.unwrap();

        let rough = Backend::fresh(kind, 2).await;
        let data = rough.folder.path().to_owned();
        let mut in_the_middle = 0;
        for share in events.chunks(events.len().div_ceil(KILLS)) {
            append(&rough.log, share).await;
            in_the_middle += usize::from(start_and_kill(&rough, &data).await);
        }
        processor::catch_up(config(500), &rough.log, &rough.db).await.unwrap();
        println!("{kind:?}: {KILLS} kills, {in_the_middle} of them with records still to fold");
        assert!(in_the_middle >= KILLS / 2, "{kind:?}: most kills must hit the work: {in_the_middle}");
        assert_eq!(findings(&rough).await, Vec::<String>::new(), "{kind:?}");
        assert_eq!(open_hash(&rough.db).await, open_hash(&calm.db).await, "{kind:?}");
    }
}
