//! Links that speak HTTP, TLS, UDP or DNS, and the faults on them, behind one interface.
//!
//! The packages beside this one each break one protocol and know nothing of each other. Whoever has links of several
//! kinds (an experiment's run, a control plane) uses them through this: [`LinkSpec`] (what a link is to be), [`Link`] (one
//! that runs), [`LinkFault`] (a fault on one, as a value and as JSON), [`Evidence`] and [`Ending`] (what it did), [`Vocabulary`]
//! (what may be said of all this in an experiment).
//!
//! A link of HTTP is a chain where it needs to be: TLS with clients, HTTP with WebSocket in its tunnels, TLS with the
//! server. Toxics on TCP are not done here: put a proxy of `shakedown-faults` before a link for those.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use serde_json::json;
//! use shakedown_link_faults::{Link, LinkFault, LinkSpec};
//! use shakedown_scenarios::protocol::Protocol;
//!
//! let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
//! let upstream = "127.0.0.1:8080".parse()?; // need not be there yet
//! let link = Link::start(any, LinkSpec::http(upstream), 42)?;
//! println!("clients connect to {}", link.address());
//!
//! let words = json!({"matches": {"path": "/items/*", "every": 2}, "act": {"answer": {"status": 503}}});
//! link.inject(7, LinkFault::read(Protocol::Http, &words)?)?;
//! let ending = link.heal(7).expect("it holds");
//! assert!(!ending.did.bit && ending.healed.proven);
//! link.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod counters;
mod dictionary;
mod evidence;
mod fault;
mod http;
mod link;
mod problems;
mod spec;
mod tunnel;

pub use counters::Counters;
pub use dictionary::Vocabulary;
pub use evidence::{Ending, Evidence};
pub use fault::{LinkFault, Wrongs};
pub use link::{InjectError, Link};
pub use spec::{LinkSpec, StartError};
