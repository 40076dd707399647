//! The path of a file output: text with `{field}` placeholders.

use proc_macro2::Span;

use super::field_path::FieldPath;

/// A path template, checked.
#[derive(Clone)]
pub(super) struct Template {
    pub(super) pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Clone)]
pub(super) enum Piece {
    Text(String),
    Field(FieldPath),
}

impl Template {
    /// Reads a template, or says each thing that is wrong with it.
    pub(super) fn parse(text: &str, span: Span) -> Result<Self, Vec<String>> {
        let mut problems = place_problems(text);
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
            } else if brace == "}" {
                problems.push(
                    "the path has a `}` without a `{`\nhelp: write `}}` for a brace in the file's name"
                        .into(),
                );
            } else if let Some(end) = rest.find(['{', '}']).filter(|end| rest[*end..].starts_with('}')) {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                match FieldPath::parse(&rest[..end], span) {
                    Some(field) => pieces.push(Piece::Field(field)),
                    None => problems.push(not_a_field(&rest[..end])),
                }
                rest = &rest[end + 1..];
            } else {
                problems.push(
                    "the path has a `{` that is never closed\n\
                     help: write `{field}` for a field of the item, or `{{` for a brace in the file's name"
                        .into(),
                );
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        if problems.is_empty() { Ok(Self { pieces }) } else { Err(problems) }
    }
}

fn not_a_field(text: &str) -> String {
    if text.is_empty() {
        return "the path has an empty placeholder `{}`\nhelp: name a field of the item, such as `{request_id}`".into();
    }
    format!(
        "`{{{text}}}` does not name a field\n\
         help: a placeholder is a field of the item, such as `{{request_id}}` or `{{request.id}}`, without a format"
    )
}

/// What is wrong with where the path leads: it has to stay below the sink's folder.
fn place_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.trim().is_empty() {
        problems.push("the path is empty\nhelp: name a file, such as `path = \"results.jsonl\"`".into());
        return problems;
    }
    if text.starts_with('/') {
        problems.push(
            "the path is absolute\nhelp: it starts below the sink's `base_path`: leave out the first `/`"
                .into(),
        );
    }
    if text.split('/').any(|part| part == "..") {
        problems.push("the path leads out of the sink's folder with `..`\nhelp: leave out the `..`".into());
    }
    if text.ends_with('/') {
        problems.push("the path names a folder\nhelp: add the file's name after the last `/`".into());
    }
    if text.contains('\0') {
        problems.push("the path has a NUL character\nhelp: leave it out: no file name can have one".into());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<String, Vec<String>> {
        let template = Template::parse(text, Span::call_site())?;
        Ok(template
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => format!("[{text}]"),
                Piece::Field(_) => "<>".to_owned(),
            })
            .collect())
    }

    #[test]
    fn splits_text_and_fields() {
        assert_eq!(shape("by/{pattern}.jsonl").unwrap(), "[by/]<>[.jsonl]");
        assert_eq!(shape("{a}{b.c}").unwrap(), "<><>");
        assert_eq!(shape("plain").unwrap(), "[plain]");
    }

    #[test]
    fn doubled_braces_are_text() {
        assert_eq!(shape("{{x}}/{a}").unwrap(), "[{x}/]<>");
        assert_eq!(shape("{{{a}}}").unwrap(), "[{]<>[}]");
    }

    #[test]
    fn says_each_thing_that_is_wrong() {
        let count = |text| shape(text).unwrap_err().len();
        for text in
            ["", "  ", "/abs", "a/../b", "..", "dir/", "{", "}", "{a", "a}", "{}", "{a:?}", "{a{b}", "{ a}"]
        {
            assert!(shape(text).is_err(), "{text:?}");
        }
        assert_eq!(count("/../{a"), 3);
        assert_eq!(count("{a"), 1);
        assert_eq!(count("x}"), 1);
    }

    #[test]
    fn dots_that_stay_inside_are_allowed() {
        assert!(shape("a..b/...").is_ok());
        assert!(shape("./a").is_ok());
    }
}
