//! `daybook privacy request`, as the merchant's staff meet it.

use super::*;
use crate::erasure::in_some_years;

#[tokio::test]
async fn a_request_from_the_letter_to_its_outcome() {
    let (data, files) = (scratch(), scratch());
    let data = data.path();
    let workload = orders_as_files(files.path(), 5);
    let buyer = customer(&workload);
    let order = buyer.order_id.to_string();
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    daybook(data, &["import", "shopify-orders", files.path().to_str().unwrap()]).await.text();
    let letter = files.path().join("letter.txt");
    std::fs::write(&letter, format!("{} asks to be forgotten", buyer.name)).unwrap();
    let letter = letter.to_str().unwrap();

    let request = |args: &[&str]| -> Vec<String> {
        ["privacy", "request"].iter().chain(args).chain(&["--json"]).map(|&arg| arg.to_owned()).collect()
    };
    let run = async |args: &[&str]| {
        let args = request(args);
        daybook(data, &args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let file = ["file", "--kind", "erasure", "--order", &order, "--words-file", letter, "--by"];
    let phone = run(&[&file[..], &["support-03001234567"]].concat()).await;
    assert_eq!(phone.code, Some(2));
    assert!(phone.err.contains("phone number"), "{}", phone.err);

    let filed = run(&[&file[..], &["support-1"]].concat()).await.json();
    assert_eq!((&filed["state"], &filed["merged"]), (&"received".into(), &false.into()), "{filed}");
    let id = filed["request"].as_str().unwrap().to_owned();
    let again = run(&["file", "--kind", "erasure", "--order", &order, "--by", "support-2"]).await.json();
    assert_eq!((&again["request"], &again["merged"], &again["joined"]), (&id.clone().into(), &true.into(), &1.into()));

    let early = run(&["complete", &id, "--by", "support-1"]).await;
    assert!(early.code == Some(1) && early.err.contains("verify it first"), "{}", early.err);
    run(&["verify", &id, "--by", "support-1"]).await.json();
    assert_eq!(run(&["approve", &id, "--by", "support-1"]).await.json()["state"], "approved-once");
    let same = run(&["approve", &id, "--by", "support-1"]).await;
    assert!(same.code == Some(1) && same.err.contains("somebody else"), "{}", same.err);

    let reveal = ["show", &id, "--reveal", "--by", "support-1"];
    let refused = run(&reveal).await;
    assert!(refused.code == Some(1) && refused.err.contains("privacy permit support-1"), "{}", refused.err);
    daybook(data, &["privacy", "permit", "support-1"]).await.text();
    let shown = run(&reveal).await.json();
    assert!(shown["words"].as_str().unwrap().contains(&buyer.name), "to whom it is permitted");

    let until = ["--until", &in_some_years(), "--reason", "cod", "--by", "support-1"];
    daybook(data, &[&["privacy", "hold", "--order", &order][..], &until].concat()).await.text();
    let waits = run(&["approve", &id, "--by", "owner"]).await.json();
    assert_eq!((&waits["state"], &waits["waits_for"]["reason"]), (&"under-way".into(), &"cod".into()), "{waits}");
    let list = run(&["list"]).await.json();
    assert_eq!(list["requests"][0]["waits_for"]["reason"], "cod", "{list}");
    assert_eq!(list["waiting_erasures"][0]["reason"], "cod", "{list}");
    assert_eq!(list["overdue"], 0);
    let text = daybook(data, &["privacy", "request", "list"]).await;
    assert!(text.text().contains("under way") && text.out.contains("waits for"), "{}", text.out);

    daybook(data, &["privacy", "release", "--order", &order, "--reason", "cod"]).await.text();
    let done = run(&["complete", &id, "--by", "owner"]).await.json();
    assert_eq!((&done["state"], &done["detail"]), (&"carried-out".into(), &"erased".into()), "{done}");
    let shown = daybook(data, &["show", "order", &order, "--json"]).await.json();
    assert_eq!(shown["people"][0]["state"], "erased", "{shown}");
    let trail = run(&["show", &id]).await.json();
    let steps: Vec<_> = trail["trail"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["received", "joined", "verified", "approved", "approved", "begun", "carried-out"]);
    assert!(daybook(data, &["privacy", "request", "list"]).await.text().contains("no request is open"));
    daybook(data, &["doctor"]).await.text();
    assert_eq!(run(&["two-people", "off"]).await.json()["two_people"], false);
    assert_eq!(run(&["two-people"]).await.json()["two_people"], false);
}

#[tokio::test]
async fn a_person_is_handed_what_is_held_about_them() {
    let (data, files) = (scratch(), scratch());
    let data = data.path();
    let workload = orders_as_files(files.path(), 5);
    let buyer = customer(&workload);
    let order = buyer.order_id.to_string();
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    daybook(data, &["import", "shopify-orders", files.path().to_str().unwrap()]).await.text();
    let run = async |args: &[&str]| daybook(data, &[&["privacy", "request"], args, &["--json"]].concat()).await;
    let filed = run(&["file", "--kind", "access", "--order", &order, "--by", "support-1"]).await.json();
    let id = filed["request"].as_str().unwrap().to_owned();
    let to = files.path().join("for-them.zip.age");
    let archive = ["archive", &id, "--to", to.to_str().unwrap(), "--by", "support-1"];
    assert!(run(&archive).await.err.contains("verify it first"));
    run(&["verify", &id, "--by", "support-1"]).await.json();
    assert!(run(&archive).await.err.contains("privacy permit support-1"));
    assert!(!to.exists(), "nothing is written before it is permitted");
    daybook(data, &["privacy", "permit", "support-1"]).await.text();
    let phone = files.path().join("03001234567.age");
    assert!(run(&["archive", &id, "--to", phone.to_str().unwrap(), "--by", "support-1"]).await.err.contains("phone"));

    let made = run(&archive).await.json();
    assert!(made["passphrase"].as_str().unwrap().len() >= 26, "{made}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&to).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"), "what everybody's programs open");
    assert!(run(&archive).await.err.contains("there already"), "nothing is written over");
    let silent = run(&["complete", &id, "--by", "support-1"]).await;
    assert!(silent.code == Some(1) && silent.err.contains("--outcome"), "{}", silent.err);
    let outcome = ["complete", &id, "--by", "support-1", "--outcome", "archive-handed-over"];
    assert_eq!(run(&outcome).await.json()["detail"], "archive-handed-over");
}
