//! Waking the threads of the client that fetch.
//!
//! While all partitions of a broker are paused, librdkafka's thread for that broker sleeps for up to a second, and resuming
//! a partition does not wake it: its first record comes most of a second late. Any call that wakes these threads makes
//! them look again at what there is to fetch. The only one that neither asks a broker nor waits is the one that renews the
//! credentials for later connections, with those that are in use.
#![expect(unsafe_code, reason = "rdkafka has no call for rd_kafka_sasl_set_credentials")]

use std::ffi::CString;

use rdkafka::{
    bindings::{rd_kafka_error_destroy, rd_kafka_sasl_set_credentials},
    consumer::{BaseConsumer, Consumer},
};

use crate::{Settings, context::Context};

/// What the client logs in with; without a login it is empty and never used.
pub(crate) struct Credentials {
    username: CString,
    password: CString,
}

impl Credentials {
    pub(crate) fn of(settings: &Settings) -> Self {
        let value = |name: &str| {
            let found = settings.extra.iter().rev().find(|(known, _)| known == name);
            // The client was made with the same text, so it holds no zero byte.
            CString::new(found.map_or("", |(_, value)| value.expose())).unwrap_or_default()
        };
        Self { username: value("sasl.username"), password: value("sasl.password") }
    }
}

/// Makes the client look at once for what there is to fetch.
pub(crate) fn fetchers(consumer: &BaseConsumer<Context>, credentials: &Credentials) {
    // SAFETY: the client lives as long as `consumer` is borrowed; the two texts live through the call, which copies them. An
    // error that comes back is ours to destroy.
    unsafe {
        let error = rd_kafka_sasl_set_credentials(
            consumer.client().native_ptr(),
            credentials.username.as_ptr(),
            credentials.password.as_ptr(),
        );
        // It refuses missing texts only. Without it the record comes a second later.
        if !error.is_null() {
            rd_kafka_error_destroy(error);
        }
    }
}
