//! The hooks beside those of a task: windows, deliveries, assignments, periodic methods, services.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use drakkar_core::{
    config::{File, load},
    context::Context,
    error::{Class, HookError, HookResult},
    event::{Detail, Event, Subscriber},
    handler::{DecodeError, Handler, Periodic, decode_json},
    ids::PartitionId,
    message::{Record, Window},
    outcome::{DeliveryAction, DeliveryFailure, MessageGroup, TaskResult, WindowGroup},
    payload::{EncodeError, Encoder, Payload, Route, SinkKind, SinkOutputs},
    sink::{Failure, Verdict},
    task::Task,
};
use drakkar_testkit::{Harness, MemorySink, Run};
use serde_json::{Value, json};

#[derive(Default)]
struct Outputs(Vec<Value>);

impl SinkOutputs for Outputs {
    const ROUTES: &'static [Route] = &[Route { kind: SinkKind::Kafka, sink: "results", field: "0" }];

    fn encode(self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        self.0.iter().try_for_each(|value| encoder.record(0, "0", None, value))
    }
}

/// What was called, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// Does what the `app` section and each message ask for.
#[derive(Default)]
struct Script {
    log: Log,
}

impl Script {
    fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }
}

fn asked(ctx: &Context, what: &str) -> bool {
    ctx.config().app["ask"] == what
}

impl Handler for Script {
    type Input = Value;
    type TaskOutputs = Outputs;
    type MessageOutputs = ();
    type WindowOutputs = Outputs;

    const PERIODIC: &'static [Periodic] = &[
        Periodic { name: "tick", every: Duration::from_millis(5), stop_on_error: false },
        Periodic { name: "once", every: Duration::from_millis(1), stop_on_error: true },
    ];
    const SERVICES: &'static [&'static str] = &["server", "broken"];

    fn decode(&self, record: &Record) -> Result<Value, DecodeError> {
        decode_json(record)
    }

    async fn arrange(&self, window: Window<'_, Value>, ctx: &Context) -> HookResult<Vec<Task>> {
        self.note("arrange");
        if asked(ctx, "hang") {
            std::future::pending::<()>().await;
        }
        if asked(ctx, "wait for ticks") {
            while self.log.lock().unwrap().iter().filter(|l| *l == "tick").count() < 3 {
                tokio::task::yield_now().await;
            }
        }
        let mut tasks = Vec::new();
        for unparsed in window.unparsed() {
            self.note(format!("unparsed {}: {}", unparsed.record.offset, unparsed.error));
            if unparsed.record.value.as_deref() != Some(b"{no task") {
                tasks.push(Task::for_record(&unparsed.record).output("unparsed"));
            }
        }
        let pending = window.pending();
        for message in window.messages() {
            let input = message.payload();
            let task = Task::for_message(message).output(input.to_string());
            match input["id"].as_str() {
                Some(id) if pending.contains(id) => self.note(format!("{id} is under way")),
                Some(id) => tasks.push(task.with_id(id)),
                None if input["task"] == false => {}
                None => tasks.push(task),
            }
        }
        Ok(tasks)
    }

    async fn on_task_complete(&self, done: &TaskResult, ctx: &Context) -> HookResult<Outputs> {
        let text = done.stdout_text().into_owned();
        if asked(ctx, "wait for the second window") {
            while self.log.lock().unwrap().iter().filter(|l| *l == "arrange").count() < 2 {
                tokio::task::yield_now().await;
            }
        }
        if asked(ctx, "offload") {
            let here = std::thread::current().id();
            let elsewhere = ctx.offload(move || std::thread::current().id() != here).await?;
            return Ok(Outputs(vec![json!(elsewhere)]));
        }
        Ok(Outputs(vec![json!(text)]))
    }

    async fn on_message_complete(&self, group: &MessageGroup<Value>, _: &Context) -> HookResult<()> {
        self.note(format!("message {}", group.message.offset()));
        Ok(())
    }

    async fn on_window_complete(&self, window: &WindowGroup<Value>, ctx: &Context) -> HookResult<Outputs> {
        if asked(ctx, "fail the window") {
            return Err(HookError::msg("the window was asked to fail"));
        }
        self.note(format!("window of {}", window.messages.len()));
        Ok(Outputs(vec![json!({ "window": window.messages.len(), "tasks": window.total() })]))
    }

    async fn on_delivery_error(&self, failure: &DeliveryFailure, ctx: &Context) -> DeliveryAction {
        self.note(format!(
            "{} payloads failed at {}: {}",
            failure.payloads.len(),
            failure.sink,
            failure.error
        ));
        assert!(!asked(ctx, "panic"), "on_delivery_error was asked to panic");
        match ctx.config().app["ask"].as_str() {
            Some("retry") => DeliveryAction::Retry,
            Some("skip") => DeliveryAction::Skip,
            _ => DeliveryAction::DeadLetter,
        }
    }

    async fn on_assign(&self, partitions: &[PartitionId], _: &Context) -> HookResult<()> {
        tokio::task::yield_now().await;
        self.note(format!("assigned {}", partitions.len()));
        Err(HookError::msg("partitions work all the same"))
    }

    async fn on_revoke(&self, partitions: &[PartitionId], _: &Context) -> HookResult<()> {
        self.note(format!("revoked {}", partitions.len()));
        Ok(())
    }

    async fn on_shutdown(&self, _: &Context) -> HookResult<()> {
        self.note("shutdown");
        Ok(())
    }

    async fn periodic(&self, index: usize, _: &Context) -> HookResult<()> {
        match index {
            0 => self.note("tick"),
            _ => {
                self.note("once");
                return Err(HookError::msg("no more"));
            }
        }
        Ok(())
    }

    async fn service(&self, index: usize, ctx: &Context) -> HookResult<()> {
        if index == 1 {
            panic!("the service was asked to panic");
        }
        self.note("service starts");
        ctx.stopping().await;
        self.note("service ends");
        Ok(())
    }
}

/// Notes what it is told.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Subscriber for Seen {
    fn detail(&self) -> Detail {
        Detail::Lifecycle
    }

    fn on_event(&self, event: &Event) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

struct Done {
    run: Run,
    log: Vec<String>,
    events: Vec<String>,
}

impl Done {
    fn position(&self, what: &str) -> usize {
        self.log.iter().position(|l| l == what).unwrap_or_else(|| panic!("no `{what}` in {:?}", self.log))
    }

    fn count(&self, what: &str) -> usize {
        self.log.iter().filter(|l| *l == what).count()
    }

    fn saw(&self, event: &str) -> usize {
        self.events.iter().filter(|e| e.contains(event)).count()
    }
}

fn run(settings: &str, prepare: impl FnOnce(Harness<Script>) -> Harness<Script>) -> Done {
    let text = format!(
        "sinks: {{ retry_backoff_initial_seconds: 0.001, retry_backoff_max_seconds: 0.001, max_attempts: 3 }}\n{settings}"
    );
    let config =
        load(Some(File { name: "test.yaml", text: &text }), []).expect("the settings are valid").config;
    let script = Script::default();
    let (log, seen) = (script.log.clone(), Arc::new(Seen::default()));
    let harness = prepare(Harness::new(script).config(config).subscriber(seen.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run = runtime.block_on(harness.run());
    let log = log.lock().unwrap().clone();
    let events = seen.0.lock().unwrap().clone();
    assert!(run.settled(), "{} {log:?} {events:?}", run.ledger());
    assert!(run.ledger().balances());
    assert_eq!(run.bytes_left(), 0, "every byte in hand is given back");
    Done { run, log, events }
}

fn messages(count: usize) -> impl FnOnce(Harness<Script>) -> Harness<Script> {
    move |harness| (0..count).fold(harness, |h, n| h.json(0, &json!({ "n": n })))
}

#[test]
fn a_window_hook_runs_after_its_messages_and_its_outputs_are_delivered() {
    let done = run("executor: { window_size: 3 }", messages(7));
    assert_eq!(done.run.committed(0), Some(7));
    let windows: Vec<_> =
        done.run.outputs("results").into_iter().filter(|o| o.get("window").is_some()).collect();
    assert_eq!(windows.iter().map(|w| w["window"].as_u64().unwrap()).sum::<u64>(), 7);
    let last_message = done.log.iter().rposition(|l| l.starts_with("message")).unwrap();
    assert!(done.log.iter().rposition(|l| l.starts_with("window")).unwrap() > last_message);
}

#[test]
fn a_window_without_a_task_has_no_hook() {
    let done = run("", |h| h.json(0, &json!({ "task": false })).json(0, &json!({ "task": false })));
    assert_eq!(done.run.ledger().skipped, 2);
    assert!(!done.log.iter().any(|l| l.starts_with("window")), "{:?}", done.log);
}

#[test]
fn a_window_hook_that_fails_dead_letters_all_its_messages_once() {
    let done = run("executor: { window_size: 3 }\napp: { ask: fail the window }", messages(3));
    assert_eq!(done.run.ledger().dead, 3);
    let letters = done.run.dead_letters();
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|l| l["stage"] == "on_window_complete"), "{letters:?}");
    assert!(letters.iter().all(|l| l["error"] == "the window was asked to fail"));
    assert_eq!(done.run.committed(0), Some(3));
}

fn refusing(times: u32) -> MemorySink {
    let left = Mutex::new(times);
    MemorySink::with_judge(SinkKind::Kafka, move |_: &Payload| {
        let mut left = left.lock().unwrap();
        if *left == 0 {
            return Verdict::Delivered;
        }
        *left -= 1;
        Verdict::Failed(Failure::new(Class::Permanent, "refused"))
    })
}

#[test]
fn a_delivery_is_tried_again_when_the_handler_says_so() {
    let done = run("app: { ask: retry }", |h| messages(1)(h).sink("results", refusing(2)));
    assert_eq!((done.run.ledger().delivered, done.run.dead_letters().len()), (1, 0));
    assert_eq!(done.count("1 payloads failed at results: refused"), 2);
}

#[test]
fn deliveries_that_fail_again_and_again_end_in_the_dead_letter_topic() {
    let done = run("app: { ask: retry }", |h| messages(1)(h).sink("results", refusing(u32::MAX)));
    assert_eq!(done.run.ledger().dead, 1);
    // The task's outputs and those of the window, each three times.
    assert_eq!(done.count("1 payloads failed at results: refused"), 6);
    let letters = done.run.dead_letters();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|l| l["stage"] == "delivery" && l["sink_name"] == "results"), "{letters:?}");
}

#[test]
fn a_skipped_delivery_is_seen_and_holds_nothing_up() {
    let done = run("app: { ask: skip }", |h| messages(1)(h).sink("results", refusing(1)));
    assert_eq!((done.run.committed(0), done.run.dead_letters().len()), (Some(1), 0));
    assert_eq!(done.saw("DeliverySkipped"), 1);
}

#[test]
fn a_delivery_hook_that_panics_loses_nothing() {
    let done = run("app: { ask: panic }", |h| messages(1)(h).sink("results", refusing(1)));
    assert_eq!((done.run.ledger().dead, done.run.dead_letters().len()), (1, 1));
    assert_eq!(done.saw("on_delivery_error was asked to panic"), 1);
}

#[test]
fn unparsed_records_are_passed_on_when_asked_for() {
    let done = run("kafka: { on_parse_error: pass }", |h| {
        h.bytes(0, "{bad").json(0, &json!({})).tombstone(0, "k").bytes(0, "{no task")
    });
    assert_eq!((done.run.ledger().delivered, done.run.ledger().skipped), (3, 1));
    assert_eq!((done.run.committed(0), done.run.dead_letters().len()), (Some(4), 0));
    let unparsed: Vec<_> = done.log.iter().filter(|l| l.starts_with("unparsed")).collect();
    assert_eq!(unparsed.len(), 3);
    assert!(unparsed[0].contains("not valid JSON") && unparsed[1].contains("tombstone"), "{unparsed:?}");
    assert_eq!(done.log.iter().filter(|l| l.starts_with("message")).count(), 1);
}

#[test]
fn a_hook_that_never_ends_is_given_up() {
    let done = run("executor: { hook_timeout_seconds: 0.05 }\napp: { ask: hang }", messages(2));
    assert_eq!(done.run.ledger().dead, 2);
    let letter = &done.run.dead_letters()[0];
    assert_eq!(letter["stage"], "arrange");
    assert!(letter["error"].as_str().unwrap().contains("did not end within 0.05 s"), "{letter}");
}

#[test]
fn work_can_be_done_off_the_loop() {
    let done = run("app: { ask: offload }", messages(1));
    assert_eq!(done.run.outputs("results")[0], true);
}

#[test]
fn arrange_sees_tasks_that_are_under_way() {
    let done = run("executor: { window_size: 1 }\napp: { ask: wait for the second window }", |h| {
        h.json(0, &json!({ "id": "a" })).json(0, &json!({ "id": "a" }))
    });
    assert_eq!(done.count("a is under way"), 1);
    assert_eq!((done.run.ledger().delivered, done.run.ledger().skipped), (1, 1));
}

#[test]
fn hooks_of_the_worker_run_in_their_order() {
    let done = run("app: { ask: wait for ticks }", |h| h.json(0, &json!({})).json(1, &json!({})));
    assert!(done.position("assigned 2") < done.position("arrange"), "{:?}", done.log);
    let end: Vec<_> = ["revoked 2", "service ends", "shutdown"].map(|what| done.position(what)).into();
    assert!(end.is_sorted(), "{:?}", done.log);
    assert!(done.count("tick") >= 3 && done.position("service starts") < end[0]);
    assert_eq!(done.count("once"), 1, "an error stops it when asked to");
    assert_eq!(done.saw("the service was asked to panic"), 1);
    assert_eq!(done.saw("partitions work all the same"), 1);
}

#[test]
fn a_run_of_dead_letters_stops_the_partition_until_one_goes_through() {
    let settings = "executor: { window_size: 1 }\ndlq: { max_consecutive: 2, cooldown_seconds: 0.02 }";
    let done = run(settings, |h| {
        let bad = (0..5).fold(h, |h, _| h.bytes(0, "{bad"));
        messages(3)(bad).json(1, &json!({}))
    });
    assert_eq!((done.run.ledger().dead, done.run.ledger().delivered), (5, 4));
    assert_eq!(done.saw("Brake { partition: PartitionId(0), on: true }"), 4, "{:?}", done.events);
    assert_eq!(done.saw("Brake { partition: PartitionId(0), on: false }"), 1);
    assert_eq!(done.saw("Brake { partition: PartitionId(1)"), 0);
}
