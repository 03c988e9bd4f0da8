//! Webhooks while ingest, broker and database are being killed, from senders of whom some hang up: whatever was acknowledged is in
//! the books, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use connectors::{postex, shopify};
use events::Source;
use futures::StreamExt;
use ledger::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sample_shop::{Delivery, Endpoint, Plan};
use testkit::{Rig, Server};
use tokio::sync::watch;

use super::*;
use crate::erasure::{Platform, TENANT, try_send};

/// Before anything is on the log; and when it is, and nobody has heard of it.
const POINTS: [&str; 2] = ["ingest::sealed", "ingest::appended"];

/// Requests under way at once.
const SENDERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_is_in_the_books_once() {
    let (extent, seed) = extent();
    let deliveries = deliveries(extent.webhooks, seed);
    let calm = calm(&facts(&deliveries)).await;
    let rig = Rig::start().await.unwrap();
    let backend = Backend::on(&rig, 4).await;
    let environment = environment(&backend, &[]);
    let platform = Platform { backend, environment };
    platform.add_tenant().await;

    let (serving, base) = watch::channel(String::new());
    let (done, hung_up) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let each = deliveries.iter().enumerate().map(|(number, delivery)| {
        let (base, done, hung_up) = (base.clone(), &done, &hung_up);
        let random = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
        async move {
            hung_up.fetch_add(until_acknowledged(base, delivery, random).await, Ordering::SeqCst);
            done.fetch_add(1, Ordering::SeqCst);
        }
    });
    let sending = futures::stream::iter(each).buffer_unordered(SENDERS).collect::<Vec<()>>();
    let (ends, _) = tokio::join!(kill_while(&rig, &platform, &serving, &done, extent, seed), sending);
    println!("{} webhooks, {} hung up on: {ends:?}", deliveries.len(), hung_up.load(Ordering::SeqCst));
    let points = POINTS.into_iter().filter(|_| is_whole());
    let missed: Vec<_> = points.filter(|point| !ends.contains_key(*point)).collect();
    assert!(missed.is_empty(), "nothing was killed at {missed:?}");
    require_calm_books(&platform.backend, &calm, "acknowledged webhooks").await;
    let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(platform.backend.db.query(idle, vec![]).await.unwrap()[0].int(0).unwrap(), 0);
}

/// So many deliveries of a shop, some of them twice.
pub(super) fn deliveries(webhooks: usize, seed: u64) -> Vec<Delivery> {
    // More orders than it takes: what is over is left away.
    let orders = u32::try_from(webhooks / 2).unwrap();
    let plan = Plan { seed, orders, days: 60, malformed_percent: 0, duplicates_percent: 5, ..Plan::default() };
    let mut deliveries = sample_shop::generate(&plan).deliveries;
    deliveries.truncate(webhooks);
    deliveries
}

/// The facts that these deliveries tell.
pub(super) fn facts(deliveries: &[Delivery]) -> Vec<Event> {
    let tenant: TenantId = TENANT.parse().unwrap();
    let gateways = commerce::CodGateways::default();
    let settings = shopify::Settings { cod_gateways: &gateways, default_country_code: "92" };
    let read = |delivery: &Delivery| {
        let (source, drafts) = match delivery.endpoint {
            Endpoint::Shopify { topic } => {
                (Source::SHOPIFY, shopify::read(topic, Timestamp(0), &delivery.body, &settings))
            }
            Endpoint::Courier { .. } => (Source::POSTEX, postex::read(&delivery.body, Timestamp(0))),
        };
        let fact = |draft: connectors::Draft| {
            Event::fact(tenant.clone(), source.clone(), Timestamp(0), draft.fact, Vec::new())
        };
        drafts
            .unwrap_or_else(|_| panic!("a sample shop's body is understood"))
            .into_iter()
            .map(fact)
            .collect::<Vec<_>>()
    };
    deliveries.iter().flat_map(read).collect()
}

/// Sends until somebody says that it is taken. Now and then it hangs up before it hears anything, and sends again. Gives how often.
async fn until_acknowledged(mut base: watch::Receiver<String>, delivery: &Delivery, mut random: StdRng) -> usize {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut hung_up = 0;
    loop {
        let now = base.wait_for(|base| !base.is_empty()).await.unwrap().clone();
        let patience = if random.random_range(0..20_u8) == 0 {
            Duration::from_millis(random.random_range(0..30))
        } else {
            Duration::from_secs(20)
        };
        match tokio::time::timeout(patience, try_send(&client, &now, delivery)).await {
            Ok(Ok(status)) if status.is_success() => return hung_up,
            // What is asked to come back does; anything else is the sender's own fault.
            Ok(Ok(status)) => assert!(status.is_server_error() || status.as_u16() == 429, "{status}"),
            Ok(Err(_)) => {}
            Err(_) => hung_up += 1,
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(20..200))).await;
    }
}

/// Kills ingest, and now and then a server, until everything is acknowledged. Gives how each ingest ended.
async fn kill_while(
    rig: &Rig,
    platform: &Platform,
    serving: &watch::Sender<String>,
    done: &AtomicUsize,
    extent: Extent,
    seed: u64,
) -> BTreeMap<&'static str, u32> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut ends: BTreeMap<&'static str, u32> = BTreeMap::new();
    let outage_every = (extent.kills / (2 * extent.outages)).max(1);
    for turn in 0..extent.kills {
        let point = (is_whole() && turn % 2 == 1).then(|| POINTS[(turn / 2) as usize % POINTS.len()]);
        let times = random.random_range(5..50_u8);
        let more: Vec<_> = point.map(|point| ("DAYBOOK_KILL_AT", format!("{point}={times}"))).into_iter().collect();
        let mut process = start(&platform.backend, "ingest", &more);
        let port = process.port(LONG).await.unwrap_or_else(|error| panic!("{error}"));
        serving.send_replace(format!("http://127.0.0.1:{port}"));
        // The webhooks are dealt out over the kills; whatever is late, the next one comes when its share is taken.
        let share = extent.webhooks * (turn as usize + 1) / (extent.kills as usize + 1);
        let mut ended = None;
        let taken = testkit::wait_until(LONG, async || {
            ended = process.try_ended().unwrap();
            ended.is_some() || done.load(Ordering::SeqCst) >= share
        });
        taken.await.unwrap_or_else(|error| panic!("nothing is acknowledged: {error}: {}", process.stderr()));
        let how = match (ended, point) {
            (Some(status), Some(point)) if was_killed(status) => point,
            (Some(status), _) => panic!("ingest ended with {status}: {}", process.stderr()),
            (None, _) => "at random",
        };
        *ends.entry(how).or_default() += 1;
        if turn % outage_every == outage_every - 1 {
            let server = Server::BOTH[(turn / outage_every) as usize % 2];
            rig.kill(server).unwrap();
            *ends.entry(if server == Server::Kafka { "broker" } else { "database" }).or_default() += 1;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
            rig.bring_back().await.unwrap();
        }
        serving.send_replace(String::new());
        process.kill().unwrap();
    }
    let last = start(&platform.backend, "ingest", &[]);
    wait_for_the_rest(last, serving, done, extent.webhooks).await;
    ends
}

async fn wait_for_the_rest(mut last: Daybook, serving: &watch::Sender<String>, done: &AtomicUsize, webhooks: usize) {
    let port = last.port(LONG).await.unwrap();
    serving.send_replace(format!("http://127.0.0.1:{port}"));
    let all = testkit::wait_until(2 * LONG, async || done.load(Ordering::SeqCst) >= webhooks).await;
    all.unwrap_or_else(|error| panic!("not everything is acknowledged: {error}: {}", last.stderr()));
    assert!(last.terminate(LONG).await.unwrap().success());
}
