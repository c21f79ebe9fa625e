//! The commands of `networkmngr`, as one types them: against real networks on free ports, each in a folder of
//! its own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod codes;
mod evening;
mod examples;
mod harness;
mod lessons;
mod lives;
mod renew;
mod streams;
mod tutorial;
