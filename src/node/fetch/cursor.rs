//! How far the bodies of the best headers' chain are here, and how far they have been asked for.

use crate::chain::Chain;
use crate::limits::DOWNLOAD_WINDOW;
use crate::types::BlockHash;

#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The lowest height on the best headers' chain whose body is not here.
    lowest: u64,
    /// The next height to ask for, and the best headers' hash below it when that was found.
    next: u64,
    below: Option<BlockHash>,
}

impl Cursor {
    /// Brings the two marks to where they belong on the best headers' chain, which may be another one now.
    pub(super) fn follow(&mut self, chain: &Chain) {
        let common = chain.common_height();
        if self.next == 0 || chain.best_header_at(self.next - 1) != self.below {
            self.lowest = common + 1;
            self.next = common + 1;
        }
        self.lowest = self.lowest.max(common + 1);
        while chain.best_header_at(self.lowest).is_some_and(|hash| chain.has_body(&hash)) {
            self.lowest += 1;
        }
        self.next = self.next.max(self.lowest);
    }

    /// Remembers on which chain it is.
    pub(super) fn rest(&mut self, chain: &Chain) {
        self.below = chain.best_header_at(self.next.saturating_sub(1));
    }

    /// The last height that may be asked for: the best headers' or the window's end.
    pub(super) fn end(&self, chain: &Chain) -> u64 {
        chain.best_header().height.min(self.lowest + DOWNLOAD_WINDOW - 1)
    }

    /// The next height to ask for, if that is not beyond `end`; from then on it has been asked for.
    pub(super) fn take(&mut self, end: u64) -> Option<u64> {
        let height = self.next;
        (height <= end).then(|| {
            self.next += 1;
            height
        })
    }

    /// Whether no body is missing below `height`.
    pub(super) fn is_lowest(&self, height: u64) -> bool {
        self.lowest == height
    }

    /// Whether `height` has been asked for.
    pub(super) fn has_passed(&self, height: u64) -> bool {
        height < self.next
    }

    /// How many headers are known beyond the first missing body.
    pub(super) fn headers_ahead(&self, chain: &Chain) -> u64 {
        let first_missing = self.lowest.max(chain.common_height() + 1);
        (chain.best_header().height + 1).saturating_sub(first_missing)
    }
}
