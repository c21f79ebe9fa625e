//! Entropy of the operating system, for what must not be guessed.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::cli::Failure;

/// `N` random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
        Failure::new(
            format!("the operating system gives no random numbers: {error}"),
            "check that /dev/urandom exists and can be read",
        )
    })?;
    Ok(bytes)
}
