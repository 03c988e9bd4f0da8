//! `daybook`: the roles of the platform and the commands of its operator, in one program.
//!
//! Each command is a module that returns an [`output::Answer`]; this file chooses the command, prints its answer and turns it
//! into an exit code: 0 when all is well, 1 when something was found or failed, 2 when the command line is wrong.

mod backup;
mod claims;
mod cli;
mod config;
mod demo;
mod doctor;
mod erase;
mod export;
#[cfg(feature = "failpoints")]
mod faults;
mod import;
mod keys;
mod lag;
mod ledger;
mod logging;
mod output;
mod pause;
mod platform;
mod policy;
mod privacy;
mod quarantine;
mod readers;
mod rebuild;
mod reports;
mod restore;
mod roles;
mod show;
mod stock;
mod tenant;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, Show};
use config::Settings;
use output::Answer;

/// Folding makes and drops many small values on several threads: the C library's allocator spends a fifth of the time on
/// them, and keeps what it freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = leave_no_core_dump() {
        output::print_failure(
            &format!("this system does not let a process keep itself out of core dumps: {error}"),
            false,
        );
        return ExitCode::FAILURE;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(wrong) => return refuse(&cli::without_values(wrong)),
    };
    #[cfg(feature = "failpoints")]
    let _armed = match faults::arm() {
        Ok(armed) => armed,
        Err(error) => {
            output::print_failure(&output::explain(&error), false);
            return ExitCode::FAILURE;
        }
    };
    let answer = async {
        let settings = config::load(&cli.flags)?;
        logging::start(&settings)?;
        run(&cli, &settings).await
    };
    match answer.await {
        Ok(answer) => {
            output::print(&answer, cli.json);
            if answer.good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            output::print_failure(&output::explain(&error), cli.json);
            ExitCode::FAILURE
        }
    }
}

/// A core dump would hold what is in memory: people in clear, and the keys of everything sealed. So none is ever written of this
/// process, and no other process of the same user can read its memory (`PR_SET_DUMPABLE`, prctl(2)).
#[cfg(target_os = "linux")]
fn leave_no_core_dump() -> Result<(), rustix::io::Errno> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
}

/// Elsewhere the system has to be told: `ulimit -c 0`.
#[cfg(not(target_os = "linux"))]
fn leave_no_core_dump() -> Result<(), rustix::io::Errno> {
    Ok(())
}

/// Answers a command line that is wrong, or one that asks for help or the version, which are text for people and no failure.
fn refuse(wrong: &clap::Error) -> ExitCode {
    let as_json = wrong.use_stderr() && cli::asks_for_json(std::env::args_os());
    output::print_wrong_usage(wrong, &cli::reason(wrong), as_json);
    if wrong.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

async fn run(cli: &Cli, settings: &Settings) -> anyhow::Result<Answer> {
    match &cli.command {
        Command::Up => roles::run(settings, roles::ALL, cli.json).await,
        Command::Ingest => roles::run(settings, &[roles::Role::Ingest], cli.json).await,
        Command::Processor => roles::run(settings, &[roles::Role::Processor], cli.json).await,
        Command::Api => roles::run(settings, &[roles::Role::Api], cli.json).await,
        Command::Privacy(asked) => privacy::run(settings, asked, cli.json).await,
        Command::Demo(demo) => demo::run(settings, demo, cli.json).await,
        Command::Tenant(command) => tenant::run(settings, command).await,
        Command::Import(command) => import::run(settings, command).await,
        Command::Show(Show::Order(asked)) => show::order(settings, asked).await,
        Command::Show(Show::Books(of)) => show::books(settings, of).await,
        Command::Show(Show::Cod(asked)) => show::cod(settings, asked).await,
        Command::Show(Show::Parked(of)) => show::parked(settings, of).await,
        Command::Report(report) => reports::run(settings, report).await,
        Command::WriteOff(asked) => claims::run_write_off(settings, asked).await,
        Command::Chargeback(asked) => claims::run_chargeback(settings, asked).await,
        Command::Erase(asked) => erase::run(settings, asked, cli.json).await,
        Command::Rebuild(asked) => rebuild::run(settings, asked).await,
        Command::Pause(asked) => pause::pause(settings, asked).await,
        Command::Resume(asked) => pause::resume(settings, asked).await,
        Command::Verify => verify::run(settings).await,
        Command::Export(command) => export::run(settings, command, cli.json).await,
        Command::Quarantine(command) => quarantine::run(settings, command).await,
        Command::Ledger(command) => ledger::run(settings, command).await,
        Command::Stock(command) => stock::run(settings, command).await,
        Command::Keys(command) => keys::run(settings, command).await,
        Command::Backup(asked) => backup::run(settings, asked).await,
        Command::Restore(asked) => restore::run(settings, asked).await,
        Command::Lag(asked) => lag::run(settings, asked).await,
        Command::Doctor => doctor::run(settings).await,
    }
}
