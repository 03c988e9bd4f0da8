//! All SQL of the platform: read models, checkpoints, journal and key store, over one owner of transactions.

pub mod beside;
pub mod books;
pub mod copy;
pub mod db;
pub mod finance;
pub mod keys;
pub mod schema;
