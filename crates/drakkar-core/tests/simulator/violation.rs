//! A broken rule: how it is raised and caught.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

/// The rule of a panic of the core itself.
pub(crate) const PANIC: &str = "no panic";

/// Ends the run with a broken rule.
pub(crate) fn violated(rule: &'static str, what: String) -> ! {
    panic::panic_any(Violation { rule, what })
}

/// Ends the run unless the condition holds.
macro_rules! rule {
    ($holds:expr, $rule:literal, $($what:tt)+) => {
        if !$holds {
            $crate::violation::violated($rule, format!($($what)+));
        }
    };
}
pub(crate) use rule;

/// Runs and tells which rule was broken, if one was. A panic of the core is one.
pub(crate) fn catch(run: impl FnOnce()) -> Option<Violation> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Raised on purpose, or about to be reported with its place.
            if IN_RUN.get() {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                before(info);
            }
        }));
    });
    IN_RUN.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IN_RUN.set(false);
    result.err().map(|payload| of_panic(payload.as_ref()))
}

thread_local! {
    static IN_RUN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    static PLACE: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
}

fn of_panic(payload: &(dyn Any + Send)) -> Violation {
    if let Some(violation) = payload.downcast_ref::<Violation>() {
        return violation.clone();
    }
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text");
    let place = PLACE.take().unwrap_or_default();
    Violation { rule: PANIC, what: format!("{text} ({place})") }
}
