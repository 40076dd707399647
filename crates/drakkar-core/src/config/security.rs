//! How connections to Kafka brokers are secured.

use super::{
    secret::Secret,
    section::{choice, defaults, section},
};

section! {
    /// How connections to the brokers are secured.
    #[secretive = true]
    pub struct Security {
        /// Whether connections are encrypted and who we are is proven.
        ///
        /// `ssl` and `sasl_ssl` encrypt; `sasl_plaintext` and `sasl_ssl` log in. What encrypts, and the SCRAM mechanisms,
        /// need a program that was built with the feature `kafka-ssl` of drakkar.
        pub protocol: SecurityProtocol = SecurityProtocol::Plaintext;
        /// How the user's password is proven; required with `sasl_plaintext` and `sasl_ssl`.
        pub sasl_mechanism: Option<SaslMechanism> = None;
        /// The user to log in as.
        pub sasl_username: String = String::new();
        /// The user's password.
        pub sasl_password: Secret = Secret::default();
        /// A file with the certificates (PEM) of the authorities to trust; empty for those of the system.
        pub ca_location: String = String::new();
        /// A file with our own certificate (PEM), where brokers ask for one; it needs `key_location`.
        pub certificate_location: String = String::new();
        /// A file with the private key (PEM) of that certificate.
        pub key_location: String = String::new();
        /// The password of that key, if it has one.
        pub key_password: Secret = Secret::default();
        /// Whether a broker's certificate must be made out for the name that we connect to.
        ///
        /// With `false`, whoever holds any certificate of a trusted authority can pose as a broker.
        pub verify_hostname: bool = true;
    }
}

choice! {
    /// Whether connections are encrypted, and whether we log in.
    pub enum SecurityProtocol {
        /// Neither.
        Plaintext = "plaintext",
        /// Encrypted.
        Ssl = "ssl",
        /// Logged in; passwords and messages can be read on the way.
        SaslPlaintext = "sasl_plaintext",
        /// Encrypted and logged in.
        SaslSsl = "sasl_ssl",
    }
}

choice! {
    /// How the user's password is proven.
    pub enum SaslMechanism {
        /// The password itself is sent.
        Plain = "PLAIN",
        /// A challenge is answered, with SHA-256.
        Scram256 = "SCRAM-SHA-256",
        /// A challenge is answered, with SHA-512.
        Scram512 = "SCRAM-SHA-512",
    }
    refused {
        "GSSAPI" => "Kerberos is not available",
        "OAUTHBEARER" => "OAuth is not available",
    }
}

defaults!(Security);

impl SecurityProtocol {
    /// Whether connections are encrypted.
    pub fn encrypts(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether we log in.
    pub fn logs_in(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl SaslMechanism {
    /// Whether it is one of the SCRAM mechanisms.
    pub fn is_scram(self) -> bool {
        self != Self::Plain
    }
}

impl Security {
    /// The settings of the client, by their librdkafka names.
    pub(super) fn client_settings(&self) -> Vec<(&'static str, Secret)> {
        let mut settings = Vec::new();
        let mut set = |name, value: &str| {
            if !value.is_empty() {
                settings.push((name, Secret::from(value)));
            }
        };
        if self.protocol != SecurityProtocol::Plaintext {
            set("security.protocol", self.protocol.as_str());
        }
        if self.protocol.logs_in() {
            set("sasl.mechanism", self.sasl_mechanism.map_or("", SaslMechanism::as_str));
            set("sasl.username", &self.sasl_username);
            set("sasl.password", self.sasl_password.expose());
        }
        if self.protocol.encrypts() {
            set("ssl.ca.location", &self.ca_location);
            set("ssl.certificate.location", &self.certificate_location);
            set("ssl.key.location", &self.key_location);
            set("ssl.key.password", self.key_password.expose());
            set("ssl.endpoint.identification.algorithm", if self.verify_hostname { "https" } else { "none" });
        }
        settings
    }
}
