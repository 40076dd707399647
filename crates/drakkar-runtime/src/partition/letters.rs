//! Writes dead letters and waits for their acknowledgement.

use std::{panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use drakkar_core::{
    error::Class,
    event::Event,
    handler::Handler,
    ids::{Offset, Seq},
    message::Record,
    payload::Payload,
    pipeline::{Input, Letter, Owner},
};

use super::{Partition, store::Content};
use crate::{
    dead_letter::{Cause, DeadLetter, Stage},
    port::{FailedPayload, Tag},
};

/// A dead letter of which parts are not acknowledged.
#[derive(Debug)]
pub(super) struct PendingLetter {
    letter: Letter,
    parts: usize,
    offset: Offset,
    stage: Stage,
    error: Arc<str>,
}

impl<H: Handler> Partition<H> {
    pub(super) fn letter_message(&mut self, seq: Seq) {
        let unknown =
            || Cause::new(Stage::Task, "failed for an unknown reason".to_owned(), Class::Permanent, 1);
        let Some(held) = self.messages.get_mut(seq) else { return };
        let (mut cause, more) = held.cause.take().map_or_else(|| (unknown(), 0), |c| *c);
        if more > 0 {
            cause.error.push_str(&format!(" (and {more} more failures of this message)"));
        }
        let label = self.label(seq);
        let Some(record) = self.messages.get_mut(seq).map(|h| h.content.record()) else { return };
        let letter = DeadLetter {
            record,
            label: &label,
            cause: &cause,
            delivery: None,
            worker: self.shared.ctx.worker(),
            now: SystemTime::now(),
        };
        let (offset, parts) = (record.offset, letter.encode());
        self.send_letter(Letter::Message(seq), offset, &cause, parts);
    }

    /// Dead-letters the outputs of a hook that failed for good: one letter per sink.
    pub(super) fn letter_outputs(&mut self, owner: Owner) {
        let seq = self.first_of(owner);
        let failed = self.failed.take_letters(owner);
        let label = seq.map_or_else(String::new, |s| self.label(s));
        let record = seq
            .and_then(|s| self.messages.get_mut(s))
            .map(|held| held.content.record().clone())
            .unwrap_or_else(|| self.nameless_record());
        let mut parts = Vec::new();
        let mut first_cause = None;
        for (sink, (kind, name)) in self.shared.sink_names.iter().enumerate() {
            let refused: Vec<&FailedPayload> = failed.iter().filter(|f| f.sink == sink).collect();
            let Some(first) = refused.first() else { continue };
            let (error, class) = (first.failure.message.to_string(), first.failure.class);
            let cause = Cause::new(Stage::Delivery, error, class, first.attempts);
            let payloads: Vec<&Payload> = refused.iter().map(|f| &f.payload).collect();
            let letter = DeadLetter {
                record: &record,
                label: &label,
                cause: &cause,
                delivery: Some((kind.as_str(), name, payloads)),
                worker: self.shared.ctx.worker(),
                now: SystemTime::now(),
            };
            parts.extend(letter.encode());
            first_cause.get_or_insert(cause);
        }
        match first_cause {
            Some(cause) => self.send_letter(Letter::Outputs(owner), record.offset, &cause, parts),
            None => debug_assert!(false, "a dead letter without a failed payload"),
        }
    }

    fn send_letter(&mut self, letter: Letter, offset: Offset, cause: &Cause, parts: Vec<Payload>) {
        self.letters.push(PendingLetter {
            letter,
            parts: parts.len(),
            offset,
            stage: cause.stage,
            error: cause.error.as_str().into(),
        });
        let Some(outbox) = self.outboxes.last_mut() else { return };
        for payload in parts {
            self.shared.bytes.take(payload.size());
            outbox.push((Tag::Letter(letter), payload));
        }
    }

    /// A part of a dead letter was acknowledged; with the last one the letter is.
    pub(super) fn letter_acknowledged(&mut self, letter: Letter) {
        let Some(index) = self.letters.iter().position(|l| l.letter == letter) else { return };
        self.letters[index].parts -= 1;
        if self.letters[index].parts > 0 {
            return;
        }
        let done = self.letters.swap_remove(index);
        self.shared.events.emit(&Event::DeadLettered {
            partition: self.assignment.partition,
            offset: done.offset,
            stage: done.stage.as_str(),
            error: done.error,
        });
        self.step(Input::Lettered(letter));
    }

    /// What the handler calls a message; its position where that is not to be had.
    fn label(&mut self, seq: Seq) -> String {
        let Some(held) = self.messages.get_mut(seq) else { return String::new() };
        let record = held.content.record();
        let position = format!("{}:{}", record.partition, record.offset);
        match &held.content {
            Content::Decoded(message) if H::HOOKS.message_label => {
                let call = AssertUnwindSafe(|| self.shared.handler.message_label(message));
                std::panic::catch_unwind(call).unwrap_or(position)
            }
            _ => position,
        }
    }

    /// Stands in for the message of a task that answers for none.
    fn nameless_record(&self) -> Record {
        Record {
            topic: "".into(),
            partition: self.assignment.partition,
            offset: Offset(-1),
            timestamp_ms: None,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }
}
