//! Kernels for what x86-64 processors of the last years have.
//!
//! Lives here: double SHA-256 in vectors (`lanes`, with `avx2` and `avx512`) and with SHA instructions (`sha_ni`),
//! all of it safe code; and the way into it (`enter`), which is not. Not here: the choice among them.

mod avx2;
mod avx512;
pub mod enter;
mod lanes;
mod rounds;
mod sha_ni;
