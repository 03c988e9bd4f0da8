//! Nonces never repeat, whoever draws them: four processes seal boxes of one person at the same time, each with two threads,
//! and among the nonces of all their boxes no two are equal.
//!
//! The boxes are made as ingest makes them, by [`PreparedKey::seal`] with `rand::fill`. That draws from a generator of each
//! thread (ChaCha with 12 rounds), which the operating system seeds when a thread first draws and anew after every 64 KiB
//! (rand 0.10, documentation of `rand::rngs::ThreadRng`). It would go on with its parent's state in a process that was
//! forked without `exec`; this project has no `unsafe`, so it cannot fork, and starts processes by `exec` alone. Among
//! 10⁷ random nonces the chance of a repetition is about 10¹⁴/2⁹⁷, or 1 in 10¹⁵: one that shows is a fault of the generator.
//!
//! `DAYBOOK_NONCES` says how many are drawn in all, 10,000,000 if unset.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use subject_keys::{BoxContext, KeyId, PreparedKey, SubjectKey};
use uuid::Uuid;

/// Set in the processes that the test starts: how many nonces to write to standard error, where nothing else is written.
const DRAW: &str = "DAYBOOK_NONCES_TO_DRAW";
const PROCESSES: usize = 4;
const THREADS: usize = 2;
const NONCE_LEN: usize = 12;

/// Both the test and, when [`DRAW`] is set, one of the processes it starts: this program again, told to run this test alone.
#[test]
fn boxes_of_four_processes_have_no_nonce_in_common() {
    if let Ok(count) = std::env::var(DRAW) {
        return draw(count.parse().unwrap());
    }
    let all: usize = std::env::var("DAYBOOK_NONCES").map_or(10_000_000, |text| text.parse().unwrap());
    let mut drawn = drawn_by_processes(all / PROCESSES);
    let (nonces, torn) = drawn.as_chunks_mut::<NONCE_LEN>();
    assert_eq!((nonces.len(), torn.len()), (all / PROCESSES * PROCESSES, 0));
    let repeated = repeated(nonces);
    println!("{} nonces of {PROCESSES} processes: {repeated} repeated", nonces.len());
    assert_eq!(repeated, 0);
}

#[test]
fn a_repeated_nonce_is_found_wherever_it_stands() {
    let mut nonces: Vec<[u8; NONCE_LEN]> =
        (0..10_000_u128).map(|n| n.to_le_bytes()[..NONCE_LEN].try_into().unwrap()).collect();
    assert_eq!(repeated(&mut nonces.clone()), 0);
    nonces.push(nonces[17]);
    assert_eq!(repeated(&mut nonces), 1);
}

/// How many nonces were there before; sorts them.
fn repeated(nonces: &mut [[u8; NONCE_LEN]]) -> usize {
    nonces.sort_unstable();
    nonces.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// What the processes drew, one nonce after the other.
fn drawn_by_processes(each: usize) -> Vec<u8> {
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "boxes_of_four_processes_have_no_nonce_in_common"]).env(DRAW, each.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    let collect = |mut process: std::process::Child| {
        let mut drawn = Vec::with_capacity(each * NONCE_LEN);
        process.stderr.take().unwrap().read_to_end(&mut drawn).unwrap();
        assert!(process.wait().unwrap().success(), "{}", String::from_utf8_lossy(&drawn));
        drawn
    };
    // One thread reads each, so that none waits for the others to be read.
    std::thread::scope(|scope| {
        let reading: Vec<_> = started.into_iter().map(|process| scope.spawn(|| collect(process))).collect();
        reading.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Seals that many boxes and writes their nonces.
fn draw(count: usize) {
    let key = SubjectKey::from_bytes([7; 32]).prepare();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (key, share) = (&key, count * (thread + 1) / THREADS - count * thread / THREADS);
            scope.spawn(move || {
                let drawn: Vec<[u8; NONCE_LEN]> = (0..share).map(|_| nonce_of_a_box(key)).collect();
                std::io::stderr().lock().write_all(drawn.as_flattened()).unwrap();
            });
        }
    });
}

fn nonce_of_a_box(key: &PreparedKey) -> [u8; NONCE_LEN] {
    let context = BoxContext { tenant: "orchid", subject: Uuid::nil(), event: Uuid::nil(), label: "buyer" };
    let sealed = key.seal(KeyId(Uuid::nil()), &context, b"", &mut |bytes: &mut [u8]| rand::fill(bytes)).unwrap();
    sealed[49..].first_chunk().copied().unwrap()
}
