//! Lines of the common and the combined log format: `host - user [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5`.

use super::quoted;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The moment of a line, in microseconds since 1970.
pub(super) fn line(text: &str) -> Result<u64, String> {
    let found = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(stamp, _)| stamp);
    let seconds = found.and_then(seconds).ok_or_else(|| {
        let found = quoted(found.unwrap_or(text));
        format!("expected a moment such as `[10/Oct/2000:13:55:36 -0700]`, found {found}")
    })?;
    Ok(seconds.saturating_mul(1_000_000))
}

/// Seconds since 1970 of `10/Oct/2000:13:55:36 -0700`.
fn seconds(stamp: &str) -> Option<u64> {
    let (local, zone) = stamp.split_once(' ')?;
    let (date, time) = local.split_once(':')?;
    let [day, month, year] = parts::<3>(date, '/')?;
    let [hour, minute, second] = parts::<3>(time, ':')?.map(number);
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let (day, year) = (number(day)?, number(year)?);
    let (hour, minute, second) = (hour?, minute?, second?);
    // A leap second is a 60th.
    let fits = (1970..=9999).contains(&year) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    u64::try_from(local - zone_seconds(zone)?).ok()
}

fn parts<const N: usize>(text: &str, by: char) -> Option<[&str; N]> {
    text.split(by).collect::<Vec<_>>().try_into().ok()
}

fn number(digits: &str) -> Option<i64> {
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// `-0700`: seconds that local time is ahead.
fn zone_seconds(zone: &str) -> Option<i64> {
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(zone.get(1..3)?)?, number(zone.get(3..5)?)?);
    (zone.len() == 5).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Days from 1970 to a date of the Gregorian calendar, counted in years that begin in March, so that the leap day comes
/// last (Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
