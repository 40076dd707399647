//! What a piece of text means as a number, a truth value or nothing.

use super::node::Style;

/// Plain text that stands for "no value".
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A truth value in any of its usual spellings.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// Why a text is no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWhole {
    /// It is no number at all.
    NotANumber,
    /// It has a fraction, or is not finite.
    Fraction,
    /// It starts with a zero: octal for some readers, decimal for others.
    LeadingZero,
    /// It is beyond 64 bits.
    OutOfRange,
}

/// A whole number: decimal, also with `_` between digits or an empty fraction; in files also `0x` and `0o`.
pub(super) fn whole(text: &str, style: Style) -> Result<i64, NotWhole> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match (style, digits.get(..2)) {
        (Style::Plain, Some("0x")) => (16, &digits[2..]),
        (Style::Plain, Some("0o")) => (8, &digits[2..]),
        _ => (10, digits),
    };
    let grouped = |c: char| c.is_digit(radix) || c == '_';
    let bare = if radix == 10 { without_empty_fraction(digits) } else { digits };
    let valid = bare.starts_with(|c: char| c.is_digit(radix))
        && bare.ends_with(|c: char| c.is_digit(radix))
        && bare.chars().all(grouped);
    if !valid {
        return Err(if number(text).is_some() { NotWhole::Fraction } else { NotWhole::NotANumber });
    }
    if style == Style::Plain && radix == 10 && bare.len() > 1 && bare.starts_with('0') {
        return Err(NotWhole::LeadingZero);
    }
    let value = i128::from_str_radix(&bare.replace('_', ""), radix).map_err(|_| NotWhole::OutOfRange)?;
    i64::try_from(if negative { -value } else { value }).map_err(|_| NotWhole::OutOfRange)
}

fn without_empty_fraction(digits: &str) -> &str {
    match digits.split_once('.') {
        Some((whole, fraction)) if fraction.chars().all(|c| c == '0') => whole,
        _ => digits,
    }
}

/// A number, possibly infinite or not a number: the caller refuses those with a better message.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned.to_ascii_lowercase().as_str() {
        ".inf" | "inf" | "infinity" => {
            Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        ".nan" | "nan" => Some(f64::NAN),
        _ if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            text.replace('_', "").parse().ok()
        }
        _ => None,
    }
}

/// True when plain text in a file would be read as a number or a truth value where text is wanted.
pub(super) fn needs_quotes(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (whole(text, Style::Plain) != Err(NotWhole::NotANumber))
        && (unsigned.contains('.') || !unsigned.contains(['e', 'E']));
    numeric || matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}
