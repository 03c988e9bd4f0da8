//! What people enter into the books, through the real binary on both back ends: admitted once, refused by name with nothing
//! written, approved by a second person; and what comes late for a closed period.

mod approvals;
mod reversals;

use std::time::Duration;

use commerce::{Fact, PartKey, PayoutBanked, PeriodClosed, PeriodReopened, TenantId};
use events::{Event, Source, Topic};
use ledger::{Currency, Day, Money, Timestamp};
use processor::BooksHash;
use serde_json::{Value, json};
use store::books::{self, Projection};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};

const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];
const SOON: Duration = Duration::from_secs(60);

fn tenant() -> TenantId {
    "kohsar".parse().unwrap()
}

/// A merchant's office: a back end and the binary.
pub(crate) struct Office {
    pub(crate) backend: Backend,
}

impl Office {
    pub(crate) async fn open(kind: Kind) -> Office {
        let office = Office { backend: Backend::fresh(kind, 2).await };
        office.good(&["tenant", "add", "kohsar"]).await;
        for account in [
            &["expenses:rent"][..],
            &["assets:petty-cash", "--currency", "PKR", "--never-negative"],
            &["assets:bank-usd", "--currency", "USD"],
        ] {
            office.good(&[&["ledger", "account", "add", "--by", "owner"], account].concat()).await;
        }
        office
    }

    /// The exit code and the object a command answers.
    pub(crate) async fn run(&self, args: &[&str]) -> (Option<i32>, Value) {
        let environment = self.backend.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let args = [args, &["--json"]].concat();
        let mut running = testkit::Daybook::start(self.backend.folder.path(), &args, &environment).unwrap();
        let status = running.ended(SOON).await.unwrap();
        let out = running.stdout();
        let answer = serde_json::from_str(&out);
        (status.code(), answer.unwrap_or_else(|_| panic!("{args:?}: {out}{}", running.stderr())))
    }

    pub(crate) async fn good(&self, args: &[&str]) -> Value {
        let (code, answer) = self.run(args).await;
        assert_eq!(code, Some(0), "{args:?}: {answer}");
        answer
    }

    async fn enter(&self, body: &Value, more: &[&str]) -> (Option<i32>, Value) {
        let file = self.backend.folder.path().join("voucher.json");
        std::fs::write(&file, body.to_string()).unwrap();
        self.run(&[&["ledger", "enter", file.to_str().unwrap()], more].concat()).await
    }

    async fn entered(&self, body: &Value) -> Value {
        let (code, answer) = self.enter(body, &[]).await;
        assert_eq!(code, Some(0), "{answer}");
        answer
    }

    /// Everything that a command could have written.
    pub(crate) async fn written(&self) -> (BooksHash, Vec<Vec<u64>>) {
        let mut ends = Vec::new();
        for topic in Topic::ALL {
            ends.push(self.backend.log.end_offsets(topic).await.unwrap());
        }
        (open_hash(&self.backend.db).await, ends)
    }

    async fn balance(&self, account: &str) -> i64 {
        let trial = books::trial_balance(&self.backend.db, &tenant()).await.unwrap();
        trial.rows.iter().filter(|row| row.account.as_str() == account).map(|row| row.debit - row.credit).sum()
    }
}

type Line<'a> = (&'a str, &'a str, i64, &'a str);

fn voucher(id: &str, day: &str, lines: &[Line<'_>]) -> Value {
    let entry = |(account, side, minor, currency): &Line<'_>| {
        let mut entry = json!({ "account": account, "currency": currency });
        entry[*side] = json!(minor);
        entry
    };
    let entries: Vec<Value> = lines.iter().map(entry).collect();
    let (by, reason) = ("finance-2", "monthly-rent");
    json!({ "voucher": id, "kind": "expense", "day": day, "by": by, "reason": reason, "entries": entries })
}

/// Rent from the till, in rupees.
fn rent(id: &str, rupees: i64) -> Value {
    let minor = rupees * 100;
    voucher(id, "2025-02-03", &[("expenses:rent", "debit", minor, "PKR"), ("assets:cash", "credit", minor, "PKR")])
}

const BECAUSE: [&str; 4] = ["--by", "owner", "--reason", "typing-error"];

/// Rs 50,000 in the till; one rent paid, one paid and taken back; January closed.
async fn open_books(office: &Office) {
    let minor = 5_000_000;
    let opening = [("assets:cash", "debit", minor, "PKR"), ("equity:opening-balances", "credit", minor, "PKR")];
    assert_eq!(office.entered(&voucher("opening", "2025-01-01", &opening)).await["state"], "posted");
    office.entered(&rent("rent-1", 900)).await;
    let reversed = office.good(&[&["ledger", "reverse", "rent-1"], &BECAUSE[..]].concat()).await;
    assert_eq!(reversed["voucher"], "rent-1.reversed");
    office.entered(&rent("rent-2", 1_000)).await;
    let closed = office.good(&[&["ledger", "close", "--through", "2025-01-31"], &BECAUSE[..]].concat()).await;
    assert_eq!(closed["closed_through"], "2025-01-31");
    assert_eq!((office.balance("assets:cash").await, office.balance("expenses:rent").await), (4_900_000, 100_000));
}

/// Every refusal: what is entered, its name, and the entry to blame.
fn bad_input() -> Vec<(Value, &'static str, Option<u64>)> {
    let day = "2025-02-04";
    let bad = |lines: &[Line<'_>]| voucher("bad", day, lines);
    let much = 2_000_000_000_000_000;
    vec![
        (bad(&[("expenses:rent", "debit", 5, "PKR")]), "too_few_entries", None),
        (
            bad(&[("expenses:rent", "debit", 5, "PKR"), ("assets:cash", "credit", -5, "PKR")]),
            "amount_not_positive",
            Some(1),
        ),
        (
            bad(&[("expenses:nosuch", "debit", 5, "PKR"), ("assets:cash", "credit", 5, "PKR")]),
            "unknown_account",
            Some(0),
        ),
        (
            bad(&[("expenses:rent", "debit", 5, "PKR"), ("assets:cod-receivable:postex", "credit", 5, "PKR")]),
            "control_account",
            Some(1),
        ),
        (
            bad(&[("assets:bank-usd", "debit", 5, "PKR"), ("assets:cash", "credit", 5, "PKR")]),
            "wrong_currency",
            Some(0),
        ),
        (bad(&[("expenses:rent", "debit", 5, "PKR"), ("assets:bank", "credit", much, "PKR")]), "overflow", Some(1)),
        (
            bad(&[("expenses:rent", "debit", 5, "PKR"), ("assets:cash", "credit", 4, "PKR")]),
            "entries_do_not_balance",
            None,
        ),
        (
            bad(&[("expenses:rent", "debit", 5, "PKR"), ("assets:petty-cash", "credit", 5, "PKR")]),
            "would_go_negative",
            Some(1),
        ),
        (
            voucher("bad", "2025-01-31", &[("expenses:rent", "debit", 5, "PKR"), ("assets:cash", "credit", 5, "PKR")]),
            "closed_period",
            None,
        ),
        (rent("rent-2", 1_001), "duplicate_key", None),
        (voucher("bad", "1969-12-31", &[]), "day_out_of_range", None),
        (voucher("bad", "2999-01-01", &[]), "day_out_of_range", None),
    ]
}

fn is_refused((code, answer): (Option<i32>, Value), name: &str, index: Option<u64>) -> Value {
    assert_eq!(code, Some(1), "{name}: {answer}");
    assert_eq!(answer["refused"], json!({ "name": name, "index": index }), "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_has_one_name_and_writes_nothing() {
    let mut answers: Vec<Vec<Value>> = Vec::new();
    for kind in BOTH {
        let office = Office::open(kind).await;
        open_books(&office).await;
        let before = office.written().await;
        let mut said = Vec::new();
        for (body, name, index) in bad_input() {
            said.push(is_refused(office.enter(&body, &[]).await, name, index));
            said.push(is_refused(office.enter(&body, &["--dry-run"]).await, name, index));
        }
        for (args, name) in [
            (&["ledger", "reverse", "rent-1.reversed"][..], "reversal_of_reversal"),
            (&["ledger", "reverse", "nosuch"], "unknown_reversed"),
            (&["ledger", "reverse", "rent-1", "--id", "rent-1.again"], "already_reversed"),
        ] {
            said.push(is_refused(office.run(&[args, &BECAUSE[..]].concat()).await, name, None));
        }
        let again = office.entered(&rent("rent-2", 1_000)).await;
        assert_eq!((&again["already"], &again["journal"][0]["number"]), (&json!(true), &json!(4)), "{again}");
        office.good(&["tenant", "close", "kohsar"]).await;
        said.push(is_refused(office.enter(&rent("rent-3", 1), &[]).await, "tenant_closed", None));
        assert_eq!(office.written().await, before, "{kind:?}: nothing of it was written");
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1], "the same answers on both back ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_people_at_once_each_decides_by_what_the_others_recorded() {
    for kind in BOTH {
        let office = Office::open(kind).await;
        let float = [("assets:petty-cash", "debit", 100, "PKR"), ("equity:opening-balances", "credit", 100, "PKR")];
        assert_eq!(office.entered(&voucher("float", "2025-01-01", &float)).await["state"], "posted");
        let spend = async |id: &str| {
            let lines = [("expenses:rent", "debit", 100, "PKR"), ("assets:petty-cash", "credit", 100, "PKR")];
            let file = office.backend.folder.path().join(format!("{id}.json"));
            std::fs::write(&file, voucher(id, "2025-01-02", &lines).to_string()).unwrap();
            let (_, answer) = office.run(&["ledger", "enter", file.to_str().unwrap()]).await;
            answer["refused"]["name"].as_str().or(answer["state"].as_str()).unwrap().to_owned()
        };
        let (one, two, three) = tokio::join!(spend("one"), spend("two"), spend("three"));
        let mut said = [one, two, three];
        said.sort();
        assert_eq!(said, ["posted", "would_go_negative", "would_go_negative"], "{kind:?}");
        assert_eq!(office.balance("assets:petty-cash").await, 0, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_limit_does_not_lift_it() {
    let office = Office::open(BOTH[0]).await;
    let limits = async |more: &[&str]| office.good(&[&["ledger", "limit"], more].concat()).await["limits"].clone();
    let stands = json!({ "PKR": 500 });
    assert_eq!(limits(&["--currency", "PKR", "--amount", "5.00"]).await, stands);
    assert_eq!((limits(&[]).await, limits(&["--currency", "PKR"]).await), (stands.clone(), stands));
    assert_eq!(limits(&["--currency", "PKR", "--none"]).await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_approves_above_the_limit() {
    for kind in BOTH {
        let office = Office::open(kind).await;
        open_books(&office).await;
        let limit = office.good(&["ledger", "limit", "--currency", "PKR", "--amount", "20000.00"]).await;
        assert_eq!(limit["limits"]["PKR"], 2_000_000);
        let big = rent("rent-3", 20_001);
        let before = office.written().await;
        let would = office.enter(&big, &["--dry-run"]).await.1;
        assert_eq!((&would["state"], &would["dry_run"], &would["lag"]), (&json!("waiting"), &json!(true), &json!(0)));
        assert_eq!(office.written().await, before, "{kind:?}: a dry run writes nothing");

        assert_eq!(office.entered(&rent("rent-small", 20_000)).await["state"], "posted", "the limit itself is below");
        let waits = office.entered(&big).await;
        assert_eq!((&waits["state"], &waits["journal"]), (&json!("waiting"), &json!([])), "{waits}");
        assert_eq!(office.entered(&big).await["already"], true);
        let (code, own) = office.run(&["ledger", "approve", "rent-3", "--by", "finance-2"]).await;
        assert!(code == Some(1) && own["error"].as_str().unwrap().contains("somebody else"), "{own}");
        let approved = office.good(&["ledger", "approve", "rent-3", "--by", "owner"]).await;
        assert_eq!(
            (&approved["state"], &approved["journal"][0]["number"]),
            (&json!("posted"), &json!(6)),
            "{approved}"
        );
        assert_eq!(office.good(&["ledger", "approve", "rent-3", "--by", "owner"]).await["already"], true);
        // A later limit changes nothing that stands.
        office.good(&["ledger", "limit", "--currency", "PKR", "--amount", "1.00"]).await;

        office.entered(&rent("rent-4", 2)).await;
        let withdrawn = office.good(&[&["ledger", "withdraw", "rent-4"], &BECAUSE[..]].concat()).await;
        assert_eq!(withdrawn["state"], "withdrawn");
        assert_eq!(office.run(&["ledger", "approve", "rent-4", "--by", "owner"]).await.0, Some(1));
        assert_eq!(office.run(&[&["ledger", "withdraw", "rent-3"], &BECAUSE[..]].concat()).await.0, Some(1));

        let listed = office.good(&["ledger", "vouchers"]).await;
        let states: Vec<&str> =
            listed["vouchers"].as_array().unwrap().iter().filter_map(|v| v["state"].as_str()).collect();
        assert_eq!(states, ["posted", "posted", "posted", "posted", "posted", "withdrawn", "posted"], "{listed}");
        assert_eq!(office.balance("expenses:rent").await, 100_000 + 2_000_000 + 2_000_100);
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
        let before = open_hash(&office.backend.db).await;
        rebuild(&office.backend).await;
        assert_eq!(open_hash(&office.backend.db).await, before, "{kind:?}");
    }
}

async fn rebuild(backend: &Backend) {
    let progress = &mut |_| {};
    processor::rebuild(config(3), &backend.log, &backend.db, Projection::Books, progress).await.unwrap();
}

fn event(fact: Fact) -> Event {
    Event::fact(tenant(), Source::DAYBOOK, Timestamp(0), fact, Vec::new())
}

fn banked(day: i32, receipt: &str, minor: i64) -> Event {
    let (courier, receipt) = ("postex".parse().unwrap(), receipt.parse().unwrap());
    let amount = Money::new(minor, Currency::PKR);
    event(Fact::PayoutBanked(PayoutBanked { banked_on: Day(day), courier, receipt, amount }))
}

fn closed(at: i64, through: i32) -> Event {
    let (by, reason) = ("owner".parse().unwrap(), "month-end".parse().unwrap());
    event(Fact::PeriodClosed(PeriodClosed { decided_at: Timestamp(at), through: Day(through), by, reason }))
}

fn reopened(at: i64, through: Option<i32>) -> Event {
    let (by, reason) = ("owner".parse().unwrap(), "late-invoice".parse().unwrap());
    event(Fact::PeriodReopened(PeriodReopened { decided_at: Timestamp(at), through: through.map(Day), by, reason }))
}

/// The days on which a payout's postings occurred and count, in order, with what each undoes.
async fn days(backend: &Backend, receipt: &str) -> Vec<(i32, i32, Option<u64>)> {
    let part = PartKey::Payout("postex".parse().unwrap(), receipt.parse().unwrap());
    let lines = books::journal_of(&backend.db, &tenant(), &part).await.unwrap();
    let day = |line: &books::JournalLine| {
        let transaction = &line.posted.transaction;
        (transaction.occurred().0, transaction.effective().0, line.posted.reverses)
    };
    lines.iter().map(day).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_lands_on_the_first_open_day_and_says_when_it_occurred() {
    let mut hashes = Vec::new();
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        let fold = async |events: &[Event]| {
            append(&backend.log, events).await;
            processor::catch_up(config(100), &backend.log, &backend.db).await.unwrap();
        };
        fold(&[banked(10, "CPR-1", 500)]).await;
        // The decision and what it delays come in one batch, and the decision not even first.
        fold(&[banked(15, "CPR-2", 700), closed(1, 20), banked(21, "CPR-3", 50)]).await;
        assert_eq!(days(&backend, "CPR-1").await, [(10, 10, None)], "what stood stays");
        assert_eq!(days(&backend, "CPR-2").await, [(15, 21, None)]);
        assert_eq!(days(&backend, "CPR-3").await, [(21, 21, None)]);
        // A correction of a closed day undoes and replaces on the first open one.
        fold(&[banked(10, "CPR-1", 600)]).await;
        assert_eq!(days(&backend, "CPR-1").await, [(10, 10, None), (10, 21, Some(1)), (10, 21, None)]);
        let before = open_hash(&backend.db).await;
        rebuild(&backend).await;
        assert_eq!(open_hash(&backend.db).await, before, "{kind:?}: a rebuild moves nothing");
        assert_eq!(days(&backend, "CPR-2").await, [(15, 21, None)]);

        fold(&[reopened(2, Some(12)), banked(16, "CPR-4", 80), banked(12, "CPR-5", 90)]).await;
        assert_eq!(days(&backend, "CPR-4").await, [(16, 16, None)], "the day is open again");
        assert_eq!(days(&backend, "CPR-5").await, [(12, 13, None)], "this one is not");
        assert_eq!(days(&backend, "CPR-2").await, [(15, 21, None)], "what was posted late stays where it is");
        // Old decisions that come again change nothing.
        fold(&[closed(1, 20), reopened(3, None), banked(1, "CPR-6", 10)]).await;
        assert_eq!(days(&backend, "CPR-6").await, [(1, 1, None)]);
        let before = open_hash(&backend.db).await;
        rebuild(&backend).await;
        assert_eq!(open_hash(&backend.db).await, before, "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        hashes.push(before);
    }
    assert_eq!(hashes[0], hashes[1], "the same books on both back ends");
}
