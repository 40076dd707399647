//! The broken variants of the core: what each changes, and why nobody may get away with it.

/// A text of a source file and what takes its place. It must occur once.
pub(super) struct Edit {
    /// The file, below `crates/drakkar-core/src`.
    pub(super) file: &'static str,
    pub(super) text: &'static str,
    pub(super) instead: &'static str,
}

/// A broken variant of the core.
pub(super) struct Variant {
    pub(super) name: &'static str,
    /// What would come of it.
    pub(super) why: &'static str,
    pub(super) edits: &'static [Edit],
}

const fn edit(file: &'static str, text: &'static str, instead: &'static str) -> Edit {
    Edit { file, text, instead }
}

/// All of them. The first four are the shapes in which others lost records.
pub(super) const ALL: &[Variant] = &[
    Variant {
        name: "watermark-of-polled",
        why: "the watermark follows the highest record that was polled, not the highest that is done",
        edits: &[edit(
            "pipeline/machine.rs",
            "        if let Some(next) = next {\n            // A message",
            "        if let Some(next) = self.messages.back().map(|m| m.offset.next()).or(next) {\n            // A message",
        )],
    },
    Variant {
        name: "offset-read-twice",
        why: "a commit is acknowledged with what settled meanwhile instead of what was sent",
        edits: &[edit(
            "commit.rs",
            "reached.acknowledged = reached.acknowledged.max(Some(offset));",
            "reached.acknowledged = reached.acknowledged.max(Some(offset.max(reached.settled)));",
        )],
    },
    Variant {
        name: "stale-epoch-in-the-way",
        why: "what an old epoch left keeps the new one from being noted",
        edits: &[
            edit(
                "commit.rs",
                "        self.reached.remove(&assignment);\n",
                "        if let Some(stale) = self.reached.get_mut(&assignment) {\n            stale.acknowledged = Some(stale.settled);\n        }\n",
            ),
            edit(
                "commit.rs",
                "        let fresh = Reached {",
                "        let stale = |a: &Assignment| a.partition == assignment.partition && a.epoch != assignment.epoch;\n        if self.reached.keys().any(stale) {\n            return;\n        }\n        let fresh = Reached {",
            ),
        ],
    },
    Variant {
        name: "epoch-checked-once",
        why: "an epoch is looked at when an offset is noted, and not again when offsets are gathered",
        edits: &[edit("commit.rs", "        self.reached.remove(&assignment);\n", "")],
    },
    Variant {
        name: "settles-before-its-hook",
        why: "a message settles while on_message_complete runs",
        edits: &[edit(
            "pipeline/completion.rs",
            "            fx.push(Effect::CallMessageHook { message: seq });\n",
            "            fx.push(Effect::CallMessageHook { message: seq });\n            self.finish(seq, fx);\n",
        )],
    },
    Variant {
        name: "settles-with-its-first-task",
        why: "a message does not wait for all of its tasks",
        edits: &[edit(
            "pipeline/attempts.rs",
            "            if message.open == 0 {",
            "            if message.open < 2 {",
        )],
    },
    Variant {
        name: "failed-delivery-is-done",
        why: "an output that its sink refused counts as delivered",
        edits: &[edit(
            "pipeline/outputs.rs",
            "        outputs.failed += u32::from(end == OutputEnd::Failed);",
            "        outputs.failed += u32::from(end == OutputEnd::Failed && outputs.awaited > 0);",
        )],
    },
    Variant {
        name: "replacement-not-inherited",
        why: "a message does not wait for what replaces its task",
        edits: &[edit(
            "pipeline/intake.rs",
            "                    Some(seq) if self.is_at(seq, Stage::Open) => messages.push(seq),",
            "                    Some(_) if depth > 0 => {}\n                    Some(seq) if self.is_at(seq, Stage::Open) => messages.push(seq),",
        )],
    },
    Variant {
        name: "replacements-without-end",
        why: "a chain of replacements has no bound",
        edits: &[edit(
            "pipeline/attempts.rs",
            "if depth > self.rules.max_replacement_depth {",
            "if depth > self.rules.max_replacement_depth.saturating_add(1_000) {",
        )],
    },
    Variant {
        name: "window-hook-not-awaited",
        why: "messages settle before on_window_complete ran",
        edits: &[edit(
            "pipeline/completion.rs",
            "                message.stage = Stage::Held;\n            }\n",
            "                message.stage = Stage::Held;\n            }\n            self.settle(seq, fx);\n",
        )],
    },
    Variant {
        name: "window-outputs-not-awaited",
        why: "messages settle before the outputs of on_window_complete have their verdicts",
        edits: &[edit(
            "pipeline/completion.rs",
            "                fx.push(Effect::Deliver { owner: Owner::Window(id) });\n",
            "                fx.push(Effect::Deliver { owner: Owner::Window(id) });\n                self.settle_window(id, fx);\n",
        )],
    },
    Variant {
        name: "failed-outputs-forgotten",
        why: "outputs that failed for good are not dead-lettered",
        edits: &[edit(
            "pipeline/outputs.rs",
            "        if letters {",
            "        if letters && self.rules.delivery_hook {",
        )],
    },
    Variant {
        name: "letters-of-judged-outputs-forgotten",
        why: "what on_delivery_error gave up is forgotten once the rest was delivered again",
        edits: &[edit(
            "pipeline/outputs.rs",
            "            let letters = failed > 0 || self.redeliveries.get(&owner).is_some_and(|r| r.letters > 0);",
            "            let letters = failed > 0;",
        )],
    },
    Variant {
        name: "letter-of-outputs-not-awaited",
        why: "a task ends before the dead letter of its outputs is acknowledged",
        edits: &[edit(
            "pipeline/outputs.rs",
            "            fx.push(Effect::DeadLetter(Letter::Outputs(owner)));\n",
            "            fx.push(Effect::DeadLetter(Letter::Outputs(owner)));\n            self.outputs_done(owner, fx);\n",
        )],
    },
    Variant {
        name: "letter-of-message-not-awaited",
        why: "a message settles before its dead letter is acknowledged",
        edits: &[edit(
            "pipeline/completion.rs",
            "            fx.push(Effect::DeadLetter(Letter::Message(seq)));\n",
            "            fx.push(Effect::DeadLetter(Letter::Message(seq)));\n            self.hold_or_settle(seq, fx);\n",
        )],
    },
    Variant {
        name: "two-letters",
        why: "a message that was dead-lettered is dead-lettered again when its window's hook fails",
        edits: &[edit(
            "pipeline/completion.rs",
            "        if message.needs_letter && !message.lettered {",
            "        if message.needs_letter {",
        )],
    },
    Variant {
        name: "failed-hook-is-a-skip",
        why: "a task whose hook failed counts as skipped",
        edits: &[edit(
            "pipeline/attempts.rs",
            "            HookEnd::Failed => self.fail_task(key, fx),",
            "            HookEnd::Failed => self.end_task(key, TaskEnd::Failed, fx),",
        )],
    },
    Variant {
        name: "attempts-without-end",
        why: "retries have no bound on attempts",
        edits: &[edit(
            "retry.rs",
            "        if failed >= self.max_attempts {",
            "        if failed >= self.max_attempts.saturating_add(1_000) {",
        )],
    },
    Variant {
        name: "retries-for-ever",
        why: "retries have no bound on time",
        edits: &[edit("retry.rs", "(elapsed + wait <= self.max_elapsed).then_some(wait)", "Some(wait)")],
    },
    Variant {
        name: "drained-task-vanishes",
        why: "a task dropped in a drain does not give its messages back",
        edits: &[edit(
            "pipeline/attempts.rs",
            "        for seq in messages {\n            self.give_back(seq, fx);\n        }\n",
            "        drop(messages);\n",
        )],
    },
    Variant {
        name: "stopped-attempt-is-done",
        why: "an attempt that the worker stopped counts as an end of its task",
        edits: &[edit(
            "pipeline/machine.rs",
            "Input::AttemptCancelled { task } => self.drop_task(task, fx),",
            "Input::AttemptCancelled { task } => self.end_task(task, super::TaskEnd::Failed, fx),",
        )],
    },
    Variant {
        name: "drain-waits",
        why: "a task that waits for another attempt is left behind by a drain",
        edits: &[edit(
            "pipeline/stop.rs",
            "if self.task_waits_for(key, number) {",
            "if number == 0 && self.task_waits_for(key, number) {",
        )],
    },
    Variant {
        name: "drain-starts-windows",
        why: "what is queued goes on to windows in a drain",
        edits: &[
            edit(
                "pipeline/intake.rs",
                "        if self.arranging.is_some() || self.draining {\n            return;",
                "        if self.arranging.is_some() {\n            return;",
            ),
            edit(
                "pipeline/stop.rs",
                "        self.draining = true;\n        self.return_queued(fx);\n",
                "        self.draining = true;\n",
            ),
        ],
    },
    Variant {
        name: "alive-after-release",
        why: "a released pipeline goes on working",
        edits: &[edit("pipeline/machine.rs", "                self.released = true;\n", "")],
    },
    Variant {
        name: "returned-is-skipped",
        why: "the ledger counts what is given back as skipped",
        edits: &[edit(
            "pipeline/completion.rs",
            "        self.ledger.give_back();",
            "        self.ledger.settle(Settled::Skipped);",
        )],
    },
    Variant {
        name: "letters-are-deliveries",
        why: "a message of which a part was dead-lettered counts as delivered",
        edits: &[edit(
            "pipeline/completion.rs",
            "&& !std::mem::replace(&mut message.dead, true)",
            "&& !std::mem::replace(&mut message.dead, !message.succeeded)",
        )],
    },
    Variant {
        name: "later-messages-first",
        why: "new messages overtake those of a window that failed",
        edits: &[edit(
            "pipeline/intake.rs",
            "self.take_piece(most).or_else(|| self.take_queued(most))",
            "self.take_queued(most).or_else(|| self.take_piece(most))",
        )],
    },
    Variant {
        name: "windows-without-size",
        why: "a window takes whatever is queued",
        edits: &[edit(
            "pipeline/intake.rs",
            "            Allowed::Window => self.rules.window_size,",
            "            Allowed::Window => self.rules.max_in_flight,",
        )],
    },
    Variant {
        name: "gate-ignored",
        why: "windows start although tasks wait for slots",
        edits: &[edit(
            "pipeline/intake.rs",
            "        if !self.gate || count == 0 {",
            "        if count == 0 {",
        )],
    },
    Variant {
        name: "brake-lets-all-try",
        why: "after the cooldown of the brake a whole window tries",
        edits: &[edit(
            "pipeline/intake.rs",
            "            Allowed::Probe => 1,",
            "            Allowed::Probe => self.rules.window_size,",
        )],
    },
    Variant {
        name: "any-message-lets-the-brake-go",
        why: "a message that was done before it was arranged again decides about the brake",
        edits: &[edit(
            "pipeline/intake.rs",
            "range.seqs().find(|seq| self.is_at(*seq, Stage::Arranging))",
            "range.seqs().find(|seq| self.message(*seq).is_some())",
        )],
    },
    Variant {
        name: "poison-is-tried-again",
        why: "a message that ended three processes is given to a hook",
        edits: &[edit("pipeline/intake.rs", "== Some(Suspicion::Poison)", "== Some(Suspicion::Alone)")],
    },
    Variant {
        name: "suspects-in-company",
        why: "a message that may have ended the process is arranged with others",
        edits: &[edit(
            "pipeline/intake.rs",
            "suspect.map_or(count, |n| n.max(1))",
            "suspect.map_or(count, |n| (n + 1).min(count))",
        )],
    },
    Variant {
        name: "two-commits-at-once",
        why: "a commit goes while another one is in flight",
        edits: &[edit("commit.rs", "        if self.in_flight.is_some() || !due {", "        if !due {")],
    },
    Variant {
        name: "answer-proves-too-much",
        why: "the late answer of an older commit covers what it does not name",
        edits: &[edit("commit.rs", "self.in_flight.take().filter(|f| !f.doubtful)", "self.in_flight.take()")],
    },
    Variant {
        name: "discarded-is-committed",
        why: "a commit that the group refused counts as stored",
        edits: &[edit(
            "commit.rs",
            "            self.in_flight = None;\n            self.forced = false;\n",
            "            self.end_flight();\n            self.forced = false;\n",
        )],
    },
    Variant {
        name: "slot-given-twice",
        why: "a slot that was given back is free twice",
        edits: &[edit(
            "slots.rs",
            "        self.free.push(Reverse(slot.0));",
            "        self.free.push(Reverse(slot.0));\n        self.free.push(Reverse(slot.0));",
        )],
    },
    Variant {
        name: "slots-by-arrival",
        why: "slots go by arrival, whatever the priority",
        edits: &[edit(
            "slots.rs",
            "(other.priority, other.arrival).cmp(&(self.priority, self.arrival))",
            "other.arrival.cmp(&self.arrival)",
        )],
    },
    Variant {
        name: "breaker-lets-all-try",
        why: "all batches try a sink that was left alone",
        edits: &[edit(
            "breaker.rs",
            "            Inner::HalfOpen { probing: true } => Admission::Wait,",
            "            Inner::HalfOpen { probing: true } => Admission::Send(self.pass(true)),",
        )],
    },
    Variant {
        name: "breaker-forgets-its-try",
        why: "a try that says nothing keeps the place of the next one",
        edits: &[edit(
            "breaker.rs",
            "                self.inner = Inner::HalfOpen { probing: false };\n                None",
            "                None",
        )],
    },
];
