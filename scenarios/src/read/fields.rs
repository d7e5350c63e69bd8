//! The named fields of structs: those that must be there, those that may, and those that nobody knows.

use std::collections::BTreeMap;

use super::context::{Blank, Context};
use crate::problem::Problem;
use crate::suggest;
use crate::syntax::{Body, Node, Place, Struct, Value, Word};

/// The named fields of a struct while they are read.
pub(crate) struct Fields<'t> {
    what: String,
    place: Place,
    fields: &'t [(Word, Node)],
    known: Vec<&'static str>,
    /// How many of the entries without a name have been taken for a field that was missing.
    unnamed: usize,
    damaged: bool,
    /// Who asks for them.
    #[cfg(test)]
    reader: &'static std::panic::Location<'static>,
}

impl Context {
    /// The fields of a struct; `what` is its name in messages.
    #[cfg_attr(test, track_caller)]
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
            #[cfg(test)]
            reader: std::panic::Location::caller(),
        })
    }

    fn tell_twice(&mut self, fields: &[(Word, Node)]) {
        let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
        for (word, _) in fields.iter().filter(|(word, _)| !word.text.is_empty()) {
            if let Some(first) = seen.get(word.text.as_str()) {
                let message = format!("field `{}` occurs twice", word.text);
                self.tell(Problem::new(word.place, message).also(*first, "first here").help("remove one"));
            }
            seen.entry(&word.text).or_insert(word.place);
        }
    }
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
        let is_any =
            self.fields.iter().any(|(word, node)| keys.contains(&word.text.as_str()) && !is_none(node));
        let one = self.at_most_one_of(cx, keys);
        if !is_any && !self.damaged {
            let names = suggest::listed(keys.iter().copied());
            let message = format!("{} needs one of the fields {names}", self.what);
            return cx.wrong(self.place, message, "add one of them");
        }
        one
    }

    /// The same where there need not be any.
    pub(crate) fn at_most_one_of(
        &mut self,
        cx: &mut Context,
        keys: &[&'static str],
    ) -> Option<(&'static str, &'t Node)> {
        let written: Vec<_> = keys.iter().filter_map(|key| self.node(key).map(|node| (*key, node))).collect();
        match written.as_slice() {
            [] => None,
            [one] => Some(*one),
            [_, (key, node), ..] => {
                let names = suggest::listed(keys.iter().copied());
                let message = format!("{} takes only one of the fields {names}", self.what);
                cx.wrong(node.head(), message, format!("remove `{key}` or the other one"))
            }
        }
    }

    /// Tells which fields nobody asked for.
    pub(crate) fn finish(self, cx: &mut Context) {
        #[cfg(test)]
        cx.seen.note(
            self.reader,
            &self.what,
            &self.known,
            self.fields.iter().map(|(word, _)| word.text.as_str()),
        );
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

fn is_none(node: &Node) -> bool {
    matches!(&node.value, Value::Struct(Struct { name: Some(name), body: Body::Unit }) if name.text == "None")
}
