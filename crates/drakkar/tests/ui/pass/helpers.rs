//! Helper methods, constants and functions without `self` live beside the hooks and stay callable.

#![deny(warnings)]

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request {
    pattern: String,
}

struct Search {
    flag: &'static str,
}

#[drakkar::handler]
impl Search {
    const LIMIT: usize = 3;

    pub const fn new(flag: &'static str) -> Self {
        Self { flag }
    }

    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(window.messages().take(Self::LIMIT).map(|m| self.task(m)).collect())
    }

    fn task(&self, message: &Message<Request>) -> Task {
        Task::for_message(message).arg(self.flag).arg(&message.payload().pattern)
    }

    async fn sleepless<T>(&mut self, value: T) -> T {
        value
    }
}

// A helper whose name looks like a hook lives in a block without the attribute.
impl Search {
    fn on_nothing(&self) {}
}

fn main() {
    let mut search = Search::new("-c");
    search.on_nothing();
    drop(search.sleepless(1));
}
