//! Cuts a Rust source into code and comments, line by line.

/// A line: its code with the contents of strings left out, and the text of its comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) code: String,
    pub(super) comment: String,
}

/// The lines of a source. A source that does not compile gives some lines, and no panic.
pub(super) fn lines(source: &str) -> Vec<Line> {
    let mut lexer = Lexer { rest: source, lines: vec![Line::default()] };
    while let Some(c) = lexer.rest.chars().next() {
        lexer.step(c);
    }
    lexer.lines
}

struct Lexer<'a> {
    rest: &'a str,
    lines: Vec<Line>,
}

impl Lexer<'_> {
    fn step(&mut self, c: char) {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.comment(end);
        } else if self.rest.starts_with("/*") {
            self.comment(block_comment(self.rest));
        } else if c == '"' {
            self.string(string(self.rest));
        } else if let Some(length) = self.at_word_start().then(|| raw_string(self.rest)).flatten() {
            self.string(length);
        } else if c == '\'' {
            match character(self.rest) {
                Some(length) => self.string(length),
                None => self.code(c),
            }
        } else {
            self.code(c);
        }
    }

    fn at_word_start(&self) -> bool {
        let last = self.lines.last().and_then(|line| line.code.chars().next_back());
        !last.is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn code(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.lines.push(Line::default());
        } else if let Some(line) = self.lines.last_mut() {
            line.code.push(c);
        }
    }

    fn comment(&mut self, length: usize) {
        for c in self.take(length).chars() {
            match self.lines.last_mut() {
                Some(line) if c != '\n' => line.comment.push(c),
                _ => self.lines.push(Line::default()),
            }
        }
    }

    /// A string leaves its quotes, and the lines it spans.
    fn string(&mut self, length: usize) {
        let newlines = self.take(length).matches('\n').count();
        if let Some(line) = self.lines.last_mut() {
            line.code.push_str("\"\"");
        }
        self.lines.extend(std::iter::repeat_n(Line::default(), newlines));
    }

    fn take(&mut self, length: usize) -> String {
        let (head, rest) = self.rest.split_at(length);
        let head = head.to_owned();
        self.rest = rest;
        head
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"..."`, `br#"..."#` and their like.
fn raw_string(text: &str) -> Option<usize> {
    let start = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let body = start.trim_start_matches('#');
    let hashes = "#".repeat(start.len() - body.len());
    let body = body.strip_prefix('"')?;
    let end = format!("\"{hashes}");
    let before = text.len() - body.len();
    Some(body.find(&end).map_or(text.len(), |at| before + at + end.len()))
}

/// The length of a character; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let first = inner.chars().next()?;
    if first == '\\' {
        // The escaped character may be a quote itself.
        let skipped = 1 + inner[1..].chars().next()?.len_utf8();
        return inner[skipped..].find('\'').map(|at| 1 + skipped + at + 1);
    }
    let length = first.len_utf8();
    inner[length..].starts_with('\'').then_some(length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_lines(source: &str, expected: &[(&str, &str)]) {
        let found = lines(source);
        let found: Vec<_> = found.iter().map(|line| (line.code.as_str(), line.comment.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_leave_the_code() {
        assert_lines(
            "a(); // b\n/* c /* d */\ne */ f();",
            &[("a(); ", "// b"), ("", "/* c /* d */"), (" f();", "e */")],
        );
    }

    #[test]
    fn strings_leave_the_code() {
        assert_lines(r#"a("b // \" c", 'd', '\'', '"');"#, &[(r#"a("", "", "", "");"#, "")]);
        assert_lines("a(r#\"b \" // c\"#, br\"d\\\");", &[("a(\"\", \"\");", "")]);
        assert_lines("a(\"b\nc\"); d", &[("a(\"\"", ""), ("); d", "")]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_lines("fn a<'b>(r#type: &'b str)", &[("fn a<'b>(r#type: &'b str)", "")]);
    }

    #[test]
    fn what_is_not_closed_ends_with_the_file() {
        for source in ["\"a", "/* a", "r#\"a\"", "'\\", "'"] {
            assert_eq!(lines(source).len(), 1, "{source}");
        }
    }
}
