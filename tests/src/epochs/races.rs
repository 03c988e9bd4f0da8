//! Everything at once, by a seed: erasing, sealing, opening, beginning epochs, moving and destroying, in several processes.
//! `DAYBOOK_INTERLEAVINGS` says how many rounds a database gets, `DAYBOOK_SEED` which.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::keys::{active, days};

/// Rounds on each database, unless it is told otherwise.
const ROUNDS: u64 = 150;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What the tasks of a round share.
#[derive(Clone, Default)]
struct Round {
    erased: Arc<Mutex<BTreeSet<SubjectId>>>,
    boxes: Arc<Mutex<Vec<Sealed>>>,
    phones: Arc<Mutex<BTreeSet<(String, SubjectId)>>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_reborn_and_no_box_is_lost() {
    let (rounds, seed) = (number("DAYBOOK_INTERLEAVINGS", ROUNDS), number("DAYBOOK_SEED", rand::random()));
    println!("{rounds} rounds; DAYBOOK_SEED={seed}");
    for place in places().await {
        let stores = [place.open_with(days(0, 1)).await, place.open_with(days(0, 1)).await];
        let mut attacker = Attacker::default();
        let all = Round::default();
        for round in 0..rounds {
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(round));
            let tasks: Vec<_> = (0..6)
                .map(|task| {
                    let (keys, all) = (stores[task % 2].0.clone(), all.clone());
                    let random = StdRng::seed_from_u64(random.random());
                    tokio::spawn(act(keys, all, random, round))
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            if round % 10 == 0 {
                attacker.copy(&stores[0].1).await;
            }
        }
        settle(&place, &stores[1].0, &all, attacker).await;
    }
}

/// One task: a few steps, each drawn by the seed.
async fn act(keys: KeyStore, all: Round, mut random: StdRng, round: u64) {
    let order = |random: &mut StdRng| format!("{}-{}", round / 3, random.random_range(0..4_u8));
    let now = after(i64::try_from(round).unwrap());
    for _ in 0..4 {
        for _ in 0..random.random_range(0..8_u8) {
            tokio::task::yield_now().await;
        }
        match random.random_range(0..100_u8) {
            0..50 => seal_one(&keys, &all, &order(&mut random), random.random_range(0..3)).await,
            50..75 => erase_one(&keys, &all, &order(&mut random), now).await,
            75..85 => drop(keys.begin_epoch(now, Some(now)).await.unwrap()),
            85..95 => drop(keys.rewrap(|_| {}).await.unwrap()),
            // What is still in use is moved by another task, sooner or later.
            _ => match keys.destroy_epochs(now).await {
                Ok(_) | Err(DestroyEpochError::InUse { .. }) => {}
                Err(error) => panic!("{error}"),
            },
        }
    }
}

async fn seal_one(keys: &KeyStore, all: &Round, order: &str, month: i64) {
    let phone = format!("+92 {order}");
    let known = [(IdentityKind::Order, order), (IdentityKind::Phone, phone.as_str())];
    let sealing = resolve(keys, person(after(31 * month), &known)).await;
    if let Sealing::Seal { subject, .. } = &sealing {
        all.phones.lock().unwrap().insert((phone, *subject));
        all.boxes.lock().unwrap().push((*subject, seal(&sealing, "Zarmina")));
    }
}

async fn erase_one(keys: &KeyStore, all: &Round, order: &str, now: Timestamp) {
    let sealing = resolve(keys, person(NOVEMBER, &[(IdentityKind::Order, order)])).await;
    let Some(subject) = active(&sealing) else { return };
    keys.request_erasure(&shop(), subject, store::keys::ErasureReason::Person, now).await.unwrap();
    keys.destroy(&shop(), subject, now).await.unwrap();
    all.erased.lock().unwrap().insert(subject);
}

/// After the last rotation and the end of the window: who lives is readable, and of the others nothing is left anywhere.
async fn settle(place: &Place, keys: &KeyStore, all: &Round, mut attacker: Attacker) {
    let (erased, boxes) = (all.erased.lock().unwrap().clone(), std::mem::take(&mut *all.boxes.lock().unwrap()));
    rotate(keys, after(100_000)).await;
    keys.destroy_epochs(after(100_040)).await.unwrap();
    let (fresh, db) = place.open().await;
    attacker.copy(&db).await;
    let people = People { boxes };
    for ((subject, _), clear) in people.boxes.iter().zip(people.clear(&fresh).await) {
        assert_eq!(clear, !erased.contains(subject));
    }
    let reborn = "subject_key k JOIN subject s ON s.tenant = k.tenant AND s.subject = k.subject \
                  WHERE s.state = 'erased' AND k.wrapped IS NOT NULL";
    assert_eq!(count(&db, reborn).await, 0);
    let stolen = people.stolen(|_| true);
    let gone: Vec<StolenBox> = stolen.into_iter().filter(|one| erased.contains(&SubjectId(one.subject))).collect();
    assert!(!gone.is_empty() && !erased.is_empty());
    let ring = place.folder.path().join("epochs");
    assert_eq!(attacker.open(&root(), &ring, &gone), 0);

    let phones = all.phones.lock().unwrap().clone();
    let tried: Vec<String> = phones.iter().map(|(phone, _)| phone.clone()).collect();
    let found = attacker.try_phones(&root(), &ring, &tried);
    for (phone, subject) in phones {
        assert_eq!(found.contains(&(phone, subject.0)), !erased.contains(&subject));
    }
    assert!(found.iter().all(|(_, whose)| !erased.contains(&SubjectId(*whose))));
}
