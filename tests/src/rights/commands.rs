//! The rights as an operator carries them out: by the binary, on a platform with a few orders.

use std::path::Path;
use std::time::Duration;

use sample_shop::{Endpoint, Plan, Planted, generate};
use serde_json::Value;
use testkit::{Daybook, scratch};

const SOON: Duration = Duration::from_secs(60);
const BY: [&str; 2] = ["--by", "support-2"];

/// What a command answered: its exit code, and all it printed.
async fn run(data: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut running = Daybook::start(data, args, &[("DAYBOOK_KAFKA", ""), ("DAYBOOK_POSTGRES", "")]).unwrap();
    let status = running.ended(SOON).await.unwrap();
    (status.code(), running.stdout() + &running.stderr())
}

async fn good(data: &Path, args: &[&str]) -> Value {
    let (code, told) = run(data, &[args, &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{args:?}: {told}");
    serde_json::from_str(told.lines().next().unwrap_or_default()).or_else(|_| serde_json::from_str(&told)).unwrap()
}

/// A platform with a few orders of the sample shop, and one of its customers.
async fn platform(data: &Path) -> Planted {
    let files = scratch();
    let workload = generate(&Plan { orders: 3, malformed_percent: 0, duplicates_percent: 0, ..Plan::default() });
    for (index, delivery) in workload.deliveries.iter().enumerate() {
        if matches!(delivery.endpoint, Endpoint::Shopify { topic: "orders/create" }) {
            std::fs::write(files.path().join(format!("{index}.json")), &delivery.body).unwrap();
        }
    }
    good(data, &["tenant", "add", "kohsar"]).await;
    good(data, &["import", "shopify-orders", files.path().to_str().unwrap()]).await;
    workload.people.into_iter().find(|person| person.customer_id.is_some()).unwrap()
}

#[tokio::test]
async fn an_operator_restricts_and_lifts_records_consent_and_prints_the_register() {
    let data = scratch();
    let data = data.path();
    let person = platform(data).await;
    let order = person.order_id.to_string();
    let whom = ["--order", &order];
    let state = async |purpose: &str| {
        let page = good(data, &["show", "order", &order, "--purpose", purpose]).await;
        assert!(!page.to_string().contains(&person.name), "{page}");
        page["people"][0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("ticket-1").await, "masked");

    let accuracy = [&whom[..], &["--reason", "accuracy"], &BY].concat();
    let entered = good(data, &[&["privacy", "restrict"], &accuracy[..]].concat()).await;
    assert_eq!((&entered["stands"], &entered["reason"]), (&true.into(), &"accuracy".into()), "{entered}");
    assert_eq!((state("ticket-2").await.as_str(), state("legal-claims/7").await.as_str()), ("restricted", "masked"));
    let (_, text) = run(data, &["show", "order", &order]).await;
    assert!(text.contains("*restricted*"), "{text}");

    let lift = [&["privacy", "lift"], &accuracy[..]].concat();
    let (code, told) = run(data, &lift).await;
    assert!(code == Some(1) && told.contains("--told"), "{told}");
    good(data, &[&lift[..], &["--told", "email"]].concat()).await;
    assert_eq!(good(data, &lift).await["lifted"], true);
    assert_eq!(state("ticket-3").await, "masked");
    let history = good(data, &[&["privacy", "restrictions"], &whom[..]].concat()).await;
    assert_eq!(history["restrictions"][0]["told"]["channel"], "email", "{history}");

    good(data, &[&["privacy", "object", "--to", "support"], &whom[..], &BY].concat()).await;
    assert_eq!(state("ticket-4").await, "restricted");
    let (code, told) = run(data, &[&["privacy", "object", "--to", "delivery"], &whom[..], &BY].concat()).await;
    assert!(code == Some(1) && told.contains("contract"), "{told}");

    let words = data.join("words.txt");
    std::fs::write(&words, "May we write to you about new shawls?").unwrap();
    let wording = ["--for", "marketing", "--wording", "2026-11", "--file", words.to_str().unwrap()];
    good(data, &[&["privacy", "consent", "wording"], &wording[..]].concat()).await;
    let said = [&whom[..], &["--for", "marketing", "--channel", "page", "--evidence", "form-77"], &BY].concat();
    assert_eq!(state("marketing/winter").await, "restricted");
    good(data, &[&["privacy", "consent", "give", "--wording", "2026-11"], &said[..]].concat()).await;
    assert_eq!(state("marketing/winter").await, "masked");
    good(data, &[&["privacy", "consent", "withdraw"], &said[..]].concat()).await;
    assert_eq!(state("marketing/winter").await, "restricted");
    let shown = good(data, &[&["privacy", "consent", "show"], &whom[..]].concat()).await;
    assert_eq!((shown["said"].as_array().map(Vec::len), &shown["stands"]), (Some(2), &Value::Array(vec![])), "{shown}");

    let looked = good(data, &[&["privacy", "accesses"], &whom[..]].concat()).await;
    let how: Vec<_> = looked["accesses"].as_array().unwrap().iter().map(|one| one["shown"].as_str().unwrap()).collect();
    for expected in ["masked", "restricted", "objected", "no-consent"] {
        assert!(how.contains(&expected), "{how:?}");
    }
    let register = good(data, &["privacy", "register", "--servers-in", "Pakistan"]).await.to_string();
    assert!(register.contains("kohsar") && register.contains("Pakistan"), "{register}");
    assert!(!register.contains(&person.name), "it names nobody");

    let closed = good(data, &["tenant", "close", "kohsar"]).await;
    assert!(closed["erased_after"].as_str() > closed["closed_at"].as_str(), "{closed}");
    assert_eq!(good(data, &["tenant", "reopen", "kohsar"]).await["changed"], true);
    assert_eq!(good(data, &["privacy", "retention", "report"]).await["reports"], Value::Array(vec![]));
    good(data, &["privacy", "retention", "apply", "--yes"]).await;
    let all = good(data, &["privacy", "retention", "report", "--all"]).await;
    assert_eq!(all["reports"][0]["by"], "operator", "{all}");
}
