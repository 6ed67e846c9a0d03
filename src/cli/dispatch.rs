//! Owns the way from arguments to a command and from its outcome to an exit code.
//! Must not know: how a command does its work.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};

use super::{
    Failure, Format, Output,
    arguments::{Arguments, At, Command},
    health,
    server::Server,
};
use crate::config::{Config, Environment, Secret};

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

impl Arguments {
    fn format(&self) -> Format {
        match &self.command {
            Command::Jobs { at, .. } | Command::Users { at, .. } => at.form.output,
            Command::Spec { form, .. }
            | Command::Config { form, .. }
            | Command::Health { form, .. } => form.output,
            Command::Completions { .. } => Format::Table,
        }
    }
}

fn dispatch(
    arguments: Arguments,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), Failure> {
    let Arguments { flags, command } = arguments;
    let flags = flags.0;
    match command {
        Command::Config { command, .. } => command.run(&flags, environment, output),
        Command::Spec { command, form } => command.run(form.output, output),
        Command::Completions { shell } => completions(shell, output),
        Command::Health { server, .. } => {
            let config = Config::load(&flags, environment)?;
            block_on(health::run(server, &config, output))
        }
        Command::Jobs { at, command } => {
            let server = at.server(environment)?;
            block_on(command.run(&server, output))
        }
        Command::Users { at, command } => {
            let server = at.server(environment)?;
            block_on(command.run(&server, output))
        }
    }
}

impl At {
    fn server(&self, environment: &Environment) -> Result<Server, Failure> {
        let url = self
            .server
            .as_deref()
            .ok_or_else(|| Failure::Usage("--server is missing".to_owned()))?;
        let token = self.token.clone().map(Secret::new);
        Server::new(url, token.or_else(|| environment.token()).as_ref())
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
