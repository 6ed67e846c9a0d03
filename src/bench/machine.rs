//! Owns naming the machine and the program that figures are of.
//! Must not know: the figures.

use std::{fs, thread};

use serde::Serialize;

/// What figures depend on beside the program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub cpu: Option<String>,
    pub kernel: Option<String>,
    /// That holds the files. On `tmpfs` a sync costs nothing, and the figures are of no use.
    pub file_system: Option<String>,
    /// Version of the PostgreSQL server, where one was measured.
    pub server: Option<String>,
    /// Processes that ran or wanted to, averaged over a minute, before the bench and at its end. Its own are in the latter.
    pub load_before: Option<f64>,
    pub load_after: Option<f64>,
    pub program: &'static str,
    /// A debug build measures the compiler's checks.
    pub build: &'static str,
}

impl Machine {
    /// As it is now.
    pub(super) fn here(file_system: Option<String>) -> Self {
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            cpu: read("/proc/cpuinfo").and_then(|text| model_name(&text).map(str::to_owned)),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            file_system,
            server: None,
            load_before: load(),
            load_after: None,
            program: concat!("lockstep ", env!("CARGO_PKG_VERSION")),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
        }
    }

    /// The bench is over.
    pub(super) fn afterwards(mut self) -> Self {
        self.load_after = load();
        self
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn load() -> Option<f64> {
    read("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cpu_names_the_model() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nprocessor\t: 1\n";
        assert_eq!(model_name(text), Some("Some CPU @ 3 GHz"));
        assert_eq!(model_name("processor\t: 0\n"), None);
    }
}
