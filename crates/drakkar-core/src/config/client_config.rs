//! Raw settings of the Kafka client, and those that drakkar owns.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    node::{Content, Node},
    reader::Reader,
    rules::Rule,
    schema::Shape,
    secret::Secret,
    value::Value,
};

/// Raw librdkafka settings by name.
pub type ClientConfig = BTreeMap<String, ClientValue>;

/// The value of a raw setting, as it was written. It may be a password, so it is never shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientValue(Secret);

impl ClientValue {
    /// The value itself.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl From<&str> for ClientValue {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Value for ClientValue {
    type Checked = str;

    /// Numbers and truth values need no quotes: librdkafka reads them itself.
    fn read(node: &Node, _: &[Rule<str>], reader: &mut Reader) -> Option<Self> {
        match &node.content {
            Content::Text(text, _) => Some(Self(text.as_str().into())),
            _ => reader.quietly(|reader| reader.wrong(node, "be a single value", None)),
        }
    }

    fn shape() -> Shape {
        Shape::Scalar("text, secret")
    }

    fn to_json(&self) -> Json {
        self.0.to_json()
    }
}

/// Settings that cannot be set raw, under all their names, and why; what to use instead stands last.
pub(super) struct Owned {
    pub(super) names: &'static [&'static str],
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

/// Why a raw setting is refused, if it is.
pub(super) fn refusal(name: &str, value: &ClientValue, has_compression: bool) -> Option<&'static Owned> {
    let owned = OWNED.iter().find(|owned| owned.names.contains(&name))?;
    let harmless = match name {
        "acks" | "request.required.acks" => matches!(value.0.expose(), "all" | "-1"),
        "compression.codec" | "compression.type" => !has_compression,
        _ => false,
    };
    (!harmless).then_some(owned)
}

macro_rules! owned {
    ($($($name:literal)|+: $why:literal, $instead:literal;)+) => {
        &[$(Owned { names: &[$($name),+], why: $why, instead: $instead }),+]
    };
}

/// Everything drakkar decides itself.
pub(super) const OWNED: &[Owned] = owned! {
    "bootstrap.servers" | "metadata.broker.list":
        "the brokers have a key of their own", "use `brokers`";
    "client.id":
        "it is the worker's name, by which the broker's logs and quotas tell workers apart",
        "name the worker (`worker_name_env`)";
    "security.protocol" | "sasl.mechanism" | "sasl.mechanisms" | "sasl.username" | "sasl.password"
        | "ssl.ca.location" | "ssl.certificate.location" | "ssl.key.location" | "ssl.key.password"
        | "ssl.endpoint.identification.algorithm":
        "security has a section of its own, which is checked as a whole", "use `security`";
    "group.id":
        "offsets are committed for the configured group", "use `kafka.consumer_group`";
    "group.instance.id":
        "the name of a static member has a key of its own", "use `kafka.group_instance_id`";
    "group.protocol":
        "the other group settings depend on it", "use `kafka.group_protocol`";
    "partition.assignment.strategy":
        "the way partitions are handed over depends on it", "use `kafka.assignment`";
    "session.timeout.ms":
        "the time to drain a partition depends on it", "use `kafka.session_timeout_ms`";
    "heartbeat.interval.ms":
        "it must fit the session timeout", "use `kafka.heartbeat_interval_ms`";
    "max.poll.interval.ms":
        "the time to drain a partition depends on it", "use `kafka.max_poll_interval_ms`";
    "enable.auto.commit" | "auto.commit.enable" | "auto.commit.interval.ms":
        "an offset is committed when its message settled; the client would commit what is not done yet",
        "use `kafka.commit_interval_seconds` for the pace";
    "enable.auto.offset.store" | "offset.store.method" | "offset.store.path" | "offset.store.sync.interval.ms":
        "an offset is stored when its message settled; the client would store what is not done yet",
        "leave it out";
    "auto.offset.reset":
        "a group without offsets begins at the oldest message; anything else would pass over messages",
        "leave it out";
    "enable.partition.eof":
        "nothing here reads these events", "leave it out";
    "allow.auto.create.topics":
        "a topic that does not exist is a mistake that the start reports", "create the topic";
    "enable.idempotence":
        "without it a retried record could be written twice or out of order", "leave it out";
    "acks" | "request.required.acks":
        "a record counts as delivered when all replicas that are in sync have it, so only `all` is possible",
        "leave it out";
    "delivery.report.only.error":
        "an offset is committed only after its records were reported as delivered", "leave it out";
    "message.timeout.ms" | "delivery.timeout.ms":
        "the time-outs around it depend on it", "use `message_timeout_seconds`";
    "transactional.id" | "transaction.timeout.ms":
        "delivery is at least once, without transactions", "leave it out";
    "compression.codec" | "compression.type":
        "the compression of a sink has a key of its own", "use `compression`";
    "plugin.library.paths" | "ssl.engine.location" | "ssl.providers":
        "it would load code into the worker", "leave it out";
    "statistics.interval.ms":
        "nothing here reads these statistics", "leave it out";
    "log_level" | "log.queue" | "log.thread.name" | "log.connection.close":
        "the client's lines go to the worker's log", "use `logging.level`";
    "enabled_events" | "background_event_cb" | "interceptors" | "opaque" | "default_topic_conf":
        "it is part of how the client is driven", "leave it out";
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_owned_setting_stands_there_once_with_a_reason_and_a_remedy() {
        let mut seen = BTreeSet::new();
        for owned in OWNED {
            assert!(owned.why.len() > 20 && !owned.instead.is_empty() && !owned.why.ends_with('.'));
            assert!(owned.names.iter().all(|name| seen.insert(*name)), "{:?} twice", owned.names);
        }
    }

    #[test]
    fn acknowledgement_by_all_is_allowed_and_nothing_less() {
        let acks = |value: &str| refusal("acks", &value.into(), true).is_some();
        assert!(!acks("all") && !acks("-1"));
        assert!(acks("1") && acks("0") && acks("ALL ") && acks(""));
    }

    #[test]
    fn compression_is_refused_where_it_has_a_key() {
        assert!(refusal("compression.codec", &"zstd".into(), true).is_some());
        assert!(refusal("compression.codec", &"zstd".into(), false).is_none());
    }
}
