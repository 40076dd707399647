//! Test support: a real broker, real worker processes, and a judge that shares no code with them.

#[cfg(feature = "real-services")]
pub mod group;
#[cfg(feature = "real-services")]
pub mod judge;
#[cfg(feature = "real-services")]
pub mod kafka;
#[cfg(feature = "real-services")]
pub mod wait;
#[cfg(feature = "real-services")]
pub mod worker;
