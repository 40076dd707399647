//! What the settings of the `kafka` section must satisfy together.

use super::Pairs;
use crate::config::{GroupProtocol, Kafka};

pub(super) fn check(kafka: &Kafka, pairs: &mut Pairs<'_>) {
    let (session, poll) = (kafka.session_timeout_ms, kafka.max_poll_interval_ms);
    let (heartbeat, drain) = (kafka.heartbeat_interval_ms, kafka.rebalance_drain_seconds);
    pairs.check(
        drain.duration() < poll.duration(),
        ["kafka.rebalance_drain_seconds", "kafka.max_poll_interval_ms"],
        || format!("must be below `kafka.max_poll_interval_ms` ({poll}), found {drain} seconds"),
    );
    if kafka.group_protocol == GroupProtocol::Consumer {
        return broker_decides(pairs);
    }
    pairs.check(
        u64::from(heartbeat.0) * 3 <= u64::from(session.0),
        ["kafka.heartbeat_interval_ms", "kafka.session_timeout_ms"],
        || format!("must be at most a third of `kafka.session_timeout_ms` ({session}), found {heartbeat}"),
    );
    pairs.check(
        drain.duration() < session.duration(),
        ["kafka.rebalance_drain_seconds", "kafka.session_timeout_ms"],
        || format!("must be below `kafka.session_timeout_ms` ({session}), found {drain} seconds"),
    );
}

/// With the newer protocol the client refuses what the broker decides about.
fn broker_decides(pairs: &mut Pairs<'_>) {
    let settings = [
        (
            "kafka.session_timeout_ms",
            "the broker's `group.consumer.session.timeout.ms` decides when a worker counts as dead; leave it out",
        ),
        (
            "kafka.heartbeat_interval_ms",
            "the broker's `group.consumer.heartbeat.interval.ms` decides; leave it out",
        ),
        (
            "kafka.assignment",
            "the broker shares out the partitions, moving only those that change hands; leave it out",
        ),
    ];
    for (path, help) in settings {
        pairs.no_place(path, "`kafka.group_protocol: consumer`", help);
    }
}
