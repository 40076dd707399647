//! Counts words: those of its standard input, or of one request after the other.

use std::io::{BufRead, Read, stdin};

fn main() -> anyhow::Result<()> {
    let count = |text: &str| text.split_whitespace().count().to_string();
    if std::env::var_os("DRAKKAR_PROTOCOL").is_none() {
        let mut text = String::new();
        stdin().read_to_string(&mut text)?;
        println!("{}", count(&text));
        return Ok(());
    }
    for line in stdin().lock().lines() {
        let request: serde_json::Value = serde_json::from_str(&line?)?;
        let stdout = count(request["stdin"].as_str().unwrap_or_default());
        println!("{}", serde_json::json!({ "id": request["id"], "stdout": stdout }));
    }
    Ok(())
}
