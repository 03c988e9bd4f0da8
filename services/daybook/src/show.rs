//! `daybook show`: one order with everything about it, the trial balance, cash on delivery, parked cases.

mod books;
mod cod;
pub(crate) mod journal;
mod order;
mod parked;
mod person;
mod timeline;

pub(crate) use books::{answer as books_answer, run as books};
pub(crate) use cod::{answer as cod_answer, run as cod};
pub(crate) use order::{Page, access, find as find_order, id_of, page, run as order};
pub(crate) use parked::run as parked;
pub(crate) use person::{Who, masked_phone, who_text};
