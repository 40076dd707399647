//! With `deserialize_message` the input type needs no `Deserialize`, and the error may be any.

#![deny(warnings)]

use std::{num::ParseIntError, str::Utf8Error};

use drakkar::prelude::*;

/// Comes as `width x height`.
struct Size(u32, u32);

struct Resize;

#[drakkar::handler]
impl Resize {
    fn deserialize_message(&self, record: &Record) -> Result<Size> {
        let text = std::str::from_utf8(record.value.as_deref().unwrap_or_default())?;
        let (width, height) = text.split_once('x').ok_or_else(|| Error::msg("no x"))?;
        Ok(Size(width.parse()?, height.parse()?))
    }

    async fn arrange(&self, window: Window<'_, Size>) -> Result<Vec<Task>> {
        let area = |m: &Message<Size>| m.payload().0 * m.payload().1;
        Ok(window.messages().map(|m| Task::for_message(m).arg(area(m).to_string())).collect())
    }

    fn message_label(&self, message: &Message<Size>) -> String {
        format!("{}x{}", message.payload().0, message.payload().1)
    }
}

struct Number;

#[drakkar::handler]
impl Number {
    async fn arrange(&self, window: Window<'_, u128>) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }

    #[cfg(unix)]
    fn deserialize_message(&self, record: &Record) -> std::result::Result<u128, ParseIntError> {
        String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).parse()
    }

    #[cfg(not(unix))]
    fn deserialize_message(&self, _record: &Record) -> std::result::Result<u128, NoSuchType> {
        no_such_function()
    }
}

struct Text;

#[drakkar::handler]
impl Text {
    async fn arrange(&self, window: Window<'_, String>) -> Result<Vec<Task>> {
        Ok(window.messages().map(Task::for_message).collect())
    }

    // Configured away: JSON again.
    #[cfg(not(unix))]
    fn deserialize_message(&self, record: &Record) -> std::result::Result<String, Utf8Error> {
        no_such_function()
    }
}

const _: Option<Utf8Error> = None;

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Resize);
    is_handler(Number);
    is_handler(Text);
}
