//! Owns what processes of ours keep in memory, and what an idle one uses of the processor: as the kernel counts it.
//! Must not know: what is in the memory.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child as Process, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use super::{
    BenchError, Figure, Folder, MemoryLine, Plan,
    child::{Child, Task, program},
    table::{job, url},
};
use crate::store::bench::{Filling, fill};

/// Connections that only wait, and files that a process has beside them.
const IDLE: u64 = 1_000;
const OTHER_FILES: u64 = 150;
/// How long a server may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of `/proc/<pid>/stat`: Linux says so to all programs, whatever it counts by.
const TICKS_PER_SECOND: f64 = 100.0;
const PEAK: &str = "VmHWM:";
const NOW: &str = "VmRSS:";

/// By run, then as they are reported.
type Values = Vec<f64>;

/// Measures an idle server, a server with idle connections, and a process that drains.
pub(super) async fn measure(
    plan: &Plan,
    folder: &Folder,
    tell: &mut impl FnMut(&str),
) -> Result<Vec<MemoryLine>, BenchError> {
    let connections = IDLE;
    tell("measuring memory");
    let (mut idle, mut cpu, mut connected, mut drained) =
        (Values::new(), Values::new(), Values::new(), Values::new());
    // Nothing here becomes faster by being warm.
    for run in 0..plan.settings.runs {
        let server = Server::start(folder, run).await?;
        let watched = Duration::from_secs(plan.settings.idle_seconds);
        cpu.push(server.idle(watched).await?);
        idle.push(server.resident(NOW)?);
        let open = server.connect(connections).await?;
        connected.push(server.resident(NOW)?);
        drop(open);
        drop(server);
        drained.push(drain(plan, folder, run).await?);
    }
    let line = |what: String, unit, runs, target| MemoryLine {
        what,
        unit,
        ours: Figure::of(runs),
        target,
    };
    let jobs = plan.settings.jobs;
    Ok(vec![
        line("server with workers, idle".to_owned(), "MB", idle, 40.0),
        line(
            format!("the same for {} s", plan.settings.idle_seconds),
            "% of a core",
            cpu,
            1.0,
        ),
        line(
            format!("server with {connections} idle connections"),
            "MB",
            connected,
            60.0,
        ),
        line(
            format!("worker, at most while it drains {jobs} jobs"),
            "MB",
            drained,
            120.0,
        ),
    ])
}

/// Whether this process may open so many connections.
pub(super) fn possible() -> Result<(), BenchError> {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = open_files(&limits).ok_or_else(|| {
        BenchError::CannotRun("cannot measure memory here: there is no /proc".to_owned())
    })?;
    if most >= IDLE + OTHER_FILES {
        return Ok(());
    }
    Err(BenchError::CannotRun(format!(
        "cannot open {IDLE} connections to measure memory: a process may have {most} files open; run `ulimit -n 2048` \
         before, or leave memory out with --only"
    )))
}

fn open_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    match line.split_whitespace().nth(3)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// `lockstep serve`, as anyone would start it. Killed when dropped.
struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    async fn start(folder: &Folder, run: usize) -> Result<Self, BenchError> {
        let home = folder.file(&format!("server-{run}"));
        let wrong = |error: std::io::Error| BenchError::Wrong(format!("the server: {error}"));
        fs::create_dir(&home).map_err(wrong)?;
        let ready = home.join("ready");
        let process = program()?
            .args(["serve", "--port", "0", "--log-level", "error"])
            .args(["--database-url", "memory.db", "--ready-file", "ready"])
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(wrong)?;
        let mut server = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.address = address(&ready, &mut server.process).await?;
        Ok(server)
    }

    fn resident(&self, which: &str) -> Result<f64, BenchError> {
        resident(self.process.id(), which)
    }

    /// Of a core, in percent.
    async fn idle(&self, time: Duration) -> Result<f64, BenchError> {
        // What a start leaves to do is done.
        sleep(Duration::from_secs(1)).await;
        let (before, began) = (ticks(self.process.id())?, Instant::now());
        sleep(time).await;
        let used = ticks(self.process.id())? - before;
        let percent = used / TICKS_PER_SECOND / began.elapsed().as_secs_f64() * 100.0;
        Ok((percent * 100.0).round() / 100.0)
    }

    /// Connections that have had one answer, and are kept.
    async fn connect(&self, connections: u64) -> Result<Vec<TcpStream>, BenchError> {
        let wrong = |error: std::io::Error| BenchError::Wrong(format!("a connection: {error}"));
        let mut open = Vec::new();
        for _ in 0..connections {
            let mut stream = TcpStream::connect(self.address).await.map_err(wrong)?;
            let request = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(request).await.map_err(wrong)?;
            let mut answer = [0; 4_096];
            if stream.read(&mut answer).await.map_err(wrong)? == 0 {
                return Err(BenchError::Wrong("the server hung up".to_owned()));
            }
            open.push(stream);
        }
        Ok(open)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its database is removed with the folder.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where it listens, once it says so.
async fn address(ready: &PathBuf, process: &mut Process) -> Result<SocketAddr, BenchError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(text) = fs::read_to_string(ready) {
            let address = text.trim().strip_prefix("http://").unwrap_or_default();
            return address
                .parse()
                .map_err(|_| BenchError::Wrong(format!("the server listens on {text}")));
        }
        let ended = process.try_wait().ok().flatten().is_some();
        if ended || Instant::now() > deadline {
            return Err(BenchError::Wrong("the server did not start".to_owned()));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The most that a process keeps that drains.
async fn drain(plan: &Plan, folder: &Folder, run: usize) -> Result<f64, BenchError> {
    let path = folder.file(&format!("memory-{run}.db"));
    let filling = Filling {
        ready: plan.settings.jobs,
        ..Filling::NONE
    };
    fill(path.clone(), job(), filling).await?;
    let mut child = Child::start(&Task {
        database_url: url(&path)?,
        slots: plan.settings.slots,
        drain: Some(usize::try_from(plan.settings.jobs).unwrap_or(usize::MAX)),
    })
    .await?;
    child.line().await?;
    let most = resident(child.id(), PEAK)?;
    child.stop().await;
    remove(&path);
    Ok(most)
}

/// The next run's disk. If it cannot be, the folder goes at the end.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let _ = fs::remove_file(name);
    }
}

/// Megabytes of 2^20 bytes.
fn resident(process: u32, which: &str) -> Result<f64, BenchError> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    kilobytes(&status, which)
        .map(|kilobytes| (kilobytes / 1_024.0 * 10.0).round() / 10.0)
        .ok_or_else(|| BenchError::Wrong("a process cannot be looked at".to_owned()))
}

fn kilobytes(status: &str, which: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with(which))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Time that a process has used, in the system or not.
fn ticks(process: u32) -> Result<f64, BenchError> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    used(&stat).ok_or_else(|| BenchError::Wrong("a process cannot be looked at".to_owned()))
}

fn used(stat: &str) -> Option<f64> {
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let field = |place: usize| rest.split(' ').nth(place)?.parse::<f64>().ok();
    Some(field(11)? + field(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn the_kernels_files_are_read() {
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024  4096  files\n";
        assert_eq!(open_files(limits), Some(1_024));
        is(
            kilobytes("VmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", NOW),
            1_024.0,
        );
        let stat = "1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 17 25 0 0 20";
        is(used(stat), 42.0);
    }
}
