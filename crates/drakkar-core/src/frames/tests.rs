//! Frames there and back, and whatever else a child may write.

use proptest::prelude::*;

use super::*;

const MOST: usize = 4096;

fn command(stdin: Option<&[u8]>) -> Command {
    Command {
        args: vec!["-n".into(), "a \"b\"\n".into()],
        stdin: stdin.map(Bytes::copy_from_slice),
        ..Command::default()
    }
}

fn encoded(protocol: Protocol, command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    let request = Request { id: 7, command, deadline: Duration::from_millis(1_234) };
    request.encode(protocol, &mut out).unwrap();
    out
}

/// All frames of an output that comes in pieces, and the error it ends with.
fn decode(protocol: Protocol, pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = Decoder::new(protocol, MOST);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(decoder.held() <= MOST + 4, "an unfinished frame is bounded");
    }
    (frames, None)
}

fn error(protocol: Protocol, output: &[u8]) -> String {
    decode(protocol, &[output]).1.expect("an error").to_string()
}

fn prefixed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn answer_bytes(answer: &Answer) -> Vec<u8> {
    let stdout = u32::try_from(answer.stdout.len()).unwrap();
    let parts: [&[u8]; 5] = [
        &answer.id.to_be_bytes(),
        &answer.exit_code.to_be_bytes(),
        &stdout.to_be_bytes(),
        &answer.stdout,
        &answer.stderr,
    ];
    prefixed(&parts.concat())
}

#[test]
fn a_request_is_one_line_with_its_id_first() {
    let line = encoded(Protocol::JsonLines, &command(Some(b"in\nput")));
    let text = String::from_utf8(line).unwrap();
    assert_eq!(
        text,
        "{\"id\":7,\"args\":[\"-n\",\"a \\\"b\\\"\\n\"],\"deadline_ms\":1234,\"stdin\":\"in\\nput\"}\n"
    );
    let none = String::from_utf8(encoded(Protocol::JsonLines, &Command::default())).unwrap();
    assert_eq!(none, "{\"id\":7,\"args\":[],\"deadline_ms\":1234}\n");
}

#[test]
fn input_that_is_no_text_is_base64_in_a_line_and_itself_behind_a_length() {
    let command = Command { env: vec![("A".into(), "1".into())], ..command(Some(b"\xff\0")) };
    let line = String::from_utf8(encoded(Protocol::JsonLines, &command)).unwrap();
    assert!(line.contains(r#""env":{"A":"1"}"#) && line.ends_with("\"stdin_base64\":\"/wA=\"}\n"), "{line}");
    let frame = encoded(Protocol::LengthPrefixed, &command);
    let (length, body) = frame.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*length) as usize, body.len());
    assert_eq!(body[..8], 7u64.to_be_bytes());
    let head = u32::from_be_bytes(*body[8..].first_chunk().unwrap()) as usize;
    let parsed: serde_json::Value = serde_json::from_slice(&body[12..12 + head]).unwrap();
    assert_eq!(parsed["args"][0], "-n");
    assert_eq!(&body[12 + head..], b"\xff\0");
}

#[test]
fn what_no_frame_can_carry_is_refused_by_name_and_leaves_nothing_behind() {
    use std::os::unix::ffi::OsStringExt;
    let bad = std::ffi::OsString::from_vec(vec![0xff]);
    for (command, name) in [
        (Command { args: vec!["a".into(), bad.clone()], ..Command::default() }, "argument 2"),
        (Command { env: vec![("V".into(), bad.clone())], ..Command::default() }, "variable `V`"),
        (Command { current_dir: Some(bad.into()), ..Command::default() }, "working directory"),
    ] {
        for protocol in [Protocol::JsonLines, Protocol::LengthPrefixed] {
            let mut out = b"before".to_vec();
            let request = Request { id: 1, command: &command, deadline: Duration::ZERO };
            let reason = request.encode(protocol, &mut out).unwrap_err();
            assert!(reason.contains(name), "{reason}");
            assert_eq!(out, b"before");
        }
    }
}

#[test]
fn answers_heartbeats_and_ready_are_read_whatever_the_pieces() {
    let output = b"{\"ready\":true}\n\r\n{\"heartbeat\":true,\"id\":3}\n{\"id\":3,\"stdout\":\"a\\u00e9\",\"exit_code\":2}\r\n\
        {\"id\":4,\"stdout_base64\":\"/wA=\",\"stderr\":\"e\"}\n{\"id\":5";
    let expected = vec![
        Frame::Ready,
        Frame::Heartbeat { id: 3 },
        Frame::Answer(Answer { id: 3, exit_code: 2, stdout: "aé".into(), ..Answer::default() }),
        Frame::Answer(Answer {
            id: 4,
            stdout: Bytes::from_static(b"\xff\0"),
            stderr: "e".into(),
            exit_code: 0,
        }),
    ];
    for size in [1, 2, 7, output.len()] {
        let pieces: Vec<&[u8]> = output.chunks(size).collect();
        assert_eq!(decode(Protocol::JsonLines, &pieces), (expected.clone(), None), "pieces of {size}");
    }
    let answer = Answer { id: 9, exit_code: -1, stdout: "out".into(), stderr: "err".into() };
    let output = [prefixed(b""), prefixed(&9u64.to_be_bytes()), answer_bytes(&answer), vec![0, 0]].concat();
    let expected = vec![Frame::Ready, Frame::Heartbeat { id: 9 }, Frame::Answer(answer)];
    for size in [1, 3, output.len()] {
        let pieces: Vec<&[u8]> = output.chunks(size).collect();
        assert_eq!(decode(Protocol::LengthPrefixed, &pieces), (expected.clone(), None), "pieces of {size}");
    }
}

#[test]
fn what_is_no_answer_is_an_error_that_shows_its_beginning() {
    for (line, reason) in [
        ("loading model...\n", "no answer"),
        ("{\"id\":1,\"exitcode\":3}\n", "unknown field `exitcode`"),
        ("{\"exit_code\":3}\n", "without `id`"),
        ("{\"id\":-1}\n", "no answer"),
        ("{\"id\":1,\"stdout\":{}}\n", "no answer"),
        ("{\"id\":1,\"stdout\":\"\",\"stdout_base64\":\"\"}\n", "both"),
        ("{\"id\":1,\"stdout_base64\":\"?\"}\n", "no base64"),
        ("[]\n", "no answer"),
    ] {
        let text = error(Protocol::JsonLines, line.as_bytes());
        assert!(text.contains(reason) && text.contains(&line[..2].replace('"', "\\\"")), "{text}");
    }
    assert!(error(Protocol::LengthPrefixed, &prefixed(b"abc")).contains("too short"));
    assert!(error(Protocol::LengthPrefixed, &prefixed(&[0; 15])).contains("too short"));
    let lying = [&[0u8; 12][..], &[0, 0, 0, 9], b"x"].concat();
    assert!(error(Protocol::LengthPrefixed, &prefixed(&lying)).contains("standard output of 9 bytes"));
}

#[test]
fn a_frame_above_the_limit_is_refused_before_it_is_held() {
    assert!(error(Protocol::LengthPrefixed, &[0xff; 4]).contains("4294967295"));
    assert!(error(Protocol::JsonLines, &[b'x'; MOST + 1]).contains("4097"));
    let most = [vec![b' '; MOST - 8], b"{\"id\":1}\n".to_vec()].concat();
    assert_eq!(decode(Protocol::JsonLines, &[&most]).0.len(), 1);
}

fn protocols() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::JsonLines), Just(Protocol::LengthPrefixed)]
}

proptest! {
    #[test]
    fn answers_come_back_as_they_were(
        id: u64, exit_code: i32, stdout: Vec<u8>, stderr: Vec<u8>, cut in 1usize..50
    ) {
        let answer = Answer { id, exit_code, stdout: stdout.into(), stderr: stderr.into() };
        let output = answer_bytes(&answer);
        let pieces: Vec<&[u8]> = output.chunks(cut).collect();
        prop_assert_eq!(decode(Protocol::LengthPrefixed, &pieces), (vec![Frame::Answer(answer)], None));
    }

    #[test]
    fn the_pieces_make_no_difference(
        protocol in protocols(), output in hostile(), cut in 1usize..20
    ) {
        let pieces: Vec<&[u8]> = output.chunks(cut).collect();
        let whole = decode(protocol, &[&output]);
        let parts = decode(protocol, &pieces);
        prop_assert_eq!(&whole.0, &parts.0);
        prop_assert_eq!(whole.1.is_some(), parts.1.is_some());
    }
}

/// Bytes with something of a frame in them.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..12),
        Just(b"{\"id\":1,\"stdout\":\"x\"}\n".to_vec()),
        Just(b"{\"ready\":true}\n".to_vec()),
        Just(vec![0, 0, 0, 0]),
        Just(prefixed(&[0; 16])),
        Just(b"\n".to_vec()),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}
