//! What tests stand on: a real broker and a real database, folders that clean up after themselves, and the `daybook` process.
//!
//! A development dependency only. Helpers panic or answer [`anyhow::Error`]: a test that cannot get its servers has failed, and
//! the reason is for a person to read.

mod daybook;
mod files;
mod kafka;
mod postgres;
mod proxy;
mod rig;
mod servers;
mod waiting;

pub use daybook::Daybook;
pub use files::{real_data, scratch};
pub use kafka::{Kafka, kafka};
pub use postgres::{Postgres, TestDatabase, postgres};
pub use proxy::Proxy;
pub use rig::{Rig, Server};
pub use waiting::wait_until;
