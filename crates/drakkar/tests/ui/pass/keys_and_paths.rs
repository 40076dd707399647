//! Keys may be texts, bytes, integers or options of them, nested or with a keyword's name; paths take what can be shown.

use drakkar::prelude::*;

#[derive(Serialize)]
struct Meta {
    tenant: Option<String>,
    #[serde(skip)]
    raw: Bytes,
    pair: (u8, i64),
}

#[derive(Serialize)]
struct Item {
    id: u64,
    name: &'static str,
    r#type: String,
    meta: Box<Meta>,
}

#[derive(SinkOutputs, Default)]
struct Outputs {
    #[sink(kafka = "a", key = "id")]
    integer: Vec<Item>,
    #[sink(kafka = "a", key = "name")]
    text: Vec<Item>,
    #[sink(key = "type", kafka = "a")]
    keyword: Option<Item>,
    #[sink(kafka = "b", key = "meta.tenant")]
    nested: Vec<Item>,
    #[sink(kafka = "b", key = "meta.raw")]
    bytes: Vec<Item>,
    #[sink(kafka = "b", key = "meta.pair.1")]
    r#in: Vec<Item>,
    #[sink(kafka)]
    none: Vec<String>,
    #[sink(file, path = "{type}/{meta.pair.0}-{{x}}.jsonl")]
    files: Vec<Item>,
    #[sink(filesystem = "plain", path = "all.jsonl")]
    plain: Option<Item>,
}

#[derive(SinkOutputs, Default)]
struct NoOutputs {}

fn main() {}
