//! One JSON object per line.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use crate::Identity;

/// Formats an event with the fields every line has: `timestamp`, `level`, `event`, `module`, `service_name`,
/// `service_version`, `worker_id`, `consumer_group`.
pub(crate) struct Json {
    identity: Identity,
}

impl Json {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity }
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let level = match *event.metadata().level() {
            tracing::Level::WARN => "warning",
            tracing::Level::ERROR => "error",
            tracing::Level::INFO => "info",
            _ => "debug",
        };
        let mut line = Map::new();
        line.insert("timestamp".into(), timestamp.into());
        line.insert("level".into(), level.into());
        line.insert("event".into(), "".into());
        line.insert("module".into(), event.metadata().target().into());
        line.insert("service_name".into(), "drakkar".into());
        line.insert("service_version".into(), env!("CARGO_PKG_VERSION").into());
        line.insert("worker_id".into(), self.identity.worker.clone().into());
        line.insert("consumer_group".into(), self.identity.group.clone().into());
        event.record(&mut Fields(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = if field.name() == "message" { "event" } else { field.name() };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
