//! A whole journal taken from one merchant's books into another's, through the real binary: every account has the balance it
//! had there on every day, the same file again changes nothing, and what may not be brought in writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use commerce::{Fact, Part, PeriodClosed, TenantId};
use events::{Event, Source, Topic};
use ledger::{Day, Timestamp};
use serde_json::{Value, json};
use store::books;
use store::db::Db;
use testkit::{Daybook, real_data, scratch};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash, sample};

const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];
const LONG: Duration = Duration::from_secs(600);
/// Accounts with a sub-ledger, and those beside them where an import puts what it finds there.
const MOVED: [(&str, &str); 2] = [
    ("assets:cod-receivable:postex", "assets:imported:cod-receivable:postex"),
    ("assets:inventory", "assets:imported:inventory"),
];

/// Nets by account, currency and effective day, minor units; zeros left out.
type ByDay = BTreeMap<(String, String, i64), i64>;

fn shop() -> TenantId {
    "sample-shop".parse().unwrap()
}

fn heir() -> TenantId {
    "heir".parse().unwrap()
}

/// A back end and the binary.
struct Office {
    backend: Backend,
}

impl Office {
    async fn run(&self, args: &[&str]) -> (Option<i32>, Value) {
        let environment = self.backend.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        json_of(self.backend.folder.path(), args, &environment).await
    }

    async fn good(&self, args: &[&str]) -> Value {
        let (code, answer) = self.run(args).await;
        assert_eq!(code, Some(0), "{args:?}: {answer}");
        answer
    }

    /// The shop's journal as a file.
    async fn exported(&self) -> PathBuf {
        let file = self.backend.folder.path().join("shop.jsonl");
        self.good(&["export", "journal", "--tenant", "sample-shop", "--out", file.to_str().unwrap()]).await;
        file
    }

    async fn import(&self, file: &Path) -> (Option<i32>, Value) {
        self.import_for("heir", file).await
    }

    async fn import_for(&self, tenant: &str, file: &Path) -> (Option<i32>, Value) {
        self.run(&["import", "journal", file.to_str().unwrap(), "--tenant", tenant, "--by", "finance-2"]).await
    }

    /// That an import is refused with these words, and nothing is written.
    async fn refuses(&self, file: &Path, why: &str) {
        let before = self.written().await;
        let (code, answer) = self.import(file).await;
        assert_eq!(code, Some(1), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(why), "{why}: {answer}");
        assert_eq!(self.written().await, before, "{why}");
    }

    async fn written(&self) -> Vec<Vec<u64>> {
        let mut ends = Vec::new();
        for topic in Topic::ALL {
            ends.push(self.backend.log.end_offsets(topic).await.unwrap());
        }
        ends
    }
}

async fn json_of(data: &Path, args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, Value) {
    let args = [args, &["--json"]].concat();
    let mut running = Daybook::start(data, &args, environment).unwrap();
    let status = running.ended(LONG).await.unwrap();
    let out = running.stdout();
    let answer = serde_json::from_str(&out);
    (status.code(), answer.unwrap_or_else(|_| panic!("{args:?}: {out}{}", running.stderr())))
}

async fn by_day(db: &Db, tenant: &TenantId) -> ByDay {
    let mut nets = ByDay::new();
    for (of, account, currency, day, _, total) in books::balances(db).await.unwrap() {
        if of == *tenant {
            *nets.entry((account, currency, day)).or_default() += total.debits - total.credits;
        }
    }
    nets.retain(|_, net| *net != 0);
    nets
}

/// The same, with accounts named as they are in the books of the heir.
fn moved(nets: ByDay) -> ByDay {
    let beside = |account: &str| MOVED.iter().find(|(from, _)| *from == account).map(|(_, to)| (*to).to_owned());
    let name = |account: String| beside(&account).unwrap_or(account);
    nets.into_iter().map(|((account, currency, day), net)| ((name(account), currency, day), net)).collect()
}

/// A shop whose books were closed half way, so that corrections of closed days stand on later ones, and an heir without books.
async fn shop_and_heir(kind: Kind) -> Office {
    let office = Office { backend: Backend::fresh(kind, 3).await };
    let (log, db) = (&office.backend.log, &office.backend.db);
    let (events, _) = sample(150, 5);
    let (early, late) = events.split_at(events.len() / 2);
    office.good(&["tenant", "add", "sample-shop"]).await;
    office.good(&["tenant", "add", "heir"]).await;
    append(log, early).await;
    processor::catch_up(config(500), log, db).await.unwrap();
    let (by, reason) = ("owner".parse().unwrap(), "year-end".parse().unwrap());
    let closed = PeriodClosed { decided_at: Timestamp(1), through: Day(20_800), by, reason };
    append(log, &[Event::fact(shop(), Source::DAYBOOK, Timestamp(1), Fact::PeriodClosed(closed), Vec::new())]).await;
    processor::catch_up(config(500), log, db).await.unwrap();
    let backwards: Vec<Event> = late.iter().rev().cloned().collect();
    append(log, &backwards).await;
    processor::catch_up(config(200), log, db).await.unwrap();
    office
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_brought_in_has_every_balance_of_every_day_on_both_back_ends() {
    let mut told = Vec::new();
    for kind in BOTH {
        let office = shop_and_heir(kind).await;
        let db = &office.backend.db;
        let there = by_day(db, &shop()).await;
        assert!(MOVED.iter().all(|(from, _)| there.keys().any(|(account, ..)| account == from)), "{there:?}");
        let file = office.exported().await;
        let (code, answer) = office.import(&file).await;
        assert_eq!((code, &answer["agrees"]), (Some(0), &json!(true)), "{kind:?}: {answer}");
        assert_eq!(answer["moved"], json!(BTreeMap::from(MOVED)), "{answer}");
        assert_eq!(by_day(db, &heir()).await, moved(there), "{kind:?}");
        let undone = answer["left_out"]["undone"].as_u64().unwrap();
        assert!(undone > 0 && answer["vouchers"].as_u64().unwrap() > 150, "{answer}");
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");

        let before = (office.written().await, open_hash(db).await);
        let (code, again) = office.import(&file).await;
        assert_eq!((code, &again["vouchers"], &again["already"]), (Some(0), &json!(0), &answer["vouchers"]), "{again}");
        assert_eq!((office.written().await, open_hash(db).await), before, "{kind:?}: the same file changes nothing");
        let pending = answer["left_out"]["pending_entries"].clone();
        told.push((answer["vouchers"].clone(), pending, answer["accounts_opened"].clone()));
        goes_on_after_an_interruption(&office, &file).await;
        let before = (office.written().await, open_hash(db).await);

        office.good(&["rebuild", "books"]).await;
        assert_eq!(open_hash(db).await, before.1, "{kind:?}: it is all on the log");
    }
    assert_eq!(told[0], told[1]);
}

/// Another heir for whom only the first hundred vouchers reached the log.
async fn goes_on_after_an_interruption(office: &Office, file: &Path) {
    let (log, db) = (&office.backend.log, &office.backend.db);
    office.good(&["tenant", "add", "cousin"]).await;
    let cousin: TenantId = "cousin".parse().unwrap();
    let entered = books::vouchers(db, &heir()).await.unwrap().into_iter().filter_map(|row| match row.part {
        Part::Voucher(voucher) => voucher.entered.map(Fact::VoucherEntered),
        _ => None,
    });
    let event = |fact| Event::fact(cousin.clone(), Source::DAYBOOK, Timestamp(1), fact, Vec::new());
    append(log, &entered.take(100).map(event).collect::<Vec<_>>()).await;
    let (code, answer) = office.import_for("cousin", file).await;
    assert_eq!((code, &answer["already"], &answer["agrees"]), (Some(0), &json!(100), &json!(true)), "{answer}");
    assert_eq!(by_day(db, &cousin).await, by_day(db, &heir()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_brought_in_writes_nothing() {
    for kind in BOTH {
        let office = shop_and_heir(kind).await;
        let file = office.exported().await;
        let text = std::fs::read_to_string(&file).unwrap();
        let broken = file.with_extension("broken");
        let half: usize = text.lines().take(20).map(|line| line.len() + 1).sum();
        std::fs::write(&broken, &text[..half]).unwrap();
        office.refuses(&broken, "ends without its last line").await;
        std::fs::write(&broken, text.replacen("\"minor\":", "\"minor\":1", 1)).unwrap();
        office.refuses(&broken, "line 2, number 1").await;

        let limit = ["ledger", "limit", "--tenant", "heir", "--currency", "PKR"];
        office.good(&[&limit[..], &["--amount", "1.00"]].concat()).await;
        office.refuses(&file, "above the merchant's limit").await;
        office.good(&[&limit[..], &["--none"]].concat()).await;

        let close =
            ["ledger", "close", "--tenant", "heir", "--through", "2026-10-01", "--by", "owner", "--reason", "x"];
        office.good(&close).await;
        office.refuses(&file, "is closed").await;
        office.good(&["ledger", "reopen", "--tenant", "heir", "--by", "owner", "--reason", "x"]).await;

        let rent = json!({ "voucher": "rent", "kind": "expense", "day": "2026-01-05", "by": "owner", "reason": "rent", "entries": [
            { "account": "expenses:general", "currency": "PKR", "debit": 5 },
            { "account": "assets:bank", "currency": "PKR", "credit": 5 },
        ] });
        let voucher = office.backend.folder.path().join("rent.json");
        std::fs::write(&voucher, rent.to_string()).unwrap();
        office.good(&["ledger", "enter", voucher.to_str().unwrap(), "--tenant", "heir"]).await;
        office.refuses(&file, "something else stands in the books of heir").await;
        office.good(&["tenant", "close", "heir"]).await;
        office.refuses(&file, "the tenant is closed").await;
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retail_years_journal_is_brought_in() {
    let Some(file) = real_data().map(|folder| folder.join("bulk/online_retail_II_2009-2010.csv.gz")) else { return };
    if !file.is_file() {
        eprintln!("skipped: no retail year in the real data");
        return;
    }
    let (data, none) = (scratch(), [("DAYBOOK_KAFKA", ""), ("DAYBOOK_POSTGRES", "")]);
    // Invoices that are not understood are counted, and the import says so with its exit code.
    json_of(data.path(), &["import", "retail", file.to_str().unwrap()], &none).await;
    let exported = data.path().join("retail.jsonl");
    let out = exported.to_str().unwrap();
    for args in [&["export", "journal", "--tenant", "retail", "--out", out][..], &["tenant", "add", "heir"]] {
        assert_eq!(json_of(data.path(), args, &none).await.0, Some(0), "{args:?}");
    }
    let started = Instant::now();
    let import = ["import", "journal", out, "--tenant", "heir", "--by", "finance-2"];
    let (code, answer) = json_of(data.path(), &import, &none).await;
    eprintln!("imported in {:?}", started.elapsed());
    assert_eq!((code, &answer["agrees"]), (Some(0), &json!(true)), "{answer}");
    assert!(answer["vouchers"].as_u64().unwrap() > 10_000, "{}", answer["vouchers"]);
    let (code, verified) = json_of(data.path(), &["ledger", "verify", "--tenant", "heir"], &none).await;
    assert_eq!((code, &verified["holds"]), (Some(0), &json!(true)), "{verified}");
}
