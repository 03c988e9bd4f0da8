//! `daybook export journal`: a tenant's journal for an auditor (`jsonl`, with the stored bytes) or for plain-text accounting
//! (`hledger`, which `ledger` reads as well). Written page by page, so that memory does not grow with the journal.

mod file;
mod hledger;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use audit::{End, FORMAT, FORMAT_WITH_REMOVED, Header, Line, Record, Removed};
use clap::{Args, Subcommand, ValueEnum};
use ledger::{Day, GENESIS, Posted, Timestamp};
use serde_json::json;
use store::books::{self, ChainAudit, Chained, Head, JournalRow};
use store::db::Db;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Answer, bar_of_items, plural};
use crate::platform::now;
use crate::tenant;

pub(crate) use file::write_whole;

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// The whole journal, or the days from one to another
    Journal(ExportJournal),
}

#[derive(Debug, Args)]
pub(crate) struct ExportJournal {
    #[command(flatten)]
    of: OfTenant,
    /// For whom
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The first effective day [default: from the beginning]
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<chrono::NaiveDate>,
    /// The last effective day [default: to the end]
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<chrono::NaiveDate>,
    /// Where to; a file that is there is replaced when all is written [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line, with the stored bytes: what `daybook-audit` checks
    Jsonl,
    /// A journal that hledger and ledger read
    Hledger,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Export, as_json: bool) -> Result<Answer> {
    let Export::Journal(asked) = asked;
    if as_json && asked.out.is_none() {
        bail!("the journal itself goes to standard output: name a file with --out, or leave out --json");
    }
    let (db, row) = tenant::books_of(settings, &asked.of).await?;
    let head = books::all_heads(&db).await?.get(&row.tenant).copied().unwrap_or(Head::GENESIS);
    let day = |date: Option<chrono::NaiveDate>| date.map(Day::from_date);
    let (from, to) = (day(asked.from), day(asked.to));
    let removed = from.is_none() && to.is_none() && books::has_removed(&db, &row.tenant).await?;
    let export = Exporting { db, tenant: row.tenant, head, removed, from, to, at: now(), written: 0 };
    let Some(path) = &asked.out else {
        export.write(asked.format, &mut BufWriter::new(std::io::stdout())).await?;
        return Ok(Answer::silent());
    };
    to_file(export, asked.format, path).await
}

async fn to_file(export: Exporting, format: Format, path: &Path) -> Result<Answer> {
    let named = || format!("the file {}", path.display());
    let mut new = file::NewFile::beside(path).with_context(named)?;
    let tenant = export.tenant.to_string();
    let written = export.write(format, new.writer()).await?;
    new.place(path).with_context(named)?;
    let shown = json!({ "tenant": tenant, "transactions": written, "file": path.display().to_string() });
    let many = plural(written, "transaction", "transactions");
    Ok(Answer::new(&shown, format!("{many} of {tenant} written to {}\n", path.display())))
}

/// An export under way.
struct Exporting {
    db: Db,
    tenant: commerce::TenantId,
    /// Where the journal ended when it began: what is posted meanwhile is left to the next export.
    head: Head,
    /// The whole journal is asked for, and totals stand for some of it.
    removed: bool,
    from: Option<Day>,
    to: Option<Day>,
    at: Timestamp,
    written: u64,
}

impl Exporting {
    /// Writes everything, and answers how many transactions that were.
    async fn write(mut self, format: Format, out: &mut impl Write) -> Result<u64> {
        let mut accounts = hledger::Declared::default();
        match format {
            Format::Jsonl => line(out, &Record::Journal(self.header()))?,
            Format::Hledger => hledger::heading(out, &self.tenant, self.head.number, self.at)?,
        }
        let bar = bar_of_items("transactions", self.head.number);
        let db = self.db.clone();
        let mut scan = ChainAudit::new(&db, Some(&self.tenant));
        let mut last = 0;
        while last < self.head.number {
            let page = scan.next().await?;
            if page.is_empty() {
                bail!(
                    "the journal of {} ends before number {}: run `daybook ledger verify`",
                    self.tenant,
                    self.head.number
                );
            }
            bar.inc(page.len() as u64);
            for row in page {
                let row = row.map_err(|damaged| anyhow!("{}: {}", damaged.place, damaged.problem))?;
                last = match &row {
                    Chained::Stored(row) => row.number,
                    Chained::Removed(row) => row.number,
                };
                if last > self.head.number {
                    break;
                }
                match row {
                    Chained::Stored(row) => self.one(format, &row, &mut accounts, out)?,
                    Chained::Removed(row) if self.removed && format == Format::Jsonl => {
                        self.written += 1;
                        let removed = Removed { number: row.number, link: row.link.to_string() };
                        line(out, &Record::Removed(removed))?;
                    }
                    // It leaves with what undid it: a journal in plain text is whole without both.
                    Chained::Removed(_) => {}
                }
            }
        }
        if format == Format::Jsonl {
            line(out, &Record::End(self.end()))?;
        }
        bar.finish_and_clear();
        out.flush()?;
        Ok(self.written)
    }

    fn one(
        &mut self,
        format: Format,
        row: &JournalRow,
        known: &mut hledger::Declared,
        out: &mut impl Write,
    ) -> Result<()> {
        let posted = events::posted_from_bytes(&row.body).with_context(|| {
            format!("journal of {}, number {}: run `daybook ledger verify`", row.tenant, row.number)
        })?;
        if !self.is_asked_for(&posted) {
            return Ok(());
        }
        self.written += 1;
        match format {
            Format::Jsonl => line(out, &Record::Transaction(Line::of(&posted, &row.body, row.link))),
            Format::Hledger => Ok(hledger::transaction(out, &posted, known)?),
        }
    }

    fn is_asked_for(&self, posted: &Posted) -> bool {
        let day = posted.transaction.effective();
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    fn header(&self) -> Header {
        Header {
            format: if self.removed { FORMAT_WITH_REMOVED } else { FORMAT }.to_owned(),
            tenant: self.tenant.to_string(),
            exported_at: self.at.to_string(),
            from: self.from.map(|day| day.to_string()),
            to: self.to.map(|day| day.to_string()),
        }
    }

    fn end(&self) -> End {
        let link = if self.head.number == 0 { GENESIS } else { self.head.link };
        End { transactions: self.written, number: self.head.number, link: link.to_string() }
    }
}

fn line(out: &mut impl Write, record: &Record) -> Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    Ok(out.write_all(b"\n")?)
}
