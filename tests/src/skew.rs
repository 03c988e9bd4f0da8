//! How evenly tenants load partitions: a hundred thousand of them on paper, of whom few send much (Zipf), by the function that really
//! deals them out. What is printed stands in ARCHITECTURE.md.

use commerce::TenantId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const TENANTS: u64 = 100_000;

/// As in `config`: what a new log has unless told otherwise.
const DEFAULT_PARTITIONS: u32 = 8;

/// How many of the largest tenants have a place of their own.
const MOVED: [usize; 4] = [0, 1, 10, 100];

/// What the largest tenant sends; the second sends half as much, the third a third.
const LARGEST: u64 = 1_000_000_000_000;

/// Tenants as shops name themselves, the one that sends most first, each with what it sends.
fn tenants(seed: u64) -> Vec<(TenantId, u64)> {
    let mut random = StdRng::seed_from_u64(seed);
    let words = ["kohsar", "zaynab", "indus", "bazaar", "shawls", "home", "threads", "honey", "lahore", "craft"];
    let word = |random: &mut StdRng| words[random.random_range(0..words.len())];
    (1..=TENANTS)
        .map(|rank| {
            let number = random.random_range(0..0xfff_u32);
            let name = format!("{}-{}-{number:x}{rank}", word(&mut random), word(&mut random));
            (name.parse().unwrap(), LARGEST / rank)
        })
        .collect()
}

/// What the busiest partition has to do without so many of the largest tenants, in hundredths of the mean.
fn busiest(tenants: &[(TenantId, u64)], partitions: u32, moved: usize) -> u64 {
    let mut loads = vec![0; partitions as usize];
    for (tenant, sends) in &tenants[moved..] {
        loads[event_log::partition_of(tenant, partitions) as usize] += sends;
    }
    let (most, all) = (*loads.iter().max().unwrap(), loads.iter().sum::<u64>());
    most * 100 / (all / u64::from(partitions))
}

/// The median of several draws of names, and the worst.
fn over_draws(partitions: u32, moved: usize, draws: &[Vec<(TenantId, u64)>]) -> (u64, u64) {
    let mut all: Vec<u64> = draws.iter().map(|tenants| busiest(tenants, partitions, moved)).collect();
    all.sort_unstable();
    (all[all.len() / 2], all[all.len() - 1])
}

fn times(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[test]
fn the_busiest_partition_of_a_hundred_thousand_tenants() {
    let draws: Vec<_> = (1..=9).map(tenants).collect();
    let all: u64 = draws[0].iter().map(|(_, sends)| sends).sum();
    println!("the largest of {TENANTS} tenants has {} thousandths of everything", LARGEST * 1_000 / all);
    println!("busiest partition / mean, median of {} draws (worst)", draws.len());
    println!("partitions  {}", MOVED.map(|moved| format!("{moved:>3} moved      ")).concat());
    for partitions in [8, 16, 32, 64, 128, 256] {
        let cells = MOVED.map(|moved| over_draws(partitions, moved, &draws));
        let shown = cells.map(|(middle, worst)| format!("{:>5} ({:>5}) ", times(middle), times(worst)));
        println!("{partitions:>10}  {}", shown.concat());
        for pair in cells.windows(2) {
            assert!(pair[1].0 < pair[0].0, "{partitions}: to move more tenants evens it out");
        }
    }
    let (as_dealt, ten_moved) = (over_draws(DEFAULT_PARTITIONS, 0, &draws), over_draws(DEFAULT_PARTITIONS, 10, &draws));
    assert!(as_dealt.1 < 250, "{as_dealt:?}");
    assert!(ten_moved.1 < 150, "{ten_moved:?}");
    // Below that no number of partitions helps: the largest tenant is in one of them.
    assert!(over_draws(256, 0, &draws).0 >= LARGEST * 256 * 100 / all);
}
