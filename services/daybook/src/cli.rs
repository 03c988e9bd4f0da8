//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgGroup, Args, Parser, Subcommand};

use store::keys::{NotAPurpose, Purpose};

use crate::config::Flags;
use crate::export::Export;
use crate::readers::Reader;
use crate::tenant::{POSTEX, SHOPIFY};

/// An event-sourced order and ledger processor for sellers who are paid in cash on delivery.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, about, max_term_width = 120, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Answer with one JSON object on standard output; everything else goes to standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: webhooks, processor, page, privacy
    Up,
    /// Run the webhook endpoints only
    Ingest,
    /// Run the processor only: books, read models, relay
    Processor,
    /// Run the page only
    Api,
    /// People's data: who looked at it, who may. Alone: run what privacy needs, erasures and key epochs
    Privacy(crate::privacy::Privacy),
    /// Show the whole thing with a sample shop of 90 days
    Demo(Demo),
    /// Merchants on this platform and their webhook secrets
    #[command(subcommand)]
    Tenant(Tenant),
    /// Bring in what other systems exported
    #[command(subcommand)]
    Import(Import),
    /// Look at orders and books
    #[command(subcommand)]
    Show(Show),
    /// Statements as of any day, as known at any time
    #[command(subcommand)]
    Report(crate::reports::Report),
    /// Give up a parcel's cash, or claim it of the courier
    WriteOff(crate::claims::WriteOff),
    /// Record a card payment that a buyer disputes
    Chargeback(crate::claims::Chargeback),
    /// Erase a person: destroy the keys of their data
    Erase(Erase),
    /// Drop read models and fold them again from the log
    Rebuild(Rebuild),
    /// Stop folding read models, in every process, until they are resumed
    Pause(crate::pause::Pause),
    /// Fold again what was paused
    Resume(crate::pause::Pause),
    /// Check every invariant and say where it does not hold
    Verify,
    /// Write the journal for auditors and for plain-text accounting
    #[command(subcommand)]
    Export(Export),
    /// Authentic input that was not understood
    #[command(subcommand)]
    Quarantine(crate::quarantine::Quarantine),
    /// What people enter into the books themselves, closed periods, and the check of the whole ledger
    #[command(subcommand)]
    Ledger(crate::ledger::Ledger),
    /// Goods that came in, and what is in stock
    #[command(subcommand)]
    Stock(crate::stock::Stock),
    /// The epochs that wrap everybody's keys
    #[command(subcommand)]
    Keys(crate::keys::Keys),
    /// Write log and key store into two encrypted files, or check such a file
    Backup(crate::backup::Backup),
    /// Put a backup back into an empty place
    Restore(crate::restore::Restore),
    /// How many records wait to be folded
    Lag(crate::lag::Lag),
    /// Check the configuration and everything it points to
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many orders the sample shop takes
    #[arg(long, default_value_t = 6_000)]
    pub(crate) orders: u32,
    /// What decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Exit when all is shown instead of serving the page until Ctrl-C
    #[arg(long)]
    pub(crate) exit: bool,
    /// Keep the demo's data folder
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Add a merchant; secrets that are made here are shown once
    Add(TenantAdd),
    /// List the merchants
    List,
    /// Make or replace a webhook secret; the one it replaces stays valid until the next replacement
    Secret(TenantSecret),
    /// PostgreSQL roles that may read a merchant's finance views
    #[command(subcommand)]
    Reader(Reader),
    /// Close a merchant's account: webhooks are refused, nobody enters anything, and everything personal goes after its time (30 days)
    Close(TenantClose),
    /// Open an account again, as long as nothing of it has gone
    Reopen(TenantClose),
    /// Show or set how a merchant keeps its books: accounts, rates, when goods are sold
    Policy(TenantPolicy),
    /// Turn a merchant's webhooks away for a while (503): senders come again, for some hours
    Pause(TenantClose),
    /// Take a merchant's webhooks again
    Resume(TenantClose),
    /// How many of a merchant's webhooks each process takes in a second; more are answered 429
    Rate(TenantRate),
}

#[derive(Debug, Args)]
pub(crate) struct TenantRate {
    /// Which merchant
    pub(crate) name: String,
    /// How many, over ten seconds; 0 takes as many as come
    #[arg(long, value_name = "N", required_unless_present = "usual", conflicts_with = "usual")]
    pub(crate) per_second: Option<u32>,
    /// What the setting `tenant_per_second` says
    #[arg(long)]
    pub(crate) usual: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TenantClose {
    /// Which merchant
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct TenantPolicy {
    /// Which merchant
    pub(crate) name: String,
    /// TOML file, or JSON if it ends so, with everything that is not as usual; an empty one means all is as usual
    #[arg(long, value_name = "FILE", conflicts_with = "show")]
    pub(crate) file: Option<PathBuf>,
    /// Show the policy and change nothing; so does the command without --file
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TenantAdd {
    /// Lower-case letters, digits and hyphens, up to 63
    pub(crate) name: String,
    /// Time zone whose midnight ends the business day
    #[arg(long, default_value = "Asia/Karachi", value_name = "IANA")]
    pub(crate) zone: String,
    /// A payment gateway that means cash on delivery; may be repeated [default: the usual names]
    #[arg(long = "cod-gateway", value_name = "NAME")]
    pub(crate) cod_gateways: Vec<String>,
    /// File with the Shopify app's secret [default: one is made]
    #[arg(long, value_name = "FILE")]
    pub(crate) shopify_secret_file: Option<PathBuf>,
    /// A courier that pushes to this platform
    #[arg(long, value_name = "SLUG", value_parser = PossibleValuesParser::new([POSTEX]))]
    pub(crate) courier: Option<String>,
    /// File with the courier's secret [default: one is made]
    #[arg(long, value_name = "FILE", requires = "courier")]
    pub(crate) courier_secret_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TenantSecret {
    /// Which merchant
    pub(crate) name: String,
    /// Who signs with it: the shop or a courier
    #[arg(long, value_parser = PossibleValuesParser::new([SHOPIFY, POSTEX]))]
    pub(crate) sender: String,
    /// File with the new secret [default: one is made]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Order exports of Shopify: JSON files, or folders of them
    ShopifyOrders(ImportOrders),
    /// Invoices in the columns of the UCI Online Retail data sets, CSV or CSV.gz
    Retail(ImportRetail),
    /// A journal from `daybook export journal`, into a merchant whose journal is empty
    Journal(ImportJournal),
}

#[derive(Debug, Args)]
pub(crate) struct ImportOrders {
    /// Files or folders
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Which merchant [default: the only one]
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Add the merchant if it is not there
    #[arg(long, requires = "tenant")]
    pub(crate) create: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportRetail {
    /// The file
    pub(crate) file: PathBuf,
    /// Which merchant; added if it is not there
    #[arg(long, default_value = "retail")]
    pub(crate) tenant: String,
}

#[derive(Debug, Args)]
pub(crate) struct ImportJournal {
    /// The file, in the format jsonl and of all days
    pub(crate) file: PathBuf,
    /// Which merchant: one that is there, and in whose books nothing stands yet
    #[arg(long)]
    pub(crate) tenant: String,
    /// Who: a slug such as `finance-2`, never a name
    #[arg(long, value_name = "SLUG")]
    pub(crate) by: commerce::StaffId,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Show {
    /// One order: who, lines, timeline, journal, cash
    Order(ShowOrder),
    /// The trial balance
    Books(OfTenant),
    /// Cash on delivery by courier and age
    Cod(ShowCod),
    /// Cases that cannot be posted, with the reason
    Parked(OfTenant),
}

#[derive(Debug, Args)]
pub(crate) struct OfTenant {
    /// Which merchant [default: the only one]
    #[arg(long)]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowOrder {
    /// Its id, or its printed name such as `#1001`
    pub(crate) order: String,
    #[command(flatten)]
    pub(crate) of: OfTenant,
    /// Show personal data in clear, to whom `daybook privacy permit` lets see it
    #[arg(long, requires_all = ["purpose", "by"])]
    pub(crate) reveal: bool,
    /// Why: a word or a ticket, such as `support`, `ticket-812` or `legal-claims/812`; goes on record
    #[arg(long, value_name = "WORD", value_parser = purpose)]
    pub(crate) purpose: Option<Purpose>,
    /// Who: a slug such as `support-2`, never a name; goes on record [default: the operator]
    #[arg(long, value_name = "SLUG")]
    pub(crate) by: Option<commerce::StaffId>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowCod {
    #[command(flatten)]
    pub(crate) of: OfTenant,
    /// Age as of this day [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<chrono::NaiveDate>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("somebody").args(["customer", "order", "phone", "email", "subject"]).required(true))]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) of: OfTenant,
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// `person`, `shop` or `retention`
    #[arg(long, default_value = "person")]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

// A person, or nobody: a command that needs one says so.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Whom {
    /// The shop's customer id
    #[arg(long, value_name = "ID")]
    pub(crate) customer: Option<String>,
    /// The buyer of this order: its id, or its printed name
    #[arg(long, value_name = "ID")]
    pub(crate) order: Option<String>,
    /// A phone number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) phone: Option<String>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// The subject's own id
    #[arg(long, value_name = "UUID")]
    pub(crate) subject: Option<uuid::Uuid>,
}

impl Whom {
    /// Whether somebody was named.
    pub(crate) fn is_somebody(&self) -> bool {
        let Whom { customer, order, phone, email, subject } = self;
        subject.is_some() || [customer, order, phone, email].iter().any(|text| text.is_some())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// `books`, `people`, `stock` or `quarantine`
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) projection: Option<String>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Build a second set of tables beside the live ones, which others fold and read meanwhile, and swap it in. Without it the rows
    /// are dropped first and folded again in their place, and nobody else folds until it is done
    #[arg(long)]
    pub(crate) beside: bool,
    /// Of the time, how many percent it may work beside others who fold the same projection
    #[arg(long, value_name = "PERCENT", requires = "beside", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) pace: u8,
    /// Rebuild although records on the log cannot be read: what they said is lost from the read models
    #[arg(long)]
    pub(crate) despite_damage: bool,
}

/// Why somebody looks: not one of the words that stand on record for the platform itself.
pub(crate) fn purpose(text: &str) -> Result<Purpose, String> {
    let purpose: Purpose = text.parse().map_err(|error: NotAPurpose| error.to_string())?;
    if purpose.is_of_platform() {
        return Err("this word stands on record for the platform itself: say why you look".to_owned());
    }
    Ok(purpose)
}

/// Whether a command line that could not be read asks for JSON.
pub(crate) fn asks_for_json(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter().take_while(|arg| arg != OsStr::new("--")).any(|arg| arg == OsStr::new("--json"))
}

/// The same error without the words that were typed: a name or a phone number in the wrong place must not stand in what is
/// printed, which others collect. Misspelled options and commands are shown: they are words of this program, nearly.
pub(crate) fn without_values(mut wrong: clap::Error) -> clap::Error {
    let is_option = |arg: &str| arg.starts_with('-');
    let typed = match wrong.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => wrong.kind() == ErrorKind::UnknownArgument && !is_option(arg),
        _ => false,
    };
    if typed {
        wrong.insert(ContextKind::InvalidArg, ContextValue::String("…".to_owned()));
    }
    if matches!(wrong.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if !value.is_empty()) {
        wrong.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    wrong
}

/// Why a command line is wrong, in one line: the first paragraph of what clap says, without the usage that follows.
pub(crate) fn reason(wrong: &clap::Error) -> String {
    let said = wrong.render().to_string();
    let paragraph = said.split("\n\n").next().unwrap_or_default();
    let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Cli, asks_for_json, reason};
    use clap::{CommandFactory, Parser};

    fn refused(args: &[&str]) -> clap::Error {
        Cli::try_parse_from([&["daybook"], args].concat()).unwrap_err()
    }

    #[test]
    fn a_wrong_command_line_is_explained_in_one_line() {
        for (args, told) in [
            (&["tenant", "add", "a", "--courier", "nosuch"][..], &["--courier", "postex"][..]),
            (&["tenant", "secret", "a", "--sender", "postexx"], &["--sender", "shopify", "postex"]),
            (&["tenant", "secret", "a"], &["not provided", "--sender"]),
            (&["nosuch", "--json"], &["unrecognized subcommand"]),
            (&["erase", "--yes"], &["not provided", "--customer"]),
            (&["erase", "--order", "1", "--phone", "2"], &["cannot be used with", "--order", "--phone"]),
            (&["show", "order", "1", "--reveal", "--purpose", "support"], &["not provided", "--by"]),
            (&["show", "order", "1", "--purpose", "asked by Ali"], &["--purpose", "one word or ticket"]),
            (&["show", "order", "1", "--purpose", "request/access"], &["--purpose", "the platform itself"]),
            (&["--json"], &["subcommand"]),
        ] {
            let reason = reason(&refused(args));
            assert!(told.iter().all(|part| reason.contains(part)), "{args:?}: {reason}");
            assert!(!reason.contains('\n') && !reason.starts_with("error"), "{reason}");
        }
    }

    #[test]
    fn what_was_typed_is_not_repeated() {
        for args in [
            &["erase", "--phone", "0300", "1234567"][..],
            &["erase", "--order", "1", "--subject", "Zarmina"],
            &["show", "cod", "--as-of", "Zarmina"],
            &["tenant", "secret", "a", "--sender", "Zarmina"],
            &["import", "journal", "f", "--tenant", "a", "--by", "Zarmina Khan"],
        ] {
            let wrong = super::without_values(refused(args));
            let told = wrong.render().to_string() + &reason(&wrong);
            assert!(!told.contains("Zarmina") && !told.contains("1234567"), "{told}");
        }
        let misspelled = super::without_values(refused(&["erase", "--phon", "1"])).render().to_string();
        assert!(misspelled.contains("--phon'"), "{misspelled}");
    }

    #[test]
    fn help_and_version_are_no_failures() {
        for args in [["--help", "--json"], ["--json", "--version"]] {
            assert!(!refused(&args).use_stderr());
        }
    }

    #[test]
    fn json_is_asked_for_before_what_is_no_flag() {
        for (args, asks) in [(&["a", "--json"][..], true), (&["--jsonx"], false), (&["--", "--json"], false)] {
            assert_eq!(asks_for_json(args.iter().map(Into::into)), asks);
        }
    }

    #[test]
    fn privacy_alone_is_the_role_and_its_report_needs_nobody() {
        for args in [&["privacy"][..], &["privacy", "accesses"], &["privacy", "accesses", "--order", "1", "--csv"]] {
            assert!(Cli::try_parse_from([&["daybook"], args].concat()).is_ok(), "{args:?}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
