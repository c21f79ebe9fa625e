//! Kernels: ways to try the nonces of one header, which find the same and differ in speed.
//!
//! Lives here: which there are, which of them this machine has, and the one way in. A kernel computes of each
//! hash only the last word, which is the hash's highest, and calls a nonce a candidate if that is not above the
//! target's; whether a candidate is good is for the caller to say, by the library and the whole hash. So a kernel
//! can miss a block, which the tests are for, but never make one that is none.

use core::fmt;
use core::str::FromStr;

mod portable;
mod tail;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use tail::{END, HEADER_BITS, INITIAL, Tail};

#[cfg(target_arch = "x86_64")]
use x86::enter;

/// A way to try nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// One after another with the library, which uses what the processor has for one hash; runs anywhere.
    Sha2,
    /// Eight side by side in AVX2.
    Avx2,
    /// Two side by side with the processor's SHA instructions.
    ShaNi,
    /// 32 side by side in AVX-512.
    Avx512,
}

/// A name that no kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of sha2, avx2, sha-ni, avx512")]
pub struct UnknownKernel;

impl Kernel {
    /// All, slower ones first, by what docs/performance.md tells of them.
    pub const ALL: [Kernel; 4] = [Kernel::Sha2, Kernel::Avx2, Kernel::ShaNi, Kernel::Avx512];

    /// The fastest that this machine has.
    pub fn fastest() -> Kernel {
        Kernel::ALL.into_iter().rev().find(|kernel| kernel.is_there()).unwrap_or(Kernel::Sha2)
    }

    /// Those that this machine has, slower ones first.
    pub fn there() -> impl Iterator<Item = Kernel> {
        Kernel::ALL.into_iter().filter(|kernel| kernel.is_there())
    }

    /// Whether this machine has it.
    pub fn is_there(self) -> bool {
        match self {
            Kernel::Sha2 => true,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => enter::avx2::is_there(),
            #[cfg(target_arch = "x86_64")]
            Kernel::ShaNi => enter::sha_ni::is_there(),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => enter::avx512::is_there(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Kernel::Sha2 => "sha2",
            Kernel::Avx2 => "avx2",
            Kernel::ShaNi => "sha-ni",
            Kernel::Avx512 => "avx512",
        }
    }

    /// The first of `count` nonces from `from` on that is a candidate and `good`. A kernel that this machine
    /// does not have leaves the work to [`Kernel::Sha2`].
    pub(super) fn scan(self, tail: &Tail, from: u32, count: u64, good: &dyn Fn(u32) -> bool) -> Option<u32> {
        let scanned = match self {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => enter::avx2::scan(tail, from, count, good),
            #[cfg(target_arch = "x86_64")]
            Kernel::ShaNi => enter::sha_ni::scan(tail, from, count, good),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => enter::avx512::scan(tail, from, count, good),
            _ => None,
        };
        scanned.unwrap_or_else(|| portable::scan(tail, from, count, good))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;
    fn from_str(text: &str) -> Result<Kernel, UnknownKernel> {
        Kernel::ALL.into_iter().find(|kernel| kernel.name() == text).ok_or(UnknownKernel)
    }
}
