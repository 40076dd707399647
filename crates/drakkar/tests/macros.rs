//! The macros as their users meet them.

/// Compiles what must compile and compares the errors of what must not. See `ui/README.md`.
#[test]
fn user_interface() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
