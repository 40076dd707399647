//! Which failures are worth another attempt.

use drakkar_core::error::Class;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// The class of a failed delivery.
pub(crate) fn class(error: &KafkaError) -> Class {
    match error {
        // What cannot be handed to the client at all, like a name with a zero byte in it.
        KafkaError::Nul(_) => Class::Permanent,
        _ => error.rdkafka_error_code().map_or(Class::Transient, class_of),
    }
}

pub(crate) fn class_of(code: Code) -> Class {
    match code {
        Code::MessageSizeTooLarge
        | Code::InvalidMessage
        | Code::InvalidRecord
        | Code::InvalidMessageSize
        | Code::InvalidTimestamp
        | Code::PolicyViolation => Class::Permanent,
        Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::InvalidTopic
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::UnsupportedCompressionType
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::InvalidRequiredAcks
        | Code::Authentication
        | Code::SSL => Class::Config,
        // A lost connection, a time-out, a purge, a full queue, a producer that has to be made anew: the record is fine.
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
        for code in [Code::UnknownTopicOrPartition, Code::TopicAuthorizationFailed, Code::SSL] {
            assert_eq!(of(code), Class::Config, "{code:?}");
        }
        for code in [
            Code::MessageTimedOut,
            Code::PurgeQueue,
            Code::PurgeInflight,
            Code::BrokerTransportFailure,
            Code::QueueFull,
            Code::BrokerDestroy,
            Code::Fatal,
        ] {
            assert_eq!(of(code), Class::Transient, "{code:?}");
        }
    }
}
