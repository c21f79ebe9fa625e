//! What is to happen, by when: of two things at the same moment the one that was planned first.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events by their time. What is sorted is small; the events themselves do not move.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// Time in nanoseconds, serial number, place of the event.
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    serial: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), serial: 0 }
    }
}

impl<E> Queue<E> {
    /// Plans `event` for the time `at`.
    pub(super) fn push(&mut self, at: u64, event: E) {
        let place = match self.free.pop() {
            Some(place) => {
                self.events[place as usize] = Some(event);
                place
            }
            None => {
                self.events.push(Some(event));
                (self.events.len() - 1) as u32
            }
        };
        self.heap.push(Reverse((at, self.serial, place)));
        self.serial += 1;
    }

    /// The next event, if it is due by `end`, and its time.
    pub(super) fn pop(&mut self, end: u64) -> Option<(u64, E)> {
        let Reverse((at, _, place)) = *self.heap.peek().filter(|next| next.0.0 <= end)?;
        self.heap.pop();
        self.free.push(place);
        Some((at, self.events[place as usize].take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_equals_in_their_order() {
        let mut queue = Queue::default();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (9, 'e'), (1, 'b')] {
            queue.push(at, event);
        }
        let mut came = Vec::new();
        while let Some(next) = queue.pop(5) {
            came.push(next);
        }
        assert_eq!(came, [(1, 'a'), (1, 'b'), (5, 'c'), (5, 'd')]);
        queue.push(7, 'f');
        assert_eq!([queue.pop(8), queue.pop(8), queue.pop(9)], [Some((7, 'f')), None, Some((9, 'e'))]);
    }
}
