//! `daybook privacy certificate` and `verify`: a signed statement of what an erasure did, and its re-check against the running
//! platform.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use audit::{Certificate, PublicKey, load_signer};
use clap::Args;
use commerce::{SubjectId, TenantId};
use privacy::certificate::{self, CertificateError, Check, Found};
use serde_json::json;

use crate::cli::{OfTenant, Whom};
use crate::config::Settings;
use crate::erase::subject_of;
use crate::export::write_whole;
use crate::output::{Align, Answer, Table, mark, strong};
use crate::platform::{Platform, now};
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Certify {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// The file with the key that signs, from `daybook ledger checkpoint-key new`; best one for certificates alone
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// What `daybook privacy certificate` wrote
    certificate: PathBuf,
    /// The key that signs certificates, as its owner told you, and not as the certificate says
    #[arg(long, value_name = "HEX")]
    public_key: PublicKey,
}

/// Runs `daybook privacy certificate`.
pub(crate) async fn certify(settings: &Settings, asked: &Certify) -> Result<Answer> {
    if same_file(&asked.key, &settings.root_key) {
        bail!("{} is the root key: draw one that signs, with `daybook ledger checkpoint-key new`", asked.key.display());
    }
    let signer = load_signer(&asked.key)?;
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let found = look(&platform, &row.tenant, subject).await?;
    let certificate = signer.certify(certificate::statement(&found, now())?);
    let Some(path) = &asked.out else { return Ok(Answer::new(&certificate, certificate.to_string())) };
    let written = serde_json::to_string_pretty(&certificate)? + "\n";
    write_whole(path, written.as_bytes()).with_context(|| format!("the file {}", path.display()))?;
    let said = format!("{certificate}\nthe signed certificate is in {}\n", path.display());
    Ok(Answer::new(&certificate, said))
}

/// Whether two paths lead to one file. The root key has the form of a key that signs, and is kept for what it is.
fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(one).is_some() && real(one) == real(other)
}

async fn look(platform: &Platform, tenant: &TenantId, subject: SubjectId) -> Result<Found> {
    Ok(certificate::look(&platform.keys, &platform.db, tenant, subject, now()).await?)
}

/// Runs `daybook privacy verify`.
pub(crate) async fn verify(settings: &Settings, asked: &Verify) -> Result<Answer> {
    let certificate = read(&asked.certificate)?;
    certificate.verify(&asked.public_key)?;
    let stated = &certificate.statement;
    let (Ok(tenant), Ok(subject)) = (stated.tenant.parse(), stated.subject.parse().map(SubjectId)) else {
        bail!("the certificate is signed, and names no merchant and subject of daybook");
    };
    let platform = Platform::open(settings).await?;
    let checks = match certificate::look(&platform.keys, &platform.db, &tenant, subject, now()).await {
        Err(CertificateError::NotErased) => certificate::unknown_here(),
        found => certificate::re_check(stated, &found?, now()),
    };
    let holds = checks.iter().all(|check| check.holds);
    let shown = |check: &Check| json!({ "claim": check.claim, "holds": check.holds, "found": check.found });
    let listed: Vec<_> = checks.iter().map(shown).collect();
    let json = json!({
        "holds": holds, "tenant": stated.tenant, "subject": stated.subject, "issued_at": stated.issued_at, "checks": listed,
    });
    Ok(Answer::new(&json, told(&checks, holds)).with_verdict(holds))
}

fn read(path: &Path) -> Result<Certificate> {
    let named = || format!("the file {}", path.display());
    let text = std::fs::read(path).with_context(named)?;
    let Ok(certificate) = serde_json::from_slice(&text) else {
        bail!("{} is no certificate of an erasure", path.display());
    };
    Ok(certificate)
}

fn told(checks: &[Check], holds: bool) -> String {
    let mut table = Table::plain([Align::Left, Align::Left, Align::Left]);
    table.row([mark(true), "the signature is good".to_owned(), String::new()]);
    for check in checks {
        table.row([mark(check.holds), check.claim.to_owned(), check.found.clone()]);
    }
    let verdict = if holds { "the certificate holds" } else { "the certificate does not hold any more, or not here" };
    format!("{table}{}\n", strong(verdict))
}
