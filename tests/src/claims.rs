//! Write-offs, disputes and policies as an operator records them with the program.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daybook, scratch};

/// An order of 100 rupees, cash on delivery, which the shop says was delivered in parcel `postex/CX1`.
const ORDER: &str = r##"{"orders":[{"id":5,"name":"#1001","currency":"PKR","created_at":"2026-05-01T00:00:00Z",
    "total_price":"100.00","payment_gateway_names":["COD"],"financial_status":"pending","fulfillments":[
    {"id":6,"order_id":5,"status":"success","created_at":"2026-05-02T00:00:00Z","updated_at":"2026-05-04T00:00:00Z",
     "shipment_status":"delivered","tracking_company":"PostEx","tracking_number":"CX1","line_items":[]}]}]}"##;

/// The exit code and the object that a command answers.
async fn daybook(data: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let args = [args, &["--json"]].concat();
    let mut running = Daybook::start(data, &args, &[("DAYBOOK_KAFKA", ""), ("DAYBOOK_POSTGRES", "")]).unwrap();
    let status = running.ended(Duration::from_secs(60)).await.unwrap();
    let answer = serde_json::from_str(&running.stdout());
    (status.code(), answer.unwrap_or_else(|_| panic!("{}{}", running.stdout(), running.stderr())))
}

fn net(books: &Value, account: &str) -> i64 {
    let rows = books["accounts"].as_array().unwrap().iter().filter(|row| row["account"] == account);
    rows.map(|row| row["debit"].as_i64().unwrap() - row["credit"].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn what_people_record_is_in_the_books() {
    let scratch = scratch();
    let (data, file) = (scratch.path().join("data"), scratch.path().join("order.json"));
    std::fs::write(&file, ORDER).unwrap();
    let import = ["import", "shopify-orders", file.to_str().unwrap(), "--tenant", "loom", "--create"];
    assert_eq!(daybook(&data, &import).await.0, Some(0));

    let off = ["write-off", "CX1", "--courier", "postex", "--kind", "shortfall", "--key", "short-1"];
    let by = ["--by", "accounts-2", "--reason", "short-paid", "--on", "2026-05-20", "--amount"];
    let write_off = |amount: &'static str| [&off[..], &by, &[amount]].concat();
    let (code, first) = daybook(&data, &write_off("7.50")).await;
    assert_eq!((code, &first["already"], &first["part"]), (Some(0), &json!(false), &json!("parcel/postex/CX1")));
    assert_eq!(daybook(&data, &write_off("7.50")).await.1["already"], true);
    for refused in ["8", "0", "-7.50", "7.505"] {
        assert_eq!(daybook(&data, &write_off(refused)).await.0, Some(1), "{refused}");
    }
    let other_currency = [&write_off("7.50")[..], &["--currency", "XXZ"]].concat();
    assert_eq!(daybook(&data, &other_currency).await.0, Some(1));

    let dispute = ["chargeback", "5", "--amount", "20", "--fee", "3", "--key", "d-1", "--on", "2026-05-21"];
    assert_eq!(daybook(&data, &dispute).await.1["already"], false);
    assert_eq!(daybook(&data, &dispute).await.1["already"], true);

    let (_, books) = daybook(&data, &["show", "books"]).await;
    let nets = ["assets:cod-receivable:postex", "expenses:cod-shortfall", "assets:gateway-receivable", "income:sales"];
    assert_eq!(nets.map(|account| net(&books, account)), [9_250, 750, -2_300, -10_000]);
    let (_, cod) = daybook(&data, &["show", "cod"]).await;
    assert_eq!((&cod["couriers"][0]["written_off"], &cod["couriers"][0]["outstanding"]), (&json!(750), &json!(9_250)));
    assert_eq!(daybook(&data, &["verify"]).await.1["holds"], true);
}

#[tokio::test]
async fn a_policy_is_set_and_its_rebuild_posts_the_difference() {
    let scratch = scratch();
    let (data, file) = (scratch.path().join("data"), scratch.path().join("order.json"));
    std::fs::write(&file, ORDER).unwrap();
    let import = ["import", "shopify-orders", file.to_str().unwrap(), "--tenant", "loom", "--create"];
    assert_eq!(daybook(&data, &import).await.0, Some(0));
    let policy = scratch.path().join("policy.toml");
    std::fs::write(&policy, "[chart]\nsales = \"income:retail\"\n").unwrap();
    let set = ["tenant", "policy", "loom", "--file", policy.to_str().unwrap()];
    assert_eq!(daybook(&data, &set).await.1["changed"], true);
    assert_eq!(daybook(&data, &set).await.1["changed"], false);
    let (_, shown) = daybook(&data, &["tenant", "policy", "loom", "--show"]).await;
    assert_eq!(shown["policy"]["chart"]["sales"], "income:retail");
    daybook(&data, &["rebuild", "books"]).await;
    let (_, books) = daybook(&data, &["show", "books"]).await;
    assert_eq!(["income:sales", "income:retail"].map(|account| net(&books, account)), [0, -10_000]);
    std::fs::write(&policy, "[chart]\nsails = \"income:retail\"\n").unwrap();
    let (code, refused) = daybook(&data, &set).await;
    assert_eq!(code, Some(1));
    assert!(refused["error"].as_str().unwrap().contains("sails"), "{refused}");
}
