//! The way into code for processors that have more than every x86-64 has: all that is unsafe in this program.
//!
//! The kernels themselves are safe code: they touch no memory but their own variables, and the compiler lets
//! a function with features call the instructions of those features, and no others. What it cannot know is
//! which machine this will be, so to enter such a function is unsafe: a processor without its features would do
//! anything at all with its instructions. `entry!` writes, from one list of features, the question whether
//! the processor and the operating system have them, the function into which the kernel is compiled, and the
//! only call of that, behind the question. Thus:
//! - no call is reached on a machine where the question was not answered with yes: the answer is asked for
//!   at each entry (it is kept by the standard library, and costs a load), not remembered elsewhere;
//! - the list asked for is the list compiled for: both are the same tokens. A kernel that used another feature
//!   would not compile, because the call of the kernel itself is safe code.

#![allow(unsafe_code, reason = "a function for features that not every machine has; the argument is above")]

use std::arch::is_x86_feature_detected;

use crate::miner::kernel::tail::Tail;
use crate::miner::kernel::x86;

macro_rules! entry {
    ($kernel:ident: $($feature:tt)+) => {
        pub mod $kernel {
            use super::*;

            /// Whether this machine has what it takes.
            pub fn is_there() -> bool {
                $(is_x86_feature_detected!($feature))&&+
            }

            $(#[target_feature(enable = $feature)])+
            fn entered(tail: &Tail, from: u32, count: u64, good: &dyn Fn(u32) -> bool) -> Option<u32> {
                x86::$kernel::scan(tail, from, count, good)
            }

            /// What the kernel says; nothing where it cannot run.
            pub fn scan(
                tail: &Tail,
                from: u32,
                count: u64,
                good: &dyn Fn(u32) -> bool,
            ) -> Option<Option<u32>> {
                // SAFETY: all that `entered` asks for are these features, and this machine has them.
                is_there().then(|| unsafe { entered(tail, from, count, good) })
            }
        }
    };
}

entry!(avx2: "avx2");
entry!(avx512: "avx512f" "avx512bw");
entry!(sha_ni: "sha" "sse2" "ssse3" "sse4.1");
