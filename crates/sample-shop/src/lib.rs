//! A sample shop: a Pakistani seller of clothes and household goods whose webhooks look like the real ones.
//!
//! From a [`Plan`] and nothing else it makes everything the shop's platform and its courier would send in the planned
//! days, and beside it what the books must say afterwards ([`Expected`]), counted from the shop's own story and not from
//! what it sent. The same plan makes the same bytes. There is no IO here, and no person in it exists.
//!
//! [`generate`] gives a whole [`Workload`] as it arrives: shuffled, with repeats and with authentic nonsense in between.
//! [`stream`] gives the same deliveries order by order, in constant memory.

mod catalogue;
mod expected;
mod life;
mod malformed;
mod opening;
mod order;
mod paisa;
mod people;
mod plan;
mod postex;
mod receipts;
mod render;
mod shop;
mod shopify;
mod signature;

pub use expected::Expected;
pub use opening::{Opening, opening_stock};
pub use plan::{BodySize, Plan};
pub use shop::{Delivery, Endpoint, Planted, Shop, Workload, generate, stream};
pub use signature::sign_shopify;
