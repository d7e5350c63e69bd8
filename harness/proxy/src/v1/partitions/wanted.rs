//! What a partition is asked to be, and which proxies that are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shakedown_scenarios::target::Way;

use super::super::body::Body;
use super::super::problem::{Problem, Refused};
use crate::collection::{Collection, MOST_PROXIES};
use crate::engine::Engine;

/// A partition that may be made.
#[derive(Debug)]
pub struct Wanted {
    /// The proxies that it cuts, each once; at least one.
    pub proxies: Vec<String>,
    /// The groups that they are between; none where proxies were named.
    pub groups: Vec<Vec<String>>,
    /// Which way nothing passes.
    pub way: Way,
}

const HELP: &str = "write a list of names of proxies, or a list of groups, such as [[\"a\", \"b\"], [\"c\"]], of names that \
     proxies have as their `from` and `to`";

// === impl Wanted ===

impl Wanted {
    /// Reads a body.
    ///
    /// # Errors
    /// All that is wrong with it; and if it would cut nothing, why.
    pub fn read<E: Engine>(collection: &Collection<E>, body: &[u8]) -> Result<Self, Refused> {
        let mut body = Body::read(body)?;
        let between: Vec<Value> = body.field("between", HELP).unwrap_or_default();
        let way = way(&mut body);
        let (names, lists): (Vec<&Value>, Vec<&Value>) = between.iter().partition(|value| value.is_string());
        let (mut proxies, mut groups) = (Vec::new(), Vec::new());
        if between.is_empty() || between.len() > MOST_PROXIES || !(names.is_empty() || lists.is_empty()) {
            body.problem("between", "it is neither some names nor some groups of names", HELP);
        } else if lists.is_empty() {
            proxies = texts(&names);
            body.problems(unknown(collection, &proxies));
        } else {
            groups = read_groups(&mut body, &lists);
            proxies = across(&mut body, collection, &groups);
        }
        body.end()?;
        proxies.sort();
        proxies.dedup();
        Ok(Self { proxies, groups, way })
    }
}

fn way(body: &mut Body) -> Way {
    let help = "write \"Both\", \"Upstream\" or \"Downstream\"";
    let Some(word) = body.field::<String>("way", help) else { return Way::Both };
    let ways = [("both", Way::Both), ("upstream", Way::Upstream), ("downstream", Way::Downstream)];
    let found = ways.into_iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
    if found.is_none() {
        body.problem("way", format!("there is no way {:?}", short(&word)), help);
    }
    found.map_or(Way::Both, |(_, way)| way)
}

fn unknown<E: Engine>(collection: &Collection<E>, proxies: &[String]) -> Vec<Problem> {
    let unknown = proxies.iter().enumerate().filter(|(_, name)| collection.entry(name).is_err());
    let problem = |(at, name): (usize, &String)| {
        let message = format!("there is no proxy {:?}", short(name));
        Problem::new(format!("between[{at}]"), message, "GET /v1/proxies lists them")
    };
    unknown.map(problem).collect()
}

/// Groups of names, no name twice.
fn read_groups(body: &mut Body, lists: &[&Value]) -> Vec<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for (at, list) in lists.iter().enumerate() {
        let values: Vec<&Value> = list.as_array().map(|list| list.iter().collect()).unwrap_or_default();
        let group = texts(&values);
        if group.is_empty() || group.len() < values.len() {
            body.problem(format!("between[{at}]"), "it is no group of names", HELP);
        }
        for name in &group {
            if !seen.insert(name.clone()) {
                let message = format!("{:?} is in two places", short(name));
                body.problem(format!("between[{at}]"), message, "name each once");
            }
        }
        groups.push(group);
    }
    if groups.len() < 2 {
        body.problem("between", "one group alone has nothing between it", HELP);
    }
    groups
}

/// The proxies that go from one group to another; without any, the reason is noted.
fn across<E: Engine>(body: &mut Body, collection: &Collection<E>, groups: &[Vec<String>]) -> Vec<String> {
    let member =
        |group: usize, names: &[String]| names.iter().map(|name| (name.clone(), group)).collect::<Vec<_>>();
    let of: BTreeMap<String, usize> =
        groups.iter().enumerate().flat_map(|(group, names)| member(group, names)).collect();
    let (mut cuts, mut unnamed, mut outside, mut within) = (Vec::new(), 0, 0, 0);
    let mut met = BTreeSet::new();
    for entry in collection.entries() {
        let ends = [&entry.ends().from, &entry.ends().to];
        met.extend(ends.into_iter().flatten());
        match ends.map(|end| end.as_ref().map(|name| of.get(name))) {
            [Some(Some(from)), Some(Some(to))] if from == to => within += 1,
            [Some(Some(_)), Some(Some(_))] => cuts.push(entry.name().to_owned()),
            [Some(_), Some(_)] => outside += 1,
            _ => unnamed += 1,
        }
    }
    for name in of.keys().filter(|name| !met.contains(name)) {
        let message = format!("no proxy is from or to {:?}", short(name));
        body.problem("between", message, "give proxies their `from` and `to`: PUT /v1/proxies/{name}");
    }
    if cuts.is_empty() {
        let message = format!(
            "no proxy goes from one of these groups to another: {within} go within one group, {outside} go to or \
             from somebody in none, {unnamed} have no `from` or no `to`"
        );
        body.problem("between", message, "GET /v1/proxies shows the ends of each");
    }
    cuts
}

fn texts(values: &[&Value]) -> Vec<String> {
    let texts = values.iter().filter_map(|value| value.as_str());
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// Names come back in messages, and may be long.
fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
