//! What an auditor relies on: plain-text accounting tools read the same balances, the offline program confirms an export
//! and a checkpoint, and no bit of the stored journal changes unnoticed.

mod flips;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::{Daybook, real_data, scratch};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, sample};

const LONG: Duration = Duration::from_secs(600);

/// Nets by account and currency, minor units; zeros left out.
type Nets = BTreeMap<(String, String), i128>;

/// Runs the binary: its exit code, standard output, and standard error.
async fn daybook(data: &Path, args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let environment = [&[("DAYBOOK_KAFKA", ""), ("DAYBOOK_POSTGRES", "")], environment].concat();
    let mut running = Daybook::start(data, args, &environment).unwrap();
    let status = running.ended(LONG).await.unwrap();
    (status.code(), running.stdout(), running.stderr())
}

async fn good(data: &Path, args: &[&str], environment: &[(&str, &str)]) -> String {
    let (code, out, err) = daybook(data, args, environment).await;
    assert_eq!(code, Some(0), "{args:?}: {out}{err}");
    out
}

fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !found {
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

fn ran(command: &mut Command) -> String {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn minor_digits(currency: &str) -> u32 {
    currency.parse::<ledger::Currency>().unwrap().decimals()
}

/// What hledger makes of a journal.
fn hledger(file: &Path) -> Nets {
    let told = ran(Command::new("hledger").arg("-f").arg(file).args(["bal", "--flat", "-O", "json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    let mut nets = Nets::new();
    for row in told[0].as_array().unwrap() {
        for amount in row[3].as_array().unwrap() {
            let currency = amount["acommodity"].as_str().unwrap();
            let (mantissa, places) = (&amount["aquantity"]["decimalMantissa"], &amount["aquantity"]["decimalPlaces"]);
            let places = u32::try_from(places.as_u64().unwrap()).unwrap();
            let digits = minor_digits(currency);
            assert!(places <= digits, "{amount}");
            let minor = i128::from(mantissa.as_i64().unwrap()) * 10_i128.pow(digits - places);
            nets.insert((row[0].as_str().unwrap().to_owned(), currency.to_owned()), minor);
        }
    }
    nets.retain(|_, minor| *minor != 0);
    nets
}

/// What ledger makes of it: one line for each account and currency, `account|amount currency`.
fn ledger_cli(file: &Path) -> Nets {
    let format = "%(account)|%(quantity(scrub(display_total)))|%(commodity(scrub(display_total)))\n";
    let told = ran(Command::new("ledger").arg("-f").arg(file).args([
        "bal",
        "--flat",
        "--no-total",
        "--balance-format",
        format,
    ]));
    let line = |line: &str| {
        let [account, quantity, currency] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let amount = ledger::Money::parse(quantity, currency.parse().unwrap()).unwrap();
        ((account.to_owned(), currency.to_owned()), i128::from(amount.minor))
    };
    told.lines().map(line).collect()
}

/// What `daybook show books --json` says.
async fn shown(data: &Path, tenant: &str, environment: &[(&str, &str)]) -> Nets {
    let books = good(data, &["show", "books", "--json", "--tenant", tenant], environment).await;
    let books: Value = serde_json::from_str(&books).unwrap();
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let net = i128::from(row["debit"].as_i64().unwrap()) - i128::from(row["credit"].as_i64().unwrap());
        ((text("account"), text("currency")), net)
    };
    books["accounts"].as_array().unwrap().iter().map(row).collect()
}

/// Exports both ways and compares: hledger and ledger with the trial balance, `daybook-audit` with everything.
async fn agree(data: &Path, tenant: &str, environment: &[(&str, &str)]) {
    let folder = scratch();
    let file = |name: &str| folder.path().join(name);
    let export = async |format: &str, file: &Path| {
        let args = ["export", "journal", "--tenant", tenant, "--format", format, "--out", file.to_str().unwrap()];
        good(data, &args, environment).await
    };
    let books = shown(data, tenant, environment).await;
    assert!(!books.is_empty());
    export("hledger", &file("j.journal")).await;
    if has("hledger") {
        assert_eq!(hledger(&file("j.journal")), books, "hledger and {tenant}");
        ran(Command::new("hledger").arg("-f").arg(file("j.journal")).args(["check", "accounts", "commodities"]));
    }
    if has("ledger") {
        assert_eq!(ledger_cli(&file("j.journal")), books, "ledger and {tenant}");
    }
    export("jsonl", &file("j.jsonl")).await;
    let key = file("checkpoint.key");
    let made = good(data, &["ledger", "checkpoint-key", "new", key.to_str().unwrap(), "--json"], environment).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let checkpoint = file("checkpoint.json");
    let args = ["ledger", "checkpoint", "--tenant", tenant, "--key", key.to_str().unwrap(), "--out"];
    good(data, &[&args[..], &[checkpoint.to_str().unwrap()]].concat(), environment).await;
    confirmed(&file("j.jsonl"), &checkpoint, made["public_key"].as_str().unwrap());
    let verified = good(data, &["ledger", "verify", "--tenant", tenant], environment).await;
    assert!(verified.ends_with("every invariant holds\n"), "{verified}");
}

/// The standalone program, in the folder of the other binary.
pub(crate) fn auditor() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let beside =
        test.ancestors().skip(1).take(2).map(|folder| folder.join("daybook-audit")).find(|path| path.is_file());
    beside.expect("daybook-audit is not built: cargo build -p audit")
}

fn confirmed(export: &Path, checkpoint: &Path, key: &str) {
    let audit = |export: &Path| {
        let mut command = Command::new(auditor());
        command.arg(export).arg("--checkpoint").arg(checkpoint).args(["--public-key", key]);
        let ran = command.output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
    };
    let (code, told) = audit(export);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("matches, and its signature is good"), "{told}");
    let text = std::fs::read_to_string(export).unwrap();
    let changed = export.with_extension("changed");
    // The last transaction goes, and the last line is made to fit: only the checkpoint knows.
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let removed = lines.remove(lines.len() - 2);
    let end = lines.last_mut().unwrap();
    let number = removed["transaction"]["number"].as_u64().unwrap() - 1;
    end["end"] =
        serde_json::json!({ "transactions": number, "number": number, "link": removed["transaction"]["previous"] });
    std::fs::write(&changed, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let (code, told) = audit(&changed);
    assert!(code == Some(1) && told.contains("transactions are missing"), "{told}");
    // One digit of the stored bytes in the middle changes: the line is named.
    let mut bytes = text.clone().into_bytes();
    let middle = text.lines().count() / 2;
    let at: usize = text.lines().take(middle).map(|line| line.len() + 1).sum();
    let body = at + text[at..].find("\"body\":\"").unwrap() + 12;
    bytes[body] = if bytes[body] == b'0' { b'1' } else { b'0' };
    std::fs::write(&changed, bytes).unwrap();
    let (code, told) = audit(&changed);
    assert!(code == Some(1) && told.contains(&format!("line {}, number {middle}", middle + 1)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_accounting_agrees_on_a_sample_shop_on_both_back_ends() {
    let (events, _) = sample(300, 11);
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, 3).await;
        let row = store::books::TenantRow {
            tenant: "sample-shop".parse().unwrap(),
            zone: "Asia/Karachi".parse().unwrap(),
            cod_gateways: commerce::CodGateways::default(),
            created_at: ledger::Timestamp(0),
            rules: commerce::Policy::default(),
        };
        store::books::save_tenant(&backend.db, row).await.unwrap();
        append(&backend.log, &events).await;
        processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
        let environment = backend.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        agree(backend.folder.path(), "sample-shop", &environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_accounting_agrees_on_the_demo() {
    let data = scratch();
    good(data.path(), &["demo", "--exit", "--keep", "--orders", "150"], &[]).await;
    let mut kept = std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.find(|path| path.join("books.db").is_file()).unwrap();
    agree(&kept, "demo-shop", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_accounting_agrees_on_a_retail_year() {
    let Some(file) = real_data().map(|folder| folder.join("bulk/online_retail_II_2009-2010.csv.gz")) else { return };
    if !file.is_file() {
        eprintln!("skipped: no retail year in the real data");
        return;
    }
    let data = scratch();
    // Invoices that are not understood are counted, and the import says so with its exit code.
    let (_, out, err) = daybook(data.path(), &["import", "retail", file.to_str().unwrap(), "--json"], &[]).await;
    let imported: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert!(imported["transactions"].as_u64().unwrap() > 10_000, "{imported}");
    agree(data.path(), "retail", &[]).await;
}
