//! JSON bodies as Go's decoder takes them: names of fields in any case, the last one counts, `null` says nothing,
//! unknown fields are ignored, and only the first value of a body is read.
//!
//! Whole numbers are whole numbers: `1.5`, `1e3` and `"10"` are none.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::ApiError;

/// The fields of an object, in their order, each as it was written.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

/// Reads the first value of a body.
///
/// # Errors
/// If there is none, or it is not one of the kind that is asked for.
pub fn read<T: for<'de> Deserialize<'de>>(body: &str) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_str(body);
    T::deserialize(&mut deserializer).map_err(|error| ApiError::BadBody(explain(body, &error)))
}

/// Text that may not be UTF-8, with what is not put right as Go does it.
pub fn text(body: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(body)
}

fn explain(body: &str, error: &serde_json::Error) -> String {
    match body.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
        true => "EOF".to_owned(),
        false if error.is_eof() => "unexpected EOF".to_owned(),
        false => error.to_string(),
    }
}

// === impl Fields ===

impl Fields {
    /// The last field of this name that says something.
    fn get(&self, name: &str) -> Option<&str> {
        let values = self.0.iter().rev().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.get()).find(|value| *value != "null")
    }

    /// A field as anything that can be read.
    fn value<T: for<'de> Deserialize<'de>>(&self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = |_| {
            ApiError::BadBody(format!(
                "json: cannot unmarshal {} into field {name} of type {expected}",
                kind(value)
            ))
        };
        serde_json::from_str(value).map(Some).map_err(wrong)
    }

    /// A field that is a text.
    ///
    /// # Errors
    /// If it is something else.
    pub fn string(&self, name: &str) -> Result<Option<String>, ApiError> {
        self.value(name, "string")
    }

    /// A field that is true or false.
    ///
    /// # Errors
    /// If it is something else.
    pub fn bool(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.value(name, "bool")
    }

    /// A field that is an object.
    ///
    /// # Errors
    /// If it is something else.
    pub fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        self.value(name, "object")
    }

    /// A field that is a list of objects.
    ///
    /// # Errors
    /// If it is something else.
    pub fn objects(&self, name: &str) -> Result<Option<Vec<Self>>, ApiError> {
        self.value(name, "array")
    }

    /// A field that is a whole number of 64 bits.
    ///
    /// # Errors
    /// If it is something else, with a fraction or an exponent too.
    pub fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = |_| {
            ApiError::BadBody(format!(
                "json: cannot unmarshal {} into field {name} of type int64",
                kind(value)
            ))
        };
        value.parse().map(Some).map_err(wrong)
    }

    /// A field that is a number of 32 bits.
    ///
    /// # Errors
    /// If it is something else.
    pub fn float(&self, name: &str) -> Result<Option<f32>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = || {
            ApiError::BadBody(format!(
                "json: cannot unmarshal {} into field {name} of type float32",
                kind(value)
            ))
        };
        let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        value.parse().ok().filter(|number: &f32| is_number && number.is_finite()).map(Some).ok_or_else(wrong)
    }
}

/// What a value is, in Go's words.
fn kind(value: &str) -> String {
    match value.as_bytes().first() {
        Some(b'"') => "string".to_owned(),
        Some(b'{') => "object".to_owned(),
        Some(b'[') => "array".to_owned(),
        Some(b't' | b'f') => "bool".to_owned(),
        _ => format!("number {}", value.chars().take(40).collect::<String>()),
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Fields, E> {
        Ok(Fields::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        read(body).unwrap()
    }

    #[test]
    fn names_come_in_any_case_and_the_last_one_counts() {
        let fields = fields(r#"{"NAME":"a","Name":"b","name":null,"more":[1,{"name":"c"}]} trailing"#);
        assert_eq!(fields.string("name").unwrap().as_deref(), Some("b"));
        assert_eq!(fields.string("upstream").unwrap(), None);
    }

    #[test]
    fn whole_numbers_are_whole_numbers() {
        let fields = fields(r#"{"a":10,"b":1.5,"c":1e3,"d":"10","e":-7,"f":9223372036854775808,"g":-0}"#);
        assert_eq!(fields.int("a").unwrap(), Some(10));
        assert_eq!(fields.int("e").unwrap(), Some(-7));
        assert_eq!(fields.int("g").unwrap(), Some(0));
        for wrong in ["b", "c", "d", "f"] {
            assert!(fields.int(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_of_32_bits_do_not_overflow() {
        let fields = fields(r#"{"a":0.7,"b":1e3,"c":1e39,"d":"0.7","e":true}"#);
        assert_eq!(fields.float("a").unwrap(), Some(0.7));
        assert_eq!(fields.float("b").unwrap(), Some(1_000.0));
        for wrong in ["c", "d", "e"] {
            assert!(fields.float(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_that_ends_too_early_is_told_in_gos_words() {
        let told = |body| read::<Fields>(body).unwrap_err().to_string();
        assert_eq!(told(""), "bad request body: EOF");
        assert_eq!(told(" \r\n"), "bad request body: EOF");
        assert_eq!(told(r#"{"name":"#), "bad request body: unexpected EOF");
        for wrong in ["x", "[]", "3", r#""text""#, "{]"] {
            assert!(told(wrong).starts_with("bad request body: "), "{wrong}");
        }
        assert!(read::<Fields>("null").unwrap().get("name").is_none());
    }
}
