//! The macros as their users meet them: what compiles, what does not and why, and what the generated code does.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

mod macros {
    mod decoding;
    mod hooks;
    mod outputs;
    mod roles;
    mod support;
}

/// What must compile: each file as its user would write it. See `ui/README.md`.
#[allow(
    dead_code,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::let_underscore_must_use,
    reason = "they show what may be written, and nothing calls them"
)]
#[path = "ui/pass"]
pub mod pass {
    pub mod all_hooks_with_context;
    pub mod all_hooks_without_context;
    pub mod attributes_are_kept;
    pub mod by_hand;
    pub mod full_paths;
    pub mod generic_handler;
    pub mod helpers;
    pub mod in_a_function;
    pub mod keys_and_paths;
    pub mod long_forms;
    pub mod minimal;
    pub mod other_results;
    pub mod own_codec;
    pub mod periodic_and_services;
    pub mod raw_input;
    pub mod written_by_macro;
}

/// The examples in the documentation of the macros.
#[allow(dead_code, reason = "nothing calls them")]
#[path = "../../drakkar-macros/docs"]
mod documentation {
    mod handler;
    mod outputs;
}

/// Compares the errors of what must not compile. See `ui/README.md`.
#[test]
fn user_interface() {
    // Without cases that must pass, all are checked in one build; with one, each would be built on its own.
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

#[test]
fn every_file_that_must_compile_is_compiled() {
    let listed = include_str!("macros.rs");
    let mut files = 0;
    for folder in ["tests/ui/pass", "../drakkar-macros/docs"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(listed.contains(&format!("mod {name};")), "{} is not in macros.rs", path.display());
            files += 1;
        }
    }
    assert!(files > 15);
}
