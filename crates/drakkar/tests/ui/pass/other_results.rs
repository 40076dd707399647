//! A hook may return any `Result` whose error drakkar can take, under any name that ends in `Result`.

use std::{fmt, result};

use drakkar::prelude::*;

#[derive(Debug)]
struct Bad(u64);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad request {}", self.0)
    }
}

impl std::error::Error for Bad {}

type BadResult<T> = result::Result<T, Bad>;

#[derive(Deserialize)]
struct Request {
    id: u64,
}

struct Picky;

#[drakkar::handler]
impl Picky {
    async fn arrange(&self, window: Window<'_, Request>) -> result::Result<Vec<Task>, Bad> {
        match window.messages().find(|m| m.payload().id == 0) {
            Some(message) => Err(Bad(message.payload().id)),
            None => Ok(window.messages().map(Task::for_message).collect()),
        }
    }

    async fn on_task_complete(&self, _done: &TaskResult) -> BadResult<()> {
        Ok(())
    }

    async fn on_message_complete(&self, _group: &MessageGroup<Request>) -> std::io::Result<()> {
        Err(std::io::Error::other("disk is full"))
    }

    async fn on_ready(&self) -> drakkar::Result<()> {
        Ok(())
    }
}

fn main() {}
