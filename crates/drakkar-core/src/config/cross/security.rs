//! What the security of a connection and the raw settings of its client must satisfy.

use super::{Origins, Pairs};
use crate::config::{
    ClientConfig, Config, SaslMechanism, Security, SecurityProtocol, client_config,
    load::find,
    names,
    problem::{Origin, Warning},
};

/// A section with brokers: its path, its brokers if they are its own to name, its security and raw settings.
struct Section<'a> {
    path: String,
    brokers: Option<&'a str>,
    security: &'a Security,
    client: &'a ClientConfig,
    has_compression: bool,
}

fn sections(config: &Config) -> Vec<Section<'_>> {
    let Config { kafka, dlq, sinks, .. } = config;
    let mut sections = vec![
        Section {
            path: "kafka".to_owned(),
            brokers: None,
            security: &kafka.security,
            client: &kafka.client_config,
            has_compression: true,
        },
        Section {
            path: "dlq".to_owned(),
            brokers: Some(&dlq.brokers),
            security: &dlq.security,
            client: &dlq.client_config,
            has_compression: false,
        },
    ];
    sections.extend(sinks.kafka.iter().map(|(name, sink)| Section {
        path: format!("sinks.kafka.{name}"),
        brokers: Some(&sink.brokers),
        security: &sink.security,
        client: &sink.client_config,
        has_compression: true,
    }));
    sections
}

pub(super) fn check(config: &Config, pairs: &mut Pairs<'_>) {
    for section in sections(config) {
        let path = format!("{}.security", section.path);
        if section.brokers == Some("") && *section.security != Security::new() {
            let message = format!("`{path}` has no place without `{}.brokers`", section.path);
            pairs.refuse(
                &path,
                message,
                "without brokers of its own, `kafka.security` holds; name them, or leave it out",
            );
        } else {
            login(&path, section.security, pairs);
            encryption(&path, section.security, pairs);
        }
        raw(&section, pairs);
    }
}

fn login(path: &str, security: &Security, pairs: &mut Pairs<'_>) {
    let Security { protocol, sasl_mechanism, sasl_username, sasl_password, .. } = security;
    let settings = [
        ("sasl_mechanism", sasl_mechanism.is_some()),
        ("sasl_username", !sasl_username.is_empty()),
        ("sasl_password", !sasl_password.is_empty()),
    ];
    for (key, given) in settings {
        let (setting, chosen) = (format!("{path}.{key}"), format!("{path}.protocol"));
        if protocol.logs_in() {
            pairs.check(given, [&setting, &chosen], || format!("must be set with `{chosen}: {protocol}`"));
        } else if given {
            let message = format!("`{setting}` has no place beside `{chosen}: {protocol}`");
            pairs.refuse(&setting, message, "to log in, set the protocol to `sasl_ssl` or `sasl_plaintext`");
        }
    }
}

fn encryption(path: &str, security: &Security, pairs: &mut Pairs<'_>) {
    let Security { protocol, certificate_location, key_location, key_password, .. } = security;
    if !protocol.encrypts() {
        let settings = [
            ("ca_location", !security.ca_location.is_empty()),
            ("certificate_location", !certificate_location.is_empty()),
            ("key_location", !key_location.is_empty()),
            ("key_password", !key_password.is_empty()),
            ("verify_hostname", !security.verify_hostname),
        ];
        for (key, _) in settings.iter().filter(|(_, given)| *given) {
            let setting = format!("{path}.{key}");
            let message = format!("`{setting}` has no place beside `{path}.protocol: {protocol}`");
            pairs.refuse(&setting, message, "to encrypt, set the protocol to `ssl` or `sasl_ssl`");
        }
        return;
    }
    let (certificate, key) = (format!("{path}.certificate_location"), format!("{path}.key_location"));
    pairs.check(certificate_location.is_empty() || !key_location.is_empty(), [&key, &certificate], || {
        format!("must be set with `{certificate}`: it is the certificate's private key")
    });
    pairs.check(key_location.is_empty() || !certificate_location.is_empty(), [&certificate, &key], || {
        format!("must be set with `{key}`: it is the key's certificate")
    });
    pairs.check(
        key_password.is_empty() || !key_location.is_empty(),
        [&key, &format!("{path}.key_password")],
        || format!("must be set with `{path}.key_password`"),
    );
}

fn raw(section: &Section<'_>, pairs: &mut Pairs<'_>) {
    for (name, value) in section.client {
        let path = format!("{}.client_config.{}", section.path, names::shown(name));
        if let Some(owned) = client_config::refusal(name, value, section.has_compression) {
            pairs.refuse(&path, format!("`{path}` cannot be set: {}", owned.why), owned.instead);
        }
    }
}

/// Notes what is allowed but unsafe.
pub(super) fn warn(config: &Config, origins: &Origins, warnings: &mut Vec<Warning>) {
    let mut note = |key: String, message: &str, help: &str| {
        let origin = find(origins, &key).map_or(Origin::Default, |mark| mark.origin.clone());
        let message = format!("`{key}`: {message}");
        warnings.push(Warning { origin, key, message, help: Some(help.to_owned()) });
    };
    for section in sections(config) {
        let Security { protocol, sasl_mechanism, .. } = section.security;
        let plain = *sasl_mechanism == Some(SaslMechanism::Plain);
        if plain && *protocol == SecurityProtocol::SaslPlaintext {
            note(
                format!("{}.security.protocol", section.path),
                "the password crosses the network in the clear",
                "use `sasl_ssl`",
            );
        }
        let unchecked = "enable.ssl.certificate.verification";
        if section.client.contains_key(unchecked) {
            note(
                format!("{}.client_config.{unchecked}", section.path),
                "without a check of its certificate, anyone on the way can pose as the broker",
                "name the authority in `security.ca_location` instead",
            );
        }
    }
}
