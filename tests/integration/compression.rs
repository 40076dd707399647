//! Compressed topics are read and written, whatever the codec.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use drakkar_tests::{kafka, wait};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{outage::own_broker, scene::Scene, security::yaml};

const LIMIT: Duration = Duration::from_secs(60);

/// The codecs with their numbers in a batch.
const CODECS: [(&str, u8); 4] = [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)];

#[test]
fn topics_are_read_and_written_in_every_codec() {
    let broker = own_broker("compression");
    let data = broker.log_path().with_file_name("data");
    for (codec, number) in CODECS {
        let mut scene = Scene::on(&broker.address(), &format!("compressed-{codec}"), 1);
        let records: Vec<_> = (0..500).map(|_| scene.judge.issue(0, "precomputed")).collect();
        kafka::produce_compressed(&scene.brokers, &scene.setup.topic, codec, records).unwrap();
        assert_eq!(codecs(&data, &scene.setup.topic), BTreeSet::from([number]), "void: {codec} was not used");
        process(&scene, codec);
        let written = codecs(&data, &scene.setup.answers);
        assert_eq!(written, BTreeSet::from([number]), "{codec} was not used for the answers");
        assert_eq!(scene.assert_nothing_lost().delivered, 500);
    }
}

/// Lets a worker process everything; its answers are compressed by this codec.
fn process(scene: &Scene, codec: &str) {
    let yaml = yaml(scene, &scene.brokers, &[], &[format!("compression: {codec}")], &[]);
    fs::create_dir_all(&scene.setup.folder).unwrap();
    let config = scene.setup.folder.join("drakkar.yaml");
    fs::write(&config, yaml).unwrap();
    let log = fs::File::create(scene.setup.folder.join("worker.log")).unwrap();
    let mut command = Command::new(&scene.setup.program);
    command.arg("--config").arg(&config).stdout(Stdio::null()).stderr(log);
    let mut worker = command.spawn().unwrap();
    scene.wait_committed(LIMIT);
    kill(Pid::from_raw(worker.id() as i32), Signal::SIGTERM).unwrap();
    let ended = wait::until("the end of the worker", LIMIT, || worker.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
}

/// The codecs of all batches that the broker has of a topic.
fn codecs(data: &Path, topic: &str) -> BTreeSet<u8> {
    let mut codecs = BTreeSet::new();
    for partition in 0..2 {
        let segment = data.join(format!("{topic}-{partition}")).join("00000000000000000000.log");
        let mut rest = &fs::read(segment).unwrap_or_default()[..];
        // A batch is its first offset (8 bytes), its length (4) and that many bytes: epoch (4), magic (1), checksum (4),
        // attributes (2), of which the lowest three bits name the codec.
        while let Some((head, after)) = rest.split_first_chunk::<12>() {
            let length = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
            if length == 0 || after.len() < length {
                break;
            }
            let (batch, next) = after.split_at(length);
            codecs.insert(batch[10] & 0b111);
            rest = next;
        }
    }
    codecs
}
