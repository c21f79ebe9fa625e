//! Frames: how messages are cut out of a stream of bytes, and bytes made of them.
//!
//! A frame is a length (u32, big-endian: bytes of what follows), a kind (u8) and that kind's body. What a
//! frame may weigh is known from those five bytes alone, so that a stranger who claims more than its kind
//! may have is refused before the claim costs anything; memory follows the bytes that arrive, never a
//! length.
//!
//! Lives here: the codec, pure over buffers. Not here: sockets, time limits of a frame (`net`), and what
//! may be said when (`peer`).

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::limits::{FRAME_HEADER_BYTES, MAX_HANDSHAKE_FRAME_BYTES, MAX_UNKNOWN_FRAME_BYTES};
use crate::wire;
use crate::wire::message::{Kind, Message};

/// Bytes of the length.
const LENGTH_BYTES: usize = 4;

/// Most bytes reserved ahead of the bytes that fill them: what a lying length can make us allocate.
const RESERVE_BYTES: usize = 16 * 1024;

/// A buffer that a frame larger than this has swollen is given back after it, or every connection that
/// ever carried a large block would keep a megabyte.
const KEPT_BYTES: usize = 64 * 1024;

/// Room that most frames fit, so that they are written without growing it on the way.
const USUAL_BYTES: usize = 256;

/// Largest content (kind and body) of any frame once the handshake is done.
const LARGEST: usize = {
    let mut largest = MAX_UNKNOWN_FRAME_BYTES;
    let mut i = 0;
    while i < Kind::ALL.len() {
        if Kind::ALL[i].cap() > largest {
            largest = Kind::ALL[i].cap();
        }
        i += 1;
    }
    largest
};

const _: () = assert!(FRAME_HEADER_BYTES == LENGTH_BYTES + 1 && LARGEST < u32::MAX as usize);

/// What one frame held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// Something well framed, of a kind that this version does not know; its body was skipped.
    Unknown {
        /// The kind byte.
        kind: u8,
        /// The frame's length: kind and body.
        length: u32,
    },
}

/// Why no further frame can be had from a stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no message: the sender's fault.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// The stream failed, or ended inside a frame (`UnexpectedEof`): nobody's fault.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Frames to bytes and back, of one connection.
#[derive(Debug, Clone, Default)]
pub struct FrameCodec {
    /// Until then every frame is as small as a Hello.
    handshake_done: bool,
}

impl FrameCodec {
    /// The codec of a connection that has just begun: no frame is over [`MAX_HANDSHAKE_FRAME_BYTES`].
    pub fn new() -> FrameCodec {
        FrameCodec::default()
    }

    /// From now on each kind has its own cap. To be called when a Hello came, before the next frame is
    /// asked for: what follows it may be in the buffer already.
    pub fn handshake_done(&mut self) {
        self.handshake_done = true;
    }

    /// Largest content of any frame in this phase.
    fn largest(&self) -> usize {
        if self.handshake_done { LARGEST } else { MAX_HANDSHAKE_FRAME_BYTES }
    }

    /// Largest content of a frame of the kind that `byte` is.
    fn cap(&self, byte: u8) -> usize {
        Kind::from_byte(byte).map_or(MAX_UNKNOWN_FRAME_BYTES, Kind::cap).min(self.largest())
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, Error> {
        let Some((prefix, content)) = source.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix);
        if length == 0 {
            return Err(wire::Error::EmptyFrame.into());
        }
        let cap = content.first().map_or(self.largest(), |byte| self.cap(*byte));
        if length as usize > cap {
            return Err(wire::Error::FrameTooLarge { length, cap: cap as u32 }.into());
        }
        let total = LENGTH_BYTES + length as usize;
        let Some((byte, body)) = content.get(..length as usize).and_then(<[u8]>::split_first) else {
            source.reserve((total - source.len()).min(RESERVE_BYTES));
            return Ok(None);
        };
        let frame = match Kind::from_byte(*byte) {
            Some(kind) => Frame::Message(Message::decode_body(kind, body)?),
            None => Frame::Unknown { kind: *byte, length },
        };
        source.advance(total);
        if total > KEPT_BYTES && source.len() <= RESERVE_BYTES {
            *source = BytesMut::from(&source[..]);
        }
        Ok(Some(frame))
    }

    /// A stream may end between two frames, not inside one.
    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(source)? {
            None if !source.is_empty() => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            frame => Ok(frame),
        }
    }
}

impl Encoder<&Message> for FrameCodec {
    type Error = Error;

    fn encode(&mut self, message: &Message, sink: &mut BytesMut) -> Result<(), Error> {
        sink.extend_from_slice(&encode(message));
        Ok(())
    }
}

impl Encoder<Message> for FrameCodec {
    type Error = Error;

    fn encode(&mut self, message: Message, sink: &mut BytesMut) -> Result<(), Error> {
        Encoder::<&Message>::encode(self, &message, sink)
    }
}

/// The whole frame of `message`: one encoding, to be sent to many.
pub fn encode(message: &Message) -> Bytes {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.resize(FRAME_HEADER_BYTES, 0);
    message.encode_body(&mut bytes);
    finish(message.kind(), bytes)
}

/// What comes before a block's canonical encoding in the frame of a Block message: stored blocks are sent
/// without being decoded, or copied.
pub fn before_block(block_encoding: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
    header(Kind::Block, block_encoding.len())
}

/// Writes length and kind into the room that `bytes` begins with.
fn finish(kind: Kind, mut bytes: Vec<u8>) -> Bytes {
    let header = header(kind, bytes.len() - FRAME_HEADER_BYTES);
    bytes[..FRAME_HEADER_BYTES].copy_from_slice(&header);
    Bytes::from(bytes)
}

/// Length and kind of a frame whose body has `body` bytes.
fn header(kind: Kind, body: usize) -> [u8; FRAME_HEADER_BYTES] {
    let length = body + FRAME_HEADER_BYTES - LENGTH_BYTES;
    debug_assert!(length <= kind.cap(), "a {kind} of {length} bytes is over its own cap");
    // What would not fit the field is far over every cap: the other side refuses it.
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [a, b, c, d, kind as u8]
}

#[cfg(test)]
mod tests;
