//! Owns running the program: a folder of its own, no inherited settings, what it said and how it ended.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use serde_json::Value;

use crate::support::place::Place;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lockstep");

/// A folder in which the program is run.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    place: Place,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("users.db"));
        Self { folder, place }
    }

    /// Whose database is on the engine that the tests run on.
    pub(crate) fn on_either() -> Self {
        Self::at(Place::new(Path::new("/nowhere"), "users.db"))
    }

    /// Whose database is there. A file is in the folder, where the program looks by itself.
    pub(crate) fn at(place: Place) -> Self {
        match place {
            Place::File(_) => Self::new(),
            Place::Url(_) => Self {
                folder: tempfile::tempdir().unwrap(),
                place,
            },
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The program in this folder, without the settings of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::null());
        if let Place::Url(url) = &self.place {
            command.env("DATABASE_URL", url);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, &[], "")
    }

    pub(crate) fn run_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Outcome {
        let mut child = self
            .command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may have ended without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().expect("ended by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts a process that goes on, and waits until it says that it is ready.
    pub(crate) fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        self.start_telling(arguments, variables).0
    }

    /// The same, with the record that says so.
    pub(crate) fn start_telling(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (Process, Value) {
        let mut child = self
            .command(arguments)
            .envs(variables.iter().copied())
            .env("LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut process = Process { child, log };
        let ready = process.wait_for(|record| record.get("listening").is_some());
        (process, ready)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.place.remove();
    }
}

impl Outcome {
    /// Fails unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Fails unless the command said this on stderr.
    #[track_caller]
    pub(crate) fn saying(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words} in {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A process that goes on until it is told to stop. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Process {
    /// The next log record that passes. Fails when the process ends before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, passes: impl Fn(&Value) -> bool) -> Value {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            let length = self.log.read_line(&mut seen).unwrap();
            assert!(length > 0, "the process ended: {seen}");
            let record: Value = serde_json::from_str(&seen[start..])
                .unwrap_or_else(|error| panic!("{error}: {}", &seen[start..]));
            if passes(&record) {
                return record;
            }
        }
    }

    /// Sends a signal by name, such as TERM.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end; answers the exit code, `None` when a signal ended it. What the process still says is read:
    /// a full pipe must not be what it waits for.
    pub(crate) fn end(mut self) -> Option<i32> {
        std::io::copy(&mut self.log, &mut std::io::sink()).unwrap();
        self.child.wait().unwrap().code()
    }

    /// The same for a process whose log nobody reads any more.
    pub(crate) fn end_unread(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
