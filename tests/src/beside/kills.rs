//! `kill -9` of a process that rebuilds, over and over: others go on, and in the end the rows are those of a calm run.

use testkit::Daybook;

use super::*;

const KILLS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_a_rebuild_change_nothing() {
    let (events, _) = sample(150, 53);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
        let (before, numbers) = (hash(&backend.db).await, heads(&backend.db).await);
        let mut environment = backend.environment();
        environment.extend([("DAYBOOK_BATCH", "20".to_owned()), ("DAYBOOK_PARTITIONS", "2".to_owned())]);
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let start = || {
            let asked = ["rebuild", "books", "--json", "--beside", "--pace", "100"];
            Daybook::start(backend.folder.path(), &asked, &environment).unwrap()
        };
        for turn in 0..KILLS {
            let mut process = start();
            // Every time a little later, from before there is anything to long after.
            tokio::time::sleep(Duration::from_millis(150 * turn as u64)).await;
            process.kill().unwrap();
            assert!(books::are_whole(&backend.db).await.unwrap(), "{kind:?}, kill {turn}");
            // Nobody has to wait for what was killed.
            processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
            assert_eq!(hash(&backend.db).await, before, "{kind:?}, kill {turn}");
        }
        let mut process = start();
        let ended = process.ended(Duration::from_secs(120)).await;
        let said = process.stdout();
        assert!(ended.unwrap().success(), "{kind:?}: {said} {}", process.stderr());
        println!("{kind:?}: {said}");
        assert!(said.contains("\"same\":true"), "{kind:?}: {said}");
        assert_eq!((hash(&backend.db).await, heads(&backend.db).await), (before, numbers), "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
    }
}
