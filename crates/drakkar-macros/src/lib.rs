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
mod settings;
mod types;

use proc_macro::TokenStream;

/// Makes a handler of an impl block: its methods become the hooks that drakkar calls.
///
/// ```ignore
#[doc = include_str!("../docs/handler.rs")]
/// ```
///
/// # Hooks
///
/// A method whose name is a hook's name is that hook. Only `arrange` is required.
///
/// | hook | called |
/// | --- | --- |
/// | `async fn arrange(&self, window: Window<'_, Input>, ctx: &Context) -> Result<Vec<Task>>` | for each window of messages |
/// | `async fn on_task_complete(&self, done: &TaskResult, ctx: &Context) -> Result<Outputs>` | for each task that succeeded |
/// | `async fn on_message_complete(&self, group: &MessageGroup<Input>, ctx: &Context) -> Result<Outputs>` | once for each message |
/// | `async fn on_window_complete(&self, window: &WindowGroup<Input>, ctx: &Context) -> Result<Outputs>` | once for each window that had a task |
/// | `async fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> ErrorAction` | for each failed attempt |
/// | `async fn on_delivery_error(&self, failure: &DeliveryFailure, ctx: &Context) -> DeliveryAction` | when a sink did not take outputs |
/// | `fn task_priority(&self, task: &Task) -> i64` | for each task that needs a slot; lower runs first |
/// | `fn message_label(&self, message: &Message<Input>) -> String` | to name a message in logs and dead letters |
/// | `fn deserialize_message(&self, record: &Record) -> Result<Input>` | for each record, instead of reading JSON |
/// | `async fn on_startup(&self, config: Config) -> Result<Config>` | once, before any part exists |
/// | `async fn on_ready(&self, ctx: &Context) -> Result<()>` | once, before the first message is read |
/// | `async fn on_assign(&self, partitions: &[PartitionId], ctx: &Context) -> Result<()>` | when partitions came, before their first message |
/// | `async fn on_revoke(&self, partitions: &[PartitionId], ctx: &Context) -> Result<()>` | when partitions went, after their work ended |
/// | `async fn on_shutdown(&self, ctx: &Context) -> Result<()>` | once, after the last message settled |
///
/// - Every hook may leave `ctx` out.
/// - All take `&self`: one handler serves all partitions at once. What changes goes in an atomic or a `Mutex`.
/// - The input type is the one in `Window<'_, Input>`. Messages are read into it from JSON, so it derives `Deserialize`; with
///   `deserialize_message` it need not. With `Window<'_, Bytes>` they come as they are. It owns what it holds, and is as
///   public as the handler.
/// - The outputs type is the first argument of the returned `Result`: a struct with
///   [`#[derive(SinkOutputs, Default)]`](macro@SinkOutputs), or `()`. Each hook may have its own.
/// - `Result` is any type whose name ends in `Result`; its error is any that implements [`std::error::Error`].
///
/// # Timers and services
///
/// An attribute makes a method of any other name run beside the messages: `async fn name(&self, ctx: &Context) -> Result<()>`,
/// where `ctx` may be left out.
///
/// | attribute | runs |
/// | --- | --- |
/// | `#[periodic(every = "30s")]` | after this time, and again this time after each end: runs of one method never overlap |
/// | `#[periodic(every = "30s", on_error = "stop")]` | the same, until it returns an error; `"continue"` is the default |
/// | `#[service]` | once, from the moment the worker is ready; it ends soon after `ctx.stopping()` does |
///
/// The interval is a number and a unit: `ms`, `s`, `m` or `h`. Fractions are allowed, zero is not.
///
/// # Helpers
///
/// Other methods, constants and functions of the block stay what they are. A name that starts with `on_` or is within two
/// letters of a hook's name is taken for a misspelt hook and refused: a helper with such a name goes in a second impl block,
/// without the attribute.
///
/// # What it writes
///
/// The block as it is, and an implementation of the `Handler` trait that calls its methods. That trait can also be
/// implemented by hand. Hooks, timers and services may have `#[cfg]`; one that is configured away is not called.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::attribute(arguments.into(), item.into()).into()
}

/// Makes each field of a struct a route to a sink.
///
/// ```ignore
#[doc = include_str!("../docs/outputs.rs")]
/// ```
///
/// Each field is a `Vec` or an `Option` of a type that derives `Serialize`, and has one `#[sink(...)]`. Items are sent as JSON,
/// field by field in the order they are written. Two fields may go to the same sink. Derive or write `Default` as well: empty
/// outputs send nothing.
///
/// # Sinks
///
/// | attribute | one item becomes |
/// | --- | --- |
/// | `#[sink(kafka = "name")]` | a record without key |
/// | `#[sink(kafka = "name", key = "field")]` | a record with this field of the item as key: text, bytes, an integer, or an `Option` of one |
/// | `#[sink(file = "name", path = "{field}.jsonl")]` | a line at the end of this file; `filesystem` is the same as `file` |
///
/// The name is the one in the configuration. Without it, as in `#[sink(kafka)]`, the field goes to the only sink of this type.
///
/// `key` and the placeholders of `path` name a field of the item, or one further in: `request.id`. A placeholder takes
/// anything that implements [`Display`](std::fmt::Display); `{{` and `}}` stand for braces. The path starts below the sink's
/// folder and may not leave it.
#[proc_macro_derive(SinkOutputs, attributes(sink))]
pub fn sink_outputs(item: TokenStream) -> TokenStream {
    outputs::derive(item.into()).into()
}
