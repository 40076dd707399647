//! A steady load for one pipeline: windows of a hundred messages, a task and an output each, verdicts in batches.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use drakkar_core::{
    ids::{Offset, TaskKey, Time, WindowId},
    pipeline::{BrakeRules, Effect, HookEnd, Input, OutputEnd, Owner, Pipeline, Rules},
    retry::RetryPolicy,
};

/// Messages of a window, and of a batch of records or verdicts.
const WINDOW: usize = 100;

const RETRY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    max_elapsed: Duration::from_secs(60),
    initial: Duration::from_millis(100),
    max: Duration::from_secs(1),
};

/// How the log looks and which hooks there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Messages that are in flight all the time.
    pub in_flight: usize,
    /// Offsets that are left out after each message, as transactions and compaction do.
    pub gap: i64,
    /// Whether `on_message_complete` and `on_window_complete` exist as well.
    pub all_hooks: bool,
}

/// Nanoseconds that a message takes: the least of so many measurements, as whatever else the machine does only adds.
pub fn cost(shape: Shape, measurements: usize) -> f64 {
    /// Messages of one measurement.
    const MESSAGES: u64 = 1_000_000;
    let mut load = Load::new(shape);
    load.run(MESSAGES / 4);
    (0..measurements.max(1)).map(|_| load.run(MESSAGES)).fold(f64::INFINITY, f64::min)
}

/// A pipeline under load.
struct Load {
    pipeline: Pipeline,
    shape: Shape,
    effects: Vec<Effect>,
    next: Offset,
    now: Time,
    offsets: Vec<Offset>,
    /// Tasks whose attempt did not end, oldest first.
    running: VecDeque<TaskKey>,
    window: Option<WindowId>,
    verdicts: Vec<(Owner, OutputEnd)>,
    settled: u64,
}

impl Load {
    /// A pipeline with this many messages in flight.
    fn new(shape: Shape) -> Self {
        let rules = Rules {
            window_size: WINDOW as u32,
            max_in_flight: (shape.in_flight + 10 * WINDOW) as u32,
            retry: RETRY,
            max_replacement_depth: 3,
            task_hook: true,
            error_hook: true,
            message_hook: shape.all_hooks,
            window_hook: shape.all_hooks,
            delivery_hook: true,
            redelivery: RETRY,
            brake: BrakeRules { max_consecutive: 100, ..BrakeRules::OFF },
        };
        let mut load = Self {
            pipeline: Pipeline::new(rules, 1),
            shape,
            effects: Vec::new(),
            next: Offset(1_000),
            now: Time(0),
            offsets: Vec::new(),
            running: VecDeque::new(),
            window: None,
            verdicts: Vec::new(),
            settled: 0,
        };
        while load.running.len() < shape.in_flight {
            load.take_in();
        }
        load
    }

    /// Takes so many messages from arrival to the watermark. Returns how long one of them took, in nanoseconds.
    fn run(&mut self, messages: u64) -> f64 {
        let until = self.settled + messages;
        let began = Instant::now();
        while self.settled < until {
            self.take_in();
            self.finish();
        }
        let took = began.elapsed();
        assert!(self.pipeline.ledger().balances());
        assert_eq!(self.pipeline.ledger().delivered, self.settled);
        took.as_nanos() as f64 / messages as f64
    }

    fn step(&mut self, input: Input<'_>) {
        self.pipeline.step(self.now, input, &mut self.effects);
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Arrange { window, .. } => self.window = Some(window),
                Effect::Start { task, .. } => self.running.push_back(task),
                Effect::Settled { .. } => self.settled += 1,
                _ => {}
            }
        }
    }

    /// A window arrives and is arranged.
    fn take_in(&mut self) {
        self.now.0 += 100;
        let mut offsets = std::mem::take(&mut self.offsets);
        offsets.clear();
        for _ in 0..WINDOW {
            offsets.push(self.next);
            self.next.0 += 1 + self.shape.gap;
        }
        self.step(Input::Records(&offsets));
        let window = self.window.take().expect("a window starts");
        let mut plans: [&[Offset]; WINDOW] = [&[]; WINDOW];
        for (plan, offset) in plans.iter_mut().zip(&offsets) {
            *plan = std::slice::from_ref(offset);
        }
        self.step(Input::Arranged { window, plans: &plans });
        self.offsets = offsets;
    }

    /// The oldest window's tasks end, their outputs are delivered, the hooks that are left run.
    fn finish(&mut self) {
        let mut verdicts = std::mem::take(&mut self.verdicts);
        verdicts.clear();
        for _ in 0..WINDOW {
            let task = self.running.pop_front().expect("tasks run");
            self.step(Input::AttemptEnded { task, success: true });
            self.step(Input::TaskHookEnded { task, end: HookEnd::Outputs(1) });
            verdicts.push((Owner::Task(task), OutputEnd::Delivered));
        }
        if !self.shape.all_hooks {
            self.step(Input::Verdicts(&verdicts));
            self.verdicts = verdicts;
            return;
        }
        let mut effects = Vec::new();
        self.pipeline.step(self.now, Input::Verdicts(&verdicts), &mut effects);
        while let Some(effect) = effects.pop() {
            let input = match effect {
                Effect::CallMessageHook { message } => {
                    Input::MessageHookEnded { message, end: HookEnd::Outputs(0) }
                }
                Effect::CallWindowHook { window } => {
                    Input::WindowHookEnded { window, end: HookEnd::Outputs(0) }
                }
                Effect::Settled { .. } => {
                    self.settled += 1;
                    continue;
                }
                _ => continue,
            };
            self.pipeline.step(self.now, input, &mut effects);
        }
        self.verdicts = verdicts;
    }
}
