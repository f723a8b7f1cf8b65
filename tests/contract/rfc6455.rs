//! The WebSocket protocol frame by frame, as the fuzzing client of the Autobahn test suite asks it:
//! sizes, fragments, control frames in between, reserved bits and opcodes, UTF-8 and close codes.
//! The numbers are those of its cases. It expects an echo; here every message that is no request is
//! answered with `bad_request`, once, and the connection stays open.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::gateway::Gateway;
use crate::support::patience::stretched;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const MESSAGE_MAX: usize = 64 * 1024;
const WAIT: Duration = Duration::from_secs(20);

/// A frame of a client.
#[derive(Clone)]
struct Frame {
    opcode: u8,
    payload: Vec<u8>,
    last: bool,
    reserved: u8,
    masked: bool,
}

fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    let payload = payload.as_ref().to_vec();
    Frame { opcode, payload, last: true, reserved: 0, masked: true }
}

fn part(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { last: false, ..frame(opcode, payload) }
}

fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(CLOSE, [&code.to_be_bytes()[..], reason.as_ref()].concat())
}

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        let mask_bit = u8::from(self.masked) << 7;
        let mut bytes = vec![u8::from(self.last) << 7 | self.reserved << 4 | self.opcode];
        match self.payload.len() {
            length @ 0..=125 => bytes.push(mask_bit | length as u8),
            length @ 126..=0xffff => {
                bytes.push(mask_bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask_bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(
                self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask),
            );
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// What the gateway has sent, as far as it matters here.
#[derive(Debug, PartialEq)]
enum Seen {
    /// A message was answered with `bad_request`.
    Answered,
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The end of the connection.
    End,
}

struct Raw(TcpStream);

impl Raw {
    /// Connects, and takes the greeting.
    fn connect(gateway: &Gateway) -> Self {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(stretched(WAIT))).unwrap();
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            gateway.address()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        let mut raw = Self(stream);
        assert_eq!(raw.frame().map(|(opcode, _)| opcode), Some(TEXT), "the greeting");
        raw
    }

    fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        // The gateway may have ended the connection at an earlier frame.
        let _ = self.0.write_all(&bytes);
    }

    /// Sends a few bytes at a time.
    fn send_chopped(&mut self, frames: &[Frame], bytes: usize) {
        let all: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        all.chunks(bytes).for_each(|chunk| self.0.write_all(chunk).unwrap());
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        assert_eq!(head[0] & 0xf0, 0x80, "a whole frame without reserved bits");
        assert_eq!(head[1] & 0x80, 0, "a server masks nothing");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length).ok()?;
                usize::from(u16::from_be_bytes(length))
            }
            127 => panic!("no answer is that long"),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0] & 0x0f, payload))
    }

    /// The next frame that is no ping.
    fn next(&mut self) -> Seen {
        loop {
            return match self.frame() {
                None => Seen::End,
                Some((PING, _)) => continue,
                Some((PONG, payload)) => Seen::Pong(payload),
                Some((CLOSE, payload)) => {
                    Seen::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code)))
                }
                Some((TEXT, payload)) => {
                    let answer: Value = serde_json::from_slice(&payload).unwrap();
                    assert_eq!(answer["error"]["code"], "bad_request", "{answer}");
                    Seen::Answered
                }
                Some((opcode, _)) => panic!("a frame with opcode {opcode}"),
            };
        }
    }

    /// Everything up to the end of the connection. The gateway ends it first (RFC 6455, 7.1.1), so
    /// there is nothing to wait for after its close frame.
    fn rest(&mut self) -> Vec<Seen> {
        let (mut seen, mut closed_at) = (Vec::new(), None);
        loop {
            match self.next() {
                Seen::End => break,
                next @ Seen::Close(_) => {
                    seen.push(next);
                    closed_at = Some(Instant::now());
                }
                next @ (Seen::Answered | Seen::Pong(_)) => seen.push(next),
            }
        }
        let waited = closed_at.map(|at: Instant| at.elapsed());
        assert!(waited < Some(stretched(Duration::from_secs(1))), "{waited:?} after {seen:?}");
        seen
    }

    /// Closes the connection as a client does, and returns what came before.
    fn closed(mut self) -> Vec<Seen> {
        self.send(&[close(1000, "")]);
        let mut seen = self.rest();
        assert_eq!(seen.pop(), Some(Seen::Close(Some(1000))), "after {seen:?}");
        seen
    }
}

/// These frames are received, with so many messages among them.
fn accepted(gateway: &Gateway, case: &str, frames: &[Frame], messages: usize) {
    let mut raw = Raw::connect(gateway);
    raw.send(frames);
    let seen = raw.closed();
    let answers = seen.iter().filter(|seen| **seen == Seen::Answered).count();
    assert_eq!(answers, messages, "{case}: {seen:?}");
}

/// These frames end the connection with this close code, after so many answers.
fn refused(gateway: &Gateway, case: &str, frames: &[Frame], code: u16, messages: usize) {
    let mut raw = Raw::connect(gateway);
    raw.send(frames);
    let mut seen = raw.rest();
    assert_eq!(seen.pop(), Some(Seen::Close(Some(code))), "{case}, after {seen:?}");
    let answers = seen.iter().filter(|seen| **seen == Seen::Answered).count();
    assert_eq!(answers, messages, "{case}: {seen:?}");
}

#[test]
fn messages_of_every_size_arrive_however_they_are_chopped() {
    let gateway = Gateway::start();
    for size in [0, 125, 126, 127, 128, 65_535, MESSAGE_MAX] {
        accepted(&gateway, &format!("1.1, {size}"), &[frame(TEXT, "*".repeat(size))], 1);
        accepted(&gateway, &format!("1.2, {size}"), &[frame(BINARY, vec![0xfe; size])], 1);
    }
    for (frames, bytes) in [(frame(TEXT, "*".repeat(9_000)), 997), (frame(BINARY, [0xfe; 300]), 1)]
    {
        let mut raw = Raw::connect(&gateway);
        raw.send_chopped(&[frames], bytes);
        assert_eq!(raw.closed(), [Seen::Answered], "1.1.8, chops of {bytes}");
    }
    refused(&gateway, "over the limit", &[frame(TEXT, "*".repeat(MESSAGE_MAX + 1))], 1009, 0);
    let parts: Vec<Frame> = (0..65)
        .map(|n| part(if n == 0 { TEXT } else { CONTINUATION }, "*".repeat(1_024)))
        .collect();
    refused(&gateway, "over the limit in parts", &parts, 1009, 0);
}

#[test]
fn pings_are_answered_with_their_payload_and_pongs_with_nothing() {
    let gateway = Gateway::start();
    for payload in [vec![], b"Hello".to_vec(), vec![0, 0xff, 0xfe, 0xfd], vec![0xfe; 125]] {
        let mut raw = Raw::connect(&gateway);
        raw.send_chopped(&[frame(PING, &payload)], 3);
        assert_eq!(raw.closed(), [Seen::Pong(payload)], "2.1 to 2.6");
    }
    refused(&gateway, "2.5", &[frame(PING, [0xfe; 126])], 1002, 0);
    accepted(&gateway, "2.7 and 2.8", &[frame(PONG, ""), frame(PONG, "unsolicited")], 0);
    let mut raw = Raw::connect(&gateway);
    raw.send(&[frame(PONG, "unsolicited"), frame(PING, "1")]);
    assert_eq!(raw.next(), Seen::Pong(b"1".to_vec()), "2.9");
    for n in 2..12_u8 {
        raw.send(&[frame(PING, [n])]);
    }
    // Pongs may be left out if newer ones follow (RFC 6455, 5.5.3).
    let last = raw.closed().pop();
    assert_eq!(last, Some(Seen::Pong(vec![11])), "2.10");
}

#[test]
fn reserved_bits_and_opcodes_and_frames_without_a_mask_end_the_connection() {
    let gateway = Gateway::start();
    for reserved in 1..=7 {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            let wrong = Frame { reserved, ..frame(opcode, "") };
            let frames = [frame(TEXT, "*"), wrong, frame(TEXT, "*")];
            refused(&gateway, &format!("3, bits {reserved} of opcode {opcode}"), &frames, 1002, 1);
        }
    }
    for opcode in (3..=7).chain(11..=15) {
        let frames = [frame(TEXT, "*"), frame(opcode, "*"), frame(TEXT, "*")];
        refused(&gateway, &format!("4, opcode {opcode}"), &frames, 1002, 1);
    }
    let bare = Frame { masked: false, ..frame(TEXT, "*") };
    refused(&gateway, "without a mask", &[bare], 1002, 0);
}

#[test]
fn fragments_are_joined_and_control_frames_may_stand_between_them() {
    let gateway = Gateway::start();
    let [first, more, last] = [part(TEXT, "a"), part(CONTINUATION, "b"), frame(CONTINUATION, "c")];
    let ping = frame(PING, "*");
    for (case, frames) in [
        ("5.3", vec![first.clone(), last.clone()]),
        ("5.6", vec![first.clone(), ping.clone(), last.clone()]),
        ("5.8, empty parts", vec![part(TEXT, ""), part(CONTINUATION, ""), frame(CONTINUATION, "")]),
        ("5.19", vec![first.clone(), more.clone(), ping.clone(), more.clone(), ping, last.clone()]),
    ] {
        accepted(&gateway, case, &frames, 1);
        let mut raw = Raw::connect(&gateway);
        raw.send_chopped(&frames, 1);
        let answers = raw.closed().into_iter().filter(|seen| *seen == Seen::Answered).count();
        assert_eq!(answers, 1, "{case}, chopped");
    }
    for (case, frames) in [
        ("5.1", vec![part(PING, "a"), last.clone()]),
        ("5.2", vec![part(PONG, "a"), last.clone()]),
        ("5.9", vec![last.clone(), frame(TEXT, "*")]),
        ("5.12", vec![more, frame(TEXT, "*")]),
        ("5.15", vec![first.clone(), last, part(CONTINUATION, "d"), frame(TEXT, "*")]),
        ("5.18", vec![first.clone(), frame(TEXT, "*")]),
        ("5.18, binary", vec![first, frame(BINARY, "*")]),
    ] {
        let whole = usize::from(case == "5.15");
        refused(&gateway, case, &frames, 1002, whole);
    }
}

#[test]
fn text_that_is_no_utf_8_ends_the_connection() {
    let gateway = Gateway::start();
    let sound =
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!! \u{0}\u{7ff}\u{ffff}\u{10ffff}";
    accepted(&gateway, "6.1 and 6.2", &[frame(TEXT, sound)], 1);
    let mut bytes = sound.bytes().map(|byte| part(CONTINUATION, [byte]));
    let mut frames = vec![Frame { opcode: TEXT, ..bytes.next().unwrap() }];
    frames.extend(bytes);
    frames.push(frame(CONTINUATION, ""));
    accepted(&gateway, "6.2.3, a byte a frame", &frames, 1);
    for wrong in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..],
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited",
        b"\x80",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xbf\xbf",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe\xff",
        b"ends in the middle \xe2\x82",
    ] {
        let case = format!("6.3 to 6.21, {wrong:02x?}");
        refused(&gateway, &case, &[frame(TEXT, wrong), frame(TEXT, "*")], 1007, 0);
        let (first, last) = wrong.split_at(wrong.len() / 2);
        refused(&gateway, &case, &[part(TEXT, first), frame(CONTINUATION, last)], 1007, 0);
        accepted(&gateway, &case, &[frame(BINARY, wrong)], 1);
    }
}

#[test]
fn a_close_frame_is_echoed_if_it_is_sound_and_ends_the_connection() {
    let gateway = Gateway::start();
    // Those of RFC 6455, and the later ones of its registry.
    let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000];
    for code in registered.into_iter().chain([3999, 4000, 4999]) {
        refused(&gateway, "7.7", &[close(code, "bye")], code, 0);
    }
    refused(&gateway, "7.1.1", &[frame(TEXT, "*"), close(1000, "")], 1000, 1);
    refused(&gateway, "7.1.3", &[close(1000, ""), frame(PING, "*"), frame(TEXT, "*")], 1000, 0);
    refused(&gateway, "7.1.2", &[close(1000, ""), close(1001, "")], 1000, 0);
    refused(
        &gateway,
        "7.1.5",
        &[part(TEXT, "a"), close(1000, ""), frame(CONTINUATION, "b")],
        1000,
        0,
    );
    refused(&gateway, "7.3.5", &[close(1000, "*".repeat(123))], 1000, 0);
    refused(&gateway, "7.3.6", &[close(1000, "*".repeat(124))], 1002, 0);
    refused(&gateway, "7.3.2", &[frame(CLOSE, [3])], 1002, 0);
    refused(&gateway, "7.5.1", &[close(1000, [0xce, 0xba, 0xed, 0xa0, 0x80])], 1007, 0);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        refused(&gateway, &format!("7.9, {code}"), &[close(code, "")], 1002, 0);
    }
    let mut raw = Raw::connect(&gateway);
    raw.send(&[frame(CLOSE, "")]);
    assert_eq!(raw.rest(), [Seen::Close(None)], "7.3.1");
}

#[test]
fn a_message_in_many_fragments_is_one_message() {
    let gateway = Gateway::start();
    let text = "*".repeat(MESSAGE_MAX);
    let mut parts: Vec<Frame> =
        text.as_bytes().chunks(1_300).map(|bytes| part(CONTINUATION, bytes)).collect();
    parts[0].opcode = TEXT;
    parts.last_mut().unwrap().last = true;
    accepted(&gateway, "10.1", &parts, 1);
}
