//! The keyring goes away under a running platform, and comes back: told at once, nothing sealed meanwhile, no restart.

use std::path::PathBuf;

use super::*;

/// A running platform with one shop.
struct Up {
    running: Daybook,
    url: String,
    secret: String,
    http: reqwest::Client,
}

impl Up {
    async fn start(data: &Path) -> Up {
        let added = daybook(data, &["tenant", "add", "kohsar", "--json"]).await.json();
        let secret = added["secrets"][0]["secret"].as_str().unwrap().to_owned();
        let args = ["up", "--listen", "127.0.0.1:0", "--json"];
        let mut running = Daybook::start(data, &args, &EMBEDDED).unwrap();
        let url = format!("http://127.0.0.1:{}", running.port(SOON).await.unwrap());
        Up { running, url, secret, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// Sends something that nobody understands and that is sealed as a whole; gives the answer's status.
    async fn send(&self, number: u32) -> u16 {
        let body = format!("{{\"id\": {number}, \"total_price\":");
        let request = self
            .http
            .post(format!("{}/webhooks/shopify/kohsar", self.url))
            .header("X-Shopify-Topic", "orders/create")
            .header("X-Shopify-Hmac-Sha256", sign_shopify(&self.secret, body.as_bytes()))
            .header("Content-Type", "application/json");
        request.body(body).send().await.unwrap().status().as_u16()
    }

    async fn ready(&self) -> (u16, Value) {
        let answer = self.http.get(format!("{}/readyz", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn missing(&self) -> Option<String> {
        let metrics = self.http.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("store_epoch_keys_missing "));
        line.map(str::to_owned)
    }
}

#[tokio::test]
async fn a_keyring_that_goes_away_is_told_at_once_and_serves_again_when_it_is_back() {
    let data = scratch();
    let mut up = Up::start(data.path()).await;
    let (ring, aside) = (data.path().join("epochs"), data.path().join("aside"));
    let pairs: [(PathBuf, &str); 2] = [(ring.join("1.key"), "its file"), (ring, "the whole folder")];
    let mut taken = 0;
    for (number, (lost, what)) in (0_u32..).step_by(1_000).zip(pairs) {
        assert_eq!((up.send(number).await, up.ready().await.0, up.missing().await.as_deref()), (200, 200, Some("0")));
        std::fs::rename(&lost, &aside).unwrap();
        // Nobody sends or asks: what is kept is the metric.
        wait_until(SOON, async || up.missing().await.as_deref() == Some("1")).await.unwrap();
        assert_eq!(up.send(number + 1).await, 503, "{what}");
        let (status, ready) = up.ready().await;
        assert_eq!((status, &ready["ready"]), (503, &false.into()), "{what}");
        assert_eq!(ready["keys"], "the key of an epoch in use is missing");

        std::fs::rename(&aside, &lost).unwrap();
        wait_until(SOON, async || up.ready().await.0 == 200).await.unwrap();
        assert_eq!((up.send(number + 1).await, up.missing().await.as_deref()), (200, Some("0")), "{what}");
        taken += 2;
    }
    assert_eq!(up.running.terminate(SOON).await.unwrap().code(), Some(0), "{}", up.running.stderr());
    let log = up.running.stderr();
    let told =
        |level: &str, words: &str| log.lines().filter(|line| line.contains(level) && line.contains(words)).count();
    assert_eq!(told("ERROR", "keys of epochs in use are not in the keyring"), 2, "each loss once: {log}");
    assert_eq!(told("WARN", "are in the keyring again"), 2, "{log}");
    let list = daybook(data.path(), &["quarantine", "list", "--json"]).await.json();
    let list = list["quarantined"].as_array().unwrap().clone();
    assert_eq!(list.len(), taken);
    for one in list {
        daybook(data.path(), &["quarantine", "show", one["id"].as_str().unwrap()]).await.text();
    }
}
