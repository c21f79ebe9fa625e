//! Memory, held against the bytes that paid for it.

/// What a byte of the wire may cost in memory at most: the smallest transaction, in a list that just grew.
const PER_BYTE: u64 = 16;

/// What may be reserved ahead of the bytes, in all.
const AHEAD: u64 = 64 * 1024;

/// Does `work`, and asserts that it never held more than `arrived` bytes may cost, and `cap` beside.
pub fn follows<T>(arrived: usize, cap: usize, work: impl FnOnce() -> T) -> T {
    let mut done = None;
    let info = allocation_counter::measure(|| done = Some(work()));
    let allowed = PER_BYTE * arrived as u64 + AHEAD + cap as u64;
    assert!(info.bytes_max <= allowed, "{arrived} bytes made us hold {}", info.bytes_max);
    done.expect("the work was done")
}
