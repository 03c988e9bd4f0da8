//! `daybook tenant policy`: how a merchant keeps its books, shown and set as data.

use std::path::Path;

use anyhow::{Context, Result, bail};
use commerce::Policy;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use store::books;

use crate::cli::TenantPolicy;
use crate::config::Settings;
use crate::output::{Answer, strong};
use crate::platform::Platform;
use crate::tenant;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &TenantPolicy) -> Result<Answer> {
    let written = asked.file.as_deref().map(read).transpose()?;
    let platform = Platform::open(settings).await?;
    let mut row = tenant::find(&platform.db, &tenant::parse(&asked.name)?).await?;
    let changed = written.is_some_and(|rules| {
        let (before, after) =
            (row.policy(), Policy { zone: row.zone, cod_gateways: row.cod_gateways.clone(), ..rules });
        row.rules = after;
        before != row.rules
    });
    if changed {
        books::save_tenant(&platform.db, row.clone()).await?;
    }
    let text = toml::to_string_pretty(&row.rules)?;
    let heading = match changed {
        true => format!(
            "the policy of {} is set; `daybook rebuild books` posts what differs in what was posted by the old one\n\n",
            strong(row.tenant.as_str())
        ),
        false => String::new(),
    };
    let json = serde_json::json!({ "tenant": row.tenant.as_str(), "changed": changed, "policy": row.rules });
    Ok(Answer::new(&json, format!("{heading}{text}")))
}

/// The policy in a file. Errors name the key.
fn read(path: &Path) -> Result<Policy> {
    let text = std::fs::read_to_string(path).with_context(|| format!("the policy file {}", path.display()))?;
    let is_json = path.extension().is_some_and(|end| end == "json");
    understood(&text, is_json).with_context(|| format!("the policy file {}", path.display()))
}

fn understood(text: &str, is_json: bool) -> Result<Policy> {
    let written = match is_json {
        true => Figment::from(Serialized::defaults(serde_json::from_str::<serde_json::Value>(text)?)),
        false => Figment::from(Toml::string(text)),
    };
    let policy: Policy = written.extract().map_err(|error| {
        // The first error alone, and its key: the source is the file that the context names.
        anyhow::anyhow!("`{}`: {}", error.path.join("."), error.kind)
    })?;
    check(&policy)?;
    Ok(policy)
}

/// What each key by itself cannot know.
fn check(policy: &Policy) -> Result<()> {
    let roles = serde_json::to_value(&policy.chart)?;
    for (role, account) in roles.as_object().into_iter().flatten() {
        if account.as_str().is_some_and(|path| path.starts_with("assets:cod-receivable:")) {
            bail!("`chart.{role}`: accounts below assets:cod-receivable are what couriers hold, and nothing else");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::understood;

    #[test]
    fn a_policy_is_read_and_written() {
        let text = "recognition = \"fulfilment\"\n[chart]\nsales = \"income:retail\"\n[[withholding.income_tax]]\n\
                    from = \"2025-07-01\"\nbasis_points = 200\n";
        let policy = understood(text, false).unwrap();
        assert_eq!(policy.chart.sales.as_str(), "income:retail");
        let again = understood(&toml::to_string_pretty(&policy).unwrap(), false).unwrap();
        assert_eq!(again, policy);
        assert_eq!(understood(&serde_json::to_string(&policy).unwrap(), true).unwrap(), policy);
        assert_eq!(understood("", false).unwrap(), commerce::Policy::default());
    }

    #[test]
    fn what_is_wrong_names_its_key() {
        for (text, told) in [
            ("recogniton = \"delivery\"", &["recogniton"][..]),
            ("recognition = \"sometimes\"", &["recognition", "sometimes"]),
            ("[chart]\nbank = \"Bank\"", &["chart.bank", "assets"]),
            ("[chart]\nbonk = \"assets:bank\"", &["bonk"]),
            ("[chart]\nbank = \"assets:cod-receivable:postex\"", &["chart.bank"]),
            ("[[output_tax]]\nfrom = \"2025-13-01\"\nbasis_points = 1", &["output_tax"]),
            ("[[output_tax]]\nfrom = \"2025-12-01\"\nbasis_points = 10001", &["output_tax", "10000"]),
        ] {
            let error = format!("{:#}", understood(text, false).unwrap_err());
            assert!(told.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
    }
}
