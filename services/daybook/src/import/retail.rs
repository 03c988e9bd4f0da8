//! `import retail`: a retailer's invoices.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use connectors::Draft;
use connectors::retail::{self, Invoice, RowError};
use flate2::read::MultiGzDecoder;

use super::{Importing, Rejections, tenant_or_new};
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
    let mut invoices_read = retail::invoices(rows(file, &bar)?).map(|invoice| invoice.and_then(understood));
    let tenant = tenant::parse(&asked.tenant)?;
    // A file that is something else altogether must leave no tenant and no platform behind.
    let mut rejections = Rejections::default();
    let first = first_understood(&mut invoices_read, &mut rejections)
        .with_context(|| nothing_understood(&asked.file, &rejections))?;
    let platform = Platform::open_or_create(settings).await?;
    let row = tenant_or_new(&platform, &tenant, ZONE).await?;
    let mut importing = Importing::start(&platform, row, "retail".parse()?).await?;
    importing.rejections = rejections;
    let (mut invoices, mut cancellations) = (0, 0);
    for invoice in std::iter::once(Ok(first)).chain(invoices_read) {
        match invoice {
            Ok((invoice, drafts)) => {
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

/// An invoice and what it says.
type Understood = (Invoice, Vec<Draft>);

fn understood(invoice: Invoice) -> Result<Understood, RowError> {
    let drafts = retail::drafts(&invoice)?;
    Ok((invoice, drafts))
}

fn first_understood(
    invoices: &mut impl Iterator<Item = Result<Understood, RowError>>,
    rejections: &mut Rejections,
) -> Option<Understood> {
    invoices.find_map(|invoice| invoice.map_err(|error| rejections.add(error.to_string())).ok())
}

fn nothing_understood(file: &Path, rejections: &Rejections) -> String {
    let first = rejections.named.first().map_or("there is none", String::as_str);
    format!("no invoice in {} was understood, so nothing was imported: {first}", file.display())
}

/// The file's rows, unpacked if it is compressed. Told by its first bytes, not by its name.
fn rows(file: File, bar: &Bar) -> Result<Box<dyn Read + Send>> {
    let mut counted = BufReader::new(bar.wrap_read(file));
    let packed = std::io::BufRead::fill_buf(&mut counted)?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(BufReader::new(MultiGzDecoder::new(counted))) } else { Box::new(counted) })
}
