//! Owns the grammar of the command line.
//! Must not know: how a command does its work.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::{
    bench::BenchArguments,
    db::DbCommand,
    events::EventsCommand,
    flags::ConfigFlags,
    groups::GroupsCommand,
    jobs::JobsCommand,
    output::Format,
    schedules::SchedulesCommand,
    settings::ConfigCommand,
    specs::SpecCommand,
    steer::{QueuesCommand, TypesCommand},
    users::UsersCommand,
};

const EXAMPLES: &str = "\
Examples:
  lockstep                                      serve on http://127.0.0.1:8080 with workers inside
  lockstep serve --port 9000 --no-workers       serve only
  lockstep worker --worker-count 8              run jobs only, on the same database
  lockstep jobs list failed                     what went wrong
  lockstep jobs stats --server http://host:8080 the same of a running server
  lockstep config show                          what is configured, and where
Settings are flags, environment variables or keys of a file; `lockstep --help` lists them.
Exit codes: 0 done, 1 no or failed, 2 wrong arguments, configuration, database or environment, 3 not found,
4 not authorised, 5 conflict, 6 not ended in time, 69 server unreachable, 74 input or output failed, 75 try again later.";

const BENCH: &str = "\
Workloads: enqueue (one at a time, from 64 tasks; 32 on PostgreSQL), bulk (1,000 a call), claim and settle (by 100), cycle
(claim and settle no-op jobs, by 100 and by 500), drain (no-op jobs by real workers), pickup (from the enqueue to the run of an
idle worker), http (POST /users from 64 and 256 connections, GET /users/{id} from 64) and memory (resident size, idle processor
time). http and memory are measured on SQLite only.
Ours and the limit take turns, and so do the table sizes. The limit is the same work by plain prepared statements on the same
tables and settings; over HTTP, by a bare Dropshot server; on PostgreSQL, that of enqueue is a transaction for each, from as many
connections. The configuration is not read, no database but its own is touched.
Exit code 2 when it cannot be run here, such as for too little disk; a table that is printed is whole.
Examples:
  lockstep bench --dir /var/lib/lockstep --rows 1000,1000000 --output json
  lockstep bench --only http --jobs 100000
  lockstep bench --only drain --rows 1000 --jobs 1000000 --runs 1
  lockstep bench --only cycle,drain --rows 1000,1000000 --ready 0 --scheduled 100
  lockstep bench --postgres postgres://postgres@localhost/postgres";

/// Users and durable background jobs behind one `OpenAPI` document.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, about, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) flags: ConfigFlags,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve HTTP, with workers inside. The same as no command at all.
    Serve(ServeArguments),
    /// Run jobs without serving HTTP. Any number of processes may share a database.
    Worker(ReadyArguments),
    /// Inspect or change the database's schema.
    #[command(after_help = "Serving and working migrate upwards by themselves.")]
    Migrate {
        #[command(subcommand)]
        command: Option<MigrateCommand>,
        #[command(flatten)]
        form: Form,
    },
    /// Inspect and steer the queue.
    #[command(subcommand_required = true)]
    Jobs {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// Read or follow the log of what happens to jobs.
    #[command(
        after_help = "Examples:\n  lockstep events --follow\n  lockstep events --job-type data_export -o json\n  \
                      lockstep events --after 17-0 --follow -o json | my-program\nWith -o json, an event is a line."
    )]
    Events {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        command: EventsCommand,
    },
    /// Enqueue jobs by the clock.
    #[command(subcommand_required = true)]
    Schedules {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        command: SchedulesCommand,
    },
    /// Inspect, make and cancel groups of jobs.
    #[command(subcommand_required = true)]
    Groups {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        command: GroupsCommand,
    },
    /// Inspect, pause and limit queues.
    Queues {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        command: QueuesCommand,
    },
    /// Inspect, pause and limit job types.
    Types {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        command: TypesCommand,
    },
    /// List who runs jobs now.
    Workers {
        #[command(flatten)]
        at: At,
    },
    /// Inspect and change users.
    Users {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        command: UsersCommand,
    },
    /// Questions about OpenAPI documents.
    Spec {
        #[command(flatten)]
        form: Form,
        #[command(subcommand)]
        command: SpecCommand,
    },
    /// Check database and configuration.
    #[command(after_help = "Exit code 1 when something is wrong.")]
    Doctor {
        #[command(flatten)]
        form: Form,
    },
    /// Move a database to another engine.
    Db {
        #[command(flatten)]
        form: Form,
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Copy the database, checked and complete, while it is in use.
    #[command(after_help = "Example:\n  lockstep backup backups/users-$(date +%F).db")]
    Backup {
        /// The copy. Must not exist yet.
        file: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Measure the store on this machine, beside the limit of its engine.
    #[command(after_help = BENCH)]
    Bench(BenchArguments),
    /// A part of `bench`, which starts it.
    #[command(hide = true)]
    BenchChild,
    /// Show, check or explain the configuration.
    Config {
        #[command(flatten)]
        form: Form,
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a completion script.
    #[command(
        after_help = "Example:\n  lockstep completions bash > ~/.local/share/bash-completion/completions/lockstep"
    )]
    Completions { shell: Shell },
    /// Ask a server whether it is healthy. For the health checks of containers.
    Health {
        /// Base URL; the configured address on this machine when left out.
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, Default, Args)]
pub(super) struct ServeArguments {
    /// Serve only; jobs are run by `lockstep worker`.
    #[arg(long)]
    pub(super) no_workers: bool,
    #[command(flatten)]
    pub(super) ready: ReadyArguments,
}

#[derive(Debug, Default, Args)]
pub(super) struct ReadyArguments {
    /// Written once everything runs: the base URL of the server, or nothing for a worker.
    #[arg(long, value_name = "FILE")]
    pub(super) ready_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Bring the schema up to this program's.
    Up,
    /// Take back the newest migration. What only it could hold is lost.
    Down {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Say which migrations are applied.
    Status,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Form {
    /// Form of the output.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(super) output: Format,
}

/// Where operators' commands work.
#[derive(Debug, Args)]
pub(super) struct At {
    /// Work on this server instead of the database.
    #[arg(long, global = true, value_name = "URL")]
    pub(super) server: Option<String>,
    #[arg(
        help = "Token for the server; better in the environment as LOCKSTEP_TOKEN, where `ps` does not show it"
    )]
    #[arg(long, global = true, value_name = "TOKEN", requires = "server")]
    pub(super) token: Option<String>,
    #[command(flatten)]
    pub(super) form: Form,
}
