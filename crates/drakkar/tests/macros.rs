//! The macros as their users meet them: what compiles, what does not and why, and what the generated code does.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

mod macros {
    mod decoding;
    mod hooks;
    mod outputs;
    mod support;
    mod worker_hooks;
}

/// Compiles what must compile and compares the errors of what must not. See `ui/README.md`.
#[test]
fn user_interface() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    // The examples in the documentation of the macros.
    cases.pass("../drakkar-macros/docs/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
