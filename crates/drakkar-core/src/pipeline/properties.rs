//! Property tests: a world that answers the pipeline at random must never see a rule broken.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use proptest::prelude::*;

use super::*;
use crate::{
    ids::{Time, WindowId},
    retry::Jitter,
};

/// Something the pipeline waits for.
#[derive(Clone, Debug)]
enum Due {
    Arrange { window: WindowId, first: Seq, count: u32 },
    Attempt(TaskKey),
    TaskHook(TaskKey),
    ErrorHook(TaskKey),
    MessageHook(Seq),
    WindowHook(WindowId),
    DeliveryHook(Owner),
    Outputs(Owner, u32),
    Letter(Letter),
}

struct World {
    pipeline: Pipeline,
    random: Jitter,
    now: Time,
    due: Vec<Due>,
    /// Outputs that a hook returned and that are to be sent.
    outputs: BTreeMap<Owner, u32>,
    /// Outputs that failed and were not judged yet.
    failed: BTreeMap<Owner, u32>,
    /// Every offset handed over, by sequence number.
    offsets: Vec<Offset>,
    ended: BTreeMap<Seq, &'static str>,
    hooked: BTreeSet<Seq>,
    watermark: Option<Offset>,
    /// Percent of attempts, hooks, outputs that fail.
    faults: u64,
    draining: bool,
    lettered: HashSet<Letter>,
}

impl World {
    fn new(seed: u64, faults: u64, rules: Rules) -> Self {
        Self {
            pipeline: Pipeline::new(rules, seed),
            random: Jitter::new(seed ^ 0xdead_beef),
            now: Time(0),
            due: Vec::new(),
            outputs: BTreeMap::new(),
            failed: BTreeMap::new(),
            offsets: Vec::new(),
            ended: BTreeMap::new(),
            hooked: BTreeSet::new(),
            watermark: None,
            faults,
            draining: false,
            lettered: HashSet::new(),
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.draw() % n.max(1)
    }

    fn fails(&mut self) -> bool {
        self.below(100) < self.faults
    }

    fn step(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.pipeline.step(self.now, input, &mut effects);
        for effect in effects {
            self.perform(effect);
        }
        assert!(self.pipeline.ledger().balances(), "{:?}", self.pipeline.ledger());
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Arrange { window, first, count } => {
                let running = self.due.iter().any(|d| matches!(d, Due::Arrange { .. }));
                assert!(!running, "arrange calls of a partition never overlap");
                self.due.push(Due::Arrange { window, first, count });
            }
            Effect::Start { task, .. } | Effect::Retry { task, .. } => self.due.push(Due::Attempt(task)),
            Effect::CallTaskHook { task } => self.due.push(Due::TaskHook(task)),
            Effect::CallErrorHook { task, .. } => self.due.push(Due::ErrorHook(task)),
            Effect::CallMessageHook { message } => {
                assert!(self.hooked.insert(message), "the message hook runs once");
                self.due.push(Due::MessageHook(message));
            }
            Effect::CallWindowHook { window } => self.due.push(Due::WindowHook(window)),
            Effect::CallDeliveryHook { owner, .. } => self.due.push(Due::DeliveryHook(owner)),
            Effect::Deliver { owner } | Effect::Redeliver { owner } => {
                let count = self.outputs.remove(&owner).expect("outputs were announced");
                self.due.push(Due::Outputs(owner, count));
            }
            Effect::DeadLetter(letter) => {
                if let Letter::Message(_) = letter {
                    assert!(self.lettered.insert(letter), "a message costs one dead letter");
                }
                self.due.push(Due::Letter(letter));
            }
            Effect::Settled { message, .. } => self.end(message, "settled"),
            Effect::Returned { message } => self.end(message, "returned"),
            Effect::Advance { next } => {
                assert!(self.watermark.is_none_or(|w| w < next), "the watermark never moves backwards");
                self.watermark = Some(next);
                for (seq, offset) in self.offsets.iter().enumerate() {
                    if *offset < next {
                        assert_eq!(
                            self.ended.get(&Seq(seq as u64)),
                            Some(&"settled"),
                            "offset {offset} is below the watermark {next}"
                        );
                    }
                }
            }
            Effect::TaskEnded { task, .. } => self.forget(Owner::Task(task)),
            Effect::WindowEnded { window } => self.forget(Owner::Window(window)),
            Effect::Refused { .. } | Effect::Brake { .. } => {}
        }
    }

    fn forget(&mut self, owner: Owner) {
        self.outputs.remove(&owner);
        self.failed.remove(&owner);
        let of_owner = |due: &Due| matches!(due, Due::Outputs(o, _) | Due::DeliveryHook(o) if *o == owner);
        self.due.retain(|due| !of_owner(due));
    }

    fn end(&mut self, message: Seq, how: &'static str) {
        self.forget(Owner::Message(message));
        assert_eq!(self.ended.insert(message, how), None, "message {message} ended twice");
    }

    fn arrive(&mut self) {
        let mut next = self.offsets.last().map_or(100, |o| o.0 + 1);
        let count = self.below(20);
        let mut batch = Vec::new();
        for _ in 0..count {
            next += i64::from(self.below(10) == 0);
            batch.push(Offset(next));
            next += 1;
        }
        self.offsets.extend_from_slice(&batch);
        self.step(Input::Records(&batch));
    }

    /// Answers one thing the pipeline waits for.
    fn answer(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let index = self.below(self.due.len() as u64) as usize;
        match self.due.swap_remove(index) {
            Due::Arrange { window, first, count } => self.arrange(window, first, count),
            Due::Attempt(task) if self.draining && self.below(4) == 0 => {
                self.step(Input::AttemptCancelled { task });
            }
            Due::Attempt(task) => {
                let success = !self.fails();
                self.step(Input::AttemptEnded { task, success });
            }
            Due::TaskHook(task) => {
                let end = self.hook_end(Owner::Task(task));
                self.step(Input::TaskHookEnded { task, end });
            }
            Due::WindowHook(window) => {
                let end = self.hook_end(Owner::Window(window));
                self.step(Input::WindowHookEnded { window, end });
            }
            Due::DeliveryHook(owner) => {
                let failed = self.failed.remove(&owner).expect("outputs failed");
                let retry = self.below(u64::from(failed) + 1) as u32;
                let letter = self.below(u64::from(failed - retry) + 1) as u32;
                self.outputs.insert(owner, retry);
                self.step(Input::DeliveryHookEnded { owner, retry, letter });
            }
            Due::ErrorHook(task) => match self.below(6) {
                0 => self.step(Input::ErrorHookEnded { task, action: Action::Skip }),
                1 => self.step(Input::ErrorHookEnded { task, action: Action::DeadLetter }),
                2 => {
                    let messages: Vec<Offset> =
                        self.pipeline.messages_of(task).iter().map(|s| self.offsets[s.0 as usize]).collect();
                    let plans = vec![&messages[..]; self.below(3) as usize];
                    self.step(Input::ErrorHookEnded { task, action: Action::Replace(&plans) });
                }
                _ => self.step(Input::ErrorHookEnded { task, action: Action::Retry }),
            },
            Due::MessageHook(message) => {
                let end = self.hook_end(Owner::Message(message));
                self.step(Input::MessageHookEnded { message, end });
            }
            Due::Outputs(owner, count) => {
                let now = 1 + self.below(u64::from(count)) as u32;
                let verdicts: Vec<_> = (0..now)
                    .map(|_| (owner, if self.fails() { OutputEnd::Failed } else { OutputEnd::Delivered }))
                    .collect();
                let failed = verdicts.iter().filter(|(_, end)| *end == OutputEnd::Failed).count() as u32;
                *self.failed.entry(owner).or_default() += failed;
                if count > now {
                    self.due.push(Due::Outputs(owner, count - now));
                }
                self.step(Input::Verdicts(&verdicts));
            }
            Due::Letter(letter) => self.step(Input::Lettered(letter)),
        }
    }

    fn hook_end(&mut self, owner: Owner) -> HookEnd {
        let count = self.below(4) as u32;
        if self.fails() {
            return HookEnd::Failed;
        }
        self.outputs.insert(owner, count);
        HookEnd::Outputs(count)
    }

    fn arrange(&mut self, window: WindowId, first: Seq, count: u32) {
        for seq in first.0..first.0 + u64::from(count) {
            if self.fails() && !self.ended.contains_key(&Seq(seq)) {
                let policy = [Parse::Skip, Parse::DeadLetter, Parse::Pass][self.below(3) as usize];
                self.step(Input::Unparsed { message: Seq(seq), policy });
            }
        }
        if self.fails() {
            return self.step(Input::ArrangeFailed { window });
        }
        let offsets: Vec<Offset> = self.offsets[first.0 as usize..][..count as usize].to_vec();
        let mut plans = Vec::new();
        for _ in 0..self.below(2 * u64::from(count) + 1) {
            let mut plan = Vec::new();
            for _ in 0..=self.below(3) {
                let pick = self.below(offsets.len() as u64) as usize;
                plan.push(offsets[pick]);
            }
            if self.below(10) == 0 {
                plan.push(Offset(1));
            }
            plans.push(plan);
        }
        let plans: Vec<&[Offset]> = plans.iter().map(Vec::as_slice).collect();
        self.step(Input::Arranged { window, plans: &plans });
    }

    fn pass_time(&mut self) {
        self.now = self.now.after(Duration::from_millis(self.random.draw() % 400));
        self.step(Input::Tick);
    }

    /// Answers everything without faults until nothing is left to answer.
    fn settle_all(&mut self) {
        self.faults = 0;
        self.step(Input::Gate { open: true });
        for _ in 0..1_000_000 {
            if self.due.is_empty() && self.pipeline.ledger().in_flight == 0 {
                return;
            }
            self.answer();
            self.pass_time();
        }
        panic!("does not settle: {:?}, waiting for {:?}", self.pipeline.ledger(), self.due);
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    (1u32..30, 1u32..60, 1u32..5, 0u32..4, any::<[bool; 5]>()).prop_map(
        |(window_size, max_in_flight, max_attempts, max_replacement_depth, hooks)| Rules {
            window_size,
            max_in_flight,
            retry: RetryPolicy {
                max_attempts,
                max_elapsed: Duration::from_secs(5),
                initial: Duration::from_millis(50),
                max: Duration::from_secs(1),
            },
            max_replacement_depth,
            task_hook: hooks[0],
            error_hook: hooks[1],
            message_hook: hooks[2],
            window_hook: hooks[3],
            delivery_hook: hooks[4],
            redelivery: RetryPolicy {
                max_attempts: max_attempts + 1,
                max_elapsed: Duration::from_secs(5),
                initial: Duration::from_millis(50),
                max: Duration::from_secs(1),
            },
            brake: BrakeRules { max_consecutive: if hooks[0] { 0 } else { 6 }, ..BrakeRules::OFF },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens, everything settles once the faults stop, and the watermark reaches the end.
    #[test]
    fn everything_settles_once_faults_stop(seed: u64, faults in 0u64..60, rules in rules()) {
        let mut world = World::new(seed, faults, rules);
        for _ in 0..400 {
            match world.below(10) {
                0 => world.arrive(),
                1 => world.pass_time(),
                2 => { let open = world.below(2) == 0; world.step(Input::Gate { open }) }
                _ => world.answer(),
            }
        }
        world.settle_all();
        prop_assert_eq!(world.watermark, world.offsets.last().map(|o| o.next()));
        prop_assert_eq!(world.ended.len(), world.offsets.len());
        prop_assert_eq!(world.pipeline.tasks(), 0);
        prop_assert_eq!(world.pipeline.windows(), 0);
        prop_assert_eq!(world.pipeline.ledger().returned, 0);
    }

    /// A drain starts nothing, ends, and gives back what it did not finish.
    #[test]
    fn a_drain_ends_and_starts_no_window(seed: u64, faults in 0u64..60, rules in rules(), busy in 0usize..300) {
        let mut world = World::new(seed, faults, rules);
        for _ in 0..busy {
            if world.below(6) == 0 { world.arrive() } else { world.answer() }
        }
        world.draining = true;
        world.step(Input::Drain);
        world.arrive();
        let windows = world.due.iter().filter(|d| matches!(d, Due::Arrange { .. })).count();
        world.settle_all();
        prop_assert!(windows <= 1);
        prop_assert!(world.pipeline.is_drained());
        prop_assert_eq!(world.ended.len(), world.offsets.len());
    }

    /// After the release nothing has an effect any more, and every message ended.
    #[test]
    fn a_release_gives_everything_back(seed: u64, faults in 0u64..60, rules in rules(), busy in 0usize..300) {
        let mut world = World::new(seed, faults, rules);
        for _ in 0..busy {
            if world.below(6) == 0 { world.arrive() } else { world.answer() }
        }
        world.step(Input::Release);
        prop_assert_eq!(world.pipeline.ledger().in_flight, 0);
        prop_assert_eq!(world.ended.len(), world.offsets.len());
        let watermark = world.watermark;
        let ledger = *world.pipeline.ledger();
        for _ in 0..200 {
            world.answer();
        }
        prop_assert_eq!(world.watermark, watermark);
        prop_assert_eq!(world.pipeline.ledger(), &ledger);
    }
}
