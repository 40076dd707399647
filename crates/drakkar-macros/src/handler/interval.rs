//! The interval of `#[periodic(every = "30s")]`.

/// Units by the nanoseconds they stand for.
const UNITS: [(&str, u128); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Reads a number and a unit; gives nanoseconds.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn parse(text: &str) -> Result<u64, (String, String)> {
    let form = || "write a number and a unit, such as `30s`; the units are `ms`, `s`, `m` and `h`".to_owned();
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(("the interval is empty".to_owned(), form()));
    }
    if trimmed.starts_with('-') {
        return Err(("the interval is below zero".to_owned(), form()));
    }
    let (number, unit) =
        trimmed.split_at(trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len()));
    let unit = unit.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err((format!("`{trimmed}` is not an interval"), form()));
    }
    if unit.is_empty() {
        return Err((
            format!("`{trimmed}` has no unit"),
            format!("write `{trimmed}s` for seconds; the units are `ms`, `s`, `m` and `h`"),
        ));
    }
    let Some((_, nanoseconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        if unit.contains(|c: char| c.is_ascii_digit()) {
            let help = "write one number and one unit, such as `90m` for an hour and a half";
            return Err((format!("`{trimmed}` is more than one number"), help.to_owned()));
        }
        return Err((format!("unknown unit `{unit}`"), "the units are `ms`, `s`, `m` and `h`".to_owned()));
    };
    let too_long = || ("the interval is too long".to_owned(), "the longest is `5000000h`".to_owned());
    let total = nanoseconds_of(whole, fraction, *nanoseconds)
        .and_then(|total| u64::try_from(total).ok())
        .ok_or_else(too_long)?;
    if total == 0 {
        return Err(("the interval has to be above zero".to_owned(), form()));
    }
    Ok(total)
}

/// Exact, other than by way of a float: `0.1s` is 100 ms and not a nanosecond more or less.
fn nanoseconds_of(whole: &str, fraction: &str, unit: u128) -> Option<u128> {
    let whole = whole.parse::<u128>().ok()?.checked_mul(unit)?;
    // No unit has more than 13 digits of nanoseconds: what comes after them adds nothing.
    let digits = &fraction[..fraction.len().min(13)];
    let part = digits.parse::<u128>().ok()? * unit / 10_u128.pow(u32::try_from(digits.len()).ok()?);
    whole.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text).unwrap_err().0
    }

    #[test]
    fn reads_every_unit_and_fractions() {
        assert_eq!(parse("250ms"), Ok(250_000_000));
        assert_eq!(parse("30s"), Ok(30_000_000_000));
        assert_eq!(parse("1.5m"), Ok(90_000_000_000));
        assert_eq!(parse("24h"), Ok(86_400_000_000_000));
        assert_eq!(parse("0.1s"), Ok(100_000_000));
        assert_eq!(parse(" 2 s "), Ok(2_000_000_000));
        assert_eq!(parse("0.3333333333333333333333333333333333333333333h"), Ok(1_199_999_999_999));
    }

    #[test]
    fn refuses_what_is_not_above_zero() {
        for text in ["0s", "0.0h", "00ms", "0.0000001ms"] {
            assert_eq!(message(text), "the interval has to be above zero", "{text}");
        }
        assert_eq!(message("-1s"), "the interval is below zero");
    }

    #[test]
    fn says_what_is_wrong_with_the_rest() {
        assert_eq!(message(""), "the interval is empty");
        assert_eq!(message("30"), "`30` has no unit");
        assert_eq!(message("30sec"), "unknown unit `sec`");
        assert_eq!(message("1h30m"), "`1h30m` is more than one number");
        for text in ["s", ".5s", "5.s", "1.2.3s", "soon", "+1s", "1e3s", "ä"] {
            let wrong = parse(text).unwrap_err().0;
            assert!(!wrong.is_empty(), "{text}");
        }
        assert_eq!(message("soon"), "`soon` is not an interval");
        assert_eq!(message("5124096h"), "the interval is too long");
        assert_eq!(message(&format!("{}s", "9".repeat(60))), "the interval is too long");
    }

    #[test]
    fn the_longest_named_in_the_message_is_read() {
        assert!(parse("5000000h").is_ok());
    }
}
