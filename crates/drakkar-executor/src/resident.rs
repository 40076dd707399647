//! Resident children: programs that are started once and answer one request after the other.
//!
//! [`roster`] knows the children of one program and who may start another, [`child`] is one of them with its pipes,
//! [`session`] is a slot's thread talking to one, and [`keeper`] looks after those that nobody talks to.

mod child;
mod keeper;
mod roster;
mod session;
mod tail;

pub(crate) use keeper::Keeper;
pub(crate) use roster::{Roster, Rosters};
pub(crate) use session::serve;
