//! `daybook import`: what other systems exported takes the same way as a webhook: sealed, onto the log, folded. A whole
//! journal comes in as vouchers.

mod journal;
mod orders;
mod retail;
mod vouchers;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use commerce::TenantId;
use connectors::Draft;
use events::Source;
use ingest::Ingest;
use serde::Serialize;
use store::books::{self, TenantRow};
use tokio_util::sync::CancellationToken;

use crate::cli::Import;
use crate::config::Settings;
use crate::output::{Answer, bar_of_items, plural};
use crate::platform::Platform;
use crate::show;

/// Drafts that are put on the log at once.
const BATCH: usize = 2_000;

/// Rejections that are named; the rest is only counted.
const NAMED: usize = 20;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Import) -> Result<Answer> {
    match command {
        Import::ShopifyOrders(asked) => orders::run(settings, asked).await,
        Import::Retail(asked) => retail::run(settings, asked).await,
        Import::Journal(asked) => vouchers::run(settings, asked).await,
    }
}

/// An import under way.
struct Importing {
    tenant: TenantRow,
    source: Source,
    ingest: Ingest,
    shutdown: CancellationToken,
    waiting: Vec<Draft>,
    started: Instant,
    posted_before: u64,
    facts: u64,
    rejections: Rejections,
}

/// What was not understood: how much, and the first of it by name.
#[derive(Default)]
struct Rejections {
    count: u64,
    named: Vec<String>,
}

impl Rejections {
    fn add(&mut self, why: String) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(why);
        }
    }
}

/// What an import did.
#[derive(Serialize)]
struct Imported {
    tenant: String,
    source: String,
    #[serde(flatten)]
    read: serde_json::Map<String, serde_json::Value>,
    facts: u64,
    transactions: u64,
    rejected: u64,
    rejections: Vec<String>,
    milliseconds: u64,
    books: serde_json::Value,
}

impl Importing {
    async fn start(platform: &Platform, tenant: TenantRow, source: Source) -> Result<Importing> {
        if platform.keys.is_closed(&tenant.tenant).await? {
            bail!(
                "the account of {0} is closed, and takes no new orders: `daybook tenant reopen {0}` first",
                tenant.tenant
            );
        }
        // What is imported is folded then: said before anything is read.
        processor::refuse_paused(&platform.db).await?;
        let shutdown = CancellationToken::new();
        let (keys, log, db) = (platform.keys.clone(), platform.log.clone(), platform.db.clone());
        let ingest = Ingest::start(ingest::Config::default(), keys, log, db, shutdown.clone());
        Ok(Importing {
            posted_before: posted(platform, &tenant.tenant).await?,
            tenant,
            source,
            ingest,
            shutdown,
            waiting: Vec::new(),
            started: Instant::now(),
            facts: 0,
            rejections: Rejections::default(),
        })
    }

    async fn add(&mut self, drafts: Vec<Draft>) -> Result<()> {
        self.waiting.extend(drafts);
        if self.waiting.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        let drafts = std::mem::take(&mut self.waiting);
        self.facts += self.ingest.accept_drafts(&self.tenant.tenant, &self.source, drafts).await?.facts as u64;
        Ok(())
    }

    fn reject(&mut self, why: String) {
        self.rejections.add(why);
    }

    /// Waits until the log has everything, folds it, and reports. `read` says what was in the files.
    async fn finish(mut self, settings: &Settings, platform: &Platform, read: &[(&str, u64)]) -> Result<Answer> {
        self.flush().await?;
        self.shutdown.cancel();
        self.ingest.drained().await;
        fold(settings, platform).await?;
        let tenant = &self.tenant.tenant;
        let balance = show::books_answer(tenant, &books::trial_balance(&platform.db, tenant).await?)?;
        let imported = Imported {
            tenant: tenant.to_string(),
            source: self.source.to_string(),
            read: read.iter().map(|(name, count)| ((*name).to_owned(), (*count).into())).collect(),
            facts: self.facts,
            transactions: posted(platform, tenant).await?.saturating_sub(self.posted_before),
            rejected: self.rejections.count,
            rejections: self.rejections.named,
            milliseconds: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            books: balance.json,
        };
        let text = format!("{}\n{}", imported.text(read), balance.text);
        Ok(Answer::new(&imported, text).with_verdict(balance.good && imported.rejected == 0))
    }
}

impl Imported {
    fn text(&self, read: &[(&str, u64)]) -> String {
        let counts: Vec<String> = read.iter().map(|(name, count)| plural(*count, name, name)).collect();
        let mut text = format!(
            "{} read for tenant {}: {}, {}, in {}.{:03} s\n",
            counts.join(", "),
            self.tenant,
            plural(self.facts, "fact", "facts"),
            plural(self.transactions, "transaction posted", "transactions posted"),
            self.milliseconds / 1_000,
            self.milliseconds % 1_000
        );
        if self.rejected > 0 {
            text.push_str(&format!("{} not understood and left out:\n", self.rejected));
        }
        for why in &self.rejections {
            text.push_str(&format!("  {why}\n"));
        }
        text
    }
}

/// How many transactions the tenant's journal has.
async fn posted(platform: &Platform, tenant: &TenantId) -> Result<u64> {
    Ok(books::all_heads(&platform.db).await?.get(tenant).map_or(0, |head| head.number))
}

/// Folds everything that waits, with a bar.
async fn fold(settings: &Settings, platform: &Platform) -> Result<()> {
    let (log, db) = (&platform.log, &platform.db);
    let total = processor::lag(log, db).await?;
    let bar = bar_of_items("facts folded", total);
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Ok(lag) = processor::lag(log, db).await {
                bar.set_position(total.saturating_sub(lag));
            }
        }
    };
    tokio::select! {
        folded = processor::catch_up(platform.processor_config(settings), log, db) => folded?,
        () = watch => {}
    }
    bar.finish_and_clear();
    Ok(())
}

/// The tenant, added with this zone if it may be.
async fn tenant_or_new(platform: &Platform, name: &TenantId, zone: &str) -> Result<TenantRow> {
    if let Some(known) = books::tenant(&platform.db, name).await? {
        return Ok(known);
    }
    let row = crate::tenant::new_row(name.clone(), zone, &[])?;
    books::save_tenant(&platform.db, row.clone()).await?;
    Ok(row)
}
