//! How evenly tenants load partitions: a hundred thousand of them on paper, of whom few send much (Zipf), by the function that really
//! deals them out. What is printed stands in ARCHITECTURE.md.

use commerce::TenantId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const TENANTS: usize = 100_000;

/// As in `config`: what a new log has unless told otherwise.
const DEFAULT_PARTITIONS: u32 = 8;

/// How many of the largest tenants have a place of their own.
const MOVED: [usize; 4] = [0, 1, 10, 100];

/// Tenants as shops name themselves, the one that sends most first.
fn tenants(seed: u64) -> Vec<TenantId> {
    let mut random = StdRng::seed_from_u64(seed);
    let words = ["kohsar", "zaynab", "indus", "bazaar", "shawls", "home", "threads", "honey", "lahore", "craft"];
    let word = |random: &mut StdRng| words[random.random_range(0..words.len())];
    (0..TENANTS)
        .map(|n| format!("{}-{}-{:x}{n}", word(&mut random), word(&mut random), random.random_range(0..0xfff_u32)))
        .map(|name| name.parse().unwrap())
        .collect()
}

/// The share of the tenant of this rank, from 0: half as much for the second as for the first, and so on.
fn share(rank: usize) -> f64 {
    let all: f64 = (1..=TENANTS).map(|rank| 1.0 / rank as f64).sum();
    1.0 / (rank + 1) as f64 / all
}

/// What the busiest partition has to do, as a multiple of the mean, without so many of the largest tenants.
fn busiest(tenants: &[TenantId], partitions: u32, moved: usize) -> f64 {
    let whole: f64 = (1..=TENANTS).map(|rank| 1.0 / rank as f64).sum();
    let mut loads = vec![0.0; partitions as usize];
    for (rank, tenant) in tenants.iter().enumerate().skip(moved) {
        loads[event_log::partition_of(tenant, partitions) as usize] += 1.0 / (rank + 1) as f64 / whole;
    }
    let mean = loads.iter().sum::<f64>() / f64::from(partitions);
    loads.into_iter().fold(0.0, f64::max) / mean
}

/// The median of several draws of names, and the worst.
fn over_draws(partitions: u32, moved: usize, draws: &[Vec<TenantId>]) -> (f64, f64) {
    let mut all: Vec<f64> = draws.iter().map(|tenants| busiest(tenants, partitions, moved)).collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() - 1])
}

#[test]
fn the_busiest_partition_of_a_hundred_thousand_tenants() {
    let draws: Vec<Vec<TenantId>> = (1..=9).map(tenants).collect();
    println!("the largest of {TENANTS} tenants has {:.1} % of everything", share(0) * 100.0);
    println!("busiest partition / mean, median of {} draws (worst)", draws.len());
    println!("partitions  {}", MOVED.map(|moved| format!("{moved:>3} moved     ")).concat());
    for partitions in [8, 16, 32, 64, 128, 256] {
        let cells = MOVED.map(|moved| over_draws(partitions, moved, &draws));
        println!("{partitions:>10}  {}", cells.map(|(mid, worst)| format!("{mid:>5.2} ({worst:>5.2}) ")).concat());
        for pair in cells.windows(2) {
            assert!(pair[1].0 < pair[0].0, "{partitions}: to move more tenants evens it out");
        }
    }
    let (as_dealt, ten_moved) = (over_draws(DEFAULT_PARTITIONS, 0, &draws), over_draws(DEFAULT_PARTITIONS, 10, &draws));
    assert!(as_dealt.1 < 2.5, "{as_dealt:?}");
    assert!(ten_moved.1 < 1.5, "{ten_moved:?}");
    // Below that no number of partitions helps: the largest tenant is in one of them.
    assert!(over_draws(256, 0, &draws).0 >= share(0) * 256.0);
}
