//! Snippets with a caret.

use super::invalid;

#[track_caller]
fn renders(text: &str, expected: &str) {
    assert_eq!(invalid(text, &[]).render(text), expected);
}

#[test]
fn an_unknown_key_is_underlined_and_its_value_hidden() {
    renders(
        "kafka:\n  brokerz: \"a:9092\"\n",
        "error: unknown key `kafka.brokerz`
 --> drakkar.yaml:2:3
  |
2 |   brokerz: ***
  |   ^^^^^^^
  = help: did you mean `brokers`?
",
    );
}

#[test]
fn a_bad_value_is_underlined() {
    let text = format!("{}kafka:\n  max_poll_records: many # why\n", "# line\n".repeat(9));
    renders(
        &text,
        "error: `kafka.max_poll_records` must be a whole number, found `many`
  --> drakkar.yaml:11:21
   |
11 |   max_poll_records: many
   |                     ^^^^
",
    );
}

#[test]
fn a_line_with_more_than_the_value_is_masked() {
    renders(
        "kafka: { brokers: b, max_poll_records: 0 }\n",
        "error: `kafka.max_poll_records` must be at least 1, found `0`
 --> drakkar.yaml:1:40
  |
1 | kafka: ***
  |        ^
",
    );
}

#[test]
fn a_bad_item_of_a_list_is_underlined() {
    renders(
        "executor:\n  success_exit_codes:\n    - 0\n    - 999\n",
        "error: `executor.success_exit_codes[1]` must be from 0 to 255, found `999`
 --> drakkar.yaml:4:7
  |
4 |     - 999
  |       ^^^
",
    );
}

#[test]
fn a_mistake_of_syntax_shows_the_key_of_its_line() {
    renders(
        "kafka:\n  brokers: [a, b\n",
        "error: not valid YAML: while parsing a flow sequence, expected ',' or ']'
 --> drakkar.yaml:3:1
  |
3 | ***
  | ^^^
",
    );
}

#[test]
fn problems_are_separated_by_a_blank_line_and_variables_have_no_snippet() {
    let invalid = invalid("kafak: {}\n", &[("DK_METRICS__PORT", "x")]);
    assert_eq!(
        invalid.render("kafak: {}\n"),
        "error: unknown key `kafak`
 --> drakkar.yaml:1:1
  |
1 | kafak: ***
  | ^^^^^
  = help: did you mean `kafka`?

error: `metrics.port` must be a whole number, found `x`
 --> DK_METRICS__PORT
"
    );
}

#[test]
fn another_text_than_the_loaded_one_does_no_harm() {
    let invalid = invalid("kafka:\n  brokerz: x\n", &[]);
    for text in ["", "\n", "ü", "kafka:\n\u{1b}[2J\n", "kafka:\n  ü"] {
        assert!(invalid.render(text).starts_with("error: "));
        assert!(!invalid.render(text).contains('\u{1b}'));
    }
}
