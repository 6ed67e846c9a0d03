//! A real SMTP server on loopback that follows a script: what it accepted can be read, what it does can be chosen.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// An e-mail that the server has taken responsibility for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// As sent, dot-stuffing undone, CRLF line ends.
    pub(crate) data: String,
}

/// What the server does at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Accept,
    /// A code such as 450 or 550, with a text that repeats the recipient, as real servers do.
    Refuse(u16),
    /// Says nothing, and keeps the connection.
    Silence,
    HangUp,
}

/// Decides at `greeting`, `MAIL`, `RCPT`, `DATA` and `.` (the end of the data); the argument is what the client said.
pub(crate) type Script = dyn Fn(&str, &str) -> Reply + Send + Sync;

pub(crate) struct SmtpServer {
    port: u16,
    accepted: watch::Receiver<Vec<Accepted>>,
    commands: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl SmtpServer {
    /// A server that accepts everything.
    pub(crate) async fn start() -> Self {
        Self::with_script(|_, _| Reply::Accept).await
    }

    pub(crate) async fn with_script(
        script: impl Fn(&str, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, accepted) = watch::channel(Vec::new());
        let commands = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&commands));
        let accepting = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let session = Session {
                    script: Arc::clone(&script),
                    taken: taken.clone(),
                    commands: Arc::clone(&log),
                };
                // A client may leave at any point.
                sessions.spawn(async move { drop(session.run(stream).await) });
            }
        });
        Self {
            port,
            accepted,
            commands,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.accepted.borrow().clone()
    }

    /// Every line that clients said outside of data.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Session {
    script: Arc<Script>,
    taken: watch::Sender<Vec<Accepted>>,
    commands: Arc<Mutex<Vec<String>>>,
}

type Io = BufReader<TcpStream>;

impl Session {
    async fn run(self, stream: TcpStream) -> std::io::Result<()> {
        let mut io = BufReader::new(stream);
        let mut mail = Accepted {
            from: String::new(),
            to: Vec::new(),
            data: String::new(),
        };
        self.step(&mut io, "greeting", "", "220 loopback ESMTP")
            .await?;
        loop {
            let Some(line) = read_line(&mut io).await? else {
                return Ok(());
            };
            self.commands.lock().unwrap().push(line.clone());
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => say(&mut io, "250-loopback\r\n250-8BITMIME\r\n250 SIZE 10000000").await?,
                "MAIL" => {
                    mail.from = address(&line);
                    mail.to.clear();
                    self.step(&mut io, "MAIL", &mail.from, "250 ok").await?;
                }
                "RCPT" => {
                    let to = address(&line);
                    if self.step(&mut io, "RCPT", &to, "250 ok").await? {
                        mail.to.push(to);
                    }
                }
                "DATA" => {
                    if !self.step(&mut io, "DATA", "", "354 go on").await? {
                        continue;
                    }
                    mail.data = read_data(&mut io).await?;
                    if self.step(&mut io, ".", &mail.data, "250 taken").await? {
                        let mail = mail.clone();
                        self.taken.send_modify(|taken| taken.push(mail));
                    }
                }
                "QUIT" => return say(&mut io, "221 bye").await,
                "RSET" | "NOOP" => say(&mut io, "250 ok").await?,
                _ => say(&mut io, "502 not implemented").await?,
            }
        }
    }

    /// Whether the client was told `accepted`.
    async fn step(
        &self,
        io: &mut Io,
        step: &str,
        said: &str,
        accepted: &str,
    ) -> std::io::Result<bool> {
        match (self.script)(step, said) {
            Reply::Accept => say(io, accepted).await.map(|()| true),
            Reply::Refuse(code) => say(io, &format!("{code} <{said}> not today"))
                .await
                .map(|()| false),
            Reply::Silence => std::future::pending().await,
            Reply::HangUp => Err(std::io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

async fn say(io: &mut Io, reply: &str) -> std::io::Result<()> {
    io.write_all(format!("{reply}\r\n").as_bytes()).await
}

async fn read_line(io: &mut Io) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let length = io.read_line(&mut line).await?;
    Ok((length > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Lines up to a dot alone; a dot that begins a line was doubled by the client.
async fn read_data(io: &mut Io) -> std::io::Result<String> {
    let mut data = String::new();
    while let Some(line) = read_line(io).await? {
        if line == "." {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push_str("\r\n");
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

fn address(line: &str) -> String {
    let start = line.find('<').map_or(line.len(), |at| at + 1);
    let end = line.find('>').unwrap_or(line.len());
    line.get(start..end).unwrap_or_default().to_owned()
}
