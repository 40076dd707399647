//! `cfg`, documentation and lint attributes keep their meaning; a hook that is configured away is not a hook.

#![deny(warnings, missing_docs)]

use drakkar::prelude::*;

#[derive(Deserialize)]
/// A request.
pub struct Request {}

/// A handler.
pub struct Attributed;

/// The block has documentation too.
#[drakkar::handler]
#[allow(non_snake_case, reason = "to see that it is kept")]
impl Attributed {
    /// Arranges.
    async fn arrange(&self, window: Window<'_, Request>) -> Result<Vec<Task>> {
        #[cfg(not(unix))]
        compile_error!("configured away");
        let Upper = window;
        Ok(Upper.messages().map(Task::for_message).collect())
    }

    #[cfg(not(unix))]
    async fn on_error(&self, _failure: &NoSuchType) -> ErrorAction {
        ErrorAction::Skip
    }

    #[cfg(not(unix))]
    async fn on_task_complete(&self, _done: &TaskResult) -> Result<NoSuchType> {
        no_such_function()
    }

    /// The other of two.
    #[cfg(unix)]
    #[cfg(any(unix, windows))]
    async fn on_task_complete(&self, _done: &TaskResult) -> Result<()> {
        Ok(())
    }

    #[expect(unused_variables, reason = "to see that it is kept")]
    fn message_label(&self, message: &Message<Request>) -> String {
        String::new()
    }
}

#[drakkar::handler]
#[cfg(not(unix))]
impl NoSuchHandler {
    async fn arrange(&self, window: Window<'_, NoSuchType>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

const _: () = {
    let hooks = <Attributed as Handler>::HOOKS;
    assert!(hooks.on_task_complete && hooks.message_label);
    assert!(!hooks.on_error && !hooks.on_message_complete);
};

fn main() {}
