use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::encoding;
use crate::encoding::Error as Body;
use crate::limits::{MAX_BLOCK_BYTES, MAX_HEADERS};
use crate::params::Params;
use crate::types::Header;
use crate::wire::manage::Command;
use crate::wire::message::Ping;
use crate::wire::samples::{any_message, commands, messages};

fn ready() -> FrameCodec {
    let mut codec = FrameCodec::new();
    codec.handshake_done();
    codec
}

/// All frames of a stream that comes in these pieces.
fn read<'a>(mut codec: FrameCodec, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Frame>, Error> {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(frame) = codec.decode(&mut buffer)? {
            frames.push(frame);
        }
    }
    while let Some(frame) = codec.decode_eof(&mut buffer)? {
        frames.push(frame);
    }
    Ok(frames)
}

/// A frame by hand, whatever its parts.
fn frame(length: u32, kind: u8, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], &[kind], body].concat()
}

fn small() -> Vec<Message> {
    messages().into_iter().filter(|message| encode(message).len() < 400).collect()
}

#[test]
fn every_message_goes_through_the_framed_path() {
    for message in messages() {
        let mut sent = BytesMut::new();
        ready().encode(&message, &mut sent).expect("encoding is free of errors");
        assert_eq!(sent, encode(&message));
        assert!(sent.len() - LENGTH_BYTES <= message.kind().cap(), "{} is over its cap", message.kind());
        assert_eq!(read(ready(), [&sent[..]]).expect("good bytes"), [Frame::Message(message)]);
    }
    for command in commands() {
        assert_eq!(encoding::decode(&encoding::encode(&command)), Ok(command));
    }
}

/// Row 6 of docs/hostile.md.
#[test]
fn a_cut_anywhere_and_single_bytes_read_the_same() {
    for message in small() {
        let sent = encode(&message);
        let expected = [Frame::Message(message)];
        for at in 0..=sent.len() {
            let (left, right) = sent.split_at(at);
            assert_eq!(read(ready(), [left, right]).expect("good bytes"), expected, "cut at {at}");
        }
        assert_eq!(read(ready(), sent.chunks(1)).expect("good bytes"), expected);
    }
}

/// Row 6 of docs/hostile.md.
#[test]
fn three_frames_in_one_segment_are_three() {
    let three = [1, 2, 3].map(|nonce| Message::Ping(Ping { nonce }));
    let sent = three.each_ref().map(encode).concat();
    assert_eq!(read(ready(), [&sent[..]]).expect("good bytes"), three.map(Frame::Message));
}

#[test]
fn a_stored_block_is_sent_as_it_is() {
    let block = Params::regtest().genesis().clone();
    let stored = encoding::encode(&block);
    assert_eq!([&before_block(&stored)[..], &stored].concat(), encode(&Message::Block(block.into())));
}

/// Row 12 of docs/hostile.md.
#[test]
fn unknown_kinds_are_skipped_within_their_cap() {
    let sent = [&frame(4, 0x7f, &[1, 2, 3])[..], &encode(&Message::Ping(Ping { nonce: 1 }))].concat();
    let frames = read(ready(), [&sent[..]]).expect("well framed");
    assert_eq!(frames[0], Frame::Unknown { kind: 0x7f, length: 4 });
    assert_eq!(frames[1], Frame::Message(Message::Ping(Ping { nonce: 1 })));
    for kind in [0x11, 0x3f, 0x43, 0xff] {
        assert!(matches!(read(ready(), [&frame(1, kind, &[])[..]]).as_deref(), Ok([Frame::Unknown { .. }])));
    }
}

/// (what it is, whether the handshake is done, bytes, the error)
/// Rows 1, 3, 7, 8, 10 and 13 of docs/hostile.md.
#[test]
fn hostile_bytes_are_refused_for_what_they_are() {
    let too_large = |length: u32, cap: usize| wire::Error::FrameTooLarge { length, cap: cap as u32 };
    let body = |kind, error| wire::Error::BadBody { kind, error };
    let count = |count: u64| count.to_le_bytes();
    let ping = encode(&Message::Ping(Ping { nonce: 1 }));
    let hello = MAX_HANDSHAKE_FRAME_BYTES;
    let mut rows = vec![
        ("all ones", false, vec![0xff; 4], too_large(u32::MAX, hello)),
        ("all ones, later", true, vec![0xff; 4], too_large(u32::MAX, LARGEST)),
        ("an HTTP request", false, b"GET / HTTP/1.1\r\n".to_vec(), too_large(0x4745_5420, hello)),
        ("a TLS hello", false, vec![0x16, 3, 1, 2], too_large(0x1603_0102, hello)),
        ("no kind", false, vec![0; 4], wire::Error::EmptyFrame),
        ("no kind, later", true, vec![0; 4], wire::Error::EmptyFrame),
        ("1 KiB and a byte", false, frame(1025, 0, &[])[..4].to_vec(), too_large(1025, hello)),
        ("a ping too long, early", false, frame(10, 2, &[]), too_large(10, 9)),
        ("an unknown kind, early", false, frame(1025, 0xee, &[]), too_large(1025, hello)),
        ("an unknown kind", true, frame(65_537, 0xee, &[]), too_large(65_537, MAX_UNKNOWN_FRAME_BYTES)),
        ("part of a count", true, frame(2, 7, &[0]), body(Kind::Headers, Body::Truncated)),
        ("short ping", true, frame(8, 2, &[0; 7]), body(Kind::Ping, Body::Truncated)),
        ("no body", true, frame(1, 9, &[]), body(Kind::Block, Body::Truncated)),
        ("2001 headers", true, frame(9, 7, &count(2001)), body(Kind::Headers, Body::TooMany)),
        ("65 in a locator", true, frame(9, 6, &count(65)), body(Kind::GetHeaders, Body::TooMany)),
        ("17 blocks", true, frame(9, 8, &count(17)), body(Kind::GetBlocks, Body::TooMany)),
        ("1001 ids", true, frame(9, 0x0e, &count(1001)), body(Kind::HaveTransactions, Body::TooMany)),
        ("2^45 headers", true, frame(9, 7, &count(1 << 45)), body(Kind::Headers, Body::TooMany)),
        ("2^64-1 headers", true, frame(9, 7, &count(u64::MAX)), body(Kind::Headers, Body::TooMany)),
        ("no headers, and more", true, frame(10, 7, &[0; 9]), body(Kind::Headers, Body::TrailingBytes(1))),
        (
            "2 as a flag",
            true,
            frame(10, 6, &[0, 0, 0, 0, 0, 0, 0, 0, 2]),
            body(Kind::GetHeaders, Body::NoSuchValue),
        ),
        ("a fourth NewBlock", true, frame(5, 0x0b, &[3, 0, 0, 0]), body(Kind::NewBlock, Body::NoSuchValue)),
        ("a twelfth Bye", false, frame(5, 1, &[11, 0, 0, 0]), body(Kind::Bye, Body::NoSuchValue)),
    ];
    for kind in Kind::ALL {
        let cap = kind.cap();
        rows.push((
            "its cap and a byte",
            true,
            frame(cap as u32 + 1, kind as u8, &[]),
            too_large(cap as u32 + 1, cap),
        ));
        let early = cap.min(hello);
        rows.push((
            "early",
            false,
            frame(early as u32 + 1, kind as u8, &[]),
            too_large(early as u32 + 1, early),
        ));
    }
    for (what, done, bytes, error) in rows {
        let codec = if done { ready() } else { FrameCodec::new() };
        let mut buffer = BytesMut::from(&bytes[..]);
        let capacity = buffer.capacity();
        match codec.clone().decode(&mut buffer) {
            Err(Error::Wire(got)) => assert_eq!(got, error, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(buffer.capacity(), capacity, "{what} made us reserve");
        // A good frame before it is still read.
        let after = [&ping[..], &bytes].concat();
        assert!(matches!(codec.clone().decode(&mut BytesMut::from(&after[..])), Ok(Some(Frame::Message(_)))));
    }
}

/// Rows 2 and 8: a body that is nothing but a count, however large, costs no memory at all.
#[test]
fn a_count_without_its_elements_allocates_nothing() {
    let lists = [
        Kind::GetHeaders,
        Kind::Headers,
        Kind::GetBlocks,
        Kind::NotFound,
        Kind::HaveTransactions,
        Kind::GetTransactions,
        Kind::Transactions,
    ];
    // After a block's header, and after a command's sequence.
    let deeper = [(Kind::Block, Header::LEN), (Kind::Manage, 8)];
    for (kind, before) in lists.map(|kind| (kind, 0)).into_iter().chain(deeper) {
        for count in [1u64 << 60, u64::MAX, 1 << 45, 1 << 32] {
            let body = [&vec![0; before][..], &count.to_le_bytes()].concat();
            let mut buffer = BytesMut::from(&frame(body.len() as u32 + 1, kind as u8, &body)[..]);
            let mut codec = ready();
            let mut decoded = None;
            let cost = allocation_counter::measure(|| decoded = Some(codec.decode(&mut buffer)));
            let refusal = wire::Error::BadBody { kind, error: Body::TooMany };
            assert!(matches!(decoded, Some(Err(Error::Wire(error))) if error == refusal), "{kind}: {count}");
            assert_eq!(cost.count_total, 0, "{kind}: {count}: {cost:?}");
        }
    }
}

#[test]
fn a_stream_may_end_between_frames_only() {
    assert_eq!(read(ready(), []).expect("nothing at all"), []);
    let sent = encode(&Message::Ping(Ping { nonce: 1 }));
    for at in 1..sent.len() {
        match read(ready(), [&sent[..at]]) {
            Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
            other => panic!("cut at {at}: {other:?}"),
        }
    }
}

#[test]
fn memory_follows_the_bytes_and_not_the_length() {
    let mut buffer = BytesMut::from(&frame(LARGEST as u32, Kind::Block as u8, &[])[..]);
    assert!(matches!(ready().decode(&mut buffer), Ok(None)));
    assert!(buffer.capacity() <= 2 * RESERVE_BYTES, "{}", buffer.capacity());
    // And what a large frame took is given back after it.
    let headers = encode(&messages().into_iter().max_by_key(|m| encode(m).len()).expect("some"));
    assert!(headers.len() > MAX_HEADERS * Header::LEN);
    let mut buffer = BytesMut::with_capacity(MAX_BLOCK_BYTES);
    buffer.extend_from_slice(&headers);
    buffer.extend_from_slice(&headers[..100]);
    assert!(matches!(ready().decode(&mut buffer), Ok(Some(_))));
    assert_eq!(buffer, headers[..100]);
    assert!(buffer.capacity() < KEPT_BYTES);
}

proptest! {
    /// Row 6 of docs/hostile.md.
    #[test]
    fn any_message_survives_any_cut(message in any_message(), cuts in vec(any::<prop::sample::Index>(), 0..4)) {
        let sent = encode(&message);
        let mut body = Vec::new();
        message.encode_body(&mut body);
        prop_assert_eq!(&sent[FRAME_HEADER_BYTES..], &body[..]);
        prop_assert_eq!(Message::decode_body(message.kind(), &body), Ok(message.clone()));
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(sent.len())).collect();
        at.extend([0, sent.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|ends| &sent[ends[0]..ends[1]]);
        prop_assert_eq!(read(ready(), pieces).expect("good bytes"), [Frame::Message(message)]);
    }

    /// Row 11 of docs/hostile.md.
    #[test]
    fn random_bytes_never_panic_and_what_they_are_is_what_we_write(
        kind in prop_oneof![prop::sample::select(&Kind::ALL[..]).prop_map(|kind| kind as u8), any::<u8>()],
        body in vec(prop_oneof![3 => Just(0), 2 => 0..4u8, 1 => any::<u8>()], 0..300),
    ) {
        let sent = frame(body.len() as u32 + 1, kind, &body);
        for codec in [FrameCodec::new(), ready()] {
            if let Ok(frames) = read(codec, [&sent[..]]) {
                match &frames[..] {
                    [Frame::Message(message)] => prop_assert_eq!(&encode(message)[..], &sent[..]),
                    [Frame::Unknown { kind: as_read, .. }] => prop_assert_eq!(*as_read, kind),
                    other => prop_assert!(false, "one frame was sent: {:?}", other),
                }
            }
        }
        let _ = read(FrameCodec::new(), [&body[..]]);
        let _ = read(ready(), [&body[..]]);
    }

    /// Commands come inside a signed message, and are decoded apart from it.
    /// Row 11 of docs/hostile.md.
    #[test]
    fn a_command_has_one_encoding(
        tag in 0..8u8,
        bytes in vec(prop_oneof![3 => Just(0), 2 => 0..4u8, 1 => any::<u8>()], 0..60),
    ) {
        let bytes = [&[tag, 0, 0, 0], &bytes[..]].concat();
        if let Ok(command) = encoding::decode::<Command>(&bytes) {
            prop_assert_eq!(encoding::encode(&command), bytes);
        }
    }

    /// A good frame with a byte or two wrong: what still decodes is still canonical.
    /// Row 11 of docs/hostile.md.
    #[test]
    fn a_damaged_frame_is_refused_or_means_what_it_says(
        message in any_message(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut sent = encode(&message).to_vec();
        for (at, byte) in damage {
            let at = at.index(sent.len());
            sent[at] = byte;
        }
        if let Ok(Some(Frame::Message(read))) = ready().decode(&mut BytesMut::from(&sent[..])) {
            let again = encode(&read);
            prop_assert_eq!(&again[..], &sent[..again.len()]);
        }
    }
}
