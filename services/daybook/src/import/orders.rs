//! `import shopify-orders`: order exports as JSON files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use connectors::shopify::{self, Settings as Reading};
use events::Source;

use super::{Importing, tenant_or_new};
use crate::cli::{ImportOrders, OfTenant};
use crate::config::Settings;
use crate::output::{Answer, bar_of_items};
use crate::platform::Platform;
use crate::tenant;

/// Runs the command.
pub(super) async fn run(settings: &Settings, asked: &ImportOrders) -> Result<Answer> {
    let files = files(&asked.paths)?;
    let (platform, row) = match (&asked.tenant, asked.create) {
        (Some(name), true) => {
            let platform = Platform::open_or_create(settings).await?;
            let row = tenant_or_new(&platform, &tenant::parse(name)?, "Asia/Karachi").await?;
            (platform, row)
        }
        _ => {
            let platform = Platform::open(settings).await?;
            let row = tenant::chosen(&platform.db, &OfTenant { tenant: asked.tenant.clone() }).await?;
            (platform, row)
        }
    };
    let gateways = row.cod_gateways.clone();
    let reading = Reading { cod_gateways: &gateways, default_country_code: "92" };
    let mut importing = Importing::start(&platform, row, Source::SHOPIFY).await?;
    let bar = bar_of_items("files read", files.len() as u64);
    let mut orders = 0;
    for file in &files {
        orders += import_file(&mut importing, file, &reading).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    importing.finish(settings, &platform, &[("files", files.len() as u64), ("orders", orders)]).await
}

async fn import_file(importing: &mut Importing, file: &Path, reading: &Reading<'_>) -> Result<u64> {
    let bytes = std::fs::read(file).with_context(|| format!("the file {}", file.display()))?;
    let read = match shopify::read_orders_file(&bytes, reading) {
        Ok(read) => read,
        Err(problem) => {
            importing.reject(format!("{}: {problem}", file.display()));
            return Ok(0);
        }
    };
    let mut orders = 0;
    for (index, order) in read.into_iter().enumerate() {
        match order {
            Ok(drafts) => {
                orders += 1;
                importing.add(drafts).await?;
            }
            Err(problem) => importing.reject(format!("{}, order {}: {problem}", file.display(), index + 1)),
        }
    }
    Ok(orders)
}

/// The files that are named, and the JSON files in folders that are named, in a fixed sequence.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("the folder {}", path.display()))?;
        let found = entries.collect::<Result<Vec<_>, _>>()?.into_iter().map(|entry| entry.path());
        let mut json: Vec<PathBuf> = found.filter(|file| file.extension().is_some_and(|ext| ext == "json")).collect();
        json.sort();
        files.extend(json);
    }
    if files.is_empty() {
        bail!("there is no .json file in what was named");
    }
    Ok(files)
}
