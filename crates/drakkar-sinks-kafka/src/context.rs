//! What librdkafka calls: delivery reports, errors and log lines.

use drakkar_core::sink::{Failure, Verdict};
use rdkafka::{
    ClientContext, Message, config::RDKafkaLogLevel, error::KafkaError, message::DeliveryResult,
    producer::ProducerContext,
};

use crate::{batch::Ticket, classify::class};

/// The producer's context.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) sink: String,
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, fac: &str, message: &str) {
        tracing::debug!(category = "sink", sink = self.sink, facility = fac, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(category = "sink", sink = self.sink, %error, "{reason}");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        ticket.settle(match result {
            Ok(_) => Verdict::Delivered,
            Err((error, message)) => Verdict::Failed(failure(&self.sink, message.topic(), error)),
        });
    }
}

pub(crate) fn failure(sink: &str, topic: &str, error: &KafkaError) -> Failure {
    let text = match error.rdkafka_error_code() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    };
    Failure::new(class(error), format!("kafka sink `{sink}` failed to write to topic `{topic}`: {text}"))
}
