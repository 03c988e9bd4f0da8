//! What proves an erasure: nothing is certified before it, the certificate names nobody, it is checked by the person with the
//! auditor's program and by the operator against the platform, and it fails when something comes back.

use std::path::{Path, PathBuf};
use std::process::Command;

use sample_shop::Planted;
use store::db::Value;
use testkit::Daybook;

use super::{LONG, Platform, traces};
use crate::audit::auditor;
use crate::backend::Kind;

/// A key for certificates, and a place for them.
pub(super) struct Officer {
    folder: tempfile::TempDir,
    public_key: String,
}

/// What a program answered: its exit code, and all it printed.
type Answered = (Option<i32>, String);

async fn run(platform: &Platform, args: &[&str]) -> Answered {
    let mut process: Daybook = platform.start(args);
    let status = process.ended(LONG).await.unwrap();
    (status.code(), process.stdout() + &process.stderr())
}

impl Officer {
    pub(super) async fn new(platform: &Platform) -> Officer {
        let folder = testkit::scratch();
        let key = folder.path().join("certificates.key");
        let made = platform.run(&["ledger", "checkpoint-key", "new", key.to_str().unwrap(), "--json"]).await;
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        Officer { public_key: made["public_key"].as_str().unwrap().to_owned(), folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn certify(&self, platform: &Platform, order: &str) -> Answered {
        let (key, out) = (self.file("certificates.key"), self.file("certificate.json"));
        let (key, out) = (key.to_str().unwrap(), out.to_str().unwrap());
        run(platform, &["privacy", "certificate", "--order", order, "--key", key, "--out", out]).await
    }

    async fn verify(&self, platform: &Platform, file: &Path) -> Answered {
        run(platform, &["privacy", "verify", file.to_str().unwrap(), "--public-key", &self.public_key]).await
    }

    /// Nobody is certified to be gone who is not.
    pub(super) async fn refuses(&self, platform: &Platform, order: &str) {
        let (code, told) = self.certify(platform, order).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("daybook erase") && !self.file("certificate.json").exists(), "{told}");
    }

    /// After the erasure, as often as anybody asks.
    pub(super) async fn certifies(&self, platform: &Platform, order: &str, somebody: &Planted) {
        let (code, told) = self.certify(platform, order).await;
        assert_eq!(code, Some(0), "{told}");
        let file = self.file("certificate.json");
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(!traces(somebody).iter().any(|trace| written.contains(trace) || told.contains(trace)));
        assert!(!written.contains(order), "it says nothing of what they ordered");
        let (code, told) = self.verify(platform, &file).await;
        assert!(code == Some(0) && told.contains("the certificate holds"), "{told}");
        self.offline(&file, Some(0), "the signature is good");

        let forged = self.file("forged.json");
        std::fs::write(&forged, written.replace("\"reason\": \"person\"", "\"reason\": \"shop\"")).unwrap();
        self.offline(&forged, Some(1), "the certificate's signature does not match");
        let (code, told) = self.verify(platform, &forged).await;
        assert!(code == Some(1) && told.contains("signature does not match"), "{told}");
        self.notices_what_came_back(platform, &file, &written).await;
        self.does_not_hold_elsewhere(&file).await;
    }

    /// What the person can do with it, who has no platform.
    fn offline(&self, file: &Path, expected: Option<i32>, says: &str) {
        let ran =
            Command::new(auditor()).arg("--certificate").arg(file).args(["--public-key", &self.public_key]).output();
        let ran = ran.unwrap();
        let told = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.code() == expected && told.contains(says), "{told}");
    }

    /// On a platform that has never heard of it.
    async fn does_not_hold_elsewhere(&self, file: &Path) {
        let elsewhere = Platform::fresh(Kind::Embedded).await;
        elsewhere.add_tenant().await;
        let (code, told) = self.verify(&elsewhere, file).await;
        assert!(code == Some(1) && told.contains("no erasure of that subject is on record here"), "{told}");
        assert!(told.contains("does not hold"), "{told}");
    }

    async fn notices_what_came_back(&self, platform: &Platform, file: &Path, written: &str) {
        let stated: serde_json::Value = serde_json::from_str(written).unwrap();
        let subject = stated["statement"]["subject"].as_str().unwrap();
        let put = async |sealed: Option<Vec<u8>>| {
            let args: Vec<Value> = vec![subject.into(), sealed.into()];
            let unit = platform.backend.db.run_tx("bring-back", move |tx| {
                let args = args.clone();
                Box::pin(async move { tx.execute("UPDATE person SET sealed = $2 WHERE subject = $1", args).await })
            });
            unit.await.unwrap()
        };
        assert!(put(Some(vec![1])).await > 0, "they had details here");
        let (code, told) = self.verify(platform, file).await;
        assert!(code == Some(1) && told.contains("does not hold any more"), "{told}");
        put(None).await;
        let (code, told) = self.verify(platform, file).await;
        assert_eq!(code, Some(0), "{told}");
    }
}
