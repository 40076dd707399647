//! The handler without a broker.

use drakkar_testkit::{FakeExecutor, Harness, Run};
use serde_json::json;

use crate::search::Search;

async fn run(executor: FakeExecutor, request: serde_json::Value) -> Run {
    Harness::new(Search).executor(executor).json(0, &request).run().await
}

fn request() -> serde_json::Value {
    json!({ "request_id": "r1", "pattern": "fn", "path": "lib.rs", "collection": "core" })
}

#[tokio::test]
async fn counts_go_to_the_topic_and_to_the_file_of_the_collection() {
    let run = run(FakeExecutor::output(|_| "7\n".to_owned()), request()).await;
    assert_eq!(run.outputs("results")[0]["matches"], 7);
    assert_eq!(run.payloads("matches")[0].order_key(), Some(&b"core.jsonl"[..]));
    assert_eq!(run.committed(0), Some(1));
}

#[tokio::test]
async fn a_bad_pattern_is_dead_lettered_without_a_retry() {
    let run = run(FakeExecutor::exit(2), request()).await;
    let letters = run.dead_letters();
    assert_eq!((&letters[0]["label"], &letters[0]["attempt_count"]), (&json!("r1"), &json!(1)));
}

#[tokio::test]
async fn a_message_that_is_no_request_is_dead_lettered() {
    let run = run(FakeExecutor::exit(0), json!({ "request_id": "r1" })).await;
    assert_eq!(run.dead_letters()[0]["stage"], "parse");
}
