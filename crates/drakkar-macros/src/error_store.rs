//! Collects every mistake of an input, so that all are reported at once.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Mistakes found so far, in the order they were found.
#[derive(Default)]
pub(crate) struct ErrorStore {
    errors: Option<syn::Error>,
    compiler_reports: bool,
}

impl ErrorStore {
    /// Records a mistake on these tokens; the smallest wrong part, not the item around it.
    pub(crate) fn push(&mut self, tokens: impl ToTokens, message: impl Into<String>) {
        self.push_error(syn::Error::new_spanned(tokens, message.into()));
    }

    /// Records a mistake with its remedy on a line of its own.
    pub(crate) fn push_help(
        &mut self,
        tokens: impl ToTokens,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.push(tokens, format!("{}\nhelp: {}", message.as_ref(), help.as_ref()));
    }

    /// Notes a mistake that the compiler finds in the user's own tokens: saying it here too would be noise.
    pub(crate) fn leave_to_compiler(&mut self) {
        self.compiler_reports = true;
    }

    /// Records what syn found.
    pub(crate) fn push_error(&mut self, error: syn::Error) {
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    /// Whether the input is right so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_none() && !self.compiler_reports
    }

    /// Turns the mistakes into one `compile_error!` each; nothing when there are none.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.errors.map(syn::Error::into_compile_error).unwrap_or_default()
    }
}
