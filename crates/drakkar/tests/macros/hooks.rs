//! Which hooks a handler has and that they are called with what they ask for.

use std::sync::Mutex;

use drakkar::{
    __private::core::handler::Hooks,
    config::Config,
    prelude::{
        Context, DeliveryAction, DeliveryFailure, Deserialize, ErrorAction, Handler, Message, MessageGroup,
        PartitionId, Result, SinkOutputs, Task, TaskFailure, TaskResult, Window, WindowGroup,
    },
};

use super::support::{
    block_on, context, delivery_failure, failure, group, message, result, task, window_group,
};

#[derive(Deserialize, Clone)]
struct Request {
    id: u64,
}

#[derive(SinkOutputs, Default)]
struct Codes {
    #[sink(kafka)]
    codes: Vec<i32>,
}

#[derive(SinkOutputs, Default)]
struct Totals {
    #[sink(kafka)]
    total: Option<usize>,
}

#[derive(SinkOutputs, Default)]
struct Windows {
    #[sink(kafka)]
    ids: Vec<u64>,
}

/// Writes down each call.
#[derive(Default)]
struct WithContext(Mutex<Vec<String>>);

impl WithContext {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }
}

#[drakkar::handler]
impl WithContext {
    async fn arrange(&self, window: Window<'_, Request>, ctx: &Context) -> Result<Vec<Task>> {
        self.note(format!("arrange {} {}", window.len(), ctx.worker()));
        Ok(window.messages().map(|m| Task::for_message(m).arg(m.payload().id.to_string())).collect())
    }

    async fn on_task_complete(&self, done: &TaskResult, ctx: &Context) -> Result<Codes> {
        self.note(format!("on_task_complete {}", ctx.worker()));
        Ok(Codes { codes: vec![done.exit_code()] })
    }

    async fn on_message_complete(&self, group: &MessageGroup<Request>, ctx: &Context) -> Result<Totals> {
        self.note(format!("on_message_complete {} {}", group.message.payload().id, ctx.worker()));
        Ok(Totals { total: Some(group.total()) })
    }

    async fn on_error(&self, failure: &TaskFailure, ctx: &Context) -> ErrorAction {
        self.note(format!("on_error {} {}", failure.attempt, ctx.worker()));
        ErrorAction::DeadLetter
    }

    async fn on_window_complete(&self, window: &WindowGroup<Request>, ctx: &Context) -> Result<Windows> {
        self.note(format!("on_window_complete {} {}", window.total(), ctx.worker()));
        Ok(Windows { ids: window.messages.iter().map(|m| m.payload().id).collect() })
    }

    async fn on_delivery_error(&self, failure: &DeliveryFailure, ctx: &Context) -> DeliveryAction {
        self.note(format!("on_delivery_error {} {}", failure.attempt, ctx.worker()));
        DeliveryAction::Skip
    }

    async fn on_assign(&self, partitions: &[PartitionId], ctx: &Context) -> Result<()> {
        self.note(format!("on_assign {partitions:?} {}", ctx.worker()));
        Ok(())
    }

    async fn on_revoke(&self, partitions: &[PartitionId], ctx: &Context) -> Result<()> {
        self.note(format!("on_revoke {partitions:?} {}", ctx.worker()));
        Ok(())
    }

    async fn on_shutdown(&self, ctx: &Context) -> Result<()> {
        self.note(format!("on_shutdown {}", ctx.worker()));
        Ok(())
    }

    fn task_priority(&self, task: &Task) -> i64 {
        -(task.offsets().len() as i64)
    }

    fn message_label(&self, message: &Message<Request>) -> String {
        format!("request {}", message.payload().id)
    }

    async fn on_startup(&self, mut config: Config) -> Result<Config> {
        self.note("on_startup");
        config.app["seen"] = true.into();
        Ok(config)
    }

    async fn on_ready(&self, ctx: &Context) -> Result<()> {
        self.note(format!("on_ready {}", ctx.cluster()));
        Ok(())
    }
}

struct WithoutContext;

#[drakkar::handler]
impl WithoutContext {
    async fn arrange(&self, window: Window<'_, Request>) -> std::io::Result<Vec<Task>> {
        match window.messages().any(|m| m.payload().id == 0) {
            true => Err(std::io::Error::other("zero")),
            false => Ok(Vec::new()),
        }
    }

    async fn on_task_complete(&self, done: &TaskResult) -> Result<Codes> {
        Ok(Codes { codes: vec![done.exit_code() + 1] })
    }

    async fn on_message_complete(&self, group: &MessageGroup<Request>) -> Result<Totals> {
        Ok(Totals { total: Some(group.total() + 1) })
    }

    async fn on_window_complete(&self, window: &WindowGroup<Request>) -> Result<Windows> {
        Ok(Windows { ids: vec![window.total() as u64] })
    }

    async fn on_error(&self, _failure: &TaskFailure) -> ErrorAction {
        ErrorAction::Skip
    }

    async fn on_delivery_error(&self, _failure: &DeliveryFailure) -> DeliveryAction {
        DeliveryAction::Retry
    }

    async fn on_assign(&self, partitions: &[PartitionId]) -> Result<()> {
        Err(drakkar::Error::msg(format!("assigned {partitions:?}")))
    }

    async fn on_revoke(&self, partitions: &[PartitionId]) -> Result<()> {
        Err(drakkar::Error::msg(format!("revoked {partitions:?}")))
    }

    async fn on_shutdown(&self) -> Result<()> {
        Err(drakkar::Error::msg("shut down"))
    }

    async fn on_ready(&self) -> Result<()> {
        Err(drakkar::Error::msg("not ready"))
    }
}

struct OnlyArrange;

#[drakkar::handler]
impl OnlyArrange {
    async fn arrange(&self, _window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }
}

struct Configured;

#[drakkar::handler]
impl Configured {
    async fn arrange(&self, _window: Window<'_, Request>) -> Result<Vec<Task>> {
        Ok(Vec::new())
    }

    #[cfg(unix)]
    #[cfg(not(windows))]
    async fn on_error(&self, _failure: &TaskFailure) -> ErrorAction {
        ErrorAction::Skip
    }

    #[cfg(unix)]
    #[cfg(windows)]
    fn message_label(&self, message: &Message<Request>) -> String {
        message.offset().to_string()
    }

    #[cfg(windows)]
    async fn on_window_complete(&self, _window: &WindowGroup<Request>) -> Result<Windows> {
        Ok(Windows::default())
    }

    #[cfg(windows)]
    fn task_priority(&self, _task: &Task) -> i64 {
        7
    }

    #[cfg(not(windows))]
    async fn on_revoke(&self, partitions: &[PartitionId]) -> Result<()> {
        Err(drakkar::Error::msg(format!("revoked {partitions:?}")))
    }

    #[cfg(windows)]
    async fn on_shutdown(&self) -> Result<()> {
        Ok(())
    }

    #[cfg(windows)]
    async fn on_task_complete(&self, _done: &TaskResult) -> Result<Codes> {
        Ok(Codes::default())
    }

    #[cfg(not(windows))]
    async fn on_task_complete(&self, _done: &TaskResult) -> Result<Totals> {
        Ok(Totals { total: Some(9) })
    }
}

#[test]
fn hooks_are_those_that_are_written() {
    assert_eq!(WithContext::HOOKS, Hooks::ALL);
    assert_eq!(WithoutContext::HOOKS, Hooks { message_label: false, task_priority: false, ..Hooks::ALL });
    assert_eq!(OnlyArrange::HOOKS, Hooks::NONE);
}

#[test]
fn a_hook_that_is_configured_away_is_not_there() {
    let here = Hooks { on_task_complete: true, on_error: true, on_revoke: true, ..Hooks::NONE };
    assert_eq!(Configured::HOOKS, here);
    let () = block_on(Handler::on_window_complete(&Configured, &window_group([]), &context())).unwrap();
    assert_eq!(Handler::task_priority(&Configured, &task()), 0);
    let outputs: Totals = block_on(Handler::on_task_complete(&Configured, &result(), &context())).unwrap();
    assert_eq!(outputs.total, Some(9));
    assert_eq!(Handler::message_label(&Configured, &message(Request { id: 1 })), "3:41");
}

#[test]
fn every_hook_reaches_the_method_of_its_name() {
    let handler = WithContext::default();
    let ctx = context();
    let messages = [message(Request { id: 8 })];
    block_on(async {
        let config = Handler::on_startup(&handler, Config::default()).await.unwrap();
        assert_eq!(config.app["seen"], true);
        Handler::on_ready(&handler, &ctx).await.unwrap();
        let window = Window::new(messages[0].partition(), &messages);
        let tasks = Handler::arrange(&handler, window, &ctx).await.unwrap();
        assert_eq!(tasks[0].command().unwrap().args, ["8"]);
        assert_eq!(Handler::on_task_complete(&handler, &result(), &ctx).await.unwrap().codes, [4]);
        let totals = Handler::on_message_complete(&handler, &group(Request { id: 8 }), &ctx).await.unwrap();
        assert_eq!(totals.total, Some(5));
        let requests = [Request { id: 8 }, Request { id: 9 }];
        let outputs = Handler::on_window_complete(&handler, &window_group(requests), &ctx).await.unwrap();
        assert_eq!(outputs.ids, [8, 9]);
        let action = Handler::on_error(&handler, &failure(), &ctx).await;
        assert!(matches!(action, ErrorAction::DeadLetter));
        let action = Handler::on_delivery_error(&handler, &delivery_failure(), &ctx).await;
        assert_eq!(action, DeliveryAction::Skip);
        Handler::on_assign(&handler, &[PartitionId(3), PartitionId(4)], &ctx).await.unwrap();
        Handler::on_revoke(&handler, &[PartitionId(4)], &ctx).await.unwrap();
        Handler::on_shutdown(&handler, &ctx).await.unwrap();
    });
    assert_eq!(Handler::message_label(&handler, &messages[0]), "request 8");
    assert_eq!(Handler::task_priority(&handler, &task()), -1);
    let calls = [
        "on_startup",
        "on_ready blue",
        "arrange 1 worker-7",
        "on_task_complete worker-7",
        "on_message_complete 8 worker-7",
        "on_window_complete 2 worker-7",
        "on_error 2 worker-7",
        "on_delivery_error 3 worker-7",
        "on_assign [PartitionId(3), PartitionId(4)] worker-7",
        "on_revoke [PartitionId(4)] worker-7",
        "on_shutdown worker-7",
    ];
    assert_eq!(*handler.0.lock().unwrap(), calls);
}

#[test]
fn hooks_without_context_are_called_as_well() {
    let ctx = context();
    block_on(async {
        assert_eq!(Handler::on_task_complete(&WithoutContext, &result(), &ctx).await.unwrap().codes, [5]);
        let totals =
            Handler::on_message_complete(&WithoutContext, &group(Request { id: 1 }), &ctx).await.unwrap();
        assert_eq!(totals.total, Some(6));
        assert!(matches!(Handler::on_error(&WithoutContext, &failure(), &ctx).await, ErrorAction::Skip));
        let outputs = Handler::on_window_complete(&WithoutContext, &window_group([]), &ctx).await.unwrap();
        assert_eq!(outputs.ids, [2]);
        let action = Handler::on_delivery_error(&WithoutContext, &delivery_failure(), &ctx).await;
        assert_eq!(action, DeliveryAction::Retry);
        let partitions = [PartitionId(5)];
        let error = Handler::on_assign(&WithoutContext, &partitions, &ctx).await.unwrap_err();
        assert_eq!(error.to_string(), "assigned [PartitionId(5)]");
        let error = Handler::on_revoke(&WithoutContext, &partitions, &ctx).await.unwrap_err();
        assert_eq!(error.to_string(), "revoked [PartitionId(5)]");
        let error = Handler::on_shutdown(&WithoutContext, &ctx).await.unwrap_err();
        assert_eq!(error.to_string(), "shut down");
    });
}

#[test]
fn errors_of_other_types_become_hook_errors() {
    let ctx = context();
    let messages = [message(Request { id: 0 })];
    let window = Window::new(messages[0].partition(), &messages);
    let error = block_on(Handler::arrange(&WithoutContext, window, &ctx)).unwrap_err();
    assert!(error.as_error().downcast_ref::<std::io::Error>().is_some());
    assert_eq!(error.to_string(), "zero");
    let error = block_on(Handler::on_ready(&WithoutContext, &ctx)).unwrap_err();
    assert_eq!(error.to_string(), "not ready");
}

#[test]
fn hooks_left_out_do_what_the_trait_says() {
    let ctx = context();
    block_on(async {
        let () = Handler::on_task_complete(&OnlyArrange, &result(), &ctx).await.unwrap();
        let () = Handler::on_message_complete(&OnlyArrange, &group(Request { id: 1 }), &ctx).await.unwrap();
        assert!(matches!(Handler::on_error(&OnlyArrange, &failure(), &ctx).await, ErrorAction::Retry));
        Handler::on_ready(&OnlyArrange, &ctx).await.unwrap();
        let () = Handler::on_window_complete(&OnlyArrange, &window_group([]), &ctx).await.unwrap();
        let action = Handler::on_delivery_error(&OnlyArrange, &delivery_failure(), &ctx).await;
        assert_eq!(action, DeliveryAction::DeadLetter);
    });
    assert_eq!(Handler::task_priority(&OnlyArrange, &task()), 0);
    assert_eq!(Handler::message_label(&OnlyArrange, &message(Request { id: 1 })), "3:41");
}
