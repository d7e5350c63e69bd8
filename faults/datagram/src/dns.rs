//! DNS: a responder for a small zone, and lies about it.
//!
//! [`respond`] decides: bytes of a query go in, what to do comes out, whatever those bytes are. [`Zone`] is what is true,
//! [`DnsFault`] is what is told instead. [`DnsResponder`] is the shell around it, for UDP and TCP on one port.
//!
//! The wire format is read and written here and not by a library, because what there is brings Unicode tables for names
//! that a responder only compares (hickory-proto), or sets aside memory by counts that a query's sender chose (simple-dns);
//! what is needed is one question and addresses.
//!
//! It knows no other records than A and AAAA, no zone transfers, no DNSSEC, no cookies, and forwards what it does not know.

mod answer;
mod evidence;
mod fault;
mod faults;
mod glob;
mod name;
mod query;
mod reply;
mod respond;
mod responder;
mod walk;
mod zone;

pub use answer::{Answer, Slowness, What};
pub use evidence::{DnsEvidence, DnsTally};
pub use fault::{DnsAct, DnsFault, QueryType};
pub use faults::{DnsFaults, DnsHolding, DnsRule};
pub use glob::matches;
pub use name::{LONGEST_NAME, Name, NameError};
pub use respond::{Transport, respond};
pub use responder::{DnsCounters, DnsLimits, DnsResponder};
pub use zone::{Elsewhere, Found, MOST_ADDRESSES, MOST_NAMES, Records, Zone, ZoneDescription};
