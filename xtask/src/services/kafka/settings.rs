//! The broker's settings files.

use std::{fmt, path::PathBuf};

use super::{PASSWORD, USER, certificates::Certificates};

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
    /// TLS, with a login.
    pub(super) secure: u16,
    /// TLS, where the client shows a certificate.
    pub(super) mutual: u16,
    pub(super) data: PathBuf,
    pub(super) certificates: Certificates,
}

/// The listeners for clients, by their names in the settings.
pub(super) const PLAIN: &str = "PLAINTEXT";
pub(super) const SECURE: &str = "SECURE";
pub(super) const MUTUAL: &str = "MUTUAL";

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, controller, secure, mutual, data, certificates } = self;
        let data = data.display();
        let (key, ca) = (certificates.broker(), certificates.ca());
        let (key, ca) = (key.display(), ca.display());
        let login = "org.apache.kafka.common.security";
        write!(
            f,
            "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners={PLAIN}://127.0.0.1:{port},{SECURE}://127.0.0.1:{secure},{MUTUAL}://127.0.0.1:{mutual},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={PLAIN}://127.0.0.1:{port},{SECURE}://127.0.0.1:{secure},{MUTUAL}://127.0.0.1:{mutual}
listener.security.protocol.map={PLAIN}:PLAINTEXT,CONTROLLER:PLAINTEXT,{SECURE}:SASL_SSL,{MUTUAL}:SSL
ssl.keystore.type=PEM
ssl.keystore.location={key}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.mutual.ssl.client.auth=required
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.secure.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
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

/// The port of a listener in a settings file.
pub(super) fn port_of(text: &str, listener: &str) -> Option<u16> {
    let listeners = text.lines().find_map(|line| line.strip_prefix("advertised.listeners="))?;
    let address =
        listeners.split(',').find_map(|entry| entry.trim().strip_prefix(listener)?.strip_prefix("://"))?;
    address.rsplit_once(':')?.1.parse().ok()
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
    fn the_ports_are_found_in_the_settings() {
        let settings = Settings {
            port: 15_001,
            controller: 15_002,
            secure: 15_003,
            mutual: 15_004,
            data: "somewhere".into(),
            certificates: Certificates::of("somewhere".as_ref()),
        };
        let text = settings.to_string();
        let ports = [PLAIN, SECURE, MUTUAL].map(|listener| port_of(&text, listener));
        assert_eq!(ports, [Some(15_001), Some(15_003), Some(15_004)]);
        assert_eq!(port_of(&text, "OTHER"), None);
        assert_eq!(port_of("listeners=nothing", PLAIN), None);
    }
}
