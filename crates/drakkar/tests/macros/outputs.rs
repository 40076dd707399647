//! Routes and encoded payloads of `#[derive(SinkOutputs)]`.

use std::collections::BTreeMap;

use drakkar::{
    __private::core::payload::{Content, Encoder, Route, SinkKind, SinkOutputs as _},
    prelude::*,
};

use super::support::encode;

#[derive(Serialize, Clone)]
struct Origin {
    tenant: Option<String>,
    shard: (u8, u8),
}

#[derive(Serialize, Clone)]
struct Item {
    id: i64,
    r#type: &'static str,
    origin: Origin,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "results", key = "id")]
    results: Vec<Item>,
    #[sink(file = "archive", path = "{{x}}/{type}/{origin.shard.1}.jsonl")]
    archive: Vec<Item>,
    #[sink(kafka = "results", key = "origin.tenant")]
    r#last: Option<Item>,
    #[sink(kafka)]
    texts: Vec<String>,
    #[sink(filesystem, path = "all.txt")]
    r#in: Option<u8>,
}

fn item(id: i64, tenant: Option<&str>) -> Item {
    Item { id, r#type: "log", origin: Origin { tenant: tenant.map(str::to_owned), shard: (1, 2) } }
}

/// A payload as `route | key or path | what is sent`.
fn shown(outputs: impl drakkar::__private::core::payload::SinkOutputs) -> Vec<String> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    encode(outputs)
        .iter()
        .map(|payload| {
            let (place, sent) = match &payload.content {
                Content::Record(record) => {
                    assert!(record.headers.is_empty());
                    (
                        record.key.as_ref().map_or("no key".to_owned(), text),
                        text(record.value.as_ref().unwrap()),
                    )
                }
                Content::Append(append) => (append.path.clone(), text(&append.line)),
                other => panic!("unexpected {other:?}"),
            };
            format!("{} | {place} | {sent}", payload.route)
        })
        .collect()
}

#[test]
fn routes_are_the_fields_in_order() {
    let route = |kind, sink, field| Route { kind, sink, field };
    assert_eq!(
        Outputs::ROUTES,
        [
            route(SinkKind::Kafka, "results", "results"),
            route(SinkKind::Filesystem, "archive", "archive"),
            route(SinkKind::Kafka, "results", "last"),
            route(SinkKind::Kafka, "", "texts"),
            route(SinkKind::Filesystem, "", "in"),
        ]
    );
}

#[test]
fn empty_outputs_send_nothing() {
    assert!(encode(Outputs::default()).is_empty());
}

#[test]
fn items_are_encoded_field_by_field_in_order() {
    let outputs = Outputs {
        r#in: Some(5),
        texts: vec!["a".to_owned(), "b".to_owned()],
        r#last: Some(item(-3, Some("blue"))),
        archive: vec![item(1, None)],
        results: vec![item(1, None), item(2, None)],
    };
    let json =
        |id, tenant| format!(r#"{{"id":{id},"type":"log","origin":{{"tenant":{tenant},"shard":[1,2]}}}}"#);
    assert_eq!(
        shown(outputs),
        [
            format!("0 | 1 | {}", json(1, "null")),
            format!("0 | 2 | {}", json(2, "null")),
            format!("1 | {{x}}/log/2.jsonl | {}", json(1, "null")),
            format!("2 | blue | {}", json(-3, "\"blue\"")),
            "3 | no key | \"a\"".to_owned(),
            "3 | no key | \"b\"".to_owned(),
            "4 | all.txt | 5".to_owned(),
        ]
    );
}

#[test]
fn a_key_that_is_none_makes_a_record_without_key() {
    let outputs = Outputs { r#last: Some(item(1, None)), ..Outputs::default() };
    assert!(shown(outputs)[0].starts_with("2 | no key | "));
}

#[test]
fn an_item_without_json_form_is_an_error_that_names_the_field() {
    #[derive(SinkOutputs)]
    struct Odd {
        #[sink(kafka = "fine")]
        fine: Vec<u8>,
        #[sink(kafka = "odd")]
        maps: Vec<BTreeMap<(u8, u8), u8>>,
    }

    let odd = Odd { fine: vec![1], maps: vec![BTreeMap::from([((1, 2), 3)])] };
    let error = odd.encode(&mut Encoder::default()).unwrap_err();
    assert_eq!(error.field, "maps");
}
