//! Clocks that jump: back by a day, ahead by two, and home again, while webhooks are taken and folded.

use super::producers::{deliveries, facts};
use super::*;
use crate::erasure::{Platform, try_send};

/// What the clock says beside the time, in seconds: for so many looks each.
const JUMPS: &str = "clock=50*return(0)->200*return(-86400)->200*return(172800)->200*return(-3600)->return(0)";

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_changes_no_books() {
    if !is_whole() {
        println!("clocks are moved by `make faults`, which builds them");
        return;
    }
    let (extent, seed) = extent();
    let deliveries = deliveries(extent.webhooks / 10, seed);
    let calm = calm(&facts(&deliveries)).await;
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, 4).await;
        let environment = environment(&backend, &[]);
        let platform = Platform { backend, environment };
        platform.add_tenant().await;
        let mut process = start(&platform.backend, "up", &[("FAILPOINTS", JUMPS.to_owned())]);
        let port = process.port(LONG).await.unwrap_or_else(|error| panic!("{error}: {}", process.stderr()));
        let (client, base) =
            (reqwest::Client::builder().no_proxy().build().unwrap(), format!("http://127.0.0.1:{port}"));
        for delivery in &deliveries {
            // Asked to come back, it comes back.
            let taken = async || try_send(&client, &base, delivery).await.is_ok_and(|status| status.is_success());
            let answered = testkit::wait_until(LONG, taken).await;
            answered.unwrap_or_else(|error| panic!("not taken: {error}: {}", process.stderr()));
        }
        testkit::wait_until(LONG, async || is_folded(&platform.backend).await).await.unwrap();
        assert!(process.terminate(LONG).await.unwrap().success(), "{}", process.stderr());
        require_calm_books(&platform.backend, &calm, &format!("{kind:?}, a clock that jumps")).await;
        let spread = "SELECT MAX(recorded) - MIN(recorded) FROM journal";
        let spread = platform.backend.db.query(spread, vec![]).await.unwrap()[0].int(0).unwrap();
        assert!(spread > 2 * 86_400_000_000, "the clock jumped by {spread} microseconds");
    }
}
