//! The broker's settings files.

use std::{fmt, path::PathBuf};

/// The name of the settings file.
pub(super) const FILE: &str = "server.properties";
/// The name of the file that configures the broker's log.
pub(super) const LOGGING_FILE: &str = "log4j2.properties";
/// The cluster's id: any 16 bytes in base64.
pub(super) const CLUSTER: &str = "ZHJha2thci10ZXN0LTAwMQ";

/// What differs between brokers.
///
/// The short session lets a killed broker come back in seconds: until it ends, the controller takes the new process for a
/// second broker of the same number.
pub(super) struct Settings {
    pub(super) port: u16,
    pub(super) controller: u16,
    pub(super) data: PathBuf,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, controller, data } = self;
        let data = data.display();
        write!(
            f,
            "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.retention.ms=-1
log.retention.bytes=-1
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"
        )
    }
}

/// The client port in a settings file.
pub(super) fn port_of(text: &str) -> Option<u16> {
    let listeners = text.lines().find_map(|line| line.strip_prefix("advertised.listeners="))?;
    listeners.rsplit_once(':')?.1.trim().parse().ok()
}

/// Warnings and errors to the standard output, which the log file gets.
pub(super) const LOGGING: &str = "status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_the_settings() {
        let settings = Settings { port: 15_001, controller: 15_002, data: "somewhere".into() };
        assert_eq!(port_of(&settings.to_string()), Some(15_001));
        assert_eq!(port_of("listeners=nothing"), None);
    }
}
