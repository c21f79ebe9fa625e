//! Links that somebody made slow: each frame waits in its sender's queue until its time has come.
//!
//! A link without a fault has none of this: no timer, no clock that is read.

use rand_chacha::ChaCha12Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::peer::Line;

/// What decides when a frame's time has come. Frames keep their order.
pub(super) struct Late {
    /// How slow the link is; its sender is gone when it is slow no longer.
    line: watch::Receiver<Line>,
    dice: ChaCha12Rng,
    /// When the last frame was due: the next is not before.
    last: Option<Instant>,
}

impl Late {
    pub(super) fn new(line: watch::Receiver<Line>, dice: ChaCha12Rng) -> Late {
        Late { line, dice, last: None }
    }

    /// When a frame of so many bytes that was queued `at` is due, if that is to come yet.
    pub(super) fn due(&mut self, at: Instant, bytes: usize) -> Option<Instant> {
        // An error: the link is not slow any more.
        let _ = self.line.has_changed().ok()?;
        let delay = self.line.borrow_and_update().delay(bytes, &mut self.dice);
        // No fault is so large that the clock could not say it.
        let due = at.checked_add(delay)?.max(self.last.unwrap_or(at));
        self.last = Some(due);
        (due > Instant::now()).then_some(due)
    }

    /// Waits until then; or until the link is slow no longer, or slow in another way that makes it sooner.
    pub(super) async fn wait(&mut self, mut due: Instant, at: Instant, bytes: usize) {
        loop {
            tokio::select! {
                () = sleep_until(due) => return,
                changed = self.line.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            let delay = self.line.borrow_and_update().delay(bytes, &mut self.dice);
            due = at.checked_add(delay).map_or(due, |sooner| sooner.min(due));
            self.last = Some(due);
        }
    }
}
