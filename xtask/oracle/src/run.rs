//! A run: issues, hits, watches, waits, and judges.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use drakkar_tests::{
    group::Follower,
    kafka::{self, Reader},
    wait,
    worker::Setup,
};
use rdkafka::{Message, Timestamp, message::OwnedMessage};

use crate::{
    Args,
    broker::Server,
    crew::{Crew, SESSION},
    display::{Display, Progress},
    issue::Issuer,
    journal::Journal,
    judge::{Judge, NAMED, Named},
    plan::{self, Fault, Kind, Moment},
    verdict::{Asked, Verdict},
};

/// Share of the messages that are under way at most, and the least number of them.
const AHEAD: (u64, u64) = (10, 1_000);
/// Share of the messages that are issued only when all faults are over: the workers still take messages then.
const FRESH: u64 = 50;
/// Without anything coming out for so long in a calm moment, the journal says where it stands.
const PAUSE: Duration = Duration::from_secs(3);

/// What a run found.
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    /// The first missing messages.
    pub(crate) missing: Vec<Named>,
    /// Dead letters about messages that can be handled, and how many of each there are.
    pub(crate) unasked: Vec<(String, usize)>,
}

/// Everything that a run holds. Workers go before the broker they talk to.
struct Run<'a> {
    args: &'a Args,
    folder: &'a Path,
    crew: Crew,
    judge: Judge,
    issuer: Issuer,
    answers: Reader,
    letters: Reader,
    follower: Follower,
    journal: Journal,
    display: Display,
    plan: Vec<Fault>,
    struck: usize,
    last_fault: Instant,
    server: Server,
}

/// Runs workers on a broker of the run's own, with everything it writes below this folder.
pub(crate) fn run(args: &Args, seed: u64, folder: &Path, interrupted: &AtomicBool) -> Result<Report> {
    let mut run = Run::new(args, seed, folder)?;
    run.watch(interrupted)?;
    run.finish(seed)
}

impl<'a> Run<'a> {
    fn new(args: &'a Args, seed: u64, folder: &'a Path) -> Result<Self> {
        let (server, brokers) = Server::start(&folder.join("broker"))?;
        let setup = setup(args, &brokers, folder)?;
        let (topic, answers, letters) =
            (setup.topic.clone(), setup.answers.clone(), format!("{}_dlq", setup.topic));
        kafka::create_topics(&brokers, &[(&topic, args.partitions)])?;
        // The broker's own clock tells what came out before a commit.
        let stamped = [("message.timestamp.type", "LogAppendTime")];
        kafka::create_topics_with(&brokers, &[(&answers, 4), (&letters, 1)], &stamped)?;
        // Asking for the coordinator makes the broker make the topic of groups.
        let follower = wait::until("the broker's topic of groups", Duration::from_secs(60), || {
            kafka::committed(&brokers, &setup.group, &topic, args.partitions).ok()?;
            Follower::new(&brokers, &setup.group, &topic).ok()
        });
        Ok(Self {
            args,
            folder,
            crew: Crew::new(setup, args.workers),
            judge: Judge::new(&topic),
            issuer: Issuer::new(&brokers, &topic, seed, args.partitions)?,
            answers: Reader::new(&brokers, &answers)?,
            letters: Reader::new(&brokers, &letters)?,
            follower,
            journal: Journal::new(folder)?,
            display: Display::new(),
            plan: plan::faults(seed, args.messages, args.kills, &args.faults),
            struck: 0,
            last_fault: Instant::now(),
            server,
        })
    }

    /// Goes on until everything came out, or nothing does any more.
    fn watch(&mut self, interrupted: &AtomicBool) -> Result<()> {
        let (mut moved, mut before, mut told) = (Instant::now(), 0, false);
        loop {
            ensure!(!interrupted.load(Ordering::Relaxed), "interrupted");
            if self.server.step()? {
                self.journal.note("the broker is back")?;
            }
            self.crew.step(self.follower.history(), self.server.is_away(), &mut self.journal)?;
            let calm = self.struck == self.plan.len() && self.crew.is_complete() && !self.server.is_away();
            let target = self.target(calm);
            self.issuer.step(&mut self.judge, target)?;
            self.read()?;
            self.journal.reached(self.judge.settled());
            self.strike()?;
            self.show();
            let settled = self.judge.settled();
            if settled != before || !calm {
                (moved, before, told) = (Instant::now(), settled, false);
            }
            if moved.elapsed() >= PAUSE && !told {
                told = true;
                let waiting: Vec<_> = self.judge.missing().filter_map(|m| m.place).collect();
                let first = waiting.first();
                self.journal
                    .note(&format!("a pause: {} messages wait, the first at {first:?}", waiting.len()))?;
            }
            if calm && settled as u64 >= self.args.messages {
                break;
            }
            if moved.elapsed() >= Duration::from_secs(self.args.patience) {
                self.journal.note("nothing comes out any more")?;
                break;
            }
        }
        self.display.end();
        Ok(())
    }

    /// How many messages to have issued by now.
    fn target(&self, calm: bool) -> u64 {
        let all = self.args.messages;
        let most = if calm { all } else { all - all / FRESH };
        most.min(self.judge.settled() as u64 + (all / AHEAD.0).max(AHEAD.1))
    }

    fn read(&mut self) -> Result<()> {
        for message in self.answers.ready(Duration::from_millis(10)) {
            self.judge.answer(message.payload().unwrap_or_default(), time(&message)?);
        }
        for message in self.letters.ready(Duration::ZERO) {
            self.judge.letter(message.payload().unwrap_or_default(), time(&message)?);
        }
        self.judge.match_letters();
        self.follower.poll(Duration::ZERO)
    }

    /// Injects the next fault if its moment has come and there is something to hit.
    fn strike(&mut self) -> Result<()> {
        let Some(fault) = self.plan.get(self.struck) else { return Ok(()) };
        let due = match fault.moment {
            Moment::Settled(count) => self.judge.settled() as u64 >= count,
            Moment::Soon(after) => self.last_fault.elapsed() >= after,
        };
        if !due {
            return Ok(());
        }
        let hit = if fault.kind == Kind::Broker {
            let hit = self.server.restart(fault.away)?;
            if hit {
                self.journal.note(&format!("restart the broker, away for {:?}", fault.away))?;
            }
            hit
        } else {
            self.crew.hit(fault, &mut self.journal)?
        };
        if hit {
            self.struck += 1;
            self.last_fault = Instant::now();
        }
        Ok(())
    }

    fn show(&mut self) {
        let counts = self.judge.counts();
        let progress = Progress {
            issued: self.judge.issued(),
            settled: self.judge.settled(),
            dead: counts.dead,
            duplicates: counts.duplicates,
            faults: self.struck,
            faults_asked: self.args.kills,
        };
        self.display.show(&progress, &self.journal);
    }

    /// Stops the workers, reads the rest and judges.
    fn finish(mut self, seed: u64) -> Result<Report> {
        self.issuer.finish(&mut self.judge)?;
        self.journal.note("stopping the workers")?;
        let mut findings = self.crew.stop(&mut self.journal)?;
        let limit = Duration::from_secs(60);
        for message in self.answers.catch_up(limit)? {
            self.judge.answer(message.payload().unwrap_or_default(), time(&message)?);
        }
        for message in self.letters.catch_up(limit)? {
            self.judge.letter(message.payload().unwrap_or_default(), time(&message)?);
        }
        self.judge.match_letters();
        self.follower.catch_up()?;
        let history = self.follower.history();
        for broken in [history.check(), self.judge.check_commits(history.commits())] {
            findings.extend(broken.err().map(|error| format!("{error:#}")));
        }
        ensure!(history.commits().next().is_some() || self.judge.settled() == 0, "no commit was seen");
        let kinds = &self.args.faults;
        let verdict = Verdict {
            seed,
            issued: self.judge.issued(),
            missing: self.judge.missing().count(),
            counts: self.judge.counts(),
            faults: self.struck,
            rebalances: history.rebalances(),
            asked: Asked {
                workers: self.args.workers,
                faults: self.args.kills,
                must_repeat: self.args.kills > 0 && kinds.contains(&Kind::Kill),
            },
            findings,
        };
        self.journal.note(&verdict.to_string())?;
        for repeated in self.judge.repeated() {
            self.journal.note(&format!("came out again: {repeated}"))?;
        }
        let records: String = history.entries().map(|entry| format!("{entry:?}\n")).collect();
        fs::write(self.folder.join("group.log"), records).context("writing the records of the group")?;
        let unasked = self.judge.unasked().map(|(what, count)| (what.to_owned(), count)).collect();
        Ok(Report { verdict, missing: self.judge.missing().take(NAMED).collect(), unasked })
    }
}

fn setup(args: &Args, brokers: &str, folder: &Path) -> Result<Setup> {
    let program = |name: &str| {
        let path = std::env::current_exe()?.with_file_name(name);
        ensure!(path.exists(), "{} does not exist: run `cargo xtask oracle`", path.display());
        Ok(path)
    };
    let session = SESSION.as_millis();
    let mut setup = Setup {
        brokers: brokers.to_owned(),
        topic: "orders".to_owned(),
        answers: "answers".to_owned(),
        group: "judged".to_owned(),
        kafka: vec![
            format!("session_timeout_ms: {session}"),
            "heartbeat_interval_ms: 1000".to_owned(),
            "max_poll_interval_ms: 10000".to_owned(),
            // Seldom enough that a kill finds finished work that is not committed.
            "commit_interval_seconds: 1".to_owned(),
            // A worker may start while the broker is away.
            "connect_timeout_seconds: 60".to_owned(),
        ],
        executor: Vec::new(),
        app: Vec::new(),
        folder: folder.to_owned(),
        program: program("test-worker")?,
        child: program("test-child")?,
    };
    if let Some(sabotage) = args.sabotage {
        setup.app.push(format!("sabotage: {}", sabotage.word()));
    }
    Ok(setup)
}

/// When the broker took a message.
fn time(message: &OwnedMessage) -> Result<i64> {
    match message.timestamp() {
        Timestamp::LogAppendTime(time) => Ok(time),
        other => bail!("a message without the broker's time: {other:?}"),
    }
}
