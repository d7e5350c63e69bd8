//! Helpers that read the parts of a tree and tell what is wrong with each.
//!
//! A reader takes a node and gives a value, or tells a problem and gives nothing. Nothing becomes a blank value in the
//! experiment, and its path is noted as broken, so that everything else can be read and checked all the same.

use crate::places::{Path, Places, Step};
use crate::problem::Problem;
use crate::suggest;
use crate::syntax::{Body, Node, Place, Struct, Value, Word};

/// What has been found on the way through the tree.
#[derive(Default)]
pub(crate) struct Context {
    pub(crate) problems: Vec<Problem>,
    pub(crate) places: Places,
    path: Path,
}

/// What stands for a value that could not be read, and how the value would look.
pub(crate) trait Blank {
    /// The value that means nothing.
    fn blank() -> Self;
    /// How such a value is written.
    const EXAMPLE: &'static str;
}

/// The named fields of a struct while they are read.
pub(crate) struct Fields<'t> {
    what: String,
    place: Place,
    fields: &'t [(Word, Node)],
    known: Vec<&'static str>,
    /// How many of the entries without a name have been taken for a field that was missing.
    unnamed: usize,
    damaged: bool,
}

// === impl Context ===

impl Context {
    /// Tells a problem; what is read gives nothing.
    pub(crate) fn wrong<T>(
        &mut self,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.problems.push(Problem::new(place, message).help(help));
        None
    }

    /// Tells that something else was expected; about what is broken already, nothing is told.
    pub(crate) fn expected<T>(&mut self, node: &Node, expected: &str, help: impl Into<String>) -> Option<T> {
        if node.value == Value::Broken {
            return None;
        }
        self.wrong(node.head(), format!("expected {expected}, found {}", node.described()), help)
    }

    /// Reads something one step further in.
    pub(crate) fn step<T>(
        &mut self,
        step: impl Into<Step>,
        node: &Node,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        self.path.0.push(step.into());
        let node = through_some(node);
        self.places.note(&self.path, node);
        let value = read(self, node);
        if value.is_none() {
            self.places.note_broken(&self.path);
        }
        self.path.0.pop();
        value
    }

    /// Notes that a part without text of its own is broken.
    fn note_missing(&mut self, step: &'static str) {
        let path = self.path.then(step);
        self.places.note_broken(&path);
    }

    /// Notes that what is being read has something wrong in it that has no path of its own.
    pub(crate) fn note_broken(&mut self) {
        self.places.note_broken(&self.path);
    }

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
        let mut seen: std::collections::BTreeMap<String, Place> = std::collections::BTreeMap::new();
        for (key, value) in pairs {
            let Some(name) = self.key(key, node.damaged) else { continue };
            if let Some(first) = seen.get(&name) {
                let problem =
                    Problem::new(key.place, format!("`{name}` occurs twice")).also(*first, "first here");
                self.problems.push(problem.help("give each its own name, or remove one"));
                continue;
            }
            seen.insert(name.clone(), key.place);
            self.path.0.push(Step::Entry(name.clone()));
            let key_path = self.path.then_key();
            self.places.note(&key_path, key);
            self.path.0.pop();
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
    ) -> Option<std::collections::BTreeMap<String, T>> {
        self.entries(node, what, read).map(|entries| entries.into_iter().collect())
    }

    /// The name of a node that must be one of these.
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
        found.or_else(|| {
            let message = format!("expected {what}, found `{}`", crate::syntax::shortened(&name.text));
            self.wrong(name.place, message, suggest::help(&name.text, "allowed", allowed.iter().copied()))
        })
    }

    /// The fields of a struct; `what` is its name in messages.
    pub(crate) fn fields<'t>(&mut self, node: &'t Node, what: &str) -> Option<Fields<'t>> {
        let (fields, damaged): (&[(Word, Node)], _) = match &node.value {
            Value::Struct(Struct { body: Body::Fields(fields), .. }) => (fields, node.damaged),
            Value::Struct(Struct { body: Body::Unit, name: Some(name) })
                if what.ends_with(&format!("`{}`", name.text)) =>
            {
                (&[], node.damaged)
            }
            Value::Struct(Struct { body: Body::Values(values), .. }) if values.is_empty() => {
                (&[], node.damaged)
            }
            Value::Struct(Struct { body: Body::Values(values), name }) if !node.damaged => {
                let place = values.first().map_or(node.head(), Node::head);
                let shape = name.as_ref().map_or(String::new(), |name| name.text.clone());
                let message = format!("{what} takes fields with names, found a value without one");
                return self.wrong(place, message, format!("write `{shape}(name: value)`"));
            }
            Value::Map(_) => {
                return self.expected(
                    node,
                    &format!("{what} as a struct `(…)`"),
                    "write `(name: value)`: round brackets, no quotes around names",
                );
            }
            _ if node.damaged => (&[], true),
            _ => return self.expected(node, &format!("{what} as a struct `(…)`"), "write `(name: value)`"),
        };
        self.tell_twice(fields);
        Some(Fields {
            what: what.to_owned(),
            place: node.head(),
            fields,
            known: Vec::new(),
            unnamed: 0,
            damaged,
        })
    }

    fn tell_twice(&mut self, fields: &[(Word, Node)]) {
        let mut seen: std::collections::BTreeMap<&str, Place> = std::collections::BTreeMap::new();
        for (word, _) in fields.iter().filter(|(word, _)| !word.text.is_empty()) {
            if let Some(first) = seen.get(word.text.as_str()) {
                let message = format!("field `{}` occurs twice", word.text);
                self.problems
                    .push(Problem::new(word.place, message).also(*first, "first here").help("remove one"));
            }
            seen.entry(&word.text).or_insert(word.place);
        }
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

impl Path {
    fn then_key(&self) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Key);
        path
    }
}

/// `Some(x)` is the same as `x`.
pub(crate) fn through_some(node: &Node) -> &Node {
    match &node.value {
        Value::Struct(Struct { name: Some(name), body: Body::Values(values) }) if name.text == "Some" => {
            match values.as_slice() {
                [value] => through_some(value),
                _ => node,
            }
        }
        _ => node,
    }
}

fn is_none(node: &Node) -> bool {
    matches!(&node.value, Value::Struct(Struct { name: Some(name), body: Body::Unit }) if name.text == "None")
}

// === impl Fields ===

impl<'t> Fields<'t> {
    /// The node of a field; `None` where there is none, or where it is `None`.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        self.known.push(key);
        let found = self.fields.iter().find(|(word, _)| word.text == key);
        found.map(|(_, node)| node).filter(|node| !is_none(node))
    }

    /// A field that may be left out.
    pub(crate) fn optional<T>(
        &mut self,
        cx: &mut Context,
        key: &'static str,
        read: impl FnOnce(&mut Context, &Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        cx.step(key, node, read)
    }

    /// A field that has a value without being written.
    pub(crate) fn or<T>(
        &mut self,
        cx: &mut Context,
        key: &'static str,
        default: T,
        read: impl FnOnce(&mut Context, &Node) -> Option<T>,
    ) -> T {
        self.optional(cx, key, read).unwrap_or(default)
    }

    /// A field that must be written.
    pub(crate) fn required<T: Blank>(
        &mut self,
        cx: &mut Context,
        key: &'static str,
        read: impl FnOnce(&mut Context, &Node) -> Option<T>,
    ) -> T {
        let value = match self.node(key) {
            Some(node) => cx.step(key, node, read),
            None => match self.unnamed(cx, key) {
                Some(node) => cx.step(key, node, read),
                None => self.missing(cx, key, T::EXAMPLE),
            },
        };
        value.unwrap_or_else(T::blank)
    }

    /// The next entry without a name, taken for the field that is missing.
    fn unnamed(&mut self, cx: &mut Context, key: &'static str) -> Option<&'t Node> {
        let mut unnamed = self.fields.iter().filter(|(word, _)| word.text.is_empty());
        let (_, node) = unnamed.nth(self.unnamed)?;
        self.unnamed += 1;
        let message =
            format!("{} takes its fields by name, found {} without one", self.what, node.described());
        let written = match &node.value {
            Value::Text(text) => format!("\"{}\"", crate::syntax::shortened(&text.value)),
            _ => "…".to_owned(),
        };
        let _: Option<()> = cx.wrong(node.head(), message, format!("write `{key}: {written}`"));
        Some(node)
    }

    fn missing<T>(&self, cx: &mut Context, key: &'static str, example: &str) -> Option<T> {
        cx.note_missing(key);
        // Where it is there but mistyped, that is what is told.
        if self.damaged || self.fields.iter().any(|(word, _)| suggest::nearest(&word.text, [key]).is_some()) {
            return None;
        }
        let message = format!("{} needs the field `{key}`", self.what);
        cx.wrong(self.place, message, format!("add `{key}: {example}`"))
    }

    /// Which one of these fields is written; tells where there is none, or more than one.
    pub(crate) fn one_of(
        &mut self,
        cx: &mut Context,
        keys: &[&'static str],
    ) -> Option<(&'static str, &'t Node)> {
        let written: Vec<_> = keys.iter().filter_map(|key| self.node(key).map(|node| (*key, node))).collect();
        let names = suggest::listed(keys.iter().copied());
        match written.as_slice() {
            [one] => Some(*one),
            [] if self.damaged => None,
            [] => cx.wrong(
                self.place,
                format!("{} needs one of the fields {names}", self.what),
                "add one of them",
            ),
            [_, (key, node), ..] => {
                let message = format!("{} takes only one of the fields {names}", self.what);
                cx.wrong(node.head(), message, format!("remove `{key}` or the other one"))
            }
        }
    }

    /// Tells which fields nobody asked for.
    pub(crate) fn finish(self, cx: &mut Context) {
        if self.damaged {
            return;
        }
        let mut unnamed = self.fields.iter().filter(|(word, _)| word.text.is_empty()).skip(self.unnamed);
        if let Some((word, node)) = unnamed.next() {
            let message =
                format!("{} takes its fields by name, found {} without one", self.what, node.described());
            let help =
                format!("write `name: value`; fields: {}", suggest::listed(self.known.iter().copied()));
            let _: Option<()> = cx.wrong(word.place, message, help);
        }
        for (word, _) in self.fields.iter().filter(|(word, _)| !word.text.is_empty()) {
            if !self.known.contains(&word.text.as_str()) {
                // What refers to the field that was meant is better not told either.
                let meant = suggest::nearest(&word.text, self.known.iter().copied());
                if let Some(meant) =
                    meant.filter(|meant| !self.fields.iter().any(|(word, _)| word.text == *meant))
                {
                    cx.note_missing(meant);
                }
                let message =
                    format!("{} has no field `{}`", self.what, crate::syntax::shortened(&word.text));
                let help = suggest::help(&word.text, "fields", self.known.iter().copied());
                let _: Option<()> = cx.wrong(word.place, message, help);
            }
        }
    }
}
