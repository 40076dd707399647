//! Which failures are worth another attempt.

use drakkar_core::error::Class;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// The class of a failed delivery.
pub(crate) fn class(error: &KafkaError) -> Class {
    match error.rdkafka_error_code() {
        Some(
            Code::MessageSizeTooLarge | Code::InvalidMessage | Code::InvalidRecord | Code::InvalidMessageSize,
        ) => Class::Permanent,
        Some(
            Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::InvalidTopic
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::SSL,
        ) => Class::Config,
        // A lost connection, a time-out, a purge, a full queue: the record itself is fine.
        _ => Class::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_class() {
        let of = |code| class(&KafkaError::MessageProduction(code));
        assert_eq!(of(Code::MessageSizeTooLarge), Class::Permanent);
        assert_eq!(of(Code::UnknownTopicOrPartition), Class::Config);
        for code in
            [Code::MessageTimedOut, Code::PurgeQueue, Code::PurgeInflight, Code::BrokerTransportFailure]
        {
            assert_eq!(of(code), Class::Transient, "{code:?}");
        }
    }
}
