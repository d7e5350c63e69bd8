//! Changing a header of the request or of the response.

use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Size;

use super::{NAME_FORM, TEXT_MAX, VALUE_FORM, editable, value};
use crate::problem::Finder;
use crate::set::Bite;

/// Which header, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct HeaderChange {
    /// Of the request or of the response.
    #[serde(default)]
    pub on: Side,
    /// Its name, in any case. Headers that frame the message cannot be changed this way.
    pub name: String,
    /// What becomes of it.
    pub edit: HeaderEdit,
}

/// One side of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What the client sends.
    Request,
    /// What the client gets.
    #[default]
    Response,
}

/// What becomes of a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum HeaderEdit {
    /// One more line of this name.
    Add(String),
    /// This line in the place of all of its name, or of none.
    Replace(String),
    /// No line of this name.
    Remove,
    /// One line of this name with so many bytes of value, at most 1 MiB.
    Huge(Size),
}

// === impl HeaderChange ===

impl HeaderChange {
    /// A change of the response.
    #[must_use]
    pub fn response(name: &str, edit: HeaderEdit) -> Self {
        Self { on: Side::Response, name: name.to_owned(), edit }
    }

    /// A change of the request.
    #[must_use]
    pub fn request(name: &str, edit: HeaderEdit) -> Self {
        Self { on: Side::Request, name: name.to_owned(), edit }
    }

    pub(super) fn check(&self, mut finder: Finder<'_>) {
        finder.expect(editable(&self.name).is_some(), "name", &self.name, NAME_FORM);
        match &self.edit {
            HeaderEdit::Add(text) | HeaderEdit::Replace(text) => {
                let right = text.len() <= TEXT_MAX && value(text).is_some();
                finder.expect(right, "edit", text, VALUE_FORM);
            }
            HeaderEdit::Huge(size) => {
                let right = (1..=TEXT_MAX as u64).contains(&size.as_bytes());
                finder.expect(right, "edit.huge", size, "a size from 1B to 1MiB");
            }
            HeaderEdit::Remove => {}
        }
    }

    pub(super) fn edit(&self, side: Side, headers: &mut HeaderMap, bite: &Bite) {
        let Some(name) = editable(&self.name).filter(|_| self.on == side) else { return };
        // A map of headers has a limit of 32,768 names, far above what any server reads: what does not fit bites not.
        let bit = match &self.edit {
            HeaderEdit::Add(text) => value(text).is_some_and(|value| headers.try_append(name, value).is_ok()),
            HeaderEdit::Replace(text) => {
                value(text).is_some_and(|value| headers.try_insert(name, value).is_ok())
            }
            HeaderEdit::Huge(size) => headers.try_insert(name, huge(*size)).is_ok(),
            HeaderEdit::Remove => headers.remove(name).is_some(),
        };
        if bit {
            bite.mark().bit();
        }
    }
}

fn huge(size: Size) -> HeaderValue {
    let length = usize::try_from(size.as_bytes()).unwrap_or(TEXT_MAX).min(TEXT_MAX);
    HeaderValue::from_maybe_shared(bytes::Bytes::from(vec![b'x'; length]))
        .expect("the letter x may stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Bite;
    use http::HeaderName;

    fn edited(edit: HeaderEdit) -> (Vec<(String, usize)>, bool) {
        let mut headers = HeaderMap::new();
        for value in ["1", "22"] {
            headers.append(HeaderName::from_static("x-a"), HeaderValue::from_static(value));
        }
        let bite = Bite::for_tests();
        HeaderChange::response("X-A", edit).edit(Side::Response, &mut headers, &bite);
        let lines = headers.iter().map(|(name, value)| (name.to_string(), value.len())).collect();
        (lines, bite.mark().has_bitten())
    }

    #[test]
    fn each_edit_does_what_it_says() {
        let lines = |lengths: &[usize]| lengths.iter().map(|length| ("x-a".to_owned(), *length)).collect();
        assert_eq!(edited(HeaderEdit::Add("333".to_owned())), (lines(&[1, 2, 3]), true));
        assert_eq!(edited(HeaderEdit::Replace("333".to_owned())), (lines(&[3]), true));
        assert_eq!(edited(HeaderEdit::Remove), (lines(&[]), true));
        assert_eq!(edited(HeaderEdit::Huge(Size::bytes(70_000))), (lines(&[70_000]), true));
    }

    #[test]
    fn removing_what_is_not_there_does_not_bite() {
        let bite = Bite::for_tests();
        let mut headers = HeaderMap::new();
        HeaderChange::response("x-a", HeaderEdit::Remove).edit(Side::Response, &mut headers, &bite);
        assert!(!bite.mark().has_bitten());
    }

    #[test]
    fn the_other_side_is_left_alone() {
        let bite = Bite::for_tests();
        let mut headers = HeaderMap::new();
        HeaderChange::request("x-a", HeaderEdit::Add("1".to_owned())).edit(
            Side::Response,
            &mut headers,
            &bite,
        );
        assert!(headers.is_empty() && !bite.mark().has_bitten());
    }
}
