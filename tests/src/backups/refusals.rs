//! What is no backup, not the right one, or has no place to go is refused by name, and nothing half done is left.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use backup::{Identities, ReadBackupError, verify};

use super::*;

/// A shop, its backup, and another place with its keyring.
struct Scene {
    shop: Site,
    vault: Vault,
    files: [String; 2],
}

impl Scene {
    async fn set() -> Scene {
        Scene::of(4).await
    }

    async fn of(orders: u32) -> Scene {
        let shop = Site::fresh(Kind::Embedded).await;
        play(&shop, orders).await;
        let vault = Vault::new(&shop).await;
        let files = vault.back_up(&shop).await;
        Scene { shop, vault, files }
    }

    fn identities(&self) -> Identities {
        Identities::read(&[PathBuf::from(self.vault.identity())]).unwrap()
    }
}

#[tokio::test]
async fn a_file_that_was_cut_or_changed_anywhere_is_refused() {
    let scene = Scene::set().await;
    let identities = scene.identities();
    for file in &scene.files {
        let whole = std::fs::read(file).unwrap();
        let changed = scene.vault.folder.path().join("changed");
        let read = |bytes: &[u8]| {
            std::fs::write(&changed, bytes).unwrap();
            verify(&changed, &identities)
        };
        assert!(read(&whole).is_ok());
        let places = (0..400).chain((400..whole.len()).step_by(whole.len() / 150)).chain([whole.len() - 1]);
        for place in places.clone() {
            let cut = read(&whole[..place]);
            assert!(matches!(&cut, Err(error) if names_damage(error)), "cut at {place}: {cut:?}");
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            let flipped = read(&flipped);
            // In the head a bit may be part of what says to whom it is encrypted.
            let other = matches!(flipped, Err(ReadBackupError::WrongIdentity(_))) && place < 400;
            assert!(other || matches!(&flipped, Err(error) if names_damage(error)), "flipped at {place}: {flipped:?}");
        }
        assert!(read(&[&whole[..], b"more"].concat()).is_err(), "something behind its end");
    }
}

fn names_damage(error: &ReadBackupError) -> bool {
    matches!(error, ReadBackupError::Damaged { .. } | ReadBackupError::NotABackup(_))
}

#[tokio::test]
async fn what_does_not_belong_together_is_refused_by_name() {
    let scene = Scene::set().await;
    let (vault, [log, keys]) = (&scene.vault, &scene.files);
    let place = Site::with_keyring_of(Kind::Embedded, &scene.shop).await;
    let restore = async |log: &String, keys: &String, words: &str| {
        vault.restore(&place, &[log.clone(), keys.clone()]).await.refused(words);
        assert_eq!(place.files(), Vec::<String>::new(), "{words}: nothing is left");
    };
    restore(keys, log, "is a backup of the keys, not of the log").await;
    restore(log, log, "is a backup of the log, not of the keys").await;
    let cut = text(&vault.folder.path().join("cut"));
    let whole = std::fs::read(keys).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    restore(log, &cut, "is damaged or cut short").await;
    restore(log, &vault.identity(), "is no backup of daybook").await;

    let other = Scene::set().await;
    other.vault.restore(&place, &scene.files).await.refused("encrypted to others");
    let theirs = vault.another();
    let [their_log, their_keys] = theirs.back_up(&other.shop).await;
    restore(log, &their_keys, "of different platforms").await;
    theirs.restore(&place, &[their_log, their_keys]).await.refused("belongs to another key store");

    // The log of a time when there were keys that the older file of the keys does not have.
    let later = vault.another();
    let [later_log, _] = later.back_up(&scene.shop).await;
    restore(&later_log, keys, "take a later file of the keys").await;
}

#[tokio::test]
async fn what_is_needed_beside_the_files_is_named() {
    let scene = Scene::set().await;
    let bare = Site::fresh(Kind::Embedded).await;
    scene.vault.restore(&bare, &scene.files).await.refused("the root key");
    std::fs::copy(scene.shop.data.path().join("root.key"), bare.data.path().join("root.key")).unwrap();
    scene.vault.restore(&bare, &scene.files).await.refused("it is in no backup");
    let ring = bare.data.path().join("epochs");
    std::fs::create_dir(&ring).unwrap();
    std::fs::copy(scene.shop.data.path().join("epochs/store"), ring.join("store")).unwrap();
    scene.vault.restore(&bare, &scene.files).await.refused("before the window");
    scene.vault.restore(&scene.shop, &scene.files).await.refused("log.db is there already");

    let folder = text(scene.vault.folder.path());
    let one = ["backup", "--log-to", &folder, "--keys-to", &folder, "--recipient", &scene.vault.recipient];
    scene.shop.run(&one).await.refused("kept apart");
    scene.shop.run(&["backup", "--log-to", &folder]).await.refused("nobody is named");
    scene.shop.run(&["backup", "--log-to", &folder, "--recipient", "age1nobody"]).await.refused("is no recipient");
    let secret = std::fs::read_to_string(scene.vault.identity()).unwrap();
    let secret = secret.lines().last().unwrap();
    let ran = scene.shop.run(&["backup", "--log-to", &folder, "--recipient", secret]).await;
    ran.refused("is no recipient");
    assert!(!ran.err.contains(secret), "a secret that was given by mistake is not repeated");
}

/// A file may have so many blocks of 512 bytes, and then the disk is full.
fn run_limited(site: &Site, blocks: u32, args: &[&str]) -> Output {
    let binary = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("daybook");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.arg0("sh").args(["-c", &script]).arg(binary).args(args).arg("--data").arg(site.data.path());
    command.envs(site.environment.iter().map(|(name, value)| (*name, value.as_str()))).output().unwrap()
}

#[tokio::test]
async fn on_a_full_disk_nothing_half_done_is_left() {
    let scene = Scene::of(150).await;
    let other = scene.vault.another();
    let [log, keys] = ["log", "keys"].map(|name| other.folder.path().join(name));
    let before = [names(&log), names(&keys)];
    let args = ["backup", "--log-to", &text(&log), "--keys-to", &text(&keys), "--recipient", &scene.vault.recipient];
    let size = std::fs::metadata(&scene.files[0]).unwrap().len();
    // More than SQLite's shared memory needs, less than the backup: then nothing of the log is there, and the keys were not begun.
    let blocks = u32::try_from(size / 512 / 2).unwrap().max(70);
    assert!(u64::from(blocks) * 512 < size, "{size} bytes: the shop is too small for this test");
    let ran = run_limited(&scene.shop, blocks, &args);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && said.contains("cannot be written"), "{said}");
    assert_eq!([names(&log), names(&keys)], before, "{said}");

    let place = Site::with_keyring_of(Kind::Embedded, &scene.shop).await;
    let [log, keys] = &scene.files;
    let identity = scene.vault.identity();
    let args = ["restore", "--log-file", log, "--keys-file", keys, "--identity", &identity];
    let ran = run_limited(&place, 100, &args);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1), "{said}");
    assert_eq!(place.files(), Vec::<String>::new(), "{said}");
    scene.vault.restore(&place, &scene.files).await.json();
}
