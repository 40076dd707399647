//! The `handler` attribute and the `SinkOutputs` derive of drakkar.

use proc_macro::TokenStream;

/// Placeholder until the real one lands.
#[proc_macro_attribute]
pub fn handler(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Placeholder until the real one lands.
#[proc_macro_derive(SinkOutputs, attributes(sink))]
pub fn sink_outputs(_item: TokenStream) -> TokenStream {
    TokenStream::new()
}
