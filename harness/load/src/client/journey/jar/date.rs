//! Moments of cookies and of `Date` headers, however they are written (RFC 6265, section 5.1.1).

/// Year, month, day, hour, minute and second, so that they compare in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment([u16; 6]);

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

// === impl Moment ===

impl Moment {
    /// Reads a moment; nothing where there is none.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let (mut time, mut day, mut month, mut year) = (None, None, None, None);
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b':';
        for token in text.split(|byte| !is_part(byte)).filter(|token| !token.is_empty()) {
            if time.is_none()
                && let Some(found) = clock(token)
            {
                time = Some(found);
            } else if day.is_none()
                && let Some(found) = number(token, 1..=2)
            {
                day = Some(found);
            } else if month.is_none()
                && let Some(found) = month_of(token)
            {
                month = Some(found);
            } else if year.is_none() {
                year = number(token, 2..=4);
            }
        }
        let ([hour, minute, second], day, month) = (time?, day?, month?);
        let year = match year? {
            short @ 70..=99 => short + 1_900,
            short @ 0..=69 => short + 2_000,
            year => year,
        };
        let is_right = (1..=31).contains(&day) && year >= 1_601 && hour < 24 && minute < 60 && second < 60;
        is_right.then_some(Self([year, month, day, hour, minute, second]))
    }

    /// Seconds since a day of the year 0 in the Gregorian calendar. The 31st of a shorter month is the first of the next one.
    pub(super) fn seconds(self) -> i64 {
        let [year, month, day, hour, minute, second] = self.0.map(i64::from);
        // A year that begins in March has its leap day at its end, and its months have 30.6 days on average from then on.
        let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
        ((days * 24 + hour) * 60 + minute) * 60 + second
    }

    /// Whether it lies in the first year of Unix.
    pub(super) const fn is_of_1970(self) -> bool {
        self.0[0] == 1_970
    }
}

/// `08:49:37`.
fn clock(token: &[u8]) -> Option<[u16; 3]> {
    let mut parts = token.split(|byte| *byte == b':').map(|part| number(part, 1..=2));
    let time = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(time)
}

fn number(token: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<u16> {
    let is_number = digits.contains(&token.len()) && token.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(token).ok().filter(|_| is_number)?.parse().ok()
}

fn month_of(token: &[u8]) -> Option<u16> {
    let start = token.get(..3)?;
    let at = MONTHS.iter().position(|month| start.eq_ignore_ascii_case(month))?;
    u16::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_a_moment_is_read() {
        let expected = Some(Moment([1994, 11, 6, 8, 49, 37]));
        for form in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 94 8:49:37",
        ] {
            assert_eq!(Moment::read(form.as_bytes()), expected, "{form}");
        }
        for wrong in [
            "",
            "some day",
            "06 Nov 1994",
            "32 Nov 1994 08:49:37",
            "06 Nov 1994 24:00:00",
            "06 Nov 300 08:00:00",
        ] {
            assert_eq!(Moment::read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Moment::read(&text);
        }
    }
}
