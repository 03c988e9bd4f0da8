//! Read models and merchants that an operator has paused: who says so, and what is refused meanwhile.

use serde_json::json;

use super::*;

#[tokio::test]
async fn what_is_paused_is_said_everywhere_and_waited_for_by_nobody() {
    let data = scratch();
    let data = data.path();
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    for wrong in [&["pause"][..], &["pause", "nosuch"], &["resume", "books", "--all"]] {
        assert_eq!(daybook(data, wrong).await.code, Some(2), "{wrong:?}");
    }
    let paused = daybook(data, &["pause", "books", "--json"]).await.json();
    assert_eq!((&paused["changed"], &paused["paused"][0]["projection"]), (&json!(["books"]), &json!("books")));
    let since = paused["paused"][0]["since"].as_str().unwrap();
    let again = daybook(data, &["pause", "books", "--json"]).await.json();
    assert_eq!((&again["changed"], &again["paused"]), (&json!([]), &paused["paused"]));

    assert_eq!(daybook(data, &["lag", "--json"]).await.json()["paused"], paused["paused"]);
    assert!(
        daybook(data, &["lag", "--tenant", "kohsar"]).await.text().contains(&format!("paused: books since {since}"))
    );
    let doctor = daybook(data, &["doctor"]).await;
    assert!(
        doctor.text().contains(&format!("books since {since}")) && doctor.out.contains("daybook resume"),
        "{}",
        doctor.out
    );
    for refused in [
        &["rebuild", "stock"][..],
        &["quarantine", "redrive", "--all"],
        &["ledger", "account", "add", "expenses:tea", "--by", "finance-2"],
    ] {
        let ran = daybook(data, refused).await;
        assert!(ran.code == Some(1) && ran.err.contains("run `daybook resume books`"), "{refused:?}: {}", ran.err);
    }

    let mut running = Daybook::start(data, &["up", "--listen", "127.0.0.1:0"], &EMBEDDED).unwrap();
    let url = format!("http://127.0.0.1:{}", running.port(SOON).await.unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = http.get(format!("{url}/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json::<Value>().await.unwrap()["paused"], json!(["books"]));
    for (command, words) in
        [("resume", r#"processor_paused{projection="books"} 0"#), ("pause", r#"{projection="stock"} 1"#)]
    {
        daybook(data, &[command, "--all"]).await.text();
        wait_until(SOON, async || {
            let metrics = http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
            metrics.contains(words) && metrics.contains("quarantine_oldest_seconds 0")
        })
        .await
        .unwrap();
    }
    assert_eq!(running.terminate(SOON).await.unwrap().code(), Some(0), "{}", running.stderr());
    let resumed = daybook(data, &["resume", "--all", "--json"]).await.json();
    assert_eq!(resumed, json!({ "paused": [], "changed": ["books", "people", "stock", "quarantine"] }));
    daybook(data, &["rebuild", "stock"]).await.text();
}

#[tokio::test]
async fn a_merchants_webhooks_are_paused_and_bounded() {
    let data = scratch();
    let data = data.path();
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    let listed = async || {
        let tenant = daybook(data, &["tenant", "list", "--json"]).await.json()["tenants"][0].clone();
        (tenant["paused_at"].is_string(), tenant["per_second"].clone())
    };
    assert_eq!(listed().await, (false, Value::Null));
    assert_eq!(daybook(data, &["tenant", "rate", "kohsar"]).await.code, Some(2));
    for (args, changed, expected) in [
        (&["rate", "kohsar", "--per-second", "5"][..], true, (false, json!(5))),
        (&["pause", "kohsar"], true, (true, json!(5))),
        (&["pause", "kohsar"], false, (true, json!(5))),
        (&["rate", "kohsar", "--usual"], true, (true, Value::Null)),
        (&["resume", "kohsar"], true, (false, Value::Null)),
        (&["resume", "kohsar"], false, (false, Value::Null)),
        (&["rate", "kohsar", "--per-second", "0"], true, (false, json!(0))),
    ] {
        let answer = daybook(data, &[&["tenant"], args, &["--json"]].concat()).await.json();
        assert_eq!((&answer["changed"], listed().await), (&json!(changed), expected), "{args:?}");
    }
    daybook(data, &["tenant", "pause", "kohsar"]).await.text();
    assert!(daybook(data, &["doctor"]).await.out.contains("webhooks of 1 merchant"));
}
