//! Owns the other process of a workload that wants two: this same program, which is told by a line what to do.
//! Must not know: what is measured by it.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Child as Process, ChildStdin, Command, Stdio},
    sync::Arc,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use slog::Logger;
use tokio::sync::{mpsc, oneshot};

use super::{
    BenchError,
    worker::{self, STOP},
};
use crate::{
    clock::SystemClock,
    store::{Store, StoreConfig},
};

/// What the program calls itself then. Hidden from help.
const COMMAND: &str = "bench-child";

/// What the other process is to do. On its standard input, since others can see arguments, and a URL may hold a password.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) database_url: String,
    pub(super) slots: usize,
    /// Says when so many jobs are done. None: says of each job when it begins.
    pub(super) drain: Option<usize>,
}

/// Now, in nanoseconds, as every process of this machine has it.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}

/// Does what standard input says, until that ends.
pub async fn run(log: &Logger) -> Result<(), BenchError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(broken)?;
    let task: Task = serde_json::from_str(&line)
        .map_err(|_| BenchError::CannotRun("this is a part of `lockstep bench`".to_owned()))?;
    let (ended, end) = oneshot::channel::<()>();
    thread::spawn(move || {
        // Whatever comes: the end is what counts.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(ended);
    });
    let config = StoreConfig::new(task.database_url);
    let store = Store::open(&config, Arc::new(SystemClock), log).await?;
    if let Some(jobs) = task.drain {
        say("ready")?;
        worker::drain(&store, task.slots, jobs, log).await?;
        say("drained")?;
        let _ = end.await;
    } else {
        let begun = |id| {
            let at = now();
            // Nobody reads any more: it is about to end.
            let _ = say(&format!("{id} {at}"));
        };
        let workers =
            worker::start(&store, task.slots, log, begun).map_err(worker::cannot_start)?;
        say("ready")?;
        let _ = end.await;
        workers.stop(STOP).await;
    }
    store.close().await;
    Ok(())
}

fn say(what: &str) -> Result<(), BenchError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}")
        .and_then(|()| out.flush())
        .map_err(broken)
}

fn broken(error: io::Error) -> BenchError {
    BenchError::Broke("the other process failed", Box::new(error))
}

/// The other process, seen from this one. Killed when dropped.
pub(super) struct Child {
    process: Process,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Child {
    /// Starts it, and waits until it is ready.
    pub(super) async fn start(task: &Task) -> Result<Self, BenchError> {
        let mut process = program()?
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(broken)?;
        let (sent, lines) = mpsc::unbounded_channel();
        if let Some(output) = process.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sent.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let mut input = process.stdin.take();
        let text =
            serde_json::to_string(task).map_err(|error| BenchError::Wrong(error.to_string()))?;
        if let Some(input) = &mut input {
            writeln!(input, "{text}").map_err(broken)?;
        }
        let mut child = Self {
            process,
            input,
            lines,
        };
        child.line().await?;
        Ok(child)
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next that it says.
    pub(super) async fn line(&mut self) -> Result<String, BenchError> {
        let gone = || BenchError::Wrong("the other process ended".to_owned());
        self.lines.recv().await.ok_or_else(gone)
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) {
        drop(self.input.take());
        // Its output ends with it.
        while self.lines.recv().await.is_some() {}
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// This same program, without the settings of whoever runs it.
pub(super) fn program() -> Result<Command, BenchError> {
    let path = env::current_exe().map_err(broken)?;
    let mut command = Command::new(path);
    command.env_clear();
    Ok(command)
}
