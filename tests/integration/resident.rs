//! Resident children under a real worker: the same handler as with one process per task, and what a worker leaves behind.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use drakkar_tests::{
    kafka::{self, Reader, Record},
    wait,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const LIMIT: Duration = Duration::from_secs(60);
const TEXTS: usize = 300;

/// A worker of the example, killed when dropped.
struct Words(Child);

impl Words {
    fn start(folder: &Path, topics: &[String; 2], mode: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let config = folder.join(format!("{mode}.yaml"));
        let [input, output] = topics;
        let script = root.join("examples/words/count_words.py");
        let text = format!(
            "kafka:\n  brokers: {}\n  source_topic: {input}\n  consumer_group: {input}-{mode}\n  \
             startup_align_enabled: false\nexecutor:\n  binary_path: {}\n  mode: {mode}\n  max_executors: 2\n  \
             resident:\n    pipeline_depth: 4\n    min_ready: 2\nsinks:\n  kafka:\n    counts:\n      topic: {output}\n",
            kafka::shared_broker(),
            script.display()
        );
        fs::write(&config, text).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_test-worker")).with_file_name("example-words");
        let child = Command::new(program)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join(format!("{mode}.log"))).unwrap())
            .spawn()
            .expect("`cargo xtask test` builds the example");
        Self(child)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id() as i32)
    }

    fn stop(mut self) -> Option<i32> {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        wait::until("the end", LIMIT, || self.0.try_wait().unwrap()).code()
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // It may have ended; what counts is that it runs no longer.
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

/// Running children of a process that run the script.
fn scripts() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let folder = entry.ok()?.path();
        let line = fs::read_to_string(folder.join("cmdline")).ok()?;
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
        let pid = folder.file_name()?.to_str()?.parse().ok()?;
        (line.contains("count_words.py") && state != "Z").then_some((pid, parent))
    });
    entries.collect()
}

fn children(parent: Pid) -> Vec<i32> {
    scripts().into_iter().filter(|(_, its)| *its == parent.as_raw()).map(|(pid, _)| pid).collect()
}

fn counts(output: &str) -> BTreeMap<String, u64> {
    let reader = Reader::new(&kafka::shared_broker(), output).unwrap();
    let mut counts = BTreeMap::new();
    wait::until("all counts", LIMIT, || {
        for message in reader.ready(Duration::from_millis(200)) {
            let count: serde_json::Value = serde_json::from_str(&kafka::text(&message)).unwrap();
            counts.insert(count["id"].as_str().unwrap().to_owned(), count["words"].as_u64().unwrap());
        }
        (counts.len() == TEXTS).then_some(())
    });
    counts
}

#[test]
fn the_mode_is_a_matter_of_configuration_and_a_killed_worker_leaves_no_child_for_long() {
    let brokers = kafka::shared_broker();
    let name = kafka::unique("words");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    fs::create_dir_all(&folder).unwrap();
    let [input, once, good] = ["in", "oneshot", "resident"].map(|part| format!("{name}-{part}"));
    let letters = format!("{input}_dlq");
    kafka::create_topics(&brokers, &[(&input, 4), (&once, 1), (&good, 1), (&letters, 1)]).unwrap();
    let texts = (0..TEXTS).map(|n| {
        let text = serde_json::json!({ "id": format!("t{n:05}"), "text": "word ".repeat(n % 7) });
        Record {
            partition: n as i32 % 4,
            key: None,
            value: Some(text.to_string().into_bytes()),
            header: None,
        }
    });
    kafka::produce(&brokers, &input, texts).unwrap();

    let worker = Words::start(&folder, &[input.clone(), once.clone()], "oneshot");
    let expected = counts(&once);
    assert_eq!(worker.stop(), Some(0));

    let worker = Words::start(&folder, &[input.clone(), good.clone()], "resident");
    assert_eq!(counts(&good), expected);
    assert_eq!(expected["t00006"], 6);
    let resident = children(worker.pid());
    assert_eq!(resident.len(), 2, "min_ready and max_executors are 2");

    // A crash leaves them without a master. Their input has ended with it, which ends this script; one that does not read
    // any more is found by the next start.
    kill(worker.pid(), Signal::SIGKILL).unwrap();
    drop(worker);
    wait::until("the orphans to end", Duration::from_secs(10), || {
        scripts().iter().all(|(pid, _)| !resident.contains(pid)).then_some(())
    });

    let worker = Words::start(&folder, &[input, good], "resident");
    wait::until("new children", LIMIT, || (children(worker.pid()).len() == 2).then_some(()));
    let resident = children(worker.pid());
    assert_eq!(worker.stop(), Some(0));
    assert!(scripts().iter().all(|(pid, _)| !resident.contains(pid)));
}
