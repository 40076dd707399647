//! Offsets that the broker does not have any more: retention passed us.
//!
//! The client goes on at the oldest offset there is and tells it only by a line of its log. Between where it wanted to read
//! and the first offset that exists, messages are lost. A gap between two messages proves nothing: compaction and
//! transactions leave gaps as well.

use drakkar_core::{ids::Offset, source::SourceEvent};
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::{
    assignment::{Assigned, Assignments},
    context::Context,
    outbox::Outbox,
    thread::SourceThread,
    watermarks,
};

/// An offset that was asked for and is not there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reset {
    /// The partition and the offset, as far as the line could be read.
    pub(crate) place: Option<(i32, i64)>,
    /// What the client said.
    pub(crate) text: String,
}

/// What a line of the client's log says about an offset that is not there.
pub(crate) fn reset(facility: &str, line: &str) -> Option<Reset> {
    (facility == "OFFSET" && line.contains("offset reset"))
        .then(|| Reset { place: place(line), text: line.to_owned() })
}

/// `in [3]: offset reset (at offset 17 (leader epoch 0), broker 1) to ...`
fn place(line: &str) -> Option<(i32, i64)> {
    let (before, after) = line.split_once("]: offset reset (at offset ")?;
    let partition = before.rsplit_once('[')?.1.parse().ok()?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    Some((partition, after[..digits].parse().ok()?))
}

/// What is lost of a partition whose offset was not there, once that can be told. `first` is the first offset that was read
/// since.
pub(crate) fn lost(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    assigned: &mut Assigned,
    first: Option<i64>,
) -> Option<SourceEvent> {
    let from = assigned.reset?;
    let low = watermarks::cached(consumer, topic, assigned.assignment.partition.0).map(|w| w.low);
    let to = gone(from, low, first);
    if first.is_some() || to.is_some() {
        assigned.reset = None;
    }
    let to = Offset(to?);
    Some(SourceEvent::Lost { assignment: assigned.assignment, from: Offset(from), to })
}

/// The end of what is lost from `from` on, given the first offset that exists and the first that was read since.
///
/// Where the partition begins below `from`, its log was cut off at the end: what is there comes again, and nothing is lost.
fn gone(from: i64, low: Option<i64>, first: Option<i64>) -> Option<i64> {
    let low = low.filter(|low| *low > from)?;
    Some(first.filter(|first| *first > from).map_or(low, |first| low.min(first)))
}

/// Notes where the client had to go on elsewhere. Comes before the records that it read there.
pub(crate) fn note_resets(
    consumer: &BaseConsumer<Context>,
    assignments: &mut Assignments,
    outbox: &mut Outbox,
) {
    while let Some(Reset { place, text }) = consumer.context().take_reset() {
        if let Some((partition, at)) = place
            && let Some(assigned) = assignments.get_mut(partition)
        {
            assigned.reset = Some(at);
        }
        outbox.trouble(format!("the broker does not have the offset that was asked for: {text}"));
    }
}

impl SourceThread {
    /// Reports losses of partitions that nothing comes from.
    pub(crate) fn report_lost(&mut self) {
        for assigned in self.assignments.iter_mut().filter(|a| a.reset.is_some() && !a.revoking) {
            if let Some(event) = lost(&self.consumer, &self.settings.topic, assigned, None) {
                self.outbox.emit(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_client_is_understood() {
        let line = "[thrd:main]: my-[1]topic [3]: offset reset (at offset 17 (leader epoch 0), broker 1) to offset BEGINNING \
                    (leader epoch -1): fetch failed due to requested offset not available on the broker: Broker: Offset out \
                    of range";
        assert_eq!(reset("OFFSET", line).unwrap().place, Some((3, 17)));
        assert_eq!(reset("FETCH", line), None);
        assert_eq!(reset("OFFSET", "something else"), None);
        assert_eq!(reset("OFFSET", "in words of a later version: offset reset").unwrap().place, None);
    }

    #[test]
    fn only_what_lies_below_the_first_offset_is_lost() {
        assert_eq!(gone(10, Some(50), None), Some(50));
        assert_eq!(gone(10, Some(50), Some(60)), Some(50), "a gap behind it is none");
        assert_eq!(gone(10, Some(70), Some(60)), Some(60), "deleted after it was read");
        assert_eq!(gone(10, Some(10), Some(60)), None, "compacted");
        assert_eq!(gone(10, Some(0), Some(0)), None, "cut off at the end");
        assert_eq!(gone(10, None, None), None, "not known yet");
    }
}
