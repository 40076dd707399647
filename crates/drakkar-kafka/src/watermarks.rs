//! The first and last offset of a partition, as the client knows them from its last fetch.
#![expect(unsafe_code, reason = "rdkafka has no safe call for rd_kafka_get_watermark_offsets")]

use std::ffi::CString;

use rdkafka::{
    bindings::rd_kafka_get_watermark_offsets,
    consumer::{BaseConsumer, Consumer},
    types::RDKafkaRespErr,
};

use crate::context::Context;

/// What the client knows of a partition. Asks nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    /// The first offset that exists.
    pub(crate) low: i64,
    /// The offset after the last one.
    pub(crate) high: i64,
}

/// The watermarks of the last fetch; nothing before there was one.
pub(crate) fn cached(consumer: &BaseConsumer<Context>, topic: &str, partition: i32) -> Option<Watermarks> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client lives as long as `consumer` is borrowed; the name and the two numbers live through the call, which
    // keeps none of them.
    let error = unsafe {
        rd_kafka_get_watermark_offsets(
            consumer.client().native_ptr(),
            topic.as_ptr(),
            partition,
            &mut low,
            &mut high,
        )
    };
    let known = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0 && high >= 0;
    known.then_some(Watermarks { low, high })
}
