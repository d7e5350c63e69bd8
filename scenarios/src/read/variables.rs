//! Variables: `${name}` in any text, from the experiment's own `variables` or from `--set`.
//!
//! They are put into the tree before anything in it is understood, so every text of an experiment takes them. `$$` is a
//! dollar; a dollar before anything else but a brace is itself.

use std::collections::BTreeMap;

use super::context::{Context, through_some};
use crate::places::Step;
use crate::suggest;
use crate::syntax::{Body, Node, Number, Place, Struct, Text, Value};

/// The texts of one experiment do not become longer than this by variables.
const LONGEST: usize = 4 << 20;

/// What variables stand for, and what is wrong with their uses.
struct Variables<'c> {
    cx: &'c mut Context,
    values: BTreeMap<String, String>,
    /// How many bytes may still be put in.
    left: usize,
    /// Whether the experiment's variables could be read, so that unknown ones are worth telling.
    complete: bool,
}

/// Puts the variables into every text of an experiment but its `variables` themselves.
pub(super) fn put_in(cx: &mut Context, root: &mut Node, set: &[(String, String)]) {
    let declared = field(root, "variables");
    let place = declared.map_or(Place::new(root.place.from, root.place.from), Node::head);
    let written =
        declared.map(through_some).map(|node| (node.damaged, cx.step("variables", node, declarations)));
    let complete = !root.damaged && !matches!(written, Some((true, _) | (_, None)));
    let mut values = written.and_then(|(_, values)| values).unwrap_or_default();
    for (name, value) in set {
        if values.contains_key(name) || !complete {
            values.insert(name.clone(), value.clone());
        } else {
            let help = suggest::help(name, "variables", values.keys().map(String::as_str));
            let message = format!("`--set {name}=…` sets a variable that the experiment does not have");
            let _: Option<()> =
                cx.wrong(place, message, format!("{help}; declare it in `variables: {{\"{name}\": …}}`"));
        }
    }
    let mut variables = Variables { cx, values, left: LONGEST, complete };
    if let Value::Struct(Struct { body: Body::Fields(fields), .. }) = &mut root.value {
        let others = fields.iter_mut().filter(|(word, _)| word.text != "variables");
        others.for_each(|(_, node)| variables.node(node));
    }
}

fn field<'n>(root: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Struct(Struct { body: Body::Fields(fields), .. }) = &root.value else { return None };
    fields.iter().find(|(word, _)| word.text == name).map(|(_, node)| node)
}

/// The experiment's own values. A variable that cannot be read counts as declared.
fn declarations(cx: &mut Context, node: &Node) -> Option<BTreeMap<String, String>> {
    let values = cx.map(node, "variables", declaration)?;
    for name in values.keys().filter(|name| !is_name(name)) {
        let place = cx.places.of(&crate::places::Path(vec![
            Step::Field("variables"),
            Step::Entry(name.clone()),
            Step::Key,
        ]));
        let message = format!("`{}` cannot be the name of a variable", crate::syntax::shortened(name));
        let _: Option<()> = cx.wrong(place, message, "use letters, digits, `-`, `_` and `.`");
    }
    Some(values)
}

fn declaration(cx: &mut Context, node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) if text.value.contains("${") => {
            cx.wrong(node.place, "a variable cannot stand in another variable", "write its value out")
        }
        Value::Text(text) => Some(text.value.clone()),
        Value::Number(Number::Whole(number)) => Some(number.to_string()),
        Value::Number(Number::Float(number)) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => cx.expected(node, "a text or a number", "write `\"name\": \"value\"`"),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_part)
}

const fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

// === impl Variables ===

impl Variables<'_> {
    fn node(&mut self, node: &mut Node) {
        let place = node.place;
        match &mut node.value {
            Value::Text(text) => {
                let whole = self.text(place, text);
                if !whole {
                    node.value = Value::Broken;
                }
            }
            Value::List(nodes) => nodes.iter_mut().for_each(|node| self.node(node)),
            Value::Map(pairs) => {
                for (key, value) in pairs {
                    self.node(key);
                    self.node(value);
                }
            }
            Value::Struct(Struct { body: Body::Values(values), .. }) => {
                values.iter_mut().for_each(|node| self.node(node));
            }
            Value::Struct(Struct { body: Body::Fields(fields), .. }) => {
                fields.iter_mut().for_each(|(_, node)| self.node(node));
            }
            _ => {}
        }
    }

    /// Puts the variables into one text; says whether all of them could be put in.
    fn text(&mut self, place: Place, text: &mut Text) -> bool {
        let told = self.cx.problems.len();
        let from = std::mem::take(&mut text.value);
        let mut rest = from.as_str();
        let mut changed = false;
        while let Some(dollar) = rest.find('$') {
            text.value.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            let at = from.len() - rest.len() + dollar;
            if let Some(after) = after.strip_prefix('$') {
                text.value.push('$');
                (rest, changed) = (after, true);
            } else if after.starts_with('{') {
                let (length, value) = self.reference(place, text.verbatim, at, after);
                text.value.push_str(&value);
                text.substituted = true;
                (rest, changed) = (&after[length..], true);
            } else {
                text.value.push('$');
                rest = after;
            }
        }
        text.value.push_str(rest);
        if changed {
            text.verbatim = None;
        }
        // Where the variables themselves could not be read, nothing was told here and nothing was put in.
        self.cx.problems.len() == told && (self.complete || !text.substituted)
    }

    /// The value of the reference whose `{` stands first in `after`, and the reference's length from there.
    fn reference(
        &mut self,
        place: Place,
        verbatim: Option<usize>,
        at: usize,
        after: &str,
    ) -> (usize, String) {
        // Only as far as a name goes, so that a text full of `${` is read once.
        let name = &after[1..];
        let name = &name[..name.find(|c| !is_name_part(c)).unwrap_or(name.len())];
        let closed = after[1 + name.len()..].starts_with('}');
        let length = 1 + name.len() + usize::from(closed);
        let place = verbatim.map_or(place, |start| Place::new(start + at, start + at + 1 + length));
        if !closed || name.is_empty() {
            let help = "a variable is written `${name}`; for the characters themselves write `$${`";
            let _: Option<()> = self.cx.wrong(place, "this is not the name of a variable", help);
            return (length, String::new());
        }
        match self.values.get(name).cloned() {
            Some(value) => (length, self.limited(place, value)),
            None => {
                self.unknown(place, name);
                (length, String::new())
            }
        }
    }

    fn unknown(&mut self, place: Place, name: &str) {
        if self.complete {
            let help = suggest::help(name, "variables", self.values.keys().map(String::as_str));
            let message = format!("unknown variable `{name}`");
            let help = format!("{help}; for the characters themselves write `$${{{name}}}`");
            let _: Option<()> = self.cx.wrong(place, message, help);
        }
    }

    fn limited(&mut self, place: Place, value: String) -> String {
        match self.left.checked_sub(value.len()) {
            Some(left) => {
                self.left = left;
                value
            }
            None => {
                let message =
                    format!("variables make the texts of this experiment longer than {LONGEST} bytes");
                if self.left > 0 {
                    let _: Option<()> = self.cx.wrong(place, message, "use shorter values, or fewer of them");
                }
                self.left = 0;
                String::new()
            }
        }
    }
}
