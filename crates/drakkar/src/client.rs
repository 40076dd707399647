//! What can be found wrong with the Kafka connections of a configuration before anything connects.

use std::{collections::BTreeSet, fs::File};

use drakkar_core::config::{Config, Connection, Invalid, Origin, Problem};
use drakkar_kafka::client;

/// What the client library can do.
struct Abilities {
    tls: bool,
    scram: bool,
}

/// Checks every connection; `origin` knows where a setting came from.
///
/// # Errors
/// Returns every mistake: what this program was not built for, files that cannot be read, and raw settings that the client
/// does not take.
pub(crate) fn check(config: &Config, origin: impl Fn(&str) -> Origin) -> Result<(), Invalid> {
    let abilities = Abilities { tls: client::has_feature("ssl"), scram: client::has_feature("sasl_scram") };
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for connection in config.connections() {
        for (path, message, help) in security(&connection, &abilities).into_iter().chain(raw(&connection)) {
            // Connections share settings: each mistake is told once.
            if seen.insert(path.clone()) {
                let problem = Problem::new(origin(&path), path, message);
                problems.push(match help {
                    Some(help) => problem.with_help(help),
                    None => problem,
                });
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Invalid { problems }) }
}

/// A mistake: the setting, what is wrong with it, and a remedy.
type Mistake = (String, String, Option<String>);

fn security(connection: &Connection<'_>, abilities: &Abilities) -> Vec<Mistake> {
    let Connection { security, security_path, .. } = connection;
    let mut mistakes = Vec::new();
    let mut not_built = |key: &str, what: &str| {
        let path = format!("{security_path}.{key}");
        let message = format!("`{path}`: this program was built without {what}");
        let help = "build it with the feature `kafka-ssl` of drakkar";
        mistakes.push((path, message, Some(help.to_owned())));
    };
    if security.protocol.encrypts() && !abilities.tls {
        not_built("protocol", "encryption");
    }
    if security.sasl_mechanism.is_some_and(|m| m.is_scram()) && !abilities.scram {
        not_built("sasl_mechanism", "the SCRAM mechanisms");
    }
    let files = [
        ("ca_location", &security.ca_location),
        ("certificate_location", &security.certificate_location),
        ("key_location", &security.key_location),
    ];
    for (key, file) in files.into_iter().filter(|(_, file)| !file.is_empty()) {
        if let Err(error) = readable(file) {
            let path = format!("{security_path}.{key}");
            mistakes.push((path.clone(), format!("`{path}`: the file cannot be read: {error}"), None));
        }
    }
    mistakes
}

fn readable(file: &str) -> std::io::Result<()> {
    // Opening a folder works where reading it does not; the client takes folders of certificates.
    File::open(file).map(drop)
}

fn raw<'a>(connection: &'a Connection<'_>) -> impl Iterator<Item = Mistake> + 'a {
    connection.raw_settings().filter_map(|(path, name, value)| {
        let error = client::check_setting(name, value).err()?;
        Some((path.clone(), format!("`{path}`: {error}"), None))
    })
}

#[cfg(test)]
mod tests {
    use drakkar_core::config::{File, SaslMechanism, SecurityProtocol, load};

    use super::*;

    const NOTHING: Abilities = Abilities { tls: false, scram: false };

    fn problems(text: &str) -> Vec<String> {
        let loaded = load(Some(File { name: "d.yaml", text }), []).unwrap();
        let checked = check(&loaded.config, |path| loaded.origin(path));
        checked
            .err()
            .map_or_else(Vec::new, |invalid| invalid.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_program_without_encryption_says_how_to_get_it() {
        let mut config = Config::default();
        config.kafka.security.protocol = SecurityProtocol::SaslSsl;
        config.kafka.security.sasl_mechanism = Some(SaslMechanism::Scram256);
        let mistakes = security(&config.source_connection(), &NOTHING);
        let paths: Vec<_> = mistakes.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["kafka.security.protocol", "kafka.security.sasl_mechanism"]);
        assert!(mistakes.iter().all(|(.., help)| help.as_deref().unwrap().contains("`kafka-ssl`")));
        assert!(security(&config.source_connection(), &Abilities { tls: true, scram: true }).is_empty());
        config.kafka.security.protocol = SecurityProtocol::SaslPlaintext;
        config.kafka.security.sasl_mechanism = Some(SaslMechanism::Plain);
        assert!(security(&config.source_connection(), &NOTHING).is_empty());
    }

    #[test]
    fn a_raw_setting_that_the_client_does_not_take_names_its_place_once() {
        let text = "kafka:\n  client_config:\n    fetch.wait.max.sm: hunter2\n    fetch.min.bytes: hunter2\n\
                    sinks:\n  kafka:\n    a: { topic: t, client_config: { linger.ms: hunter2 } }\n";
        let found = problems(text);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(
            found.iter().all(|problem| problem.starts_with("d.yaml:") && !problem.contains("hunter2")),
            "{found:#?}"
        );
        let about = |text: &str| found.iter().find(|problem| problem.contains(text)).unwrap();
        assert!(about("fetch.wait.max.sm").contains("did you mean `fetch.wait.max.ms`?"));
        assert!(about("fetch.min.bytes").starts_with("d.yaml:4:"));
        assert!(about("sinks.kafka.a.client_config.linger.ms").starts_with("d.yaml:7:"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_its_key() {
        let found = problems("kafka: { security: { protocol: ssl, ca_location: /nowhere/ca.pem } }");
        assert!(
            found.iter().any(|p| p.contains("`kafka.security.ca_location`: the file cannot be read")),
            "{found:?}"
        );
    }
}
