//! A handler may be generic over owned types.

use drakkar::prelude::*;

#[derive(Deserialize)]
struct Request<T> {
    value: T,
}

trait Tool: Send + Sync + 'static {
    fn name(&self) -> String;
}

struct Run<T: Tool, I>(T, std::marker::PhantomData<I>);

#[drakkar::handler]
impl<T, I> Run<T, I>
where
    T: Tool,
    I: serde::de::DeserializeOwned + ToString + Send + Sync + 'static,
{
    async fn arrange(&self, window: Window<'_, Request<I>>) -> Result<Vec<Task>> {
        let task = |m| Task::for_message(m).program(self.0.name());
        Ok(window.messages().map(|m| task(m).arg(m.payload().value.to_string())).collect())
    }
}

struct Grep;

impl Tool for Grep {
    fn name(&self) -> String {
        "grep".to_owned()
    }
}

fn is_handler(_: impl Handler) {}

fn main() {
    is_handler(Run(Grep, std::marker::PhantomData::<u64>));
}
