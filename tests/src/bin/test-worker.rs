//! A worker for tests: each message says what should become of it.

use std::{process::ExitCode, time::Duration};

use drakkar::prelude::*;

/// What a message asks for.
#[derive(Deserialize)]
struct Order {
    id: String,
    /// What the program gets and must give back.
    body: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    millis: u64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The body goes through a program.
    #[default]
    Echo,
    /// The body comes back without a program.
    Precomputed,
    /// `arrange` panics.
    PanicInArrange,
    /// `on_task_complete` panics.
    PanicInComplete,
    /// `arrange` ends the process.
    AbortInArrange,
    /// `on_task_complete` ends the process.
    AbortInComplete,
    /// The program never ends, and its time is short.
    Hang,
    /// The program never ends, and nothing but a stop ends it.
    HangLong,
    /// The body goes through a program that takes `millis`.
    Wait,
}

/// A wrong done to one message in a hundred, to see that a judge finds it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sabotage {
    Drop,
    Corrupt,
    Invent,
}

/// What came back.
#[derive(Serialize)]
struct Answer {
    id: String,
    body: String,
}

#[derive(Default, SinkOutputs)]
struct Outputs {
    #[sink(kafka = "answers", key = "id")]
    answers: Vec<Answer>,
}

struct TestWorker;

#[drakkar::handler]
impl TestWorker {
    async fn arrange(&self, window: Window<'_, Order>, ctx: &Context) -> Result<Vec<Task>> {
        let App { child, sabotage } = ctx.app::<App>()?;
        let task = |message: &Message<Order>| {
            let order = message.payload();
            let task = Task::for_message(message).program(&child).label("id", &order.id);
            let task = match sabotage.filter(|_| order.id.ends_with("77")) {
                Some(Sabotage::Drop) => return None,
                Some(Sabotage::Corrupt) => return Some(task.output(format!("{}!", order.body))),
                Some(Sabotage::Invent) => task.label("id", format!("{}-again", order.id)),
                None => task,
            };
            Some(match order.kind {
                Kind::PanicInArrange => panic!("asked to panic in arrange"),
                Kind::AbortInArrange => std::process::abort(),
                Kind::AbortInComplete => task.output("abort"),
                Kind::Precomputed => task.output(order.body.clone()),
                Kind::Hang => task.arg("hang").timeout(Duration::from_millis(500)),
                Kind::HangLong => task.args(["hang", &order.body]),
                Kind::PanicInComplete => task.arg("echo").stdin("panic"),
                Kind::Echo => task.arg("echo").stdin(order.body.clone()),
                Kind::Wait => task.args(["wait", &order.millis.to_string()]).stdin(order.body.clone()),
            })
        };
        Ok(window.messages().filter_map(task).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        let body = done.stdout_text().into_owned();
        assert_ne!(body, "panic", "asked to panic in on_task_complete");
        if body == "abort" {
            std::process::abort();
        }
        Ok(Outputs { answers: vec![Answer { id: done.task.labels()["id"].to_owned(), body }] })
    }

    fn message_label(&self, message: &Message<Order>) -> String {
        message.payload().id.clone()
    }
}

/// The `app` section.
#[derive(Deserialize)]
struct App {
    child: String,
    #[serde(default)]
    sabotage: Option<Sabotage>,
}

fn main() -> ExitCode {
    drakkar::run(TestWorker)
}
