//! The part of a header that a search changes, as the kernels take it: words of SHA-256, no bytes.

/// SHA-256's initial state (FIPS 180-4, 5.3.3).
pub const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The one bit that ends a message, where it begins a word.
pub const END: u32 = 0x8000_0000;
/// Bits of a header: the last word of its second block.
pub const HEADER_BITS: u32 = 640;
/// Bits of a hash: the last word of the only block of the second hash.
pub const HASH_BITS: u32 = 256;

/// A header's second block without its nonce, and what is looked for.
#[derive(Debug, Clone)]
pub struct Tail {
    /// The state after the header's first 64 bytes.
    pub midstate: [u32; 8],
    /// The words before the nonce: the end of the Merkle root, the time, the bits.
    pub words: [u32; 3],
    /// The target's highest 32 bits: a hash whose own are more is no candidate.
    pub top: u32,
}
