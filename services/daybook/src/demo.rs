//! `daybook demo`: a sample shop's 90 days through the real endpoints, and everything that comes of them, in a minute.
//!
//! It starts all roles in this process on a free port, sends the shop's webhooks with valid signatures, shuffled, some of them
//! twice, some malformed, waits until every record is folded, compares the books with the shop's own story, and erases one
//! customer while every total stays. Nobody in it exists.

mod expectations;
mod stage;
mod story;
mod traffic;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ledger::Day;
use sample_shop::{Plan, Workload, generate};
use serde_json::json;
use store::books;

use crate::cli::Demo;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, bar_of_items, count, cross, explain, plural, print, say, strong, tick};
use crate::roles::{self, Running, told_to_stop};
use crate::{show, stock, verify};
use stage::Stage;
use traffic::Sent;

/// How long folding may take once everything is sent, before the demo gives up.
const FOLDED_WITHIN: Duration = Duration::from_secs(300);

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Demo, as_json: bool) -> Result<Answer> {
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    let stage = Stage::set(settings, asked.keep).await?;
    let mut running = Running::start(&stage.settings, &stage.platform, roles::ALL).await?;
    let url = running.url();
    let plan = Plan { orders: asked.orders, seed: asked.seed, ..Plan::default() };
    let shown = tokio::select! {
        shown = show_everything(&stage, &url, &plan, as_json) => Some(shown),
        error = running.failed() => Some(Err(error)),
        () = &mut stop => None,
    };
    let good = match &shown {
        Some(Ok(answer)) => {
            print(&Answer { text: String::new(), ..answer.clone() }, as_json);
            answer.good
        }
        _ => false,
    };
    if matches!(shown, Some(Ok(_))) && !asked.exit {
        say(&format!("\ndaybook is listening on {}; Ctrl-C ends the demo\n", strong(&url)), as_json);
        tokio::select! { () = &mut stop => {}, error = running.failed() => tracing::error!("{}", explain(&error)) }
    }
    running.stop().await?;
    if let Some(kept) = stage.leave() {
        say(&format!("{kept}\n"), as_json);
    }
    match shown {
        Some(Err(error)) => Err(error),
        Some(Ok(_)) => Ok(Answer::silent().with_verdict(good)),
        None => bail!("the demo was stopped before its end"),
    }
}

/// The demo itself. Says each part as soon as it is known, and gives all of it as one object.
async fn show_everything(stage: &Stage, url: &str, plan: &Plan, as_json: bool) -> Result<Answer> {
    let (platform, tenant) = (&stage.platform, &stage.tenant.tenant);
    let intro = format!(
        "a sample shop: {} in {} days, through {url}\n",
        plural(plan.orders.into(), "order", "orders"),
        plan.days
    );
    say(&intro, as_json);
    stage.open_with(&sample_shop::opening_stock(plan)).await?;
    let plan_too = plan.clone();
    let mut workload = tokio::task::spawn_blocking(move || generate(&plan_too)).await?;
    let deliveries = std::mem::take(&mut workload.deliveries);
    let sent = traffic::send(url, stage, deliveries).await?;
    let folded = fold(stage).await?;
    say(&section("webhooks", &traffic_text(&sent, folded, &workload)), as_json);

    let balance = show::books_answer(tenant, &books::trial_balance(&platform.db, tenant).await?)?;
    say(&section("trial balance", &balance.text), as_json);
    let last_day = Day::from_date(plan.ends_on);
    let couriers = books::cod_by_courier(&platform.db, tenant, last_day).await?;
    let cod = show::cod_answer(tenant.as_str(), last_day, &couriers);
    say(&section("cash on delivery", &cod.text), as_json);
    let alerts = stock::alerts::answer(&platform.db, tenant).await?;
    say(&section("out of stock or oversold", &alerts.text), as_json);
    let compared = expectations::compare(platform, tenant, &couriers, &workload.expected).await?;
    say(&section("the shop's own story, and what the books say", &expectations::text(&compared)), as_json);
    let quarantine = quarantine(stage).await?;
    say(&section("in quarantine, by reason", &quarantine_text(&quarantine)), as_json);

    let story = story::tell(stage, as_json).await?;
    let report = verify::report(platform).await?;
    let verified = verify::answer(&report);
    say(&section("daybook verify", &verified.text), as_json);

    let met = compared.iter().all(|one| one.met());
    let good = met && balance.good && story.good() && verified.good;
    let verdict =
        if good { format!("{} everything holds\n", tick()) } else { format!("{} something does not hold\n", cross()) };
    say(&verdict, as_json);
    let json = json!({
        "ok": good, "url": url, "tenant": tenant.as_str(), "webhooks": sent, "folded_milliseconds": folded,
        "books": balance.json, "cod": cod.json, "stock_alerts": alerts.json["alerts"], "expectations": compared, "quarantine": quarantine,
        "order": story.order, "erasure": story.erasure, "verify": verified.json,
    });
    Ok(Answer::new(&json, String::new()).with_verdict(good))
}

/// Waits until the processor has folded everything. Gives the milliseconds it took.
async fn fold(stage: &Stage) -> Result<u64> {
    let (log, db) = (&stage.platform.log, &stage.platform.db);
    let started = Instant::now();
    let total = processor::lag(log, db).await?;
    let bar = bar_of_items("facts folded", total);
    loop {
        let lag = processor::lag(log, db).await?;
        bar.set_position(total.saturating_sub(lag));
        if lag == 0 {
            break;
        }
        if started.elapsed() > FOLDED_WITHIN {
            bail!("{lag} records are still not folded after {} s", FOLDED_WITHIN.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bar.finish_and_clear();
    Ok(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn section(title: &str, body: &str) -> String {
    format!("\n{}\n{body}", strong(title))
}

fn traffic_text(sent: &Sent, folded: u64, workload: &Workload) -> String {
    let mut table = Table::plain([Align::Left, Align::Right, Align::Left]).indented(2);
    let seconds = |milliseconds: u64| format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100);
    let speed = sent.requests.saturating_mul(1_000) / sent.milliseconds.max(1);
    let in_time = format!(
        "in {}, {} a second, and {} until all was folded",
        seconds(sent.milliseconds),
        count(speed),
        seconds(folded)
    );
    table.row(["sent".to_owned(), count(sent.requests), in_time]);
    table.row(["of them twice".to_owned(), count(workload.expected.duplicates), "in shuffled order".to_owned()]);
    table.row([
        "accepted".to_owned(),
        count(sent.accepted),
        format!("with {} facts, repeats included", count(sent.facts)),
    ]);
    table.row([
        "quarantined".to_owned(),
        count(sent.quarantined),
        "authentic, but not understood: kept, sealed".to_owned(),
    ]);
    if sent.tried_again > 0 {
        table.row(["tried again".to_owned(), count(sent.tried_again), "answered 503 at first".to_owned()]);
    }
    table.to_string()
}

/// Inputs in quarantine, by reason and place.
async fn quarantine(stage: &Stage) -> Result<BTreeMap<String, u64>> {
    let mut reasons = BTreeMap::new();
    for row in books::quarantined(&stage.platform.db, &stage.tenant.tenant).await? {
        let place = if row.path.is_empty() { String::new() } else { format!(" {}: {}", row.path, row.problem) };
        *reasons.entry(format!("{}{place}", row.reason)).or_default() += 1;
    }
    Ok(reasons)
}

fn quarantine_text(reasons: &BTreeMap<String, u64>) -> String {
    let mut table = Table::plain([Align::Right, Align::Left]).indented(2);
    for (reason, inputs) in reasons {
        table.row([count(*inputs), reason.clone()]);
    }
    table.to_string()
}
