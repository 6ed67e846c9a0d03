//! E-mail, against a real SMTP server on loopback and a real outbox folder.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use lockstep::mail::{Letter, MailConfig, MailError, Mailer};
use slog::{Discard, Logger, o};

use crate::support::smtp::{Reply, SmtpServer};

const LETTER: Letter<'_> = Letter {
    occasion: 7,
    to: "ada@example.com",
    to_name: Some("Ada Lovelace"),
    subject: "Hello",
    text: "Welcome.\n",
};

fn log() -> Logger {
    Logger::root(Discard, o!())
}

fn mailer_to(url: &str, timeout: Duration) -> Mailer {
    let config = MailConfig {
        smtp_url: Some(url.parse().unwrap()),
        from: "Lockstep <no-reply@example.com>".to_owned(),
        outbox: "unused".into(),
        timeout,
    };
    Mailer::new(&config, &log()).unwrap()
}

fn outbox(folder: &Path) -> Mailer {
    let config = MailConfig {
        smtp_url: None,
        from: "no-reply@example.com".to_owned(),
        outbox: folder.to_owned(),
        timeout: Duration::from_secs(5),
    };
    Mailer::new(&config, &log()).unwrap()
}

async fn send(server: &SmtpServer, letter: &Letter<'_>) -> Result<String, MailError> {
    mailer_to(&server.url(), Duration::from_secs(5))
        .send(letter)
        .await
}

async fn error_of(step: &'static str, reply: Reply) -> MailError {
    let server =
        SmtpServer::with_script(move |at, _| if at == step { reply } else { Reply::Accept }).await;
    let error = send(&server, &LETTER).await.unwrap_err();
    assert_eq!(server.accepted(), [], "{step} {reply:?}");
    let text = format!("{error} {:?}", std::error::Error::source(&error));
    assert!(!text.contains("example.com"), "an address leaks: {text}");
    error
}

#[tokio::test]
async fn a_letter_arrives_whole() {
    let server = SmtpServer::start().await;
    let text = "Welcome.\n.\n..dots\nEnd";
    let id = send(&server, &Letter { text, ..LETTER }).await.unwrap();
    let [mail] = &server.accepted()[..] else {
        panic!("not one")
    };
    assert_eq!(
        (mail.from.as_str(), &mail.to[..]),
        ("no-reply@example.com", &["ada@example.com".to_owned()][..])
    );
    let (head, body) = mail.data.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.trim_end(), "Welcome.\r\n.\r\n..dots\r\nEnd");
    for line in [
        "From: Lockstep <no-reply@example.com>",
        "To: \"Ada Lovelace\" <ada@example.com>",
        "Subject: Hello",
        &format!("Message-ID: <{id}>"),
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(head.lines().any(|l| l == line), "{line} is not in\n{head}");
    }
}

#[tokio::test]
async fn a_repeat_carries_the_same_message_id() {
    let server = SmtpServer::start().await;
    let first = send(&server, &LETTER).await.unwrap();
    assert_eq!(first, send(&server, &LETTER).await.unwrap());
    let other = Letter {
        to: "eve@example.com",
        ..LETTER
    };
    assert_ne!(first, send(&server, &other).await.unwrap());
    assert_eq!(server.accepted().len(), 3);
}

#[tokio::test]
async fn control_characters_in_names_and_subjects_are_no_headers() {
    let server = SmtpServer::start().await;
    let letter = Letter {
        to_name: Some("Ada\r\nBcc: all@example.com\0"),
        subject: "Hi\nX-Evil: yes",
        ..LETTER
    };
    send(&server, &letter).await.unwrap();
    let [mail] = &server.accepted()[..] else {
        panic!("not one")
    };
    assert_eq!(mail.to, ["ada@example.com"]);
    let head = mail.data.split("\r\n\r\n").next().unwrap();
    assert!(
        !head
            .lines()
            .any(|line| line.starts_with("Bcc:") || line.starts_with("X-Evil:")),
        "{head}"
    );
}

#[tokio::test]
async fn names_beyond_ascii_are_encoded() {
    let server = SmtpServer::start().await;
    let letter = Letter {
        to_name: Some("Ada Łovelace"),
        subject: "こんにちは",
        text: "żółw",
        ..LETTER
    };
    send(&server, &letter).await.unwrap();
    let data = &server.accepted()[0].data;
    let head = data.split("\r\n\r\n").next().unwrap();
    assert!(head.is_ascii() && head.contains("=?utf-8?"), "{head}");
}

#[tokio::test]
async fn permanent_refusals_will_not_get_better() {
    for step in ["MAIL", "RCPT", "DATA", "."] {
        let error = error_of(step, Reply::Refuse(550)).await;
        assert!(
            matches!(error, MailError::Refused(550)),
            "{step}: {error:?}"
        );
        assert!(!error.may_get_better() && !error.concerns_every_letter());
    }
}

#[tokio::test]
async fn temporary_refusals_may_get_better() {
    for step in ["greeting", "MAIL", "RCPT", "DATA", "."] {
        let error = error_of(step, Reply::Refuse(450)).await;
        assert!(matches!(error, MailError::PutOff(450)), "{step}: {error:?}");
        assert!(error.may_get_better());
    }
}

#[tokio::test]
async fn broken_connections_may_get_better() {
    for step in ["greeting", "RCPT", "."] {
        let error = error_of(step, Reply::HangUp).await;
        assert!(
            error.may_get_better() && error.concerns_every_letter(),
            "{step}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let port = SmtpServer::start().await.port();
    let mailer = mailer_to(&format!("smtp://127.0.0.1:{port}"), Duration::from_secs(5));
    let error = mailer.send(&LETTER).await.unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
    assert!(error.may_get_better() && error.concerns_every_letter());
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_deadline() {
    for step in ["greeting", "RCPT", "."] {
        let server = SmtpServer::with_script(move |at, _| {
            if at == step {
                Reply::Silence
            } else {
                Reply::Accept
            }
        })
        .await;
        let mailer = mailer_to(&server.url(), Duration::from_millis(200));
        let error = mailer.send(&LETTER).await.unwrap_err();
        assert!(matches!(error, MailError::Timeout), "{step}: {error:?}");
        assert!(error.may_get_better());
    }
}

#[tokio::test]
async fn without_the_tls_that_was_asked_for_nothing_is_said() {
    let server = SmtpServer::start().await;
    let url = format!(
        "smtp://ada:hunter2@127.0.0.1:{}?tls=required",
        server.port()
    );
    let error = mailer_to(&url, Duration::from_secs(5))
        .send(&LETTER)
        .await
        .unwrap_err();
    assert!(error.may_get_better(), "{error:?}");
    let commands = server.commands();
    assert!(
        !commands
            .iter()
            .any(|c| c.starts_with("AUTH") || c.starts_with("MAIL")),
        "{commands:?}"
    );
}

#[tokio::test]
async fn what_is_no_address_never_reaches_the_server() {
    let server = SmtpServer::start().await;
    for to in ["", "ada", "a@b\r\nRCPT TO:<eve@example.com>"] {
        let error = send(&server, &Letter { to, ..LETTER }).await.unwrap_err();
        assert!(matches!(error, MailError::Address), "{to:?}");
    }
    assert!(server.commands().is_empty());
}

#[tokio::test]
async fn the_outbox_holds_one_private_file_per_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail/outbox");
    let mailer = outbox(&path);
    let id = mailer.send(&LETTER).await.unwrap();
    assert_eq!(id, mailer.send(&LETTER).await.unwrap());
    let other = mailer
        .send(&Letter {
            occasion: 8,
            ..LETTER
        })
        .await
        .unwrap();
    let names: BTreeSet<String> = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from([format!("{id}.eml"), format!("{other}.eml")])
    );
    let file = path.join(format!("{id}.eml"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("To: \"Ada Lovelace\" <ada@example.com>\r\n")
            && text.ends_with("\r\n\r\nWelcome.\r\n"),
        "{text}"
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
}

#[tokio::test]
async fn an_outbox_that_went_away_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let mailer = outbox(&path);
    std::fs::remove_dir_all(&path).unwrap();
    let error = mailer.send(&LETTER).await.unwrap_err();
    assert!(matches!(error, MailError::Outbox(_)) && error.may_get_better());
}

#[test]
fn a_bad_sender_is_refused_at_the_start() {
    let config = MailConfig {
        smtp_url: None,
        from: "nobody".to_owned(),
        outbox: "unused".into(),
        timeout: Duration::from_secs(5),
    };
    assert!(Mailer::new(&config, &log()).is_err());
}
