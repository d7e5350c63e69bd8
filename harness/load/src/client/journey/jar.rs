//! The cookies of one user (RFC 6265).
//!
//! A small and honest jar for one target: a cookie has a name, a value and a path. Its domain, and whether it is meant for
//! TLS or scripts alone, are not looked at: there is one target, and no script. A jar is told the time, in nanoseconds since the
//! start of the load. A cookie lasts for its `Max-Age`, or else from the answer's own `Date` to its `Expires`, so that the
//! clocks of both machines need not agree; it counts from when the request was taken up. Without a `Date` the year 1970, by which
//! servers delete, counts as past, and any other time as far away. One without either stays for as long as the user.

mod date;

use self::date::Moment;

/// The most cookies of one user (RFC 6265, section 6.1, asks for at least 50); what comes after takes the place of the oldest.
pub(super) const COOKIES_MAX: usize = 50;
/// The most bytes of a cookie with its attributes (the same section); longer ones are passed over.
pub(super) const COOKIE_BYTES_MAX: usize = 4096;

/// What a server gave one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Jar {
    /// The oldest first.
    cookies: Vec<Cookie>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    path: Vec<u8>,
    /// When it is over; `None`: with the user.
    until: Option<u64>,
}

/// How long a cookie lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It is over at once: this deletes it.
    Over,
    /// So many seconds, more than 0.
    Seconds(u64),
    /// As long as its user.
    Whole,
}

const SECOND: u64 = 1_000_000_000;

// === impl Jar ===

impl Jar {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.cookies.clear();
    }

    /// A `Set-Cookie` of an answer with this `Date` to a request of this path that was taken up at `now`.
    pub(super) fn set(&mut self, field: &[u8], request_path: &[u8], date: Option<&[u8]>, now: u64) {
        // Neither may end a header.
        if field.len() > COOKIE_BYTES_MAX
            || field.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return;
        }
        let mut parts = field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let Some((name, value)) = parts.next().and_then(pair).filter(|(name, _)| !name.is_empty()) else {
            return;
        };
        let attributes = Attributes::of(parts);
        let path = attributes.path.unwrap_or_else(|| default_path(request_path));
        let (until, is_past) = match attributes.life(date) {
            Life::Over => (None, true),
            Life::Seconds(seconds) => (Some(now.saturating_add(seconds.saturating_mul(SECOND))), false),
            Life::Whole => (None, false),
        };
        let cookie = Cookie { name: name.to_owned(), value: value.to_owned(), path: path.to_owned(), until };
        self.cookies.retain(|cookie| cookie.lasts(now));
        let same = |other: &Cookie| (&other.name, &other.path) == (&cookie.name, &cookie.path);
        match (self.cookies.iter().position(same), is_past) {
            (Some(at), true) => drop(self.cookies.remove(at)),
            (Some(at), false) => self.cookies[at] = cookie,
            (None, true) => {}
            (None, false) => {
                if self.cookies.len() == COOKIES_MAX {
                    self.cookies.remove(0);
                }
                self.cookies.push(cookie);
            }
        }
    }

    /// Appends the value of the header `Cookie` for a request of this path, with the cookies of longer paths first
    /// (section 5.4), none of which is over by `now`. Whether there is any.
    pub(super) fn write(&self, request_path: &[u8], now: u64, out: &mut Vec<u8>) -> bool {
        let path = without_query(request_path);
        let is_sent = |cookie: &&Cookie| cookie.lasts(now) && matches(path, &cookie.path);
        let mut sent: Vec<&Cookie> = self.cookies.iter().filter(is_sent).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        for (index, cookie) in sent.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(&cookie.name);
            out.push(b'=');
            out.extend_from_slice(&cookie.value);
        }
        !sent.is_empty()
    }
}

// === impl Cookie ===

impl Cookie {
    fn lasts(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What stands on both sides of the first `=`.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some((text[..at].trim_ascii(), text[at + 1..].trim_ascii()))
}

fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'?').next().unwrap_or(path)
}

/// The path of a cookie that has none of its own (section 5.1.4): that of the request, up to its last `/`.
fn default_path(request_path: &[u8]) -> &[u8] {
    let path = without_query(request_path);
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(at) => &path[..at],
    }
}

/// Whether a cookie's path holds that of a request (section 5.1.4).
fn matches(path: &[u8], cookie: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(cookie) else { return false };
    rest.is_empty() || cookie.ends_with(b"/") || rest.starts_with(b"/")
}

/// What a `Set-Cookie` says beside name and value; of what it says twice the last counts.
#[derive(Debug, Default)]
struct Attributes<'f> {
    path: Option<&'f [u8]>,
    max_age: Option<Life>,
    expires: Option<Moment>,
}

// === impl Attributes ===

impl<'f> Attributes<'f> {
    fn of(parts: impl Iterator<Item = &'f [u8]>) -> Self {
        let mut attributes = Self::default();
        for (name, value) in parts.filter_map(pair) {
            if name.eq_ignore_ascii_case(b"path") {
                attributes.path = Some(value).filter(|path| path.starts_with(b"/"));
            } else if name.eq_ignore_ascii_case(b"max-age") {
                attributes.max_age = age(value).or(attributes.max_age);
            } else if name.eq_ignore_ascii_case(b"expires") {
                attributes.expires = Moment::read(value).or(attributes.expires);
            }
        }
        attributes
    }

    /// How long the cookie lasts from the answer's `Date` on; `Max-Age` counts more than `Expires` (section 5.3).
    fn life(&self, date: Option<&[u8]>) -> Life {
        if let Some(life) = self.max_age {
            return life;
        }
        let Some(expires) = self.expires else { return Life::Whole };
        match date.and_then(Moment::read) {
            Some(date) => seconds(u64::try_from(expires.seconds() - date.seconds()).unwrap_or(0)),
            None if expires.is_of_1970() => Life::Over,
            None => Life::Whole,
        }
    }
}

fn seconds(seconds: u64) -> Life {
    if seconds == 0 { Life::Over } else { Life::Seconds(seconds) }
}

/// What an age says; nothing where it is no number.
fn age(value: &[u8]) -> Option<Life> {
    let (is_negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !is_number {
        return None;
    }
    // What is too large for the number is for ever.
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX);
    Some(if is_negative { Life::Over } else { seconds(number) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: Option<&[u8]> = Some(b"Sun, 06 Nov 1994 08:49:37 GMT");

    fn jar(fields: &[&str]) -> Jar {
        let mut jar = Jar::default();
        fields.iter().for_each(|field| jar.set(field.as_bytes(), b"/shop/cart?x=/1", DATE, 0));
        jar
    }

    fn sent(jar: &Jar, path: &str) -> String {
        sent_at(jar, path, 0)
    }

    fn sent_at(jar: &Jar, path: &str, now: u64) -> String {
        let mut out = Vec::new();
        let is_any = jar.write(path.as_bytes(), now, &mut out);
        assert_eq!(is_any, !out.is_empty());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cookie_comes_back_where_its_path_holds() {
        let jar = jar(&[
            "sid=31d4; Path=/; Secure; HttpOnly; Domain=shop.local",
            "cart = a=b ",
            "far=1; path=/else",
        ]);
        assert_eq!(sent(&jar, "/"), "sid=31d4");
        assert_eq!(sent(&jar, "/shop"), "cart=a=b; sid=31d4");
        assert_eq!(sent(&jar, "/shop/pay?to=/else"), "cart=a=b; sid=31d4");
        assert_eq!(sent(&jar, "/shopping"), "sid=31d4");
        assert_eq!(sent(&jar, "/else/here"), "far=1; sid=31d4");
        assert_eq!(sent(&Jar::default(), "/"), "");
    }

    #[test]
    fn a_cookie_is_set_anew_or_deleted() {
        assert_eq!(sent(&jar(&["a=1; Path=/", "a=2; Path=/"]), "/"), "a=2");
        for gone in [
            "a=; Path=/; Max-Age=0",
            "a=; Path=/; max-age=-5",
            "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "a=; Path=/; Expires=Sunday, 06-Nov-94 08:49:37 GMT",
            "a=; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Max-Age=0",
        ] {
            assert_eq!(sent(&jar(&["a=1; Path=/", gone]), "/"), "", "{gone}");
        }
        for stays in [
            "a=1; Path=/; Max-Age=60",
            "a=1; Path=/; Max-Age=soon",
            "a=1; Path=/; Expires=Sun, 06 Nov 1994 08:49:38 GMT",
            "a=1; Path=/; Expires=some day",
            "a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60",
        ] {
            assert_eq!(sent(&jar(&[stays]), "/"), "a=1", "{stays}");
        }
        let mut dateless = jar(&["a=1; Path=/", "b=1; Path=/"]);
        dateless.set(b"a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", b"/", None, 0);
        dateless.set(b"b=2; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT", b"/", None, 0);
        assert_eq!(sent(&dateless, "/"), "b=2");
    }

    #[test]
    fn a_cookie_is_sent_until_its_time_is_over() {
        let check = |field: &str, last: Option<u64>| {
            let jar = jar(&[&format!("a=1; Path=/; {field}")]);
            let is_sent = |now: u64| !sent_at(&jar, "/", now).is_empty();
            let far = 400 * 86_400 * SECOND;
            match last {
                Some(seconds) => {
                    assert!(is_sent(seconds * SECOND - 1) && !is_sent(seconds * SECOND), "{field}");
                }
                None => assert!(is_sent(far), "{field}"),
            }
        };
        check("HttpOnly", None);
        check("Max-Age=60", Some(60));
        check("Max-Age=99999999999999999999999", None);
        // Across a month, a year, and a leap day.
        check("Expires=Sun, 06 Nov 1994 08:49:39 GMT", Some(2));
        check("Expires=Fri, 09 Dec 1994 08:49:37 GMT", Some(33 * 86_400));
        check("Expires=Mon, 06 Nov 1995 08:49:37 GMT", Some(365 * 86_400));
        check("Expires=Wed, 06 Nov 1996 08:49:37 GMT", Some(731 * 86_400));
        check("Expires=Wed, 06 Nov 1996 08:49:37 GMT; Max-Age=1", Some(1));
    }

    #[test]
    fn a_cookie_that_is_over_takes_no_place() {
        let mut jar = jar(&["a=1; Path=/; Max-Age=1", "b=1; Path=/"]);
        jar.set(b"c=1; Path=/", b"/", DATE, SECOND);
        assert_eq!(jar.cookies.len(), 2);
        assert_eq!(sent_at(&jar, "/", SECOND), "b=1; c=1");
    }

    #[test]
    fn what_is_no_cookie_is_passed_over() {
        let long = format!("a={}", "x".repeat(COOKIE_BYTES_MAX));
        assert_eq!(jar(&["", ";", "a", "=1", "a=1\r\nX: y", "a=\u{7f}", &long]), Jar::default());
    }

    #[test]
    fn the_oldest_makes_room() {
        let fields: Vec<String> = (0..=COOKIES_MAX).map(|number| format!("c{number}=1; Path=/")).collect();
        let jar = jar(&fields.iter().map(String::as_str).collect::<Vec<_>>());
        let sent = sent(&jar, "/");
        assert!(sent.starts_with("c1=1; ") && sent.contains("; c50="), "{sent}");
    }

    proptest! {
        /// Whatever a server sets: a jar stays small, and what it sends is one header.
        #[test]
        fn no_field_breaks_a_request(fields in proptest::collection::vec("[a-z=;/ \r\n\t,0-9-]{0,40}", 0..80)) {
            let mut jar = Jar::default();
            for field in &fields {
                jar.set(field.as_bytes(), b"/", None, 0);
            }
            prop_assert!(jar.cookies.len() <= COOKIES_MAX);
            let sent = sent(&jar, "/");
            prop_assert!(!sent.contains(['\r', '\n']), "{sent:?}");
        }
    }
}
