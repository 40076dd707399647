//! The client library: its version, what it was built with, and the settings it takes.

use std::fmt;

use drakkar_core::config::Secret;
use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

use crate::setting_names;

/// The version of the linked librdkafka, as a number that can be compared and as text.
pub fn version() -> (i32, String) {
    rdkafka::util::get_rdkafka_version()
}

/// What the linked librdkafka was built with, separated by commas.
pub fn features() -> String {
    let native = ClientConfig::new().create_native_config();
    native.and_then(|config| config.get("builtin.features")).unwrap_or_default()
}

/// Whether a feature is among those of [`features`].
pub fn has_feature(name: &str) -> bool {
    features().split(',').any(|feature| feature.trim() == name)
}

/// Why a setting cannot be used. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// There is no setting of this name; the nearest one, if one is near.
    Unknown(Option<String>),
    /// The value is not one that the setting takes.
    Refused(String),
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingError::Unknown(Some(nearest)) => {
                write!(f, "librdkafka has no such setting; did you mean `{nearest}`?")
            }
            SettingError::Unknown(None) => f.write_str("librdkafka has no such setting"),
            SettingError::Refused(why) => write!(f, "librdkafka does not take this value: {why}"),
        }
    }
}

/// Checks the name and the value of one raw setting.
///
/// # Errors
/// When librdkafka has no such setting, or the setting takes no such value.
pub fn check_setting(name: &str, value: &Secret) -> Result<(), SettingError> {
    match ClientConfig::new().set(name, value.expose()).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(SettingError::Unknown(setting_names::nearest(name)))
        }
        Err(error) => Err(SettingError::Refused(without_value(&error))),
    }
}

/// An error of the client as text. The client shows the values of settings, which may be passwords; this does not.
pub(crate) fn without_value(error: &KafkaError) -> String {
    let KafkaError::ClientConfig(_, text, name, value) = error else { return error.to_string() };
    let text = text.replace(&format!(" value {value} is outside"), " is outside");
    if text.contains(value.as_str()) {
        return format!("invalid value for configuration property `{name}`");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str, value: &str) -> SettingError {
        check_setting(name, &value.into()).unwrap_err()
    }

    #[test]
    fn settings_are_checked_one_by_one() {
        for (name, value) in
            [("fetch.wait.max.ms", "5"), ("socket.keepalive.enable", "true"), ("linger.ms", "0.5")]
        {
            check_setting(name, &value.into()).unwrap();
        }
    }

    #[test]
    fn an_unknown_setting_names_the_nearest_one() {
        assert_eq!(
            error("fetch.wait.max.sm", "5"),
            SettingError::Unknown(Some("fetch.wait.max.ms".to_owned()))
        );
        assert_eq!(error("no.such.setting.at.all", "5"), SettingError::Unknown(None));
    }

    #[test]
    fn a_refused_value_is_not_shown() {
        let range = error("fetch.wait.max.ms", "123456789").to_string();
        assert!(range.contains("is outside allowed range 0..") && !range.contains("123456789"), "{range}");
        for (name, value) in [
            ("fetch.wait.max.ms", "hunter2"),
            ("client.dns.lookup", "hunter2"),
            ("socket.keepalive.enable", "hunter2"),
        ] {
            let shown = error(name, value).to_string();
            assert!(shown.contains(name) && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn every_compression_and_a_login_without_encryption_are_built_in() {
        for feature in ["gzip", "snappy", "lz4", "zstd", "sasl_plain"] {
            assert!(has_feature(feature), "{feature} is not among {}", features());
        }
        assert_eq!(has_feature("ssl"), has_feature("sasl_scram"));
        assert!(!has_feature("s"));
    }
}
