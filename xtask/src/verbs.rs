//! One file per verb.

pub(crate) mod bench;
pub(crate) mod ci;
pub(crate) mod demo;
pub(crate) mod oracle;
pub(crate) mod release;
pub(crate) mod sabotage;
pub(crate) mod services;
pub(crate) mod soak;
pub(crate) mod tally;
pub(crate) mod test;
pub(crate) mod tidy;
