//! The wire contract, tested from outside: frozen fields, golden bytes, round trips, and the envelope's refusals.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod vouchers;
