//! A chain to bytes.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::MAGIC;
use crate::encoding;
use crate::params::Rules;

/// Writes a chain file. The same chain gives the same bytes.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    hash: Sha256,
    blocks: u64,
}

impl<W: Write> Writer<W> {
    /// Begins the file of a network with these rules.
    pub fn begin(output: W, rules: &Rules) -> io::Result<Writer<W>> {
        let mut writer = Writer { output, hash: Sha256::new(), blocks: 0 };
        writer.put(MAGIC)?;
        writer.piece(&encoding::encode(rules))?;
        Ok(writer)
    }

    /// Adds the next block of the chain, from height 1 on, by its canonical encoding.
    pub fn block(&mut self, encoded: &[u8]) -> io::Result<()> {
        self.blocks += 1;
        self.piece(encoded)
    }

    /// Ends the file; what it was written to.
    pub fn end(mut self) -> io::Result<W> {
        self.put(&0u32.to_be_bytes())?;
        self.put(&self.blocks.to_le_bytes())?;
        let checksum = self.hash.finalize();
        self.output.write_all(&checksum)?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.put(&length.to_be_bytes())?;
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.output.write_all(bytes)
    }
}
