//! An approval is of what stood under the id when it was given, on both back ends.

use commerce::{Fact, VoucherApproved, VoucherEntered, VoucherKind};
use ledger::{Currency, Day, Entry, Money, Timestamp};
use serde_json::{Value, json};

use super::{BOTH, Office, event, is_refused, open_books, rebuild, rent, tenant};
use crate::books::{append, config, findings, open_hash};

/// The rent of February as somebody enters it at another desk, at this instant.
fn elsewhere(at: i64, id: &str, rupees: i64) -> VoucherEntered {
    let amount = Money::new(rupees * 100, Currency::PKR);
    VoucherEntered {
        entered_at: Timestamp(at),
        voucher: id.parse().unwrap(),
        kind: VoucherKind::Expense,
        // 2025-02-03.
        day: Day(20_122),
        entries: vec![
            Entry::debit("expenses:rent".parse().unwrap(), amount),
            Entry::credit("assets:cash".parse().unwrap(), amount),
        ],
        reverses: None,
        by: "finance-2".parse().unwrap(),
        reason: "monthly-rent".parse().unwrap(),
        attachments: vec![],
        needs_approval: true,
    }
}

async fn put(office: &Office, fact: Fact) {
    append(&office.backend.log, &[event(fact)]).await;
    processor::catch_up(config(10), &office.backend.log, &office.backend.db).await.unwrap();
}

async fn listed(office: &Office, id: &str) -> Value {
    let listed = office.good(&["ledger", "vouchers"]).await;
    listed["vouchers"].as_array().unwrap().iter().find(|one| one["voucher"] == id).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_of_what_stood_then() {
    for kind in BOTH {
        let office = Office::open(kind).await;
        open_books(&office).await;
        office.good(&["ledger", "limit", "--currency", "PKR", "--amount", "20000.00"]).await;
        assert_eq!(office.entered(&rent("rent-3", 20_001)).await["state"], "waiting");

        // Looked at, and nothing written.
        let before = office.written().await;
        let look = office.good(&["ledger", "approve", "rent-3", "--by", "owner", "--dry-run"]).await;
        assert_eq!((&look["state"], &look["dry_run"]), (&json!("posted"), &json!(true)), "{look}");
        assert_eq!(look["content"]["entries"][0]["debit"], 2_000_100, "{look}");
        assert_eq!(look["content"]["by"], "finance-2");
        assert_eq!(look["digest"], listed(&office, "rent-3").await["digest"]);
        assert_eq!(office.written().await, before, "{kind:?}: a dry run writes nothing");

        // Meanwhile somebody enters more under the id, and it takes the place of what was looked at.
        put(&office, Fact::VoucherEntered(elsewhere(5, "rent-3", 30_000))).await;
        let seen = look["digest"].as_str().unwrap().to_owned();
        let before = office.written().await;
        let with_digest = ["ledger", "approve", "rent-3", "--by", "owner", "--digest", &seen];
        is_refused(office.run(&with_digest).await, "other_content", None);
        assert_eq!(office.written().await, before, "{kind:?}: nothing was written");

        // An approval of the first content reaches the log from elsewhere: it is kept, and does not count.
        let (by, voucher) = ("owner".parse().unwrap(), "rent-3".parse().unwrap());
        let digest = Some(seen.parse().unwrap());
        put(&office, Fact::VoucherApproved(VoucherApproved { approved_at: Timestamp(9), voucher, by, digest })).await;
        let waits = listed(&office, "rent-3").await;
        let not_counted = json!([{ "by": "owner", "why": "other_content" }]);
        assert_eq!((&waits["state"], &waits["not_counted"]), (&json!("waiting"), &not_counted), "{waits}");
        assert_eq!((&waits["approved_by"], &waits["numbers"]), (&json!([]), &json!([])), "{waits}");

        // The same person approves what stands now.
        let stands = listed(&office, "rent-3").await["digest"].as_str().unwrap().to_owned();
        let approved = office.good(&["ledger", "approve", "rent-3", "--by", "owner", "--digest", &stands]).await;
        assert_eq!((&approved["state"], &approved["approved_by"]), (&json!("posted"), &json!(["owner"])));
        assert_eq!(office.balance("expenses:rent").await, 100_000 + 3_000_000);

        // And once more something else takes its place: what nobody approved leaves the books.
        put(&office, Fact::VoucherEntered(elsewhere(4, "rent-3", 35_000))).await;
        assert_eq!(listed(&office, "rent-3").await["state"], "waiting");
        assert_eq!(office.balance("expenses:rent").await, 100_000);
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
        let before = open_hash(&office.backend.db).await;
        rebuild(&office.backend).await;
        assert_eq!(open_hash(&office.backend.db).await, before, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_from_before_digests_counts_by_the_id() {
    for kind in BOTH {
        let office = Office::open(kind).await;
        let old = elsewhere(5, "rent-old", 30_000);
        let (approved_at, voucher, by) = (Timestamp(6), old.voucher.clone(), "owner".parse().unwrap());
        put(&office, Fact::VoucherEntered(old)).await;
        assert_eq!(listed(&office, "rent-old").await["state"], "waiting");
        put(&office, Fact::VoucherApproved(VoucherApproved { approved_at, voucher, by, digest: None })).await;
        let posted = listed(&office, "rent-old").await;
        assert_eq!(
            (&posted["state"], &posted["approved_by"]),
            (&json!("posted"), &json!(["owner"])),
            "{tenant:?}",
            tenant = tenant()
        );
    }
}
