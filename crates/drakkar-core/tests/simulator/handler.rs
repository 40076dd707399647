//! The user's handler of a run: what its hooks return, drawn at random.

use drakkar_core::{executor::Priority, ids::Offset, pipeline::HookEnd};

use crate::{outside::Outside, setup::Fault};

/// A task that `arrange` or `on_error` returns.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) offsets: Vec<Offset>,
    /// Its result is known already: it needs no slot.
    pub(crate) precomputed: bool,
    pub(crate) class: i64,
}

/// What `on_error` says; a failure of the hook is a dead letter, as in the runtime.
pub(crate) enum Judgement {
    Retry,
    Skip,
    DeadLetter,
    Replace(Vec<Plan>),
}

/// What `arrange` returns for these messages of a partition, or that it fails.
pub(crate) fn arrange(partition: i32, window: &[Offset], out: &mut Outside) -> Option<Vec<Plan>> {
    if out.goes_wrong(out.setup.hooks_fail) {
        out.stats.met("failed calls of arrange");
        return None;
    }
    let mut plans = Vec::new();
    for offset in window {
        if out.rng.percent(out.setup.idle) {
            continue;
        }
        let tasks = match out.rng.below(10) {
            0 => 2 + out.rng.below(3),
            _ => 1,
        };
        for _ in 0..tasks {
            plans.push(plan(vec![*offset], out));
        }
    }
    if !window.is_empty() && out.rng.percent(10) {
        let first = out.rng.index(window.len());
        let last = first + out.rng.index(window.len() - first);
        let together = plan(window[first..=last].to_vec(), out);
        plans.push(together);
        out.stats.met("tasks for several messages");
    }
    if out.has(Fault::StrangePlans) && out.rng.percent(30) {
        let strange = strange(partition, window, out);
        plans.push(strange);
    }
    Some(plans)
}

fn plan(offsets: Vec<Offset>, out: &mut Outside) -> Plan {
    let class = if out.rng.percent(10) { out.rng.below(3) as i64 - 1 } else { 0 };
    Plan { offsets, precomputed: out.rng.percent(out.setup.precomputed), class }
}

/// A task that names what it should not: the same message twice, others that are done, of other windows, or nowhere.
fn strange(partition: i32, window: &[Offset], out: &mut Outside) -> Plan {
    let mut offsets = Vec::new();
    for _ in 0..out.rng.below(6) {
        let log = &out.topic.log(partition).offsets;
        let (len, bogus) = (log.len(), Offset(log[0].0 - 1));
        let offset = match out.rng.below(6) {
            0 => bogus,
            1 | 2 => out.topic.log(partition).offsets[out.rng.index(len)],
            _ if window.is_empty() => bogus,
            _ => window[out.rng.index(window.len())],
        };
        offsets.push(offset);
        if out.rng.percent(40) {
            offsets.push(offset);
        }
    }
    out.stats.met("strange plans");
    plan(offsets, out)
}

/// How a hook that returns outputs ends.
pub(crate) fn outputs(out: &mut Outside) -> HookEnd {
    if out.goes_wrong(out.setup.hooks_fail) {
        out.stats.met("failed hooks");
        return HookEnd::Failed;
    }
    HookEnd::Outputs(out.rng.below(4) as u32)
}

/// What `on_error` says about a task for these messages.
pub(crate) fn judge(offsets: &[Offset], out: &mut Outside) -> Judgement {
    if out.goes_wrong(out.setup.hooks_fail) {
        return Judgement::DeadLetter;
    }
    match out.rng.below(8) {
        0 => Judgement::Skip,
        1 => Judgement::DeadLetter,
        2 | 3 => {
            let mut plans = Vec::new();
            for _ in 0..out.rng.below(4) {
                let from = if offsets.is_empty() { 0 } else { out.rng.index(offsets.len()) };
                // Mostly all that the task stood for, sometimes less: what is left out settles.
                let some = if out.rng.percent(70) { offsets } else { &offsets[from..] };
                plans.push(plan(some.to_vec(), out));
            }
            out.stats.met("replacements");
            Judgement::Replace(plans)
        }
        _ => Judgement::Retry,
    }
}

/// What `on_delivery_error` says about so many outputs: how many to try again, and how many to dead-letter.
pub(crate) fn judge_delivery(failed: u32, out: &mut Outside) -> (u32, u32) {
    if out.goes_wrong(out.setup.hooks_fail) {
        return (0, failed);
    }
    let retry = match out.rng.below(3) {
        0 => failed,
        1 => 0,
        _ => out.rng.below(u64::from(failed) + 1) as u32,
    };
    (retry, out.rng.below(u64::from(failed - retry) + 1) as u32)
}

/// Who gets the next slot.
pub(crate) fn priority(class: i64, age: u64) -> Priority {
    Priority { class, age }
}
