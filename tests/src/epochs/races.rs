//! Everything at once, by a seed: erasing, sealing, opening, beginning epochs, moving and destroying, in several processes; and
//! between the rounds now and then a copy of the key store is taken, put back some rounds later, and looked after.
//! `DAYBOOK_INTERLEAVINGS` says how many rounds a database gets, `DAYBOOK_SEED` which. They are played in worlds of a few hundred:
//! each is a platform of its own from its first person to the last look of an attacker, so that a thousand rounds cost ten times
//! what a hundred do, and one seed tells one world again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::copy::{Contents, Piece, copy_in, copy_out};
use store::db::DbError;
use tokio::sync::mpsc;

use super::*;
use crate::keys::{active, days};

/// Rounds on each database, unless it is told otherwise.
const ROUNDS: u64 = 150;

/// Rounds of a world, at most.
const A_WORLD: u64 = 250;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What the tasks of a round share.
#[derive(Clone, Default)]
struct Round {
    erased: Arc<Mutex<BTreeSet<SubjectId>>>,
    boxes: Arc<Mutex<Vec<Sealed>>>,
    phones: Arc<Mutex<BTreeSet<(String, SubjectId)>>>,
    /// Sealed after the state that was put back: their keys went with what was lost, or did not.
    lost: Arc<Mutex<Vec<Sealed>>>,
}

/// A copy of the key store, with what was sealed by then, and the epochs that it hangs on.
struct Earlier {
    pieces: Vec<Piece>,
    boxes: Vec<Sealed>,
    phones: BTreeSet<(String, SubjectId)>,
    epochs: Vec<i64>,
}

impl Earlier {
    async fn take(db: &Db, all: &Round) -> Earlier {
        let (to, mut from) = mpsc::channel(4);
        let collected = async {
            let mut pieces = Vec::new();
            while let Some(piece) = from.recv().await {
                pieces.push(piece);
            }
            pieces
        };
        let (copied, pieces) = tokio::join!(copy_out(db, Contents::KeyStore, to), collected);
        copied.unwrap();
        let sql = "SELECT epoch FROM epoch WHERE state = 'current' UNION SELECT epoch FROM page WHERE state <> 'left' \
                   UNION SELECT epoch FROM index_page UNION SELECT epoch FROM index_key";
        let rows = db.query(sql, vec![]).await.unwrap();
        let (boxes, phones) = (all.boxes.lock().unwrap().clone(), all.phones.lock().unwrap().clone());
        Earlier { pieces, boxes, phones, epochs: rows.iter().map(|row| row.int(0).unwrap()).collect() }
    }

    /// Whether the keys are there that it hangs on: it is from within the window.
    fn opens(&self, place: &Place) -> bool {
        self.epochs.iter().all(|epoch| place.folder.path().join(format!("epochs/{epoch}.key")).exists())
    }

    /// Puts it in the place of what is there, which nobody has open but this, and looks after it.
    async fn put_back(self, place: &Place, db: &Db, all: &Round, now: Timestamp) {
        let names: Vec<String> = self.pieces.iter().filter_map(table).collect();
        let emptied = db.run_tx("empty", move |tx| {
            let names = names.clone();
            Box::pin(async move {
                for name in &names {
                    tx.execute(&format!("DELETE FROM {name}"), vec![]).await?;
                }
                Ok::<_, DbError>(())
            })
        });
        emptied.await.unwrap();
        let (to, from) = mpsc::channel(4);
        let pieces = self.pieces;
        let sending = async move {
            for piece in pieces.into_iter().map(Some).chain([None]) {
                to.send(piece).await.unwrap();
            }
        };
        let (copied, ()) = tokio::join!(copy_in(db, Contents::KeyStore, 0, from), sending);
        copied.unwrap();
        let known: BTreeSet<Vec<u8>> = self.boxes.iter().map(|(_, sealed)| sealed.clone()).collect();
        let before = std::mem::replace(&mut *all.boxes.lock().unwrap(), self.boxes);
        all.lost.lock().unwrap().extend(before.into_iter().filter(|(_, sealed)| !known.contains(sealed)));
        *all.phones.lock().unwrap() = self.phones;

        let refused = KeyStore::open(place.database().await, place.keyring(7), days(0, 1), now).await.err();
        let of_it = matches!(refused, Some(OpenKeysError::Restored | OpenKeysError::ForgottenErasures(_)));
        assert!(of_it, "nobody works with it before: {refused:?}");
        let repair =
            KeyStore::open_for_repair(place.database().await, place.keyring(7), days(0, 1), now).await.unwrap();
        repair.reapply_erasures(now).await.unwrap();
    }
}

fn table(piece: &Piece) -> Option<String> {
    match piece {
        Piece::Table(shape) => Some(shape.table.clone()),
        Piece::Rows(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_reborn_and_no_box_is_lost() {
    let (rounds, seed) = (number("DAYBOOK_INTERLEAVINGS", ROUNDS), number("DAYBOOK_SEED", rand::random()));
    println!("{rounds} rounds; DAYBOOK_SEED={seed}");
    for first in (0..rounds).step_by(usize::try_from(A_WORLD).unwrap()) {
        let (seed, rounds) = (seed.wrapping_add(first), A_WORLD.min(rounds - first));
        for place in places().await {
            world(&place, seed, rounds).await;
        }
    }
}

/// So many rounds, the first by this seed, and each by the next.
async fn world(place: &Place, seed: u64, rounds: u64) {
    let mut stores = [place.open_with(days(0, 1)).await, place.open_with(days(0, 1)).await];
    let (mut attacker, mut copy, mut restored) = (Attacker::default(), None, 0_u32);
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
        let now = after(i64::try_from(round).unwrap());
        match random.random_range(0..10_u8) {
            0..3 => copy = Some(Earlier::take(&stores[0].1, &all).await),
            3..6 => {
                attacker.copy(&stores[0].1).await;
                let Some(old) = copy.take().filter(|old: &Earlier| old.opens(place)) else { continue };
                old.put_back(place, &stores[0].1, &all, now).await;
                for (keys, db) in stores {
                    drop(keys);
                    db.close().await;
                }
                stores = [place.open_with(days(0, 1)).await, place.open_with(days(0, 1)).await];
                restored += 1;
            }
            _ if round % 10 == 0 => attacker.copy(&stores[0].1).await,
            _ => {}
        }
    }
    let (erased, dialect) = (all.erased.lock().unwrap().len(), stores[0].1.dialect());
    println!("{dialect:?}, {rounds} rounds from {seed}: an older state was put back {restored} times; {erased} erased");
    assert!(rounds < 100 || restored > 0);
    settle(place, &stores[1].0, &all, attacker).await;
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
    let lost = People { boxes: std::mem::take(&mut *all.lost.lock().unwrap()) };
    for ((subject, _), clear) in lost.boxes.iter().zip(lost.clear_if_known(&fresh).await) {
        assert!(!(clear && erased.contains(subject)), "sealed in the lost time, and erased");
    }
    let reborn = "subject_key k JOIN subject s ON s.tenant = k.tenant AND s.subject = k.subject \
                  WHERE s.state = 'erased' AND k.wrapped IS NOT NULL";
    assert_eq!(count(&db, reborn).await, 0);
    let stolen: Vec<StolenBox> = people.stolen(|_| true).into_iter().chain(lost.stolen(|_| true)).collect();
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
