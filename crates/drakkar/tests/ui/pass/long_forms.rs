//! Signatures may be written at length: lifetimes with names, `self: &Self`, patterns, aliases of what is not the window.

use drakkar::prelude::{self, *};

#[derive(Deserialize)]
struct Request {
    id: u64,
}

type Input = Request;
type Done = TaskResult;
type Tasks = Vec<Task>;
type Group = MessageGroup<Request>;
type Batch = WindowGroup<Request>;
type Partitions = [PartitionId];
type Priority = i64;

struct Long;

#[drakkar::handler]
impl Long {
    pub async fn arrange<'a>(&'a self, mut window: Window<'a, Input>, ctx: &'a Context) -> Result<Tasks> {
        let _ = ctx.worker();
        window = Window::new(window.partition(), &[]);
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }

    pub(crate) async fn on_task_complete(self: &Self, TaskResult { attempt, .. }: &Done) -> Result<()>
    where
        Self: Sized,
    {
        if *attempt > 9 { Err(Error::msg("late")) } else { Ok(()) }
    }

    async fn r#on_message_complete(&self, _: &Group, _: &prelude::Context) -> Result<()> {
        Ok(())
    }

    async fn on_window_complete(&self, window: &Batch, _: &Context) -> Result<()> {
        if window.total() > 9 { Err(Error::msg("too many")) } else { Ok(()) }
    }

    async fn on_assign<'a>(&'a self, partitions: &'a Partitions) -> Result<()> {
        let _ = partitions.len();
        Ok(())
    }

    async fn on_revoke(&self, [..]: &[drakkar::prelude::PartitionId]) -> Result<()> {
        Ok(())
    }

    fn task_priority(&self, task: &Task) -> Priority {
        task.offsets().len().try_into().unwrap_or(Priority::MAX)
    }

    fn message_label(&self, message: &Message<Input>) -> std::string::String {
        message.offset().to_string()
    }
}

fn is_handler(_: impl Handler<Input = Request>) {}

fn main() {
    is_handler(Long);
}
