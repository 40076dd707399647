//! Problems as text with the source line and a caret.

use std::fmt::Write as _;

use super::problem::{Excerpt, Origin, Problem};

/// What stands for text that may be secret.
const MASK: &str = "***";

pub(super) fn render(problems: &[Problem], file_text: &str) -> String {
    let lines = split_lines(file_text);
    let mut out = String::new();
    for problem in problems {
        if !out.is_empty() {
            out.push('\n');
        }
        write_problem(&mut out, problem, &lines).expect("a string takes any text");
    }
    out
}

fn write_problem(out: &mut String, problem: &Problem, lines: &[&str]) -> std::fmt::Result {
    writeln!(out, "error: {}", problem.message)?;
    let mut gutter = String::from(" ");
    if problem.origin != Origin::Default {
        let snippet = match problem.origin {
            Origin::File { line, column, .. } => {
                lines.get(line.saturating_sub(1)).map(|text| (line, snippet(text, column, problem)))
            }
            _ => None,
        };
        gutter = snippet.as_ref().map_or(gutter, |(line, _)| " ".repeat(line.to_string().len()));
        writeln!(out, "{gutter}--> {}", problem.origin)?;
        if let Some((line, (shown, start, width))) = snippet {
            writeln!(out, "{gutter} |")?;
            writeln!(out, "{line} | {shown}")?;
            writeln!(out, "{gutter} | {}{}", " ".repeat(start), "^".repeat(width))?;
        }
    }
    match &problem.help {
        Some(help) => writeln!(out, "{gutter} = help: {help}"),
        None => Ok(()),
    }
}

/// The part of a line that may be shown, and where the caret goes: zero-based start and width.
fn snippet(line: &str, column: usize, problem: &Problem) -> (String, usize, usize) {
    let chars: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let start = column.saturating_sub(1).min(chars.len());
    let width = problem.width.clamp(1, (chars.len() - start).max(1));
    let end = (start + width).min(chars.len());
    let head = head_len(&chars);
    let (before, spanned) = (&chars[..start], &chars[start..end]);
    let text = |chars: &[char]| chars.iter().collect::<String>();
    match problem.excerpt {
        Excerpt::Key if is_indent(before) && is_plain_name(spanned) => {
            let rest = text(&chars[end..]);
            let mask = if matches!(rest.trim(), "" | ":") {
                rest.trim_end().to_owned()
            } else {
                format!(": {MASK}")
            };
            (format!("{}{mask}", text(&chars[..end])), start, width)
        }
        Excerpt::Value if is_indent(before) || head.is_some_and(|head| blank_from(&chars[..start], head)) => {
            (text(&chars[..end]).trim_end().to_owned(), start, width)
        }
        _ => match head {
            Some(head) if blank_from(&chars, head) => (text(&chars[..head]), start.min(head - 1), 1),
            Some(head) => (format!("{} {MASK}", text(&chars[..head])), start.min(head + 1), 1),
            None => {
                let indent = chars.iter().take_while(|c| **c == ' ').count().min(40);
                (format!("{}{MASK}", " ".repeat(indent)), indent, MASK.len())
            }
        },
    }
}

/// The length of a line's beginning up to the colon of a plain key.
fn head_len(chars: &[char]) -> Option<usize> {
    let indent = chars.iter().take_while(|c| matches!(c, ' ' | '-')).count();
    let colon = indent + chars.get(indent..)?.iter().position(|c| *c == ':')?;
    let ends = chars.get(colon + 1).is_none_or(|c| *c == ' ');
    (ends && is_indent(&chars[..indent]) && is_plain_name(&chars[indent..colon])).then_some(colon + 1)
}

/// Spaces, or the dashes of list items.
fn is_indent(chars: &[char]) -> bool {
    chars.iter().all(|c| matches!(c, ' ' | '-'))
}

fn blank_from(chars: &[char], from: usize) -> bool {
    chars.get(from..).is_some_and(|rest| rest.iter().all(|c| *c == ' '))
}

fn is_plain_name(chars: &[char]) -> bool {
    let text: String = chars.iter().collect();
    super::names::is_showable(text.trim_matches(['"', '\'']))
}

/// Lines as the parser counts them; a byte order mark belongs to none.
fn split_lines(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect()
}
