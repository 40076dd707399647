//! The drakkar worker of the benchmarks: typed JSON in and out, with or without a program per message.

use std::process::ExitCode;

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Input {
    id: String,
    number: u64,
    text: String,
}

#[derive(Serialize)]
struct Output {
    id: String,
    number: u64,
    text: String,
}

#[derive(Default, SinkOutputs)]
struct Outputs {
    #[sink(kafka = "results", key = "id")]
    results: Vec<Output>,
}

/// With `spawn` each message goes through the program; without, its task is precomputed.
struct Bench {
    spawn: std::sync::OnceLock<bool>,
}

#[derive(Deserialize)]
struct App {
    mode: String,
}

#[drakkar::handler]
impl Bench {
    async fn arrange(&self, window: Window<'_, Input>, ctx: &Context) -> Result<Vec<Task>> {
        let spawn = match self.spawn.get() {
            Some(spawn) => *spawn,
            None => {
                let spawn = ctx.app::<App>()?.mode == "spawn";
                *self.spawn.get_or_init(|| spawn)
            }
        };
        let task = |message: &Message<Input>| {
            let value = message.record().value.clone().unwrap_or_default();
            let task = Task::for_message(message);
            if spawn { task.stdin(value) } else { task.output(value) }
        };
        Ok(window.messages().map(task).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Outputs> {
        let input: Input = serde_json::from_slice(done.stdout())?;
        let output = Output { id: input.id, number: input.number + 1, text: input.text };
        Ok(Outputs { results: vec![output] })
    }
}

fn main() -> ExitCode {
    drakkar::run(Bench { spawn: std::sync::OnceLock::new() })
}
