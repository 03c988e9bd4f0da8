//! One integration binary.

#[cfg(test)]
mod backend;
#[cfg(test)]
mod books;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disputes;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod event_log;
#[cfg(test)]
mod ingest;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod page;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod store_db;
