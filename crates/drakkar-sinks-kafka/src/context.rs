//! What librdkafka calls: delivery reports, errors and log lines.

use std::sync::{Mutex, PoisonError};

use drakkar_core::{
    error::Class,
    sink::{Failure, Verdict},
};
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

use crate::{
    batch::Ticket,
    classify::{class, class_of},
};

/// The producer's context.
#[derive(Debug)]
pub(crate) struct Context {
    sink: String,
    /// Why the connection fails, as far as the client told.
    trouble: Mutex<Option<(Class, String)>>,
}

impl Context {
    pub(crate) fn new(sink: String) -> Self {
        Self { sink, trouble: Mutex::new(None) }
    }

    /// Why the connection fails; what somebody has to change goes before what may pass.
    pub(crate) fn trouble(&self) -> Option<(Class, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let sink = &self.sink;
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "drakkar::kafka::librdkafka", category = "sink", sink, facility, "{message}");
            }
            _ => {
                tracing::debug!(target: "drakkar::kafka::librdkafka", category = "sink", sink, facility, "{message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(category = "sink", sink = self.sink, %error, "{reason}");
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let class = class_of(code);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down is known; why they are comes with the other errors.
        if class == Class::Config
            || (code != RDKafkaErrorCode::AllBrokersDown && !matches!(*trouble, Some((Class::Config, _))))
        {
            *trouble = Some((class, reason.to_owned()));
        }
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
