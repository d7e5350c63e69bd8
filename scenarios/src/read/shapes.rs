//! Lists, maps and variants: everything in brackets but named fields.

use std::collections::BTreeMap;

use super::context::{Blank, Context};
use crate::problem::Problem;
use crate::suggest;
use crate::syntax::{Body, Node, Place, Struct, Value};

impl Context {
    /// A list; entries that cannot be read stay in it as blanks, so that the numbers of the others stay right.
    pub(crate) fn list<T: Blank>(
        &mut self,
        node: &Node,
        what: &str,
        read: impl Fn(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(nodes) = &node.value else {
            return self.expected(
                node,
                &format!("a list of {what} `[…]`"),
                format!("write `[{}]`", T::EXAMPLE),
            );
        };
        let entry = |(index, node): (usize, &Node)| self.step(index, node, &read).unwrap_or_else(T::blank);
        Some(nodes.iter().enumerate().map(entry).collect())
    }

    /// The entries of a map with texts as keys, in the order of the text.
    pub(crate) fn entries<T: Blank>(
        &mut self,
        node: &Node,
        what: &str,
        read: impl Fn(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let Value::Map(pairs) = &node.value else {
            let help = format!("write `{{\"name\": {}}}`", T::EXAMPLE);
            return self.expected(node, &format!("a map of {what} `{{…}}`"), help);
        };
        let mut entries: Vec<(String, T)> = Vec::new();
        let mut seen: BTreeMap<String, Place> = BTreeMap::new();
        for (key, value) in pairs {
            let Some(name) = self.key(key, node.damaged) else { continue };
            if let Some(first) = seen.get(&name) {
                let problem =
                    Problem::new(key.place, format!("`{name}` occurs twice")).also(*first, "first here");
                self.tell(problem.help("give each its own name, or remove one"));
                continue;
            }
            seen.insert(name.clone(), key.place);
            self.note_key(&name, key);
            let value = self.step(&name, value, &read).unwrap_or_else(T::blank);
            entries.push((name, value));
        }
        Some(entries)
    }

    fn key(&mut self, key: &Node, damaged: bool) -> Option<String> {
        match &key.value {
            Value::Text(text) => Some(text.value.clone()),
            _ if damaged => None,
            Value::Struct(Struct { name: Some(name), body: Body::Unit }) => {
                let help = format!("names in a map stand in quotes: \"{}\"", name.text);
                let _: Option<()> = self.expected(key, "a name in quotes", help);
                Some(name.text.clone())
            }
            _ => self.expected(key, "a name in quotes", "names in a map stand in quotes: \"name\""),
        }
    }

    /// The same as [`Self::entries`], by name.
    pub(crate) fn map<T: Blank>(
        &mut self,
        node: &Node,
        what: &str,
        read: impl Fn(&mut Self, &Node) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        self.entries(node, what, read).map(|entries| entries.into_iter().collect())
    }

    /// The name of a node that must be one of these.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn variant(
        &mut self,
        node: &Node,
        what: &str,
        allowed: &[&'static str],
    ) -> Option<&'static str> {
        let Value::Struct(Struct { name: Some(name), .. }) = &node.value else {
            let help = match &node.value {
                Value::Text(text) if allowed.contains(&text.value.as_str()) => {
                    format!("write it without quotes: {}", text.value)
                }
                _ => format!("allowed: {}", suggest::listed(allowed.iter().copied())),
            };
            return self.expected(node, what, help);
        };
        let found = allowed.iter().find(|allowed| **allowed == name.text).copied();
        #[cfg(test)]
        self.seen.note(std::panic::Location::caller(), what, allowed, found.into_iter());
        found.or_else(|| {
            let message = format!("expected {what}, found `{}`", crate::syntax::shortened(&name.text));
            self.wrong(name.place, message, suggest::help(&name.text, "allowed", allowed.iter().copied()))
        })
    }

    /// The only value in a variant's parentheses: `Http("/healthz")`.
    pub(crate) fn only<'t>(&mut self, node: &'t Node, example: &str) -> Option<&'t Node> {
        self.values::<1>(node, example).map(|[value]| value)
    }

    /// Exactly so many values in a variant's parentheses.
    pub(crate) fn values<'t, const N: usize>(
        &mut self,
        node: &'t Node,
        example: &str,
    ) -> Option<[&'t Node; N]> {
        if let Value::Struct(Struct { body: Body::Values(values), .. }) = &node.value {
            if values.iter().any(|node| node.value == Value::Broken) {
                return None;
            }
            let values: Vec<&Node> = values.iter().collect();
            if let Ok(values) = values.try_into() {
                return Some(values);
            }
        }
        if node.damaged {
            return None;
        }
        let values = if N == 1 { "one value".to_owned() } else { format!("{N} values") };
        let name = match &node.value {
            Value::Struct(Struct { name: Some(name), .. }) => &name.text,
            _ => "this",
        };
        self.wrong(
            node.head(),
            format!("`{name}` takes exactly {values} without a name"),
            format!("write `{example}`"),
        )
    }

    /// Tells where a variant that is a bare name has arguments.
    pub(crate) fn bare(&mut self, node: &Node) {
        if let Value::Struct(Struct { name: Some(name), body }) = &node.value {
            let empty =
                matches!(body, Body::Unit) || matches!(body, Body::Values(values) if values.is_empty());
            if !empty && !node.damaged {
                let message = format!("`{}` takes no arguments", name.text);
                let _: Option<()> = self.wrong(name.place, message, format!("write `{}`", name.text));
            }
        }
    }
}
