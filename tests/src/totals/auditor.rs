//! An auditor who was given a checkpoint before, and the commands that say what is past its time.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::Shop;
use crate::audit::auditor;
use crate::backend::Kind;
use crate::keys::NOVEMBER;

const SOON: Duration = Duration::from_secs(60);

impl Shop {
    async fn good(&self, args: &[&str]) -> Value {
        let environment = self.backend.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let args = [args, &["--tenant", "kohsar", "--json"]].concat();
        let mut running = testkit::Daybook::start(self.backend.folder.path(), &args, &environment).unwrap();
        let status = running.ended(SOON).await.unwrap();
        let out = running.stdout();
        assert_eq!(status.code(), Some(0), "{args:?}: {out}{}", running.stderr());
        serde_json::from_str(&out).unwrap()
    }

    fn file(&self, name: &str) -> String {
        self.backend.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

fn audited(export: &str, checkpoint: &str, key: &str) -> String {
    let ran = Command::new(auditor()).args([export, "--checkpoint", checkpoint, "--public-key", key]).output().unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{told}");
    told
}

/// The lines behind the first empty one: the trial balance.
fn trial(told: &str) -> &str {
    told.split_once("\n\n").unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_confirms_a_checkpoint_from_before_and_the_same_trial_balance() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let shop = Shop::open(kind).await;
        let (key, checkpoint, export) = (shop.file("c.key"), shop.file("c.json"), shop.file("j.jsonl"));
        let key = audit::new_key_file(std::path::Path::new(&key), &[7; 32]).map(|signer| (key, signer)).unwrap();
        let public = key.1.public_key().to_string();
        shop.good(&["ledger", "checkpoint", "--key", &key.0, "--out", &checkpoint]).await;
        shop.good(&["export", "journal", "--out", &export]).await;
        let before = audited(&export, &checkpoint, &public);

        let due = shop.good(&["privacy", "retention", "show"]).await;
        assert_eq!(due["books"]["months"]["2019-04"], 2, "{due}");
        assert_eq!((&due["books"]["kept"]["goods"], &due["books"]["replaced_parts"]), (&2.into(), &0.into()), "{due}");
        shop.pass(NOVEMBER).await;
        shop.good(&["export", "journal", "--out", &export]).await;
        let after = audited(&export, &checkpoint, &public);
        assert_eq!(trial(&after), trial(&before), "{kind:?}");
        assert!(after.contains("totals stand for them"), "{after}");
        let text = std::fs::read_to_string(&export).unwrap();
        assert!(!text.contains("PX-2019") && !text.contains("order/94"), "{kind:?}: no detail is left in it");
        assert!(text.contains("PX-91"), "{kind:?}");
        let again = shop.file("again.json");
        shop.good(&["ledger", "checkpoint", "--key", &key.0, "--out", &again]).await;
        audited(&export, &again, &public);
        let verified = shop.good(&["ledger", "verify"]).await;
        assert_eq!(verified["holds"], true, "{verified}");
        let due = shop.good(&["privacy", "retention", "show"]).await;
        assert!(due["books"]["replaced_parts"].as_u64().unwrap() > 11, "{due}");
        assert_eq!(shop.good(&["privacy", "retention", "late"]).await["late"], serde_json::json!([]));
    }
}
