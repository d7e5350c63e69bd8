//! From JSON's values to the types that know their words, with the place of what does not fit.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde_json::{Map, Value};

use super::{Spelling, Wrong};
use crate::suggest;
use crate::syntax::shortened;

/// Reads one value.
#[derive(Clone, Copy)]
pub(super) struct Reader<'v>(pub(super) &'v Value);

/// Why a value could not be read, and where.
#[derive(Debug)]
pub(super) struct Misread {
    /// From the inside out.
    path: Vec<String>,
    is_name: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    Variant { found: String, expected: &'static [&'static str] },
    Field { found: String, expected: &'static [&'static str] },
    Missing(&'static str),
    Kind { found: String, expected: String },
    Other(String),
}

struct Entries<'v> {
    rest: serde_json::map::Iter<'v>,
    value: Option<(&'v str, &'v Value)>,
}

struct Items<'v> {
    rest: std::iter::Enumerate<std::slice::Iter<'v, Value>>,
}

/// A variant and what it holds.
struct Variant<'v> {
    name: &'v str,
    content: Option<&'v Value>,
}

// === impl Misread ===

impl Misread {
    fn new(what: What) -> Self {
        Self { path: Vec::new(), is_name: false, what }
    }

    fn within(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    fn at_name(mut self) -> Self {
        self.is_name = true;
        self
    }

    pub(super) fn told(self, spelling: Spelling) -> Wrong {
        let (message, help) = match self.what {
            What::Variant { found, expected } => {
                let shown = shortened(&spelling.write(&found));
                (format!("unknown word `{shown}`"), spelling.help(&found, expected))
            }
            What::Field { found, expected } => {
                let help = suggest::help(&found, "fields", expected.iter().copied());
                (format!("there is no field `{}` here", shortened(&found)), help)
            }
            What::Missing(field) => {
                (format!("the field `{field}` is missing here"), format!("add `{field}: …`"))
            }
            What::Kind { found, expected } => {
                let help = if expected == TEXT { "write it in quotes, a quantity with its unit" } else { "" };
                (format!("expected {expected}, found {found}"), help.to_owned())
            }
            What::Other(message) => (message, String::new()),
        };
        let field = self.path.into_iter().rev().collect::<Vec<_>>().join(".");
        Wrong { field, is_name: self.is_name, message, help }
    }
}

const TEXT: &str = "text in quotes";

/// What is expected, in the words of whoever writes an experiment.
fn plainly(expected: &str) -> String {
    match expected {
        "a string" => TEXT.to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number from 0".to_owned(),
        "i32" | "i64" => "a whole number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list `[…]`".to_owned(),
        "a map" => "a map `{…}`".to_owned(),
        other if other.starts_with("struct ") => "fields with names `(name: value)`".to_owned(),
        other => other.to_owned(),
    }
}

fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the text \"{}\"", shortened(text)),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "fields or a map".to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Misread {}

impl de::Error for Misread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Other(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Kind { found: found(unexpected), expected: plainly(&expected.to_string()) })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Variant { found: found.to_owned(), expected })
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Field { found: found.to_owned(), expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field))
    }
}

// === impl Reader ===

impl<'v> Reader<'v> {
    /// A number or a truth that stands in quotes.
    fn unquoted(self) -> Option<Value> {
        let parsed: Value = serde_json::from_str(self.0.as_str()?.trim()).ok()?;
        (parsed.is_number() || parsed.is_boolean()).then_some(parsed)
    }

    fn plain<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.unquoted() {
            Some(Value::Bool(value)) => visitor.visit_bool(value),
            Some(Value::Number(number)) => visit_number(&number, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn variant(self, expected: &'static [&'static str]) -> Result<Variant<'v>, Misread> {
        match self.0 {
            Value::String(name) => Ok(Variant { name, content: None }),
            Value::Object(map) if map.len() == 1 => {
                let (name, content) = map.iter().next().expect("there is one");
                Ok(Variant { name, content: Some(content) })
            }
            other => {
                let listed = expected.iter().map(|name| super::camel(name)).collect::<Vec<_>>().join(", ");
                let expected = format!("one of {listed}");
                Err(Misread::new(What::Kind { found: found(unexpected(other)), expected }))
            }
        }
    }
}

fn visit_number<'v, V: Visitor<'v>>(number: &serde_json::Number, visitor: V) -> Result<V::Value, Misread> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => visitor.visit_u64(number),
        (None, Some(number)) => visitor.visit_i64(number),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match number.as_u64() {
            Some(number) => Unexpected::Unsigned(number),
            None => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

impl<'v> Deserializer<'v> for Reader<'v> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items { rest: items.iter().enumerate() }),
            Value::Object(map) => visitor.visit_map(Entries { rest: map.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_enum(self.variant(variants)?)
    }

    fn deserialize_bool<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_u8<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_u16<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_u32<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_u64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_i32<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_i64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    fn deserialize_f64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.plain(visitor)
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'v>>
        i8 i16 i128 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

// === impl Items ===

impl<'v> SeqAccess<'v> for Items<'v> {
    type Error = Misread;

    fn next_element_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<Option<T::Value>, Misread> {
        let Some((index, item)) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Reader(item)).map(Some).map_err(|misread| misread.within(index.to_string()))
    }
}

// === impl Entries ===

impl<'v> MapAccess<'v> for Entries<'v> {
    type Error = Misread;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Misread> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((key, value));
        let key_reader: StringDeserializer<Misread> = key.clone().into_deserializer();
        seed.deserialize(key_reader).map(Some).map_err(|misread| misread.within(key.clone()).at_name())
    }

    fn next_value_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<T::Value, Misread> {
        let (key, value) = self.value.take().expect("a value is asked for after its key");
        seed.deserialize(Reader(value)).map_err(|misread| misread.within(key))
    }
}

// === impl Variant ===

impl<'v> Variant<'v> {
    /// Without parentheses it is the same as with empty ones.
    fn fields<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misread> {
        let name = self.name;
        let read = match self.content {
            Some(content) => Reader(content).deserialize_any(visitor),
            None => visitor.visit_map(Entries { rest: NOTHING.iter(), value: None }),
        };
        read.map_err(|misread| misread.within(name))
    }
}

static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

impl<'v> EnumAccess<'v> for Variant<'v> {
    type Error = Misread;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'v>>(self, seed: V) -> Result<(V::Value, Self), Misread> {
        let name: StringDeserializer<Misread> = self.name.to_owned().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'v> VariantAccess<'v> for Variant<'v> {
    type Error = Misread;

    fn unit_variant(self) -> Result<(), Misread> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Object(fields)) if fields.is_empty() => Ok(()),
            Some(_) => {
                Err(Misread::new(What::Other(format!("`{}` takes no arguments", super::camel(self.name)))))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'v>>(self, seed: T) -> Result<T::Value, Misread> {
        static NO_FIELDS: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::Object(Map::new()));
        let content = self.content.unwrap_or(&NO_FIELDS);
        seed.deserialize(Reader(content)).map_err(|misread| misread.within(self.name))
    }

    fn tuple_variant<V: Visitor<'v>>(self, _: usize, visitor: V) -> Result<V::Value, Misread> {
        self.fields(visitor)
    }

    fn struct_variant<V: Visitor<'v>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.fields(visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::units::Span;
    use crate::words::read;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        act: Act,
        #[serde(default)]
        every: Option<u32>,
        #[serde(default)]
        names: Vec<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Act {
        GoAway,
        SlowDown {
            by: Span,
        },
        Say(String),
        Hide {
            #[serde(default)]
            deep: bool,
        },
    }

    fn whole(act: Act) -> Whole {
        Whole { act, every: None, names: Vec::new() }
    }

    #[test]
    fn every_shape_of_a_variant_is_read() {
        let cases = [
            (json!("go_away"), Act::GoAway),
            (json!({"go_away": {}}), Act::GoAway),
            (json!({"slow_down": {"by": "3s"}}), Act::SlowDown { by: Span::secs(3) }),
            (json!({"say": "no"}), Act::Say("no".to_owned())),
            (json!("hide"), Act::Hide { deep: false }),
            (json!({"hide": {"deep": "true"}}), Act::Hide { deep: true }),
        ];
        for (value, act) in cases {
            assert_eq!(read::<Whole>(&json!({"act": value}), Spelling::Camel), Ok(whole(act)), "{value}");
        }
        let quoted = read::<Whole>(&json!({"act": "go_away", "every": "3"}), Spelling::Camel);
        assert_eq!(quoted.map(|whole| whole.every), Ok(Some(3)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field_and_the_right_form() {
        let cases = [
            (
                json!({"act": "goaway"}),
                "act: unknown word `Goaway`; did you mean `GoAway`? allowed: GoAway, SlowDown, Say, Hide",
            ),
            (
                json!({"act": "say"}),
                "act.say: expected text in quotes, found fields or a map; write it in quotes, a quantity with its unit",
            ),
            (json!({"act": {"slow_down": {}}}), "act.slow_down: the field `by` is missing here; add `by: …`"),
            (
                json!({"act": {"slow_down": {"bye": "1s"}}}),
                "act.slow_down.bye: there is no field `bye` here; did you mean `by`? fields: by",
            ),
            (
                json!({"act": {"slow_down": {"by": 5}}}),
                "act.slow_down.by: expected text in quotes, found the number 5; write it in quotes, a quantity with its unit",
            ),
            (
                json!({"act": "go_away", "every": -1}),
                "every: expected a whole number from 0, found the number -1",
            ),
            (
                json!({"act": "go_away", "names": ["a", 2]}),
                "names.1: expected text in quotes, found the number 2; write it in quotes, a quantity with its unit",
            ),
            (json!({"act": {"go_away": 1}}), "act: `GoAway` takes no arguments"),
            (json!({}), "the field `act` is missing here; add `act: …`"),
        ];
        for (value, expected) in cases {
            let wrong = read::<Whole>(&value, Spelling::Camel).unwrap_err();
            assert_eq!(wrong.to_string(), expected, "{value}");
        }
        let snake = read::<Whole>(&json!({"act": "goaway"}), Spelling::Snake).unwrap_err();
        assert!(snake.help.starts_with("did you mean `go_away`?"), "{snake}");
    }
}
