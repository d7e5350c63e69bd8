//! Faults on datagrams: a UDP proxy, and a DNS responder.
//!
//! Read in this order: [`injections`] (what holds at one moment, and how that changes without waiting for data),
//! [`udp`] (datagrams lost, doubled, delayed, reordered, damaged: decided, kept, done), [`normal`] (the one distribution
//! that the seed does not come with), [`dns`] (answers that are wrong, late or missing: decided, done).
//!
//! In both halves the deciding is pure: a datagram's fate and a query's answer follow from bytes, chance and moments that
//! are handed in. It knows neither experiments' timelines nor what else is on a link.

pub mod dns;
pub mod injections;
pub mod normal;
pub mod udp;
