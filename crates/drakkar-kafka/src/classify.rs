//! What an error of the client means: who can do something about it, and whether a commit is worth another attempt.

use drakkar_core::error::Class;
use rdkafka::error::RDKafkaErrorCode as Code;

/// Whether somebody has to change the configuration or the surroundings.
pub(crate) fn class(code: Code) -> Class {
    match code {
        Code::Authentication
        | Code::SSL
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::InvalidTopic
        | Code::InvalidGroupId
        | Code::InvalidSessionTimeout
        | Code::InconsistentGroupProtocol
        | Code::FencedInstanceId
        | Code::UnreleasedInstanceId
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedAssignor
        | Code::InvalidArgument => Class::Config,
        _ => Class::Transient,
    }
}

/// What to do about an error, where the client's own words do not tell.
pub(crate) fn remedy(code: Code) -> &'static str {
    match code {
        Code::FencedInstanceId | Code::UnreleasedInstanceId => {
            "; another worker has the same `kafka.group_instance_id`: give each worker its own"
        }
        Code::InconsistentGroupProtocol => {
            "; the group's other workers use another `kafka.assignment` or `kafka.group_protocol`: all must use the same"
        }
        _ => "",
    }
}

/// Whether the group moved on: this commit is given up, but what settled stays noted.
pub(crate) fn is_discarded(code: Code) -> bool {
    matches!(
        code,
        Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::RebalanceInProgress
            | Code::StaleMemberEpoch
            | Code::FencedMemberEpoch
            | Code::AssignmentLost
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_class() {
        assert_eq!(class(Code::Authentication), Class::Config);
        for code in [Code::FencedInstanceId, Code::SSL, Code::SaslAuthenticationFailed] {
            assert_eq!(class(code), Class::Config, "{code:?}");
        }
        for code in [Code::BrokerTransportFailure, Code::AllBrokersDown, Code::Resolve, Code::Fatal] {
            assert_eq!(class(code), Class::Transient, "{code:?}");
        }
        assert!(is_discarded(Code::IllegalGeneration) && is_discarded(Code::AssignmentLost));
        assert!(!is_discarded(Code::CoordinatorNotAvailable) && !is_discarded(Code::RequestTimedOut));
    }
}
