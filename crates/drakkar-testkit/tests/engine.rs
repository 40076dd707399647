//! The engine, driven by a handler written by hand: every way a message can end.
#![expect(clippy::unwrap_used, reason = "a test panics on what it does not expect")]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use drakkar_core::{
    config::{File, load},
    context::Context,
    error::{Class, HookError, HookResult},
    handler::{DecodeError, Handler, Hooks, decode_json},
    message::{Message, Record, Window},
    outcome::{Ended, ErrorAction, MessageGroup, Report, TaskFailure, TaskResult},
    payload::{EncodeError, Encoder, Payload, Route, SinkKind, SinkOutputs},
    sink::{Failure, Verdict},
    task::Task,
};
use drakkar_testkit::{FakeExecutor, Harness, MemorySink};
use serde::Serialize;
use serde_json::{Value, json};

/// One output on its way to the sink `results`.
#[derive(Default)]
struct Outputs(Vec<Value>);

impl SinkOutputs for Outputs {
    const ROUTES: &'static [Route] = &[Route { kind: SinkKind::Kafka, sink: "results", field: "0" }];

    fn encode(self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        for value in self.0 {
            if value["unencodable"] == true {
                return encoder.record(0, "0", None, &Unencodable);
            }
            encoder.record(0, "0", None, &value)?;
        }
        Ok(())
    }
}

struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("has no JSON form"))
    }
}

/// Does what each message asks for.
#[derive(Default)]
struct Script {
    attempts: Arc<AtomicU32>,
}

impl Handler for Script {
    type Input = Value;
    type TaskOutputs = Outputs;
    type MessageOutputs = Outputs;
    type WindowOutputs = ();

    fn decode(&self, record: &Record) -> Result<Value, DecodeError> {
        decode_json(record)
    }

    async fn arrange(&self, window: Window<'_, Value>, _: &Context) -> HookResult<Vec<Task>> {
        let mut tasks = Vec::new();
        for message in window.messages() {
            let input = message.payload();
            match input["arrange"].as_str() {
                Some("panic") => panic!("arrange was asked to panic"),
                Some("error") => return Err(HookError::msg("arrange was asked to fail")),
                Some("wait") => tokio::task::yield_now().await,
                _ => {}
            }
            for _ in 0..input["tasks"].as_u64().unwrap_or(1) {
                let task = Task::for_message(message).arg(input.to_string());
                tasks.push(match input["precomputed"].as_str() {
                    Some(text) => task.output(text.to_owned()),
                    None => task,
                });
            }
        }
        Ok(tasks)
    }

    async fn on_task_complete(&self, done: &TaskResult, _: &Context) -> HookResult<Outputs> {
        let input = input_of(&done.task);
        match input["complete"].as_str() {
            Some("panic") => panic!("on_task_complete was asked to panic"),
            Some("error") => Err(HookError::msg("on_task_complete was asked to fail")),
            Some("wait") => {
                tokio::task::yield_now().await;
                Ok(Outputs(vec![input]))
            }
            Some("unencodable") => Ok(Outputs(vec![json!({ "unencodable": true })])),
            Some("silent") => Ok(Outputs::default()),
            _ => Ok(Outputs(vec![json!({ "id": input["id"], "out": done.stdout_text() })])),
        }
    }

    async fn on_message_complete(&self, group: &MessageGroup<Value>, _: &Context) -> HookResult<Outputs> {
        let input = group.message.payload();
        match input["message"].as_str() {
            Some("panic") => panic!("on_message_complete was asked to panic"),
            Some("count") => Ok(Outputs(vec![json!({
                "succeeded": group.results.len(), "failed": group.failures.len(), "replaced": group.replaced.len(),
            })])),
            _ => Ok(Outputs::default()),
        }
    }

    async fn on_error(&self, failure: &TaskFailure, _: &Context) -> ErrorAction {
        self.attempts.fetch_max(failure.attempt, Ordering::Relaxed);
        let mut input = input_of(&failure.task);
        match input["on_error"].as_str() {
            Some("skip") => ErrorAction::Skip,
            Some("dead") => ErrorAction::DeadLetter,
            Some("panic") => panic!("on_error was asked to panic"),
            Some("replace") => {
                input["fail"] = false.into();
                ErrorAction::Replace(vec![replacement(&input)])
            }
            Some("replace for ever") => ErrorAction::Replace(vec![replacement(&input)]),
            _ => ErrorAction::Retry,
        }
    }

    fn message_label(&self, message: &Message<Value>) -> String {
        format!("id {}", message.payload()["id"])
    }
}

fn replacement(input: &Value) -> Task {
    Task::for_offsets(drakkar_core::ids::PartitionId(0), []).arg(input.to_string())
}

fn input_of(task: &Task) -> Value {
    task.command().map_or_else(Value::default, |c| {
        serde_json::from_str(c.args[0].to_str().expect("the argument is text")).expect("it is JSON")
    })
}

/// Fails the tasks that ask for it; `"fail": 2` fails the first two attempts.
fn executor() -> FakeExecutor {
    FakeExecutor::new(|task, attempt| {
        let fail = &input_of(task)["fail"];
        let fails = fail == true || fail.as_u64().is_some_and(|n| u64::from(attempt) <= n);
        let code = i32::from(fails);
        let ended = Ended::Exited { code };
        Report { success: !fails, stderr: "trouble".into(), ..Report::without_output(ended) }
    })
}

fn harness() -> Harness<Script> {
    let text = "executor: { retry_backoff_initial_seconds: 0.01, retry_backoff_max_seconds: 0.01 }\n\
                sinks: { retry_backoff_initial_seconds: 0.01, retry_backoff_max_seconds: 0.01 }";
    let config = load(Some(File { name: "test.yaml", text }), []).expect("the settings are valid").config;
    Harness::new(Script::default()).executor(executor()).config(config)
}

fn run(harness: Harness<Script>) -> drakkar_testkit::Run {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run = runtime.block_on(harness.run());
    assert!(run.settled(), "{}", run.ledger());
    assert!(run.ledger().balances());
    assert_eq!(run.bytes_left(), 0, "every byte in hand is given back");
    run
}

/// Runs one message between two good ones: whatever becomes of it, its neighbours are delivered.
fn between_good_ones(message: &Value) -> drakkar_testkit::Run {
    let run = run(harness().json(0, &json!({ "id": 0 })).json(0, message).json(0, &json!({ "id": 2 })));
    let ids: Vec<_> = run.outputs("results").iter().map(|o| o["id"].clone()).collect();
    assert!(ids.contains(&json!(0)) && ids.contains(&json!(2)), "{ids:?}");
    assert_eq!(run.committed(0), Some(3));
    run
}

fn assert_dead(run: &drakkar_testkit::Run, stage: &str, error: &str) {
    let letters = run.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((&letters[0]["stage"], &letters[0]["offset"]), (&json!(stage), &json!(1)));
    let text = letters[0]["error"].as_str().unwrap();
    assert!(text.contains(error), "{text}");
    assert_eq!((run.ledger().dead, run.ledger().delivered), (1, 2));
}

#[test]
fn delivers_and_commits() {
    let run = between_good_ones(&json!({ "id": 1 }));
    assert_eq!(run.ledger().delivered, 3);
}

#[test]
fn many_messages_of_many_partitions_settle() {
    let mut harness = harness();
    for n in 0..5_000 {
        harness = harness.json(n % 7, &json!({ "id": n, "precomputed": "x" }));
    }
    let run = run(harness);
    assert_eq!((run.ledger().delivered, run.outputs("results").len()), (5_000, 5_000));
}

#[test]
fn a_hook_that_waits_is_parked_and_resumed() {
    let run = between_good_ones(&json!({ "id": 1, "arrange": "wait", "complete": "wait" }));
    assert_eq!((run.ledger().delivered, run.outputs("results").len()), (3, 3));
}

#[test]
fn a_message_without_tasks_is_skipped() {
    assert_eq!(between_good_ones(&json!({ "tasks": 0 })).ledger().skipped, 1);
}

#[test]
fn a_message_whose_tasks_have_no_output_is_delivered() {
    assert_eq!(between_good_ones(&json!({ "complete": "silent" })).ledger().delivered, 3);
}

#[test]
fn a_panic_in_arrange_costs_one_dead_letter() {
    assert_dead(&between_good_ones(&json!({ "arrange": "panic" })), "arrange", "panicked: arrange was asked");
}

#[test]
fn an_error_in_arrange_costs_one_dead_letter() {
    assert_dead(&between_good_ones(&json!({ "arrange": "error" })), "arrange", "arrange was asked to fail");
}

#[test]
fn a_failing_task_hook_costs_one_dead_letter() {
    for how in ["panic", "error"] {
        let run = between_good_ones(&json!({ "complete": how, "tasks": 3 }));
        assert_dead(&run, "on_task_complete", "was asked to");
    }
}

#[test]
fn an_output_that_cannot_be_encoded_fails_its_hook() {
    let run = between_good_ones(&json!({ "complete": "unencodable" }));
    assert_dead(&run, "on_task_complete", "failed to encode an output of field `0`: has no JSON form");
}

#[test]
fn a_failing_message_hook_costs_one_dead_letter() {
    assert_dead(&between_good_ones(&json!({ "message": "panic" })), "on_message_complete", "panicked");
}

#[test]
fn a_failed_task_is_retried_and_succeeds() {
    let run = between_good_ones(&json!({ "fail": 2, "message": "count" }));
    assert_eq!(run.ledger().delivered, 3);
    assert!(run.outputs("results").contains(&json!({ "succeeded": 1, "failed": 0, "replaced": 0 })));
}

#[test]
fn a_task_that_always_fails_is_dead_lettered_with_its_error() {
    let run = between_good_ones(&json!({ "id": "x", "fail": true }));
    assert_dead(&run, "task", "exited with code 1: trouble");
    let letter = &run.dead_letters()[0];
    assert_eq!(letter["attempt_count"], 4);
    let attempt = &letter["attempt"];
    assert_eq!((&attempt["kind"], &attempt["exit_code"]), (&json!("exited"), &json!(1)));
    assert!(attempt["run_seconds"].is_f64() && attempt["signal"].is_null(), "{attempt}");
    assert_eq!(letter["label"], "id \"x\"");
    assert_eq!(letter["value"], json!({ "id": "x", "fail": true }).to_string());
}

#[test]
fn skip_settles_without_a_dead_letter() {
    let run = between_good_ones(&json!({ "fail": true, "on_error": "skip", "message": "silent" }));
    assert_eq!((run.ledger().skipped, run.dead_letters().len()), (1, 0));
}

#[test]
fn dead_letter_is_not_retried() {
    let run = between_good_ones(&json!({ "fail": true, "on_error": "dead" }));
    assert_dead(&run, "task", "exited with code 1");
    assert_eq!(run.dead_letters()[0]["attempt_count"], 1);
}

#[test]
fn a_panic_in_on_error_is_dead_lettered() {
    let run = between_good_ones(&json!({ "fail": true, "on_error": "panic" }));
    assert_dead(&run, "on_error", "panicked: on_error was asked to panic");
}

#[test]
fn a_replacement_answers_for_the_message() {
    let run = between_good_ones(&json!({ "fail": true, "on_error": "replace", "message": "count" }));
    assert!(run.outputs("results").contains(&json!({ "succeeded": 1, "failed": 0, "replaced": 1 })));
    assert_eq!(run.ledger().delivered, 3);
}

#[test]
fn replacing_for_ever_ends_in_the_dead_letter_topic() {
    let run = between_good_ones(&json!({ "fail": true, "on_error": "replace for ever" }));
    assert_dead(&run, "task", "exited with code 1");
}

#[test]
fn what_does_not_parse_is_dead_lettered() {
    let texts: [&[u8]; 4] = [b"{\"id\": 1", b"\xff\xfe", b"", b"{} {}"];
    for text in texts {
        let good = json!({ "id": 0 });
        let run = run(harness().json(0, &good).bytes(0, text).json(0, &good));
        assert_dead(&run, "parse", "not valid JSON");
    }
    let good = json!({ "id": 0 });
    let run = run(harness().json(0, &good).tombstone(0, "k").json(0, &good));
    assert_dead(&run, "parse", "tombstone");
    assert_eq!(run.dead_letters()[0]["key"], "k");
}

fn refusing(class: Class, times: u32) -> MemorySink {
    let refused = AtomicU32::new(0);
    MemorySink::with_judge(SinkKind::Kafka, move |payload: &Payload| {
        let text = format!("{payload:?}");
        if text.contains("refuse me") && refused.fetch_add(1, Ordering::Relaxed) < times {
            return Verdict::Failed(Failure::new(class, "refused"));
        }
        Verdict::Delivered
    })
}

#[test]
fn an_output_that_is_refused_for_good_is_dead_lettered_with_its_payload() {
    let sink = refusing(Class::Permanent, u32::MAX);
    let good = json!({ "id": 0 });
    let harness = harness().sink("results", sink).json(0, &good).json(0, &json!({ "id": "refuse me" }));
    let run = run(harness.json(0, &good));
    assert_dead(&run, "delivery", "refused");
    let letter = &run.dead_letters()[0];
    assert_eq!((&letter["sink_name"], &letter["sink_type"]), (&json!("results"), &json!("kafka")));
    let payload: Value = serde_json::from_str(letter["original_payloads"][0].as_str().unwrap()).unwrap();
    assert_eq!(payload["data"]["id"], "refuse me");
}

#[test]
fn a_transient_refusal_is_retried() {
    let sink = refusing(Class::Transient, 2);
    let run = run(harness().sink("results", sink).json(0, &json!({ "id": "refuse me" })));
    assert_eq!((run.ledger().delivered, run.outputs("results").len()), (1, 1));
}

#[test]
fn the_hooks_of_a_handler_are_those_it_names() {
    struct Quiet;
    impl Handler for Quiet {
        type Input = Value;
        type TaskOutputs = ();
        type MessageOutputs = ();
        type WindowOutputs = ();
        const HOOKS: Hooks = Hooks::NONE;

        fn decode(&self, record: &Record) -> Result<Value, DecodeError> {
            decode_json(record)
        }

        async fn arrange(&self, window: Window<'_, Value>, _: &Context) -> HookResult<Vec<Task>> {
            Ok(window.messages().map(Task::for_message).collect())
        }

        async fn on_task_complete(&self, _: &TaskResult, _: &Context) -> HookResult<()> {
            panic!("not named, not called")
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = runtime.block_on(Harness::new(Quiet).json(0, &1).run());
    assert_eq!(run.ledger().delivered, 1);
}
