//! RFC 3339 stamps as seconds since 1970, without leap seconds.

/// The seconds of a stamp such as `2024-02-29T01:00:00.5+01:00`; `None` if it is none.
#[must_use]
pub fn seconds(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|it| it.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let marks =
        [bytes[4], bytes[7], bytes[13], bytes[16]] == *b"--::" && matches!(bytes[10], b'T' | b't' | b' ');
    let in_range =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !marks || !in_range {
        return None;
    }
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction: f64 = match fraction {
        "" => 0.0,
        some if some.len() > 1
            && some.starts_with('.')
            && some[1..].bytes().all(|it| it.is_ascii_digit()) =>
        {
            some.parse().ok()?
        }
        _ => return None,
    };
    let whole = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(whole as f64 + fraction)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let part = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten().map(i64::from);
    let seconds = part(hours)? * 3_600 + part(minutes)? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

/// Days since 1970-01-01 (H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_seconds() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2024-02-29T12:30:00.25-05:30"), Some(1_709_229_600.25));
        for wrong in [
            "",
            "2024-02-29",
            "2024-02-29T12:30:00",
            "2024-13-01T00:00:00Z",
            "2024-02-29T12:30:00.Z",
            "é024-02-29T12:30:00Z",
            "2024-02-29T12:30:00+1:00",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
