//! `import retail`: a retailer's invoices.

use std::fs::File;
use std::io::{BufReader, Read};

use anyhow::{Context, Result};
use connectors::retail;
use flate2::read::MultiGzDecoder;

use super::{Importing, tenant_or_new};
use crate::cli::ImportRetail;
use crate::config::Settings;
use crate::output::{Answer, Bar, bar_of_bytes};
use crate::platform::Platform;
use crate::tenant;

/// Where the data sets' shop is.
const ZONE: &str = "Europe/London";

/// Runs the command.
pub(super) async fn run(settings: &Settings, asked: &ImportRetail) -> Result<Answer> {
    let file = File::open(&asked.file).with_context(|| format!("the file {}", asked.file.display()))?;
    let bar = bar_of_bytes("invoices read", file.metadata()?.len());
    let rows = rows(file, &bar)?;
    let platform = Platform::open_or_create(settings).await?;
    let row = tenant_or_new(&platform, &tenant::parse(&asked.tenant)?, ZONE).await?;
    let mut importing = Importing::start(&platform, row, "retail".parse()?).await?;
    let (mut invoices, mut cancellations) = (0, 0);
    for invoice in retail::invoices(rows) {
        match invoice.and_then(|invoice| Ok((retail::drafts(&invoice)?, invoice))) {
            Ok((drafts, invoice)) => {
                invoices += 1;
                cancellations += u64::from(invoice.number.as_str().starts_with('C'));
                importing.add(drafts).await?;
            }
            Err(error) => importing.reject(error.to_string()),
        }
    }
    bar.finish_and_clear();
    importing.finish(settings, &platform, &[("invoices", invoices), ("cancellations", cancellations)]).await
}

/// The file's rows, unpacked if it is compressed. Told by its first bytes, not by its name.
fn rows(file: File, bar: &Bar) -> Result<Box<dyn Read + Send>> {
    let mut counted = BufReader::new(bar.wrap_read(file));
    let packed = std::io::BufRead::fill_buf(&mut counted)?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(BufReader::new(MultiGzDecoder::new(counted))) } else { Box::new(counted) })
}
