//! Bytes to blocks: one at a time, nothing believed before it was read, and an end that says that all of it
//! was there.

use std::io::{self, Read};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{BadFile, FAMILY, MAGIC};
use crate::encoding;
use crate::limits::{MAX_BLOCK_BYTES, MAX_CHAIN_FILE_RULES_BYTES};
use crate::params::{Params, Rules};
use crate::types::Block;

/// Reads a chain file.
#[derive(Debug)]
pub struct Reader<R> {
    tape: Tape<R>,
    params: Arc<Params>,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning, which names the network.
    pub fn begin(input: R) -> Result<Reader<R>, BadFile> {
        let mut tape = Tape { input, hash: Sha256::new(), blocks: 0, bytes: 0 };
        match tape.array() {
            Ok(magic) if magic == *MAGIC => {}
            Ok(magic) if magic.starts_with(FAMILY) => return Err(BadFile::Newer),
            Ok(_) | Err(BadFile::Truncated { .. }) => return Err(BadFile::NotOne),
            Err(error) => return Err(error),
        }
        let claimed = tape.length()?;
        let rules = tape.piece(claimed, MAX_CHAIN_FILE_RULES_BYTES, "the description of the network")?;
        let rules: Rules = encoding::decode(&rules).map_err(BadFile::Rules)?;
        Ok(Reader { tape, params: Arc::new(Params::from_rules(&rules)?) })
    }

    /// The network.
    pub fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.tape.bytes
    }

    /// Blocks read so far, which is the height of the last one.
    pub fn blocks(&self) -> u64 {
        self.tape.blocks
    }

    /// The next block; none at the end, once that was found to be the end of all that was read.
    pub fn block(&mut self) -> Result<Option<Block>, BadFile> {
        let claimed = self.tape.length()?;
        if claimed == 0 {
            self.tape.end()?;
            return Ok(None);
        }
        let height = self.tape.blocks + 1;
        let encoded = self.tape.piece(claimed, MAX_BLOCK_BYTES, "a block")?;
        let block = encoding::decode(&encoded).map_err(|error| BadFile::Block { height, error })?;
        self.tape.blocks = height;
        Ok(Some(block))
    }
}

/// Bytes on their way in, and what they came to so far.
#[derive(Debug)]
struct Tape<R> {
    input: R,
    hash: Sha256,
    blocks: u64,
    bytes: u64,
}

impl<R: Read> Tape<R> {
    fn fill(&mut self, to: &mut [u8]) -> Result<(), BadFile> {
        self.input.read_exact(to).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BadFile::Truncated { blocks: self.blocks },
            _ => BadFile::Io(error),
        })?;
        self.hash.update(&*to);
        self.bytes += to.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadFile> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    fn length(&mut self) -> Result<u32, BadFile> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn piece(&mut self, claimed: u32, max: usize, what: &'static str) -> Result<Vec<u8>, BadFile> {
        let length = claimed as usize;
        if length > max {
            return Err(BadFile::TooLarge { what, after: self.blocks, claimed, max });
        }
        let mut piece = vec![0; length];
        self.fill(&mut piece)?;
        Ok(piece)
    }

    fn end(&mut self) -> Result<(), BadFile> {
        let told = u64::from_le_bytes(self.array()?);
        let checksum: [u8; 32] = self.hash.clone().finalize().into();
        if self.array()? != checksum {
            return Err(BadFile::Checksum);
        }
        if told != self.blocks {
            return Err(BadFile::Count { found: self.blocks, told });
        }
        match self.input.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(BadFile::TrailingBytes),
        }
    }
}
