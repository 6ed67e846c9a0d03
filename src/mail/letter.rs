//! Owns the content of one e-mail: cleaned, with a Message-ID that a repeat shares.
//! Must not know: how it leaves.

use lettre::{
    Address, Message,
    message::{Mailbox, header::ContentType},
};
use sha2::{Digest, Sha256};

use super::MailError;

/// One e-mail to one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// What it is sent for: the same occasion, recipient and text give the same Message-ID.
    pub occasion: i64,
    pub to: &'a str,
    /// Shown beside the address. Control characters are taken out.
    pub to_name: Option<&'a str>,
    /// Control characters are taken out.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
}

impl Letter<'_> {
    /// Without angle brackets.
    pub(super) fn message_id(&self, domain: &str) -> String {
        let mut digest = Sha256::new();
        for part in [self.to, self.subject, self.text] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let hex = digest[..12]
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        format!("{}.{hex}@{domain}", self.occasion)
    }

    pub(super) fn message(&self, from: &Mailbox, id: &str) -> Result<Message, MailError> {
        let address: Address = self.to.parse().map_err(|_| MailError::Address)?;
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(self.to_name.and_then(clean), address))
            .subject(clean(self.subject).unwrap_or_default())
            .message_id(Some(format!("<{id}>")))
            .header(ContentType::TEXT_PLAIN)
            .body(self.text.to_owned())
            .map_err(MailError::Message)
    }
}

/// One line of text without control characters: lettre panics on CR or LF in a display name. `None` when nothing is
/// left.
pub(super) fn clean(text: &str) -> Option<String> {
    let spaced: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LETTER: Letter<'_> = Letter {
        occasion: 7,
        to: "ada@example.com",
        to_name: Some("Ada"),
        subject: "Hello",
        text: "Welcome.",
    };

    fn formatted(letter: &Letter<'_>) -> String {
        let from = "Lockstep <no-reply@example.com>".parse().unwrap();
        let id = letter.message_id("example.com");
        String::from_utf8(letter.message(&from, &id).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_repeat_has_the_same_id_and_another_letter_another() {
        let id = LETTER.message_id("example.com");
        assert_eq!(id, LETTER.message_id("example.com"));
        assert!(id.starts_with("7.") && id.ends_with("@example.com"), "{id}");
        let others = [
            Letter {
                occasion: 8,
                ..LETTER
            },
            Letter {
                to: "eve@example.com",
                ..LETTER
            },
            Letter {
                text: "Bye.",
                ..LETTER
            },
            Letter {
                subject: "HelloW",
                text: "elcome.",
                ..LETTER
            },
        ];
        for other in others {
            assert_ne!(id, other.message_id("example.com"), "{other:?}");
        }
        assert!(formatted(&LETTER).contains(&format!("Message-ID: <{id}>")));
    }

    #[test]
    fn header_injection_stays_text() {
        let text = formatted(&Letter {
            to_name: Some("Ada\r\nBcc: all@example.com"),
            subject: "Hi\r\nX-Evil: 1\0",
            ..LETTER
        });
        assert!(
            !text.contains("\nBcc:") && !text.contains("\nX-Evil:"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for to in [
            "",
            "ada",
            "ada@",
            "a@b\r\nc@d",
            "a@b>\r\nRCPT TO:<c@d",
            "\0@example.com",
        ] {
            let from = "no-reply@example.com".parse().unwrap();
            let error = Letter { to, ..LETTER }.message(&from, "x@y").unwrap_err();
            assert!(matches!(error, MailError::Address), "{to:?}");
            assert!(!error.may_get_better());
        }
    }

    proptest! {
        #[test]
        fn any_name_and_subject_make_a_letter(name: String, subject: String, text: String) {
            let letter = Letter { to_name: Some(&name), subject: &subject, text: &text, ..LETTER };
            let sent = formatted(&letter);
            let head = sent.split("\r\n\r\n").next().unwrap();
            for line in head.split("\r\n") {
                prop_assert!(!line.contains(['\r', '\n', '\0']));
                let known = ["From: ", "To: ", "Subject: ", "Message-ID: ", "Date: ", "Content-", " ", "\t"];
                prop_assert!(known.iter().any(|start| line.starts_with(start)) || line == "Subject:", "{line:?}");
            }
        }
    }
}
