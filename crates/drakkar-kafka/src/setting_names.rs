//! The names of all settings that librdkafka knows, for a hint when one is misspelled.
#![expect(unsafe_code, reason = "rdkafka has no safe call for rd_kafka_conf_dump")]

use std::ffi::CStr;

use rdkafka::{
    ClientConfig,
    bindings::{rd_kafka_conf_dump, rd_kafka_conf_dump_free},
};

/// The name that was probably meant.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let known = all().into_iter().map(|known| (distance(&known), known)).min()?;
    (known.0 <= (name.len() / 4).max(1)).then_some(known.1)
}

fn all() -> Vec<String> {
    let Ok(config) = ClientConfig::new().create_native_config() else { return Vec::new() };
    let mut count = 0;
    // SAFETY: `config` is live, and `count` is where the number of texts goes.
    let dump = unsafe { rd_kafka_conf_dump(config.ptr(), &mut count) };
    if dump.is_null() {
        return Vec::new();
    }
    // SAFETY: the list holds `count` pointers: a name, then a value, and so on. It lives until it is freed below.
    let texts = unsafe { std::slice::from_raw_parts(dump, count) };
    let names = texts.iter().step_by(2).filter(|name| !name.is_null());
    // SAFETY: each is text that ends with a zero byte, and lives as long as the list.
    let names = names.map(|name| unsafe { CStr::from_ptr(*name) }.to_string_lossy().into_owned()).collect();
    // SAFETY: the list came from the call above, with this count, and nothing points into it any more.
    unsafe { rd_kafka_conf_dump_free(dump, count) };
    names
}
