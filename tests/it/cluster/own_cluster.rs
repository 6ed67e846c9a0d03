//! Owns a PostgreSQL server that a test may break: as durable as PostgreSQL's own settings make it, gone with the test.
//! Must not know: what is kept in it.

use std::{
    env,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use rand::Rng;

/// Below the ports that the system gives to clients: nobody takes it while the server is away.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

pub(crate) struct OwnCluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    as_root: bool,
}

impl OwnCluster {
    pub(crate) fn start() -> Self {
        // A socket's path must be short.
        let folder = tempfile::Builder::new()
            .prefix("lockstep-own.")
            .tempdir_in("/tmp")
            .unwrap();
        let as_root = folder.path().metadata().unwrap().uid() == 0;
        let mut cluster = Self {
            as_root,
            programs: programs(),
            folder,
            port: 0,
        };
        cluster.give_away();
        let data = cluster.data();
        let made = cluster.run(
            "initdb",
            &["--auth=trust", "-U", "postgres", "--no-sync", "-D", &data],
        );
        assert!(made.success(), "{made:?}");
        for _ in 0..20 {
            cluster.port = rand::rng().random_range(PORTS);
            if cluster.started() {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start: {}", cluster.log());
    }

    pub(crate) fn url(&self) -> String {
        let port = self.port;
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    /// As after a loss of power: nothing is finished, and the server recovers what was committed.
    pub(crate) fn restart_immediately(&self) {
        assert!(
            self.control(&["restart", "-m", "immediate"]),
            "{}",
            self.log()
        );
    }

    /// The postmaster is gone between two of its instructions, and its processes end by themselves; then it is started anew.
    pub(crate) fn kill_and_start(&self) {
        let marks = std::fs::read_to_string(self.path("data/postmaster.pid")).unwrap();
        let postmaster = marks.lines().next().unwrap();
        assert!(self.run("pg_ctl", &["kill", "KILL", postmaster]).success());
        // Not before the last of the old ones has let go of the shared memory.
        let tries = 60;
        assert!((0..tries).any(|_| self.started()), "{}", self.log());
    }

    fn started(&self) -> bool {
        self.control(&["start"])
    }

    fn control(&self, order: &[&str]) -> bool {
        let (data, log, options) = (self.data(), self.path("log"), self.options());
        let how = ["-w", "-D", &data, "-l", &log, "-o", &options];
        self.run("pg_ctl", &[order, &how].concat()).success()
    }

    fn options(&self) -> String {
        format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c max_connections=200",
            self.port,
            self.folder.path().display()
        )
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn data(&self) -> String {
        self.path("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// PostgreSQL refuses to run as root.
    fn give_away(&self) {
        if self.as_root {
            let given = Command::new("chown")
                .arg("postgres")
                .arg(self.folder.path())
                .status();
            assert!(given.unwrap().success());
        }
    }

    /// What a server inherits must not be a pipe: whoever reads it to its end would wait for the server's.
    fn run(&self, program: &str, arguments: &[&str]) -> ExitStatus {
        let path = self.programs.join(program);
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().unwrap()
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        let data = self.data();
        self.run("pg_ctl", &["stop", "-m", "immediate", "-w", "-D", &data]);
    }
}

/// Where the server's programs are: in PATH, or the newest where Debian has them.
fn programs() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let mut installed: Vec<PathBuf> = Path::new("/usr/lib/postgresql")
        .read_dir()
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    installed.sort();
    folders.extend(installed.into_iter().rev());
    let found = folders
        .into_iter()
        .map(|folder| folder.join("initdb"))
        .find(|path| path.is_file());
    let found = found.expect(
        "this test needs PostgreSQL's initdb: `tests/postgres` installs it, or: apt-get install postgresql",
    );
    found.canonicalize().unwrap().parent().unwrap().to_owned()
}
