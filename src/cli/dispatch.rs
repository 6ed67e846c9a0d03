//! Owns the way from arguments to a command and from its outcome to an exit code.
//! Must not know: how a command does its work.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};
use slog::Logger;

use super::{
    Failure, Format, Output,
    arguments::{Arguments, At, Command, MigrateCommand, ReadyArguments, ServeArguments},
    bench,
    database::Database,
    events::EventsCommand,
    groups::GroupsCommand,
    health,
    jobs::JobsCommand,
    maintenance,
    schedules::{ScheduleTarget, SchedulesCommand},
    server::Server,
    service,
    steer::{self, QueuesCommand, Steer, TypesCommand},
    target::Target,
    users::UsersCommand,
};
use crate::{
    app::{self, Role},
    config::{Config, Environment, Flags, LogLevel, Secret, Settings, Source},
    log,
};

/// Does what the arguments say. The first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout, complaints to stderr; nobody there is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::of_process(arguments.format());
    match dispatch(arguments, environment, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            if code != 0 {
                output.remark(&format!("lockstep: {}", failure.text()));
            }
            ExitCode::from(code)
        }
    }
}

fn dispatch(
    arguments: Arguments,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), Failure> {
    app::survive_file_size_limit()
        .map_err(|error| Failure::Io("cannot watch for signals".to_owned(), error))?;
    let Arguments { flags, command } = arguments;
    let context = Context {
        flags: flags.0,
        environment,
    };
    match command {
        None => context.serve(&ServeArguments::default()),
        Some(Command::Serve(arguments)) => context.serve(&arguments),
        Some(Command::Worker(ready)) => context.service(Role::Work, &ready),
        Some(Command::Config { command, .. }) => command.run(&context.flags, environment, output),
        Some(Command::Spec { command, form }) => command.run(form.output, output),
        Some(Command::Db { command, .. }) => block_on(command.run(output)),
        Some(Command::Bench(arguments)) => bench::run(arguments, environment, output),
        Some(Command::BenchChild) => bench::run_child(environment),
        Some(Command::Completions { shell }) => completions(shell, output),
        Some(Command::Health { server, .. }) => {
            block_on(health::run(server, &context.config()?, output))
        }
        Some(Command::Jobs { at, command }) => context.operate(&at, Work::Jobs(command), output),
        Some(Command::Events { at, command }) => {
            context.operate(&at, Work::Events(command), output)
        }
        Some(Command::Schedules { at, command }) => {
            context.operate(&at, Work::Schedules(command), output)
        }
        Some(Command::Groups { at, command }) => {
            context.operate(&at, Work::Groups(command), output)
        }
        Some(Command::Users { at, command }) => context.operate(&at, Work::Users(command), output),
        Some(Command::Queues { at, command }) => {
            context.operate(&at, Work::Queues(command), output)
        }
        Some(Command::Types { at, command }) => context.operate(&at, Work::Types(command), output),
        Some(Command::Workers { at }) => context.operate(&at, Work::Workers, output),
        Some(Command::Migrate { command, .. }) => {
            let command = command.unwrap_or(MigrateCommand::Status);
            context.maintain(async |config, _| command.run(config, output).await)
        }
        Some(Command::Doctor { .. }) => {
            context.maintain(async |config, log| maintenance::doctor(config, log, output).await)
        }
        Some(Command::Backup { file, .. }) => context
            .maintain(async |config, log| maintenance::backup(config, file, log, output).await),
    }
}

/// What an operator wants done.
enum Work {
    Jobs(JobsCommand),
    Events(EventsCommand),
    Schedules(SchedulesCommand),
    Groups(GroupsCommand),
    Queues(QueuesCommand),
    Types(TypesCommand),
    Workers,
    Users(UsersCommand),
}

impl Work {
    /// Whether it stores something new, for which a database may have to be made.
    const fn creates(&self) -> bool {
        matches!(
            self,
            Self::Jobs(JobsCommand::Enqueue(_) | JobsCommand::EnqueueMany(_))
                | Self::Groups(GroupsCommand::Create { .. })
                | Self::Schedules(SchedulesCommand::Create { .. })
                | Self::Users(UsersCommand::Create { .. })
        )
    }

    async fn run(
        self,
        target: &(impl Target + ScheduleTarget + Steer),
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Jobs(command) => command.run(target, output).await,
            Self::Events(command) => command.run(target, output).await,
            Self::Schedules(command) => command.run(target, output).await,
            Self::Groups(command) => command.run(target, output).await,
            Self::Queues(command) => command.run(target, output).await,
            Self::Types(command) => command.run(target, output).await,
            Self::Workers => steer::workers(target, output).await,
            Self::Users(command) => command.run(target, output).await,
        }
    }
}

/// What every command is given.
struct Context<'a> {
    flags: Flags,
    environment: &'a Environment,
}

impl Context<'_> {
    fn config(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.flags, self.environment)?)
    }

    fn serve(&self, arguments: &ServeArguments) -> Result<(), Failure> {
        let role = if arguments.no_workers {
            Role::Serve
        } else {
            Role::ServeAndWork
        };
        self.service(role, &arguments.ready)
    }

    fn service(&self, role: Role, ready: &ReadyArguments) -> Result<(), Failure> {
        service::run(
            &self.config()?,
            role,
            ready.ready_file.as_deref(),
            self.environment,
        )
    }

    /// Operators see data and failures; of the log only what is wrong, unless they ask for more.
    fn maintain(
        &self,
        work: impl AsyncFnOnce(&Config, &Logger) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let settings = Settings::gather(&self.flags, self.environment)?;
        let mut config = Config::read(&settings)?;
        let chosen = settings
            .iter()
            .any(|setting| setting.key.name == "log_level" && setting.source != Source::Default);
        if !chosen {
            config.log_level = LogLevel::Warning;
        }
        let colour = !self.environment.no_color();
        let (log, guard) = log::to_stderr(config.log_level, config.log_format, colour);
        let outcome = block_on(work(&config, &log));
        drop(log);
        drop(guard);
        outcome
    }

    fn operate(&self, at: &At, work: Work, output: &mut Output) -> Result<(), Failure> {
        if let Some(url) = &at.server {
            let token = at.token.clone().map(Secret::new);
            let token = token.or_else(|| self.environment.token());
            let server = Server::new(url, token.as_ref())?;
            return block_on(work.run(&server, output));
        }
        self.maintain(async |config, log| {
            let database = Database::open(config, work.creates(), log).await?;
            let outcome = work.run(&database, output).await;
            database.close().await;
            outcome
        })
    }
}

impl Arguments {
    fn format(&self) -> Format {
        match &self.command {
            Some(
                Command::Jobs { at, .. }
                | Command::Events { at, .. }
                | Command::Schedules { at, .. }
                | Command::Groups { at, .. }
                | Command::Users { at, .. }
                | Command::Queues { at, .. }
                | Command::Types { at, .. }
                | Command::Workers { at },
            ) => at.form.output,
            Some(Command::Bench(arguments)) => arguments.form.output,
            Some(
                Command::Migrate { form, .. }
                | Command::Spec { form, .. }
                | Command::Doctor { form }
                | Command::Db { form, .. }
                | Command::Backup { form, .. }
                | Command::Config { form, .. }
                | Command::Health { form, .. },
            ) => form.output,
            None
            | Some(
                Command::Serve(_)
                | Command::Worker(_)
                | Command::BenchChild
                | Command::Completions { .. },
            ) => Format::Table,
        }
    }
}

fn completions(shell: clap_complete::Shell, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "lockstep", &mut script);
    output.text(&String::from_utf8_lossy(&script))
}

/// Operators' commands do one thing after the other.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Io("cannot start".to_owned(), error))?
        .block_on(work)
}
