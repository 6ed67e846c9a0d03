//! Owns reading what the server said when a call failed.
//! Must not know: any operation.

use std::time::Duration;

use crate::{Error, types};

/// The server's own words: code, message and, for input that breaks the contract, each fault with its pointer. `None`
/// when no such answer came: no connection, a timeout, an answer that is not the server's.
pub fn api_error(error: &Error<types::Error>) -> Option<&types::Error> {
    match error {
        Error::ErrorResponse(answer) => Some(answer.as_ref()),
        _ => None,
    }
}

/// How long the server asks to wait before the next try, where it says so in seconds.
pub fn retry_after<E>(error: &Error<E>) -> Option<Duration> {
    let headers = match error {
        Error::ErrorResponse(answer) => answer.headers(),
        Error::UnexpectedResponse(answer) => answer.headers(),
        _ => return None,
    };
    let seconds = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::{StatusCode, header::HeaderMap};

    use super::{api_error, retry_after};
    use crate::{Error, ResponseValue, types};

    fn answered(retry: Option<&'static str>) -> Error<types::Error> {
        let body = r#"{"request_id": "7", "error_code": "rate_limited", "message": "Slowly."}"#;
        let headers: HeaderMap = retry
            .map(|value| (reqwest::header::RETRY_AFTER, value.parse().unwrap()))
            .into_iter()
            .collect();
        let body = serde_json::from_str(body).unwrap();
        Error::ErrorResponse(ResponseValue::new(
            body,
            StatusCode::TOO_MANY_REQUESTS,
            headers,
        ))
    }

    #[test]
    fn the_servers_words_and_its_wait_are_read() {
        let error = answered(Some("3"));
        let said = api_error(&error).unwrap();
        assert_eq!(said.error_code, Some(types::ErrorCode::RateLimited));
        assert_eq!(retry_after(&error), Some(Duration::from_secs(3)));
        assert!(error.is_retryable());
    }

    #[test]
    fn what_the_server_did_not_say_is_none() {
        for date_or_nothing in [None, Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some("-1")] {
            assert_eq!(retry_after(&answered(date_or_nothing)), None);
        }
        assert!(api_error(&Error::InvalidRequest("no email".into())).is_none());
    }
}
