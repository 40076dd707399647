//! The `handler` attribute and the `SinkOutputs` derive of drakkar.
//!
//! Both write thin glue for the traits of `drakkar-core` and are used through the facade: `drakkar::handler` and
//! `drakkar::SinkOutputs`. This crate depends on none of ours; the code it writes does.
//!
//! # How it works
//!
//! Reading and writing are apart. `handler::model` and `outputs::model` read what the user wrote and record every mistake
//! in an `ErrorStore`, each on the smallest wrong token; `expand` then cannot fail. What can be seen in the text is checked
//! here; types are left to the compiler, with the spans of the generated code placed so that its errors land on the types
//! the user wrote.
//!
//! **Invariant:** whatever is wrong, the user's impl comes out unchanged and the trait is implemented by a stand-in, so one
//! mistake gives one error.

mod error_store;
mod handler;
mod nearest;
mod outputs;
mod types;

use proc_macro::TokenStream;

/// Makes a handler of an impl block.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::attribute(arguments.into(), item.into()).into()
}

/// Makes each field of a struct a route to a sink.
#[proc_macro_derive(SinkOutputs, attributes(sink))]
pub fn sink_outputs(item: TokenStream) -> TokenStream {
    outputs::derive(item.into()).into()
}
