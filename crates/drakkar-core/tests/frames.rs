//! The frame decoders against whatever a child may write: 20,000 inputs here, `DRAKKAR_FUZZ_INPUTS` of them where it is set.
//!
//! Each input is whole frames with bytes flipped, cut, doubled, inserted and torn into pieces. The decoder must neither
//! panic nor hold more than a frame, and must say the same whatever the pieces; `DRAKKAR_SEED` names the first input.

use std::env;

use drakkar_core::frames::{Decoder, Frame, FrameError, Protocol};

const MOST: usize = 2_000;

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.draw() % n.max(1) as u64) as usize
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A few frames of a form, right in themselves.
fn frames(protocol: Protocol, rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..rng.below(5) {
        let (id, code) = (rng.draw() % 100, rng.draw() as i32 % 300);
        let text = "é\\n\\\"x".repeat(rng.below(30));
        match protocol {
            Protocol::JsonLines => match rng.below(6) {
                0 => out.extend(b"{\"ready\":true}\n"),
                1 => out.extend(format!("{{\"id\":{id},\"heartbeat\":true}}\n").bytes()),
                2 => out.extend(format!("{{\"id\":{id},\"stdout_base64\":\"/wA=\"}}\r\n").bytes()),
                _ => out.extend(
                    format!("{{\"id\":{id},\"exit_code\":{code},\"stdout\":\"{text}\",\"stderr\":\"\"}}\n")
                        .bytes(),
                ),
            },
            Protocol::LengthPrefixed => {
                let mut body = Vec::new();
                let kind = rng.below(6);
                if kind > 0 {
                    body.extend(id.to_be_bytes());
                }
                if kind > 1 {
                    body.extend(code.to_be_bytes());
                    body.extend((text.len() as u32).to_be_bytes());
                    body.extend(text.bytes().chain(*b"errors"));
                }
                out.extend((body.len() as u32).to_be_bytes());
                out.extend(body);
            }
        }
    }
    out
}

/// Breaks some of it.
fn damage(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.draw() as u8),
            2 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            3 if at < bytes.len() => bytes[at] = [0, 0xff, b'\n', b'"', b'{', b'\\'][rng.below(6)],
            4 => bytes.extend_from_within(at..),
            _ => bytes.splice(at..at, (0..rng.below(40)).map(|n| n as u8).collect::<Vec<_>>()).for_each(drop),
        }
    }
    bytes
}

fn decode(
    protocol: Protocol,
    bytes: &[u8],
    mut piece: impl FnMut() -> usize,
) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = Decoder::new(protocol, MOST);
    let (mut frames, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        rest = later;
        decoder.feed(now);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(decoder.held() <= MOST + 4, "{} bytes are held", decoder.held());
    }
    (frames, None)
}

#[test]
fn no_input_confuses_the_decoders() {
    let first = number("DRAKKAR_SEED", 1);
    let count = number("DRAKKAR_FUZZ_INPUTS", 20_000);
    let (mut whole, mut broken) = (0u64, 0u64);
    for seed in first..first + count {
        let mut rng = Rng(seed);
        let protocol = [Protocol::JsonLines, Protocol::LengthPrefixed][rng.below(2)];
        let bytes = damage(frames(protocol, &mut rng), &mut rng);
        let (at_once, error) = decode(protocol, &bytes, || usize::MAX);
        let (in_pieces, late) = decode(protocol, &bytes, || 1 + rng.below(50));
        let replay = format!("replay with DRAKKAR_SEED={seed} DRAKKAR_FUZZ_INPUTS=1");
        assert_eq!(at_once, in_pieces, "{replay}");
        assert_eq!(error.is_some(), late.is_some(), "{error:?} or {late:?}; {replay}");
        whole += at_once.len() as u64;
        broken += u64::from(error.is_some());
    }
    println!("{count} inputs, {whole} frames, {broken} ended in an error");
    assert!(
        count < 100 || (whole > count / 2 && broken > count / 20),
        "void: {whole} frames, {broken} errors"
    );
}
