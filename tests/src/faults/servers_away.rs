//! The broker and the database killed under a working processor, one by one and both, and lines that are slow and break.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use testkit::{Rig, Server};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_go_away_and_come_back_cost_nothing() {
    let (extent, seed) = extent();
    let events = traffic(extent.events / 10, seed);
    let calm = calm(&events).await;
    let mut random = StdRng::seed_from_u64(seed);
    let rig = Rig::start().await.unwrap();
    let backend = Backend::on(&rig, 4).await;
    let mut process = start(&backend, "processor", &[]);
    let faults = faults(extent.outages);
    for (fault, share) in faults.iter().zip(events.chunks(events.len().div_ceil(faults.len()))) {
        let before = folded(&backend.db).await;
        append(&backend.log, share).await;
        let moved = testkit::wait_until(LONG, async || folded(&backend.db).await > before).await;
        moved.unwrap_or_else(|error| panic!("nothing is folded before {fault:?}: {error}: {}", process.stderr()));
        tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
        happen(&rig, fault, extent.away).await;
        let caught_up = testkit::wait_until(2 * LONG, async || is_folded(&backend).await).await;
        caught_up.unwrap_or_else(|error| panic!("not over {fault:?}: {error}: {}", process.stderr()));
        assert!(process.try_ended().unwrap().is_none(), "nobody had to start it again after {fault:?}");
        println!("{fault:?}: gone on");
    }
    assert!(process.terminate(LONG).await.unwrap().success());
    require_calm_books(&backend, &calm, "servers away").await;
    let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(backend.db.query(idle, vec![]).await.unwrap()[0].int(0).unwrap(), 0);
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Killed(Vec<Server>),
    Slow,
    Cut,
}

fn faults(outages: u32) -> Vec<Fault> {
    let kills = (0..outages).flat_map(|_| Server::BOTH.map(|server| Fault::Killed(vec![server])));
    kills.chain([Fault::Killed(Server::BOTH.to_vec()), Fault::Slow, Fault::Cut]).collect()
}

async fn happen(rig: &Rig, fault: &Fault, away: Duration) {
    match fault {
        Fault::Killed(servers) => {
            for server in servers {
                rig.kill(*server).unwrap();
            }
            if servers.len() > 1 {
                tokio::time::sleep(away).await;
            }
            rig.bring_back().await.unwrap();
        }
        Fault::Slow => {
            for proxy in [&rig.kafka, &rig.postgres] {
                proxy.slow(away.min(Duration::from_secs(2)));
            }
            tokio::time::sleep(away.min(Duration::from_secs(20))).await;
            for proxy in [&rig.kafka, &rig.postgres] {
                proxy.slow(Duration::ZERO);
            }
        }
        Fault::Cut => {
            for _ in 0..20 {
                rig.kafka.cut();
                rig.postgres.cut();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
