//! Reads a value as any reader would, and notes which fields and variants its type knows and which were there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserializer;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor};
use serde_json::Value;

/// Fields and variants, by the type that has them.
#[derive(Debug, Default)]
pub struct Words {
    /// What a type knows.
    pub asked: BTreeMap<String, BTreeSet<&'static str>>,
    written: BTreeMap<String, BTreeSet<String>>,
}

/// A value whose reading is noted.
#[derive(Clone, Copy)]
pub struct Told<'v> {
    /// The protocol, to tell types of one name apart.
    pub of: &'v str,
    /// The value.
    pub value: &'v Value,
    /// Where it is noted.
    pub words: &'v RefCell<Words>,
}

/// A variant and what it holds.
struct Variant<'v> {
    name: String,
    content: Option<Told<'v>>,
    of: Told<'v>,
}

// === impl Words ===

impl Words {
    fn note(&mut self, what: String, asked: &'static [&'static str], written: impl Iterator<Item = String>) {
        self.asked.entry(what.clone()).or_default().extend(asked);
        self.written.entry(what).or_default().extend(written);
    }

    /// What is known to a type and was never there.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        let is_written =
            |what: &str, word: &str| self.written.get(what).is_some_and(|words| words.contains(word));
        let all = self.asked.iter().flat_map(|(what, words)| words.iter().map(move |word| (what, *word)));
        all.filter(move |(what, word)| !is_written(what, word))
            .map(|(what, word)| format!("{what}: `{word}`"))
    }
}

// === impl Told ===

impl<'v> Told<'v> {
    fn at(self, value: &'v Value) -> Self {
        Self { value, ..self }
    }

    fn note_fields(self, name: &str, fields: &'static [&'static str]) {
        let written = self.value.as_object().into_iter().flat_map(|map| map.keys().cloned());
        self.words.borrow_mut().note(format!("{} {name}", self.of), fields, written);
    }
}

impl<'v> IntoDeserializer<'v, Error> for Told<'v> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'v> Deserializer<'v> for Told<'v> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(|item| self.at(item))))
            }
            Value::Object(map) => {
                let entries = map.iter().map(|(key, value)| (key.as_str(), self.at(value)));
                visitor.visit_map(MapDeserializer::new(entries))
            }
            plain => plain.deserialize_any(visitor).map_err(Error::custom),
        }
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note_fields(name, fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (variant, content) = match self.value {
            Value::Object(map) => map.iter().next().map(|(name, value)| (name.clone(), Some(self.at(value)))),
            other => other.as_str().map(|name| (name.to_owned(), None)),
        }
        .ok_or_else(|| Error::custom("no variant"))?;
        let what = format!("{} {name}", self.of);
        self.words.borrow_mut().note(what, variants, std::iter::once(variant.clone()));
        visitor.visit_enum(Variant { name: variant, content, of: self })
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'v>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}

// === impl Variant ===

impl<'v> EnumAccess<'v> for Variant<'v> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'v>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let name: serde::de::value::StringDeserializer<Error> = self.name.clone().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'v> VariantAccess<'v> for Variant<'v> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'v>>(self, seed: T) -> Result<T::Value, Error> {
        const NOTHING: &Value = &Value::Null;
        seed.deserialize(self.content.unwrap_or_else(|| self.of.at(NOTHING)))
    }

    fn tuple_variant<V: Visitor<'v>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no type has one"))
    }

    fn struct_variant<V: Visitor<'v>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.content {
            Some(content) => {
                content.note_fields(&self.name, fields);
                content.deserialize_any(visitor)
            }
            None => visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, Told<'v>)>())),
        }
    }
}
