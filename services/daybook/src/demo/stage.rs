//! Where the demo takes place: a fresh folder, or fresh topics and schemas on the servers that were named.

use std::path::PathBuf;

use anyhow::Result;
use commerce::{Fact, StockReceived, VariantId};
use events::{Event, Source};
use ledger::{Currency, Money, Timestamp};
use sample_shop::Opening;
use secrecy::SecretString;
use store::books::{self, TenantRow};
use tempfile::TempDir;

use crate::config::{Backend, Settings};
use crate::platform::Platform;
use crate::tenant;

/// The stage, set.
pub(super) struct Stage {
    /// The configuration of the demo's roles.
    pub(super) settings: Settings,
    /// What they work on.
    pub(super) platform: Platform,
    /// The shop.
    pub(super) tenant: TenantRow,
    /// What Shopify's webhooks are signed with.
    pub(super) shopify_secret: String,
    /// What the courier's pushes carry.
    pub(super) courier_secret: String,
    folder: Folder,
}

enum Folder {
    /// Deleted at the end.
    Passing(TempDir),
    /// Stays.
    Kept(PathBuf),
}

/// The courier that the sample shop uses.
pub(super) const COURIER: &str = "postex";

impl Stage {
    /// Makes everything the demo needs.
    pub(super) async fn set(settings: &Settings, keep: bool) -> Result<Stage> {
        let made = folder(settings)?;
        let settings = fresh(settings.moved_to(made.path()));
        let folder = if keep { Folder::Kept(made.keep()) } else { Folder::Passing(made) };
        let platform = Platform::open_or_create(&settings).await?;
        let tenant = tenant::new_row(tenant::parse("demo-shop")?, "Asia/Karachi", &[])?;
        books::save_tenant(&platform.db, tenant.clone()).await?;
        let [shopify_secret, courier_secret] = [(); 2].map(|()| tenant::new_secret());
        for (sender, secret) in [(tenant::SHOPIFY, &shopify_secret), (COURIER, &courier_secret)] {
            platform.keys.put_secret(&tenant.tenant, sender, &SecretString::from(secret.as_str())).await?;
        }
        Ok(Stage { settings, platform, tenant, shopify_secret, courier_secret, folder })
    }

    /// Puts goods on the shelves, as the merchant's people do when they open their books.
    pub(super) async fn open_with(&self, goods: &[Opening]) -> Result<()> {
        let tenant = &self.tenant.tenant;
        let received = goods.iter().zip(1..).map(|(goods, number): (&Opening, u32)| {
            let fact = StockReceived {
                received_at: Timestamp(goods.at),
                receipt: format!("opening-{number}").parse()?,
                variant: VariantId(goods.variant),
                item: None,
                sku: None,
                location: None,
                quantity: goods.quantity,
                unit_cost: Money::new(goods.unit_cost, Currency::PKR),
                by: "demo".parse()?,
            };
            let at = Timestamp(goods.at);
            Ok(Event::fact(tenant.clone(), Source::DAYBOOK, at, Fact::StockReceived(fact), Vec::new()).encode())
        });
        self.platform.log.append(received.collect::<Result<_>>()?).await?;
        Ok(())
    }

    /// What stays behind, in words; nothing when the demo cleans up after itself.
    pub(super) fn leave(self) -> Option<String> {
        let servers = match &self.settings.backend {
            Backend::Embedded { .. } => None,
            Backend::Servers { kafka, schema, .. } => Some(format!(
                "the topics {}* and the schemas {schema} and {schema}_keys stay on the servers",
                kafka.topic_prefix
            )),
        };
        let folder = match self.folder {
            // What a failed removal leaves behind is the system's to clear away, as with any passing folder.
            Folder::Passing(folder) => folder.close().err().map(|error| format!("the demo's data remain: {error}")),
            Folder::Kept(path) => Some(format!("the demo's data stay in {}", path.display())),
        };
        let stays: Vec<String> = [folder, servers].into_iter().flatten().collect();
        (!stays.is_empty()).then(|| stays.join("\n"))
    }
}

/// In the data folder if somebody chose one, and else where the system keeps passing things.
fn folder(settings: &Settings) -> Result<TempDir> {
    let named = settings.shown.iter().any(|shown| shown.key == "data" && shown.origin != "default");
    let mut passing = tempfile::Builder::new();
    passing.prefix("daybook-demo-");
    if !named {
        return Ok(passing.tempdir()?);
    }
    std::fs::create_dir_all(&settings.data)?;
    Ok(passing.tempdir_in(&settings.data)?)
}

/// On servers the demo has topics and schemas of its own, so that it never touches a shop's.
fn fresh(mut settings: Settings) -> Settings {
    if let Backend::Servers { kafka, schema, .. } = &mut settings.backend {
        let mark = hex::encode(rand::random::<[u8; 4]>());
        kafka.topic_prefix = format!("{}demo-{mark}-", kafka.topic_prefix);
        *schema = format!("demo_{mark}");
    }
    settings
}
