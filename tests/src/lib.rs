//! One integration binary.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod as_of;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backend;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod books;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod counter;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disputes;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod event_log;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod finance;
#[cfg(test)]
mod ingest;
#[cfg(test)]
mod journal_import;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod members;
#[cfg(test)]
mod page;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod skew;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod store_db;
#[cfg(test)]
mod totals;
#[cfg(test)]
mod vouchers;
