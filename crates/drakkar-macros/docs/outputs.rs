use drakkar::prelude::*;

#[derive(Serialize)]
struct Request {
    id: Option<u64>,
}

#[derive(Serialize)]
struct Matches {
    request: Request,
    pattern: String,
    count: u64,
}

#[derive(Serialize)]
struct Alert {
    text: String,
}

/// Where results go: each field is one route.
#[derive(SinkOutputs, Default)]
struct Outputs {
    /// To the Kafka sink `results`; the record's key is the request's id.
    #[sink(kafka = "results", key = "request.id")]
    results: Vec<Matches>,

    /// The same items once more, as lines of one file for each pattern.
    #[sink(file = "archive", path = "by-pattern/{pattern}.jsonl")]
    archive: Vec<Matches>,

    /// At most one, to the Kafka sink `alerts`, without a key.
    #[sink(kafka = "alerts")]
    alert: Option<Alert>,
}

fn main() {
    let alert = Some(Alert { text: "nothing found".to_owned() });
    let _sends_one_record = Outputs { alert, ..Outputs::default() };
}
