//! Owns making the logger: JSON lines or terminal text on stderr, written by a thread of its own.
//! Must not know: what is logged.

use std::{
    io::{self, IsTerminal, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

use chrono::{SecondsFormat, Utc};
use slog::{Drain, FnValue, Logger, Never, OwnedKVList, PushFnValue, Record, o};
use slog_async::{Async, AsyncGuard, OverflowStrategy};
use slog_term::{Decorator, FullFormat, RecordDecorator, TermDecorator};

use crate::config::{LogFormat, LogLevel};

/// Records that may wait to be written. What comes while the queue is full is dropped and counted: a slow reader of
/// stderr must not slow the service.
const QUEUE: usize = 2_048;

type Sink = Box<dyn Drain<Ok = (), Err = Never> + Send>;

/// A logger to stderr. Dropping the guard writes what waits and ends the writer.
pub fn to_stderr(level: LogLevel, format: LogFormat, colour: bool) -> (Logger, Guard) {
    let terminal = match format {
        LogFormat::Terminal => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let sink = if terminal { text(colour) } else { json() };
    let (writer, guard) = Async::new(sink)
        .chan_size(QUEUE)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .thread_name("log".to_owned())
        .build_with_guard();
    // Whether stderr can be written to is nobody's business but its reader's.
    let drain = writer.filter_level(level).ignore_res();
    (Logger::root(drain, o!()), Guard(Some(guard)))
}

fn json() -> Sink {
    let time = FnValue(|_: &Record<'_>| Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true));
    let level = FnValue(|record: &Record<'_>| record.level().as_str().to_ascii_lowercase());
    let message = PushFnValue(|record: &Record<'_>, serializer| serializer.emit(record.msg()));
    // Reversed: slog writes the last key first.
    let drain = slog_json::Json::new(io::stderr())
        .add_key_value(o!("msg" => message, "level" => level, "time" => time))
        .set_flush(true)
        .build();
    Box::new(std::sync::Mutex::new(drain).ignore_res())
}

fn text(colour: bool) -> Sink {
    let mut decorator = TermDecorator::new().stderr();
    if !colour {
        decorator = decorator.force_plain();
    }
    let format = FullFormat::new(Tame(decorator.build()))
        .use_custom_timestamp(slog_term::timestamp_utc)
        .build();
    Box::new(format.ignore_res())
}

/// How long the end of the program waits for the last log records to be read.
const LAST_RECORDS: Duration = Duration::from_secs(2);

/// Dropping it writes what waits and ends the writer; but a reader of stderr that has stopped reading does not keep the
/// program from ending.
pub struct Guard(Option<AsyncGuard>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let guard = self.0.take();
        let (done, wait) = mpsc::channel();
        let writer = thread::spawn(move || {
            drop(guard);
            let _ = done.send(());
        });
        if wait.recv_timeout(LAST_RECORDS).is_ok() {
            let _ = writer.join();
        }
    }
}

/// A terminal that messages and values cannot steer: control characters in them are written as escapes.
struct Tame<D>(D);

impl<D: Decorator> Decorator for Tame<D> {
    fn with_record<F>(&self, record: &Record<'_>, values: &OwnedKVList, write: F) -> io::Result<()>
    where
        F: FnOnce(&mut dyn RecordDecorator) -> io::Result<()>,
    {
        self.0.with_record(record, values, |terminal| {
            write(&mut TameRecord {
                terminal,
                foreign: false,
            })
        })
    }
}

struct TameRecord<'a> {
    terminal: &'a mut dyn RecordDecorator,
    /// What comes next is a message or a value.
    foreign: bool,
}

impl Write for TameRecord<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.foreign {
            return self.terminal.write(bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        for part in text.split_inclusive(char::is_control) {
            let control = part.chars().next_back().filter(|last| last.is_control());
            let plain = &part[..part.len() - control.map_or(0, char::len_utf8)];
            self.terminal.write_all(plain.as_bytes())?;
            if let Some(control) = control {
                write!(self.terminal, "{}", control.escape_default())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.terminal.flush()
    }
}

impl RecordDecorator for TameRecord<'_> {
    fn reset(&mut self) -> io::Result<()> {
        self.foreign = false;
        self.terminal.reset()
    }

    fn start_whitespace(&mut self) -> io::Result<()> {
        self.foreign = false;
        self.terminal.start_whitespace()
    }

    fn start_msg(&mut self) -> io::Result<()> {
        self.foreign = true;
        self.terminal.start_msg()
    }

    fn start_timestamp(&mut self) -> io::Result<()> {
        self.foreign = false;
        self.terminal.start_timestamp()
    }

    fn start_level(&mut self) -> io::Result<()> {
        self.foreign = false;
        self.terminal.start_level()
    }

    fn start_comma(&mut self) -> io::Result<()> {
        self.foreign = false;
        self.terminal.start_comma()
    }

    fn start_key(&mut self) -> io::Result<()> {
        self.foreign = true;
        self.terminal.start_key()
    }

    fn start_value(&mut self) -> io::Result<()> {
        self.foreign = true;
        self.terminal.start_value()
    }

    fn start_separator(&mut self) -> io::Result<()> {
        self.foreign = false;
        self.terminal.start_separator()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use slog_term::PlainSyncDecorator;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_is_one_line_whatever_it_holds() {
        let shared = Shared::default();
        let decorator = Tame(PlainSyncDecorator::new(shared.clone()));
        let drain = FullFormat::new(decorator).build().fuse();
        let log = Logger::root(drain, o!());
        slog::info!(log, "a\nb"; "value" => "x\u{1b}[31m\r\ny\u{9b}é");
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.contains(r"a\nb"), "{text:?}");
        assert!(text.contains(r"x\u{1b}[31m\r\ny\u{9b}é"), "{text:?}");
    }
}
