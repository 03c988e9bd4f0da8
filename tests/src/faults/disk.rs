//! A disk that is full in the middle of the traffic: what cannot be kept is not acknowledged, and when there is room again it goes on
//! by itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::producers::{deliveries, facts};
use super::*;
use crate::erasure::{Platform, try_send};

/// Bytes of the file system: room for three write-ahead logs of 64 MiB. What is left of it is taken by a ballast.
const SIZE: u64 = 512 << 20;

/// A small file system in memory, which ends with the value.
struct SmallDisk {
    at: tempfile::TempDir,
}

impl SmallDisk {
    /// None where it may not be mounted: that takes root.
    fn mount() -> Option<SmallDisk> {
        let at = testkit::scratch();
        let options = format!("size={SIZE}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(SmallDisk { at })
    }

    fn ballast(&self) -> PathBuf {
        self.at.path().join("ballast")
    }

    /// Takes all but so many bytes.
    fn fill(&self, but: u64) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        let mut taken = 0;
        while let Ok(written) = ballast.write(&[1; 4_096]) {
            taken += written as u64;
        }
        ballast.set_len(taken.checked_sub(but).unwrap()).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn folder(&self) -> tempfile::TempDir {
        tempfile::TempDir::new_in::<&Path>(self.at.path()).unwrap()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps it until they close it.
        Command::new("umount").arg("-l").arg(self.at.path()).status().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_is_got_over() {
    let Some(disk) = SmallDisk::mount() else {
        assert!(!is_whole(), "a small file system cannot be mounted here: that takes root");
        println!("a small file system cannot be mounted here: a full disk is not tried");
        return;
    };
    let (extent, seed) = extent();
    let deliveries = deliveries(extent.webhooks / 10 + 50, seed);
    let calm = calm(&facts(&deliveries)).await;
    let backend = Backend::in_folder(disk.folder(), 4).await;
    let environment = environment(&backend, &[]);
    let platform = Platform { backend, environment };
    platform.add_tenant().await;
    let mut process = start(&platform.backend, "up", &[]);
    let port = process.port(LONG).await.unwrap_or_else(|error| panic!("{error}: {}", process.stderr()));
    let (client, base) = (reqwest::Client::builder().no_proxy().build().unwrap(), format!("http://127.0.0.1:{port}"));
    let (mut refused, mut is_full) = (0, false);
    for (number, delivery) in deliveries.iter().enumerate() {
        if number == deliveries.len() / 3 {
            disk.fill(64 << 10);
            is_full = true;
        }
        let taken = async || {
            let status = try_send(&client, &base, delivery).await.ok();
            match status {
                Some(status) if status.is_success() => true,
                Some(status) => {
                    assert!(status.is_server_error(), "{status}");
                    refused += u32::from(is_full);
                    if is_full && refused > 5 {
                        disk.make_room();
                        is_full = false;
                    }
                    false
                }
                None => panic!("the connection is gone: {}", process.stderr()),
            }
        };
        let answered = testkit::wait_until(LONG, taken).await;
        answered.unwrap_or_else(|error| panic!("not taken: {error}: {}", process.stderr()));
    }
    assert!(refused > 5, "the disk was never full");
    testkit::wait_until(LONG, async || is_folded(&platform.backend).await).await.unwrap();
    assert!(process.terminate(LONG).await.unwrap().success(), "{}", process.stderr());
    require_calm_books(&platform.backend, &calm, "a full disk").await;
    println!("{} webhooks, {refused} refused while the disk was full", deliveries.len());
}
