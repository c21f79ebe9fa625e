//! An answer that stays as it is while nothing happens to the node: made once, given many times.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The last answer, and the moment it was made of.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Option<(u64, Bytes)>>);

impl Kept {
    /// The answer, if it was made of the moment `now`.
    pub(super) fn of(&self, now: u64) -> Option<Bytes> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(moment, _)| *moment == now).map(|(_, answer)| answer.clone())
    }

    /// Keeps `answer`. `moment` was asked for before the node was: if something happened between the two, the
    /// answer is of a later moment, and is never found.
    pub(super) fn keep(&self, moment: u64, answer: Bytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((moment, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_of_its_moment_alone() {
        let kept = Kept::default();
        assert_eq!(kept.of(0), None);
        kept.keep(3, Bytes::from_static(b"three"));
        assert_eq!((kept.of(2), kept.of(3).as_deref(), kept.of(4)), (None, Some(&b"three"[..]), None));
    }
}
