//! Records as big as the log takes do not fill the memory of those that fold them.

use std::fs;

use commerce::TenantId;
use events::{Record, Topic};
use rand::{Rng, SeedableRng};

use super::{PARTITIONS, Processor, is_folded};
use crate::backend::{Backend, Kind};

const MIB: usize = 1024 * 1024;

/// Far below what lies on the log, and what the platform promises.
const BOUND_MIB: u64 = 300;

/// The most memory that a process has had, in MiB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn big_records_do_not_fill_the_memory() {
    let mut noise = vec![0; 2 * MIB];
    rand::rngs::StdRng::seed_from_u64(7).fill_bytes(&mut noise);
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        for round in 0..100 {
            // Noise, as what is sealed is: it does not compress on its way. Nobody can read them, which makes them no smaller. Two projections read orders, and one of them with two workers.
            let big = |n: usize| {
                let tenant: TenantId = format!("shop-{}", round % 16).parse().unwrap();
                Record::sealed(Topic::Order, tenant, Vec::new(), noise[..(1 + n % 2) * MIB].to_vec())
            };
            backend.log.append((0..4).map(big).collect()).await.unwrap();
        }
        let processor = Processor::start_with(&backend, backend.folder.path(), &[]).await;
        is_folded(&backend).await;
        let peak = peak(processor.process.id());
        println!("{kind:?}: 600 MiB of records of 1 and 2 MiB were read in {peak} MiB");
        assert!(peak < BOUND_MIB, "{kind:?}: {peak} MiB");
    }
}
